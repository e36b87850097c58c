//! A UE that serves what it holds: announces it, proves it, and answers whoever is led to it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sipveil::ppsp::address::{Kind, PeerAddress};
use sipveil::ppsp::manifest::Manifest;
use sipveil::ppsp::response::State;
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

use super::content::Whole;
use super::message::Message;
use super::ue::{Problem, Ue};
use super::upload::Upload;
use super::{outside, random};

/// Sessions at a time; the next one is told to come later.
const SESSIONS_MAX: usize = 32;
/// Between half and most of what was granted.
const REFRESH: std::ops::Range<u64> = 900..1500;

/// From registering to leaving. `ready` is called when it is announced; it goes on until the future ends. `is_outside`: others
/// reach it without the network, too.
pub async fn share(
    ue: &mut Ue,
    manifest: &Manifest,
    content: Arc<Whole>,
    alters_one_in: Option<u32>,
    is_outside: bool,
    (ready, ends): (impl FnOnce(), impl Future<Output = ()>),
) -> Result<(), Problem> {
    ue.register().await?;
    println!("registered");
    let outside = match is_outside {
        true => Some(Arc::new(UdpSocket::bind((ue.agent.line.local.ip(), 0)).await?)),
        false => None,
    };
    let mut addresses = Vec::new();
    if let Some(socket) = &outside {
        let at = socket.local_addr()?;
        addresses.push(PeerAddress {
            ip: at.ip(),
            port: at.port(),
            kind: Kind::Host,
            priority: 0,
        });
    }
    let announced = ue
        .announce(manifest.root, Some(&content), content.map(), addresses)
        .await?;
    let state = match announced.told.state {
        Some(State::Verified) => "VERIFIED",
        Some(State::Provisional) => "PROVISIONAL",
        Some(State::Refused) | None => "not listed",
    };
    println!("announced: challenged for {} leaves, {state}", announced.challenged);
    for name in &announced.told.assigned {
        println!("others call it {name}");
    }
    ready();
    let upload = Upload {
        content: Arc::clone(&content),
        ticket: None,
        alters_one_in,
    };
    let outside = outside.map(|socket| tokio::spawn(outside::serve(socket, manifest.clone(), upload.clone())));
    let served = serve(ue, manifest, &upload, ends).await;
    if let Some(outside) = outside {
        outside.abort();
    }
    ue.leave().await?;
    println!("left");
    served
}

/// Takes calls of what was announced.
async fn serve(
    ue: &mut Ue,
    manifest: &Manifest,
    upload: &Upload,
    ends: impl Future<Output = ()>,
) -> Result<(), Problem> {
    let mut sessions: BTreeMap<String, AbortHandle> = BTreeMap::new();
    let mut refresh = next_refresh();
    tokio::pin!(ends);
    loop {
        let request = tokio::select! {
            request = ue.agent.next() => request?,
            () = sleep_until(refresh) => {
                ue.refresh(manifest.root, &upload.content).await?;
                refresh = next_refresh();
                continue;
            }
            () = &mut ends => break,
        };
        sessions.retain(|_, session| !session.is_finished());
        match request.method() {
            "ACK" => {}
            "INVITE" if sessions.len() == SESSIONS_MAX => {
                ue.agent.send(&answer(&request, "486 Busy Here")).await?;
            }
            "INVITE" => {
                if let Some((dialog, media)) = ue.accept(&request).await? {
                    println!(
                        "called by {}",
                        super::message::uri(request.row("From").unwrap_or_default())
                    );
                    let session = tokio::spawn(media.serve(upload.clone()));
                    sessions.insert(dialog.call_id, session.abort_handle());
                }
            }
            "BYE" => {
                if let Some(session) = request.row("Call-ID").and_then(|call_id| sessions.remove(call_id)) {
                    session.abort();
                }
                ue.agent.send(&answer(&request, "200 OK")).await?;
            }
            _ => ue.agent.send(&answer(&request, "501 Not Implemented")).await?,
        }
    }
    sessions.values().for_each(AbortHandle::abort);
    Ok(())
}

fn answer(request: &Message, status: &str) -> Message {
    request.answer(status, &random::word())
}

/// Peers that all come back at the same moment are a flood.
fn next_refresh() -> Instant {
    let drawn = u64::from(u32::from_be_bytes(random::bytes())) % (REFRESH.end - REFRESH.start);
    Instant::now() + Duration::from_secs(REFRESH.start + drawn)
}
