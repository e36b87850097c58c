//! A UE of IMS that shares content: registers, announces, asks for peers, calls them by what the tracker calls them.

use sipveil::ppsp::SwarmId;
use sipveil::ppsp::address::PeerAddress;
use sipveil::ppsp::response::SwarmResult;
use sipveil::ppsp::visit::{self, Found, Visit};

use tokio::time::Instant;

use super::agent::{Agent, Dialog, Failed, PATIENCE};
use super::announce::{self, EVENT, MEDIA_TYPE, Refused};
use super::content::Whole;
use super::https::Door;
use super::media::{Half, Media};
use super::message::Message;
use super::random;
use super::sdp::End;

const REGISTERED_SECONDS: &str = "3600";
const ANNOUNCED_SECONDS: &str = "1800";
pub const SDP: &str = "application/sdp";

/// Who this is, and where.
#[derive(Clone)]
pub struct Subscriber {
    /// The public identity. Nobody beyond the network may see it.
    pub identity: String,
    /// The domain of the network.
    pub home: String,
    /// The domain of lists and temporary IDs.
    pub p2p: String,
}

pub struct Ue {
    pub agent: Agent,
    who: Subscriber,
    instance: String,
    /// The publication as it stands, and the word it was last known by.
    etag: Option<String>,
    /// The tracker's direct interface, where that is asked instead of the network, and what was announced there.
    door: Option<Door>,
    posted: Option<SwarmId>,
}

