//! The words of a command: `--name value`, flags, and what has no name.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::https::Door;
use super::line::{Own, Tls, Way};
use super::ue::Subscriber;

pub const USAGE: &str = "\
peer keys FILE                        makes keys of a source or a cache, FILE and FILE.pub
peer publish FILE --out FOLDER --key FILE --source NAME [--title T] [--tracker-key 43]
             [--closed] [--cache URI --cache-keys FILE.pub [--encrypt]]
peer network [--listen 127.0.0.1:0] [--keys FILE --cache URI --source NAME --source-key 43]
             [--content FOLDER]... [--entitled URI]...
             a registrar that takes everybody, and with --keys a cache and its key service
peer share FOLDER UE                  announces what is in FOLDER and serves it
peer fetch MANIFEST --out FOLDER UE [--plain FILE]
peer audit MANIFEST... UE             an auditor of the network: sees what others serve, where the tracker sends it
peer speed                            what each way to protect a content costs on this machine
peer demo [--mib 64] [--keys] [--tamper] [--arch 1|2|3] [--proxy-program PATH] [--keep]
peer load [--ues 400] [--refreshes 20000] [--lists 2400] [--at-once 64] [--proxy-program PATH] [--under 'taskset -c 0']
             what it costs the proxy that UEs keep up what they announced and ask for lists

UE: --proxy 127.0.0.1:PORT [--authority ca.pem --name NAME] --identity sip:… --home DOMAIN --p2p DOMAIN
    --source NAME --source-key 43 [--record FILE] [--alter-one-in N] [--from ADDRESS]
    [--outside] [--tracker 127.0.0.1:PORT --certificate ue.pem --certificate-key ue.key]
network, share, audit and fetch end when their standard input does; fetch also when it is done.";

/// Names that stand alone.
const FLAGS: [&str; 6] = ["encrypt", "closed", "keys", "tamper", "keep", "outside"];

/// What somebody typed wrongly.
#[derive(Debug, thiserror::Error)]
#[error("{0}\n\n{USAGE}")]
pub struct Misused(pub String);

#[derive(Debug, Default)]
pub struct Options {
    named: BTreeMap<String, Vec<String>>,
    pub words: Vec<String>,
}

impl Options {
    /// `is_flag`: whether `--keys` stands alone here.
    pub fn read(words: impl IntoIterator<Item = String>, is_flag: impl Fn(&str) -> bool) -> Result<Options, Misused> {
        let mut options = Options::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word.strip_prefix("--") {
                None => options.words.push(word),
                Some(name) if FLAGS.contains(&name) && is_flag(name) => {
                    options.named.entry(name.to_owned()).or_default();
                }
                Some(name) => {
                    let value = words.next().ok_or_else(|| Misused(format!("--{name} has no value")))?;
                    options.named.entry(name.to_owned()).or_default().push(value);
                }
            }
        }
        Ok(options)
    }

    pub fn has(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }

    pub fn all(&self, name: &str) -> &[String] {
        self.named.get(name).map_or(&[], Vec::as_slice)
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).last().map(String::as_str)
    }

    pub fn must(&self, name: &str) -> Result<&str, Misused> {
        self.get(name).ok_or_else(|| Misused(format!("--{name} is missing")))
    }

    pub fn path(&self, name: &str) -> Result<PathBuf, Misused> {
        self.must(name).map(PathBuf::from)
    }

    pub fn parsed<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Misused> {
        let parse = |text: &str| {
            text.parse()
                .map_err(|_| Misused(format!("--{name} {text} cannot be read")))
        };
        self.get(name).map(parse).transpose()
    }

    pub fn word(&self, what: &str) -> Result<&str, Misused> {
        self.words
            .first()
            .map(String::as_str)
            .ok_or_else(|| Misused(format!("{what} is missing")))
    }

    /// An Ed25519 key.
    pub fn key(&self, name: &str) -> Result<[u8; 32], Misused> {
        let text = self.must(name)?;
        super::keyfile::key_of(text).ok_or_else(|| Misused(format!("--{name} is no key of 43 characters of base64url")))
    }

    pub fn way(&self) -> Result<Way, Misused> {
        let to: SocketAddr = self
            .parsed("proxy")?
            .ok_or_else(|| Misused("--proxy is missing".into()))?;
        let tls = match self.get("authority") {
            None => None,
            Some(authority) => Some(Tls {
                authority: authority.into(),
                name: self.must("name")?.to_owned(),
            }),
        };
        let from = self.parsed("from")?;
        Ok(Way { to, tls, from })
    }

    /// The tracker's direct interface, if that is to be asked.
    pub fn door(&self) -> Result<Option<Door>, Misused> {
        let Some(to) = self.parsed("tracker")? else {
            return Ok(None);
        };
        Ok(Some(Door {
            to,
            authority: self.path("authority")?,
            name: self.must("name")?.to_owned(),
            own: Own {
                certificate: self.path("certificate")?,
                key: self.path("certificate-key")?,
            },
        }))
    }

    pub fn subscriber(&self) -> Result<Subscriber, Misused> {
        Ok(Subscriber {
            identity: self.must("identity")?.to_owned(),
            home: self.must("home")?.to_owned(),
            p2p: self.must("p2p")?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Options, Misused> {
        Options::read(text.split(' ').map(str::to_owned), |name| name != "keys")
    }

    #[test]
    fn names_values_flags_and_words_are_told_apart() {
        let options = read("film --encrypt --out x --entitled a --entitled b --keys k").unwrap();
        assert_eq!(options.words, ["film"]);
        assert!(options.has("encrypt") && !options.has("keep"));
        assert_eq!((options.get("out"), options.get("keys")), (Some("x"), Some("k")));
        assert_eq!(options.all("entitled"), ["a", "b"]);
        assert!(options.must("source").is_err() && options.key("out").is_err());
        assert!(read("film --out").is_err());
    }
}
