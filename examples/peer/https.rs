//! HTTP over TLS, as little of it as is needed: the tracker asked directly (architecture 3), a content of a CDN (architecture 4).

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::announce::MEDIA_TYPE;
use super::line::{Own, connector};

/// Bytes of an answer of the tracker at most.
const ANSWER_MAX: u64 = 1 << 20;

/// The tracker's direct interface, and who knocks there.
pub struct Door {
    pub to: SocketAddr,
    pub authority: PathBuf,
    /// In the certificate of the tracker.
    pub name: String,
    pub own: Own,
}

impl Door {
    /// A connection of its own for each question: a peer asks now and then.
    //= P2P-132
    pub async fn ask(&self, body: &[u8]) -> std::io::Result<Answer> {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            self.name,
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        exchange(
            self.to,
            &self.authority,
            &self.name,
            Some(&self.own),
            &request,
            ANSWER_MAX,
        )
        .await
    }
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// A content of a CDN, as long as it is at most so long. Nobody says who asks.
//= P2P-135
pub async fn get(url: &str, authority: &Path, bytes_max: u64) -> std::io::Result<Answer> {
    let odd = || std::io::Error::other("it is no URL of HTTPS");
    let rest = url.strip_prefix("https://").ok_or_else(odd)?;
    let (host_port, path) = rest.split_once('/').ok_or_else(odd)?;
    let (host, port) = host_port.rsplit_once(':').unwrap_or((host_port, "443"));
    let port: u16 = port.parse().map_err(std::io::Error::other)?;
    let to = tokio::net::lookup_host((host, port)).await?.next().ok_or_else(odd)?;
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host_port}\r\nConnection: close\r\n\r\n");
    exchange(to, authority, host, None, request.as_bytes(), bytes_max).await
}

async fn exchange(
    to: SocketAddr,
    authority: &Path,
    name: &str,
    own: Option<&Own>,
    request: &[u8],
    bytes_max: u64,
) -> std::io::Result<Answer> {
    let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
    let stream = TcpStream::connect(to).await?;
    let mut stream = connector(authority, own)?.connect(name, stream).await?;
    stream.write_all(request).await?;
    stream.flush().await?;
    let mut bytes = Vec::new();
    let read = stream.take(bytes_max + (16 << 10)).read_to_end(&mut bytes).await;
    // Some close without the last word of TLS: what there is counts, and its length is looked at.
    if let Err(error) = read
        && error.kind() != std::io::ErrorKind::UnexpectedEof
    {
        return Err(error);
    }
    Answer::read(&bytes).ok_or_else(|| std::io::Error::other("the answer is none of HTTP, or not whole"))
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Answer> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let body = &bytes[end + 4..];
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse::<usize>().ok())?
        });
        (length == Some(body.len())).then(|| Answer {
            status,
            body: body.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_as_long_as_it_says() {
        let answer = |text: &str| Answer::read(text.as_bytes()).map(|answer| (answer.status, answer.body.len()));
        assert_eq!(answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"), Some((200, 2)));
        assert_eq!(answer("HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n"), Some((401, 0)));
        for cut in [
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab",
            "HTTP/1.1 200 OK\r\n\r\nab",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n",
            "SIP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert_eq!(answer(cut), None, "{cut:?}");
        }
    }
}