/// What did not go as it should.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error(transparent)]
    Line(#[from] Failed),
    #[error(transparent)]
    Tracker(#[from] Refused),
    #[error("{method} is answered {answer:?}")]
    Status { method: &'static str, answer: String },
    #[error("the other side says nothing of media that is protected")]
    NoMedia,
    #[error("the tracker asks for leaves that are not held: nothing is answered")]
    NotHeld,
    #[error("media: {0}")]
    Media(#[from] std::io::Error),
}

fn done(method: &'static str, answer: Message) -> Result<Message, Problem> {
    let refused = match answer.is_of("Content-Type", MEDIA_TYPE) {
        true => announce::refused(&answer.body),
        false => None,
    };
    match (answer.status(), refused) {
        (Some(200..300), _) => Ok(answer),
        (_, Some(refused)) => Err(refused.into()),
        _ => Err(Problem::Status {
            method,
            answer: answer.start,
        }),
    }
}

impl Ue {
    pub fn new(agent: Agent, who: Subscriber) -> Ue {
        Ue {
            agent,
            who,
            instance: random::word(),
            etag: None,
            door: None,
            posted: None,
        }
    }

    /// Asks the tracker directly.
    //= P2P-132
    pub fn through(self, door: Door) -> Ue {
        Ue {
            door: Some(door),
            ..self
        }
    }

    /// A question of the direct interface.
    async fn posts(door: &Door, swarm: SwarmId, body: &[u8]) -> Result<SwarmResult, Problem> {
        let answer = door.ask(body).await?;
        match (answer.status, announce::refused(&answer.body)) {
            (200, _) => Ok(announce::told(swarm, &answer.body)?),
            (_, Some(refused)) => Err(refused.into()),
            (status, None) => Err(Problem::Status {
                method: "POST",
                answer: status.to_string(),
            }),
        }
    }

    fn user(&self) -> String {
        // What stands in Contact is nobody's name.
        format!("ue-{}", &self.instance[..8])
    }

    pub async fn register(&mut self) -> Result<(), Problem> {
        self.registers(REGISTERED_SECONDS).await
    }

    /// Registers, or ends that.
    async fn registers(&mut self, seconds: &str) -> Result<(), Problem> {
        let contact = self.agent.contact(&self.user());
        let instance = format!("\"<urn:uuid:{}>\"", uuid(&self.instance));
        let (registrar, own) = (format!("sip:{}", self.who.home), &self.who.identity);
        let request = self
            .agent
            .request("REGISTER", [&registrar, own], own)
            .with(
                "Contact",
                format!("{contact};+sip.instance={instance};expires={seconds}"),
            )
            .with("Expires", seconds)
            .with("Supported", "path, outbound");
        done("REGISTER", self.agent.ask(request).await?).map(|_| ())
    }

    /// Enters a swarm with what is held of it, and proves that, when asked to.
    //= P2P-013
    //= P2P-106
    pub async fn announce(
        &mut self,
        swarm: SwarmId,
        content: Option<&Whole>,
        map: sipveil::ppsp::ChunkMap,
        addresses: Vec<PeerAddress>,
    ) -> Result<Announced, Problem> {
        let told = self.publishes(swarm, announce::join(swarm, map, addresses)).await?;
        let Some(asked) = told.challenge.clone() else {
            return Ok(Announced { told, challenged: 0 });
        };
        let proof = announce::proof(swarm, &asked, content).ok_or(Problem::NotHeld)?;
        let told = self.publishes(swarm, proof).await?;
        let challenged = asked.leaves.len();
        Ok(Announced { told, challenged })
    }

    /// PUBLISH with a body about one swarm, or the same asked directly.
    pub async fn publishes(&mut self, swarm: SwarmId, body: Vec<u8>) -> Result<SwarmResult, Problem> {
        if let Some(door) = &self.door {
            let told = Ue::posts(door, swarm, &body).await?;
            self.posted = Some(swarm);
            return Ok(told);
        }
        let request = self.publication(ANNOUNCED_SECONDS).with("Accept", MEDIA_TYPE);
        let answer = self.agent.ask(request.with_body(MEDIA_TYPE, body)).await?;
        let answer = done("PUBLISH", answer)?;
        self.etag = answer.row("SIP-ETag").map(str::to_owned);
        Ok(announce::told(swarm, &answer.body)?)
    }

    /// Keeps up what was announced; proves again what is asked for again.
    //= P2P-015
    pub async fn refresh(&mut self, swarm: SwarmId, content: &Whole) -> Result<(), Problem> {
        let body = match &self.door {
            Some(door) => door.ask(&announce::keep_up()).await?.body,
            None => {
                let request = self.publication(ANNOUNCED_SECONDS).with("Accept", MEDIA_TYPE);
                let answer = done("PUBLISH", self.agent.ask(request).await?)?;
                self.etag = answer.row("SIP-ETag").map(str::to_owned);
                answer.body
            }
        };
        let told = announce::told(swarm, &body).ok();
        if let Some(asked) = told.and_then(|told| told.challenge) {
            let proof = announce::proof(swarm, &asked, Some(content)).ok_or(Problem::NotHeld)?;
            self.publishes(swarm, proof).await?;
        }
        Ok(())
    }

    /// For an auditor: where it is to look, and the tag that its answer goes by. `None`: nowhere, for now.
    //= P2P-125
    pub async fn is_sent(&mut self) -> Result<Option<(Visit, String)>, Problem> {
        let answer = self.agent.ask(self.of_visit()).await?;
        let answer = done("PUBLISH", answer)?;
        let tag = answer.row("SIP-ETag").unwrap_or_default().to_owned();
        Ok(Visit::read(&answer.body).map(|visit| (visit, tag)))
    }

    /// What it found there.
    //= P2P-122
    pub async fn comes_back(&mut self, tag: &str, found: Found) -> Result<(), Problem> {
        let report = self
            .of_visit()
            .with("SIP-If-Match", tag)
            .with_body(visit::MEDIA_TYPE, found.to_bytes());
        done("PUBLISH", self.agent.ask(report).await?).map(|_| ())
    }

    fn of_visit(&self) -> Message {
        let own = &self.who.identity;
        self.agent
            .request("PUBLISH", [own, own], own)
            .with("Event", visit::PACKAGE)
            .with("Accept", visit::MEDIA_TYPE)
    }

    fn publication(&self, seconds: &str) -> Message {
        let own = &self.who.identity;
        let request = self
            .agent
            .request("PUBLISH", [own, own], own)
            .with("Event", EVENT)
            .with("Expires", seconds);
        match &self.etag {
            Some(etag) => request.with("SIP-If-Match", etag),
            None => request,
        }
    }

    /// Takes back what was announced, and is not there any more.
    //= P2P-017
    pub async fn leave(&mut self) -> Result<(), Problem> {
        if let (Some(door), Some(swarm)) = (&self.door, self.posted.take()) {
            Ue::posts(door, swarm, &announce::leave(swarm)).await?;
        }
        if self.etag.is_some() {
            let request = self.publication("0");
            done("PUBLISH", self.agent.ask(request).await?)?;
            self.etag = None;
        }
        self.registers("0").await
    }

    /// Who else is in the swarm, so many at most, and the tracker's word that this UE is.
    //= P2P-046
    pub async fn find(&mut self, swarm: SwarmId, peers: u8) -> Result<SwarmResult, Problem> {
        let body = announce::find(swarm, peers);
        if let Some(door) = &self.door {
            return Ue::posts(door, swarm, &body).await;
        }
        let to = format!("sip:sw.{}@{}", swarm.text(), self.who.p2p);
        let notice = self.subscribe(&to, EVENT, [MEDIA_TYPE, MEDIA_TYPE], body).await?;
        Ok(announce::told(swarm, &notice.body)?)
    }

    /// SUBSCRIBE once; the NOTIFY that comes of it. `media`: of the question, of the answer.
    pub async fn subscribe(
        &mut self,
        to: &str,
        event: &str,
        media: [&str; 2],
        body: Vec<u8>,
    ) -> Result<Message, Problem> {
        let request = self
            .agent
            .request("SUBSCRIBE", [to, to], &self.who.identity)
            .with("Contact", self.agent.contact(&self.user()))
            .with("Event", event)
            .with("Expires", "0")
            .with("Accept", media[1])
            .with_body(media[0], body);
        let call_id = request.row("Call-ID").unwrap_or_default().to_owned();
        done("SUBSCRIBE", self.agent.ask(request).await?)?;
        let begin = Instant::now();
        loop {
            let notice = self.agent.next_until(begin + PATIENCE).await?;
            let is_ours = notice.method() == "NOTIFY" && notice.row("Call-ID") == Some(&call_id);
            let status = if is_ours {
                "200 OK"
            } else {
                "481 Call/Transaction Does Not Exist"
            };
            self.answers(&notice, status).await?;
            if is_ours && notice.is_of("Content-Type", media[1]) {
                return Ok(notice);
            }
        }
    }

    async fn answers(&mut self, request: &Message, status: &str) -> Result<(), Problem> {
        match request.method() {
            "ACK" => Ok(()),
            _ => Ok(self.agent.send(&request.answer(status, &random::word())).await?),
        }
    }

    /// Calls a peer by what the tracker calls it.
    pub async fn call(&mut self, peer: &str) -> Result<(Dialog, Media), Problem> {
        let half = Half::open(self.agent.line.local.ip()).await?;
        let request = self
            .agent
            .request("INVITE", [peer, peer], &self.who.identity)
            .with("Contact", self.agent.contact(&self.user()))
            .with("Privacy", "id")
            .with_body(SDP, half.described());
        let answer = done("INVITE", self.agent.ask(request).await?)?;
        let mut dialog = Dialog::begun(&answer).ok_or(Problem::NoMedia)?;
        let ack = self.agent.within(&mut dialog, "ACK");
        self.agent.send(&ack).await?;
        match End::read(&answer.body) {
            Some(other) => Ok((dialog, half.joined(&other).await?)),
            None => {
                self.hangs_up(dialog).await?;
                Err(Problem::NoMedia)
            }
        }
    }

    pub async fn hangs_up(&mut self, mut dialog: Dialog) -> Result<(), Problem> {
        let bye = self.agent.within(&mut dialog, "BYE");
        done("BYE", self.agent.ask(bye).await?).map(|_| ())
    }

    /// Answers what comes meanwhile: whether it ends this call.
    pub async fn is_hung_up(&mut self, request: &Message, dialog: &Dialog) -> Result<bool, Problem> {
        let is_of_call = request.row("Call-ID") == Some(&dialog.call_id);
        let ends = is_of_call && request.method() == "BYE";
        let status = match request.method() {
            "BYE" if ends => "200 OK",
            "INVITE" if !is_of_call => "486 Busy Here",
            "INVITE" => "488 Not Acceptable Here",
            _ => "481 Call/Transaction Does Not Exist",
        };
        self.answers(request, status).await?;
        Ok(ends)
    }

    /// Takes a call: 200 with our half of the media. `None`: it was refused.
    pub async fn accept(&mut self, invite: &Message) -> Result<Option<(Dialog, Media)>, Problem> {
        let contact = self.agent.contact(&self.user());
        accept(&mut self.agent, invite, &contact).await
    }
}

/// The same for who is no UE.
pub async fn accept(agent: &mut Agent, invite: &Message, contact: &str) -> Result<Option<(Dialog, Media)>, Problem> {
    let other = End::read(&invite.body).filter(|_| invite.is_of("Content-Type", SDP));
    let (Some(other), tag) = (other, random::word()) else {
        agent
            .send(&invite.answer("488 Not Acceptable Here", &random::word()))
            .await?;
        return Ok(None);
    };
    let half = Half::open(agent.line.local.ip()).await?;
    let answer = invite
        .answer("200 OK", &tag)
        .with("Contact", contact)
        .with_body(SDP, half.described());
    let dialog = Dialog::entered(invite, &answer).ok_or(Problem::NoMedia)?;
    let media = half.joined(&other).await?;
    agent.send(&answer).await?;
    Ok(Some((dialog, media)))
}

/// What came of an announcement.
pub struct Announced {
    pub told: SwarmResult,
    /// Leaves that had to be shown.
    pub challenged: usize,
}

/// Hexadecimal digits in the groups of a UUID.
fn uuid(hex: &str) -> String {
    let padded = format!("{hex:0<32}");
    let groups = [
        &padded[..8],
        &padded[8..12],
        &padded[12..16],
        &padded[16..20],
        &padded[20..32],
    ];
    groups.join("-")
}
