//! Sessions outside of the network (architecture 1): one socket for all of them, and the tracker's ticket in the first message.
//!
//! Nothing encrypts here: what is worth hiding is encrypted before it is published, and each leaf is held against the tree.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sipveil::ppsp::jws::VerifyingKey;
use sipveil::ppsp::manifest::Manifest;
use sipveil::ppsp::ticket::{LIFETIME_SECONDS, Ticket, viewer_of};
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use super::content::Incoming;
use super::download::{Download, Ended, Taken};
use super::frame::Frame;
use super::now;
use super::upload::Upload;

const PACKET_MAX: usize = 1500;
/// Who was let in, at most.
const GUESTS_MAX: usize = 256;
/// A peer that says nothing for so long is gone.
const IDLE: Duration = Duration::from_secs(60);

/// Whether who calls itself so is a member, by the tracker's word: a ticket of this swarm, for this name, that is not over.
//= P2P-082
pub fn is_member(manifest: &Manifest, name: &str, ticket: &str, at: u64) -> bool {
    let key = VerifyingKey::Ed25519(manifest.tracker_key);
    let opened = Ticket::open(ticket, &key, &manifest.root, &viewer_of(name), at);
    opened.is_ok_and(|ticket| ticket.expires <= at + LIFETIME_SECONDS)
}

/// Answers whoever shows a ticket; where the manifest does not say `closed`, whoever asks.
//= P2P-082
pub async fn serve(socket: Arc<UdpSocket>, manifest: Manifest, upload: Upload) -> std::io::Result<()> {
    let mut guests: BTreeMap<SocketAddr, u64> = BTreeMap::new();
    let mut buffer = vec![0; PACKET_MAX];
    loop {
        let (length, from) = match socket.recv_from(&mut buffer).await {
            // Somebody of before is not there any more.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => continue,
            received => received?,
        };
        let at = now();
        match Frame::read(&buffer[..length]) {
            Some(Frame::Hello { name, ticket }) if is_member(&manifest, &name, &ticket, at) => {
                if guests.len() == GUESTS_MAX {
                    guests.retain(|_, until| *until > at);
                }
                if guests.len() < GUESTS_MAX && guests.insert(from, at + LIFETIME_SECONDS).is_none() {
                    println!("let in {name}");
                }
            }
            Some(Frame::Hello { .. }) => {
                println!("refused who shows no ticket of this swarm");
                guests.remove(&from);
            }
            Some(frame) if !manifest.closed || guests.get(&from).is_some_and(|until| *until > at) => {
                for answer in upload.answers(&frame) {
                    socket.send_to(&answer.write(), from).await?;
                }
            }
            Some(_) | None => {}
        }
    }
}

/// Fetches from a peer at an address what it has. `hello` goes before each question for its map, as that may be lost.
pub async fn fetch(to: SocketAddr, hello: &Frame, download: &mut Download, into: &Incoming) -> std::io::Result<Ended> {
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(to).await?;
    let send = async |frame: &Frame| match socket.send(&frame.write()).await {
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(()),
        sent => sent.map(|_| ()),
    };
    let begin = Instant::now();
    let mut buffer = vec![0; PACKET_MAX];
    loop {
        while let Some(frame) = download.poll(begin.elapsed()) {
            if frame == Frame::AskMap {
                send(hello).await?;
            }
            send(&frame).await?;
        }
        if let Some(ended) = download.ended() {
            return Ok(ended);
        }
        let deadline = begin + download.next_deadline().unwrap_or(IDLE);
        let length = tokio::select! {
            received = socket.recv(&mut buffer) => match received {
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => continue,
                received => received?,
            },
            () = sleep_until(deadline) => continue,
        };
        let Some(frame) = Frame::read(&buffer[..length]) else {
            continue;
        };
        if let Taken::Leaf { leaf, bytes } = download.take(begin.elapsed(), frame) {
            into.put(leaf, &bytes)?;
        }
    }
}
