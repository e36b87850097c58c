//! Where CSCFs come in: a thread for each, and the base protocol.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use super::super::diameter::{Message, VENDOR_3GPP, avp};
use super::super::subscriber::HOME;
use super::{Book, Shared, cx};

// Commands.
const CAPABILITIES: u32 = 257;
const WATCHDOG: u32 = 280;
const DISCONNECT: u32 = 282;
// Values.
const HOST_IP: u32 = 257;
const AUTH_APPLICATION: u32 = 258;
const VENDOR_SPECIFIC_APPLICATION: u32 = 260;
const SESSION: u32 = 263;
const ORIGIN_HOST: u32 = 264;
const SUPPORTED_VENDOR: u32 = 265;
const VENDOR: u32 = 266;
const RESULT: u32 = 268;
const PRODUCT: u32 = 269;
const AUTH_SESSION_STATE: u32 = 277;
const DESTINATION_REALM: u32 = 283;
const DESTINATION_HOST: u32 = 293;
const ORIGIN_REALM: u32 = 296;

const SUCCESS: u32 = 2001;
const COMMAND_UNSUPPORTED: u32 = 3001;

pub fn open(own: IpAddr, shared: &Arc<Shared>) -> SocketAddr {
    let listener = TcpListener::bind((own, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            if shared.book().is_over {
                return;
            }
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || serve(stream, &shared));
        }
    });
    at
}

/// Until the CSCF goes.
fn serve(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    loop {
        let message = Message::read(&mut stream)?;
        let mut book = shared.book();
        if !message.is_request {
            cx::answered(&mut book, &message);
        } else if let Some(answer) = answer(&mut book, &message, &stream)? {
            stream.write_all(&answer.bytes())?;
        }
        shared.changed.notify_all();
    }
}

fn answer(book: &mut Book, request: &Message, stream: &TcpStream) -> io::Result<Option<Message>> {
    let own = match request.command {
        CAPABILITIES => {
            let peer = request.text(ORIGIN_HOST).to_owned();
            book.peers.insert(peer, stream.try_clone()?);
            capabilities(book.own)
        }
        WATCHDOG | DISCONNECT => result(SUCCESS),
        _ => cx::answer(book, request).unwrap_or_else(|| result(COMMAND_UNSUPPORTED)),
    };
    let mut body = request.value(SESSION).map_or_else(Vec::new, |id| avp(SESSION, id));
    body.extend(match request.application {
        cx::APPLICATION => head_of_cx(),
        _ => Vec::new(),
    });
    body.extend(origin(book.own));
    body.extend(own);
    Ok(Some(request.answer(body)))
}

/// A request of our own, with a session of its own. It goes to the peer that serves, and waits for nothing.
pub fn send(book: &mut Book, command: u32, to: &str, own: &[u8]) {
    book.last_number += 1;
    let number = book.last_number;
    let body = [
        avp(SESSION, format!("{};{number};0", book.own)),
        head_of_cx(),
        origin(book.own),
        avp(DESTINATION_HOST, to),
        avp(DESTINATION_REALM, HOME),
        own.to_vec(),
    ];
    let request = Message::request(command, cx::APPLICATION, number, body.concat());
    let peer = book.peers.get_mut(to).unwrap_or_else(|| panic!("{to} is not here"));
    peer.write_all(&request.bytes()).unwrap();
}

pub fn result(code: u32) -> Vec<u8> {
    avp(RESULT, code.to_be_bytes())
}

pub fn result_of(message: &Message) -> Option<u32> {
    message.number(RESULT)
}

/// A result of 3GPP, which stands in a group of its own.
pub fn experimental(code: u32) -> Vec<u8> {
    const EXPERIMENTAL: u32 = 297;
    const CODE: u32 = 298;
    let vendor = avp(VENDOR, VENDOR_3GPP.to_be_bytes());
    avp(EXPERIMENTAL, [vendor, avp(CODE, code.to_be_bytes())].concat())
}

fn capabilities(own: IpAddr) -> Vec<u8> {
    const IP_V4: [u8; 2] = [0, 1];
    let IpAddr::V4(own) = own else {
        panic!("{own} is no IPv4 address");
    };
    let values = [
        result(SUCCESS),
        avp(HOST_IP, [&IP_V4[..], &own.octets()].concat()),
        avp(VENDOR, VENDOR_3GPP.to_be_bytes()),
        avp(PRODUCT, "test"),
        avp(SUPPORTED_VENDOR, VENDOR_3GPP.to_be_bytes()),
        avp(AUTH_APPLICATION, cx::APPLICATION.to_be_bytes()),
        application(),
    ];
    values.concat()
}

fn head_of_cx() -> Vec<u8> {
    const NO_STATE: u32 = 1;
    [application(), avp(AUTH_SESSION_STATE, NO_STATE.to_be_bytes())].concat()
}

fn application() -> Vec<u8> {
    let vendor = avp(VENDOR, VENDOR_3GPP.to_be_bytes());
    let application = avp(AUTH_APPLICATION, cx::APPLICATION.to_be_bytes());
    avp(VENDOR_SPECIFIC_APPLICATION, [vendor, application].concat())
}

fn origin(own: IpAddr) -> Vec<u8> {
    [avp(ORIGIN_HOST, own.to_string()), avp(ORIGIN_REALM, HOME)].concat()
}
