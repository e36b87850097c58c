//! What stands for the core: a registrar that takes everybody, and a content cache with its key service, a network peer.

use std::sync::{Arc, Mutex, PoisonError};

use sipveil::ppsp::jwe::Fresh;
use sipveil::ppsp::response::{Outcome, Response};
use sipveil::ppsp::{Fault, SwarmId};
use sipveil::tracker::reply::status_of;
use tokio::net::{TcpListener, TcpStream};

use super::agent::{Agent, Dialog};
use super::announce::MEDIA_TYPE;
use super::content::Whole;
use super::key_service::KeyService;
use super::keys;
use super::line::Line;
use super::message::{Message, uri};
use super::ue::{Problem, SDP, accept};
use super::upload::Upload;
use super::{now, random};

const REGISTERED_SECONDS: &str = "3600";

/// What a cache holds, and gives keys of.
pub struct Cache {
    pub uri: String,
    pub held: Vec<(SwarmId, Arc<Whole>)>,
    pub service: Mutex<KeyService>,
}

/// Serves whoever connects.
pub async fn serve(listener: TcpListener, cache: Option<Arc<Cache>>) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, cache.clone()));
    }
}

async fn connection(stream: TcpStream, cache: Option<Arc<Cache>>) -> Result<(), Problem> {
    let mut agent = Agent::new(Line::over(stream)?, None);
    loop {
        let request = agent.next().await?;
        match (request.method(), &cache) {
            ("ACK", _) => {}
            ("REGISTER", _) => agent.send(&registered(&request)).await?,
            ("SUBSCRIBE", Some(cache)) if request.is_of("Event", keys::EVENT) => {
                subscribed(&mut agent, &request, cache).await?
            }
            ("INVITE", Some(cache)) => invited(&mut agent, &request, cache).await?,
            ("BYE", _) => agent.send(&request.answer("200 OK", &random::word())).await?,
            _ => {
                agent
                    .send(&request.answer("501 Not Implemented", &random::word()))
                    .await?
            }
        }
    }
}

/// Takes whoever comes under the name it comes with.
pub fn registered(request: &Message) -> Message {
    let mut answer = request.answer("200 OK", &random::word());
    for name in ["Path", "Contact"] {
        answer = request
            .rows(name)
            .fold(answer, |answer, value| answer.with(name, value));
    }
    let identity = uri(request.row("To").unwrap_or_default());
    let expires = request.row("Expires").unwrap_or(REGISTERED_SECONDS);
    answer
        .with("Expires", expires)
        .with("P-Associated-URI", format!("<{identity}>"))
}

/// Who asks, as the network says: never From, never the body.
//= P2P-096
fn asserted(request: &Message) -> Option<&str> {
    request.row("P-Asserted-Identity").map(uri)
}

/// 200 and the keys in a NOTIFY, or why there are none.
//= P2P-093
//= P2P-094
async fn subscribed(agent: &mut Agent, request: &Message, cache: &Cache) -> Result<(), Problem> {
    let fresh = Fresh {
        ephemeral: random::bytes(),
        content_key: random::bytes(),
        iv: random::bytes(),
    };
    let keys = match request.is_of("Content-Type", keys::ASKED) {
        true => service(cache).keys(now(), asserted(request), &request.body, fresh),
        false => Err(Fault::Media),
    };
    let keys = match keys {
        Ok(keys) => keys,
        Err(fault) => return Ok(agent.send(&refused(request, fault)).await?),
    };
    let answer = request
        .answer("200 OK", &random::word())
        .with("Expires", "0")
        .with("Contact", contact(agent, cache));
    agent.send(&answer).await?;
    let Some(mut dialog) = Dialog::entered(request, &answer) else {
        return Ok(());
    };
    let notice = agent
        .within(&mut dialog, "NOTIFY")
        .with("Contact", contact(agent, cache))
        .with("Event", keys::EVENT)
        .with("Subscription-State", "terminated;reason=timeout")
        .with_body(keys::ANSWERED, keys);
    // Whatever the other side says to it, the connection goes on.
    agent.ask(notice).await.map(|_| ()).or(Ok(()))
}

fn service(cache: &Cache) -> std::sync::MutexGuard<'_, KeyService> {
    cache.service.lock().unwrap_or_else(PoisonError::into_inner)
}

fn contact(agent: &Agent, cache: &Cache) -> String {
    let user = cache.uri.trim_start_matches("sip:").split('@').next().unwrap_or("ccs");
    agent.contact(user)
}

fn refused(request: &Message, fault: Fault) -> Message {
    let status = match status_of(fault) {
        400 => "400 Bad Request",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        415 => "415 Unsupported Media Type",
        503 => "503 Service Unavailable",
        _ => "500 Server Internal Error",
    };
    let failed = Response {
        transaction: "0".into(),
        outcome: Outcome::Failed {
            fault,
            retry_after: None,
        },
    };
    request
        .answer(status, &random::word())
        .with_body(MEDIA_TYPE, failed.to_bytes())
}

/// Serves the content that is asked for: with one content, that one; else the one that the URI names.
async fn invited(agent: &mut Agent, request: &Message, cache: &Cache) -> Result<(), Problem> {
    let content = match cache.held.as_slice() {
        [only] => Some(only),
        several => several.iter().find(|(swarm, _)| request.start.contains(&swarm.text())),
    };
    let Some((swarm, content)) = content.filter(|_| request.is_of("Content-Type", SDP)) else {
        return Ok(agent
            .send(&request.answer("488 Not Acceptable Here", &random::word()))
            .await?);
    };
    let ticket = asserted(request).and_then(|identity| service(cache).ticket(now(), identity, *swarm));
    let upload = Upload {
        content: Arc::clone(content),
        ticket,
        alters_one_in: None,
    };
    let contact = contact(agent, cache);
    if let Some((_, media)) = accept(agent, request, &contact).await? {
        // Ends by itself when nobody asks any more.
        tokio::spawn(media.serve(upload));
    }
    Ok(())
}
