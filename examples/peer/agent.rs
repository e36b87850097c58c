//! A user agent on one connection: asks and waits for the answer, keeps what others ask meanwhile, knows its dialogs.

use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use tokio::time::Instant;

use super::line::Line;
use super::message::{Message, parameter, routes, uri};
use super::random;

/// Until a question counts as lost (timer F of RFC 3261).
pub const PATIENCE: Duration = Duration::from_secs(32);

/// Requests that are kept while an answer is waited for; what comes then is asked again by who wants it.
const WAITING_MAX: usize = 64;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error("the connection to the proxy is over")]
    Over,
    #[error("no answer in {} s", PATIENCE.as_secs())]
    Silent,
    #[error("the connection to the proxy broke: {0}")]
    Broke(#[from] std::io::Error),
}

pub struct Agent {
    pub line: Line,
    /// Requests that came while an answer was waited for.
    waiting: VecDeque<Message>,
    /// Where everything that comes is written, for who wants to search it.
    record: Option<std::fs::File>,
}

/// A dialog of two, as this side knows it.
#[derive(Clone)]
pub struct Dialog {
    pub call_id: String,
    local: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    number: u32,
}

impl Agent {
    pub fn new(line: Line, record: Option<std::fs::File>) -> Agent {
        Agent {
            line,
            waiting: VecDeque::new(),
            record,
        }
    }

    /// A request out of any dialog, but for what its method asks for. `uri`: where it goes, and to whom.
    pub fn request(&self, method: &str, [uri, to]: [&str; 2], own: &str) -> Message {
        Message::new(format!("{method} {uri} SIP/2.0"))
            .with("Via", self.via())
            .with("Max-Forwards", "70")
            .with("From", format!("<{own}>;tag={}", random::word()))
            .with("To", format!("<{to}>"))
            .with("Call-ID", random::word())
            .with("CSeq", format!("1 {method}"))
    }

    /// Where this agent is reached, for Contact.
    pub fn contact(&self, user: &str) -> String {
        let transport = self.line.transport.to_ascii_lowercase();
        format!("<sip:{user}@{};transport={transport}>", self.line.local)
    }

    fn via(&self) -> String {
        let (transport, local) = (self.line.transport, self.line.local);
        format!("SIP/2.0/{transport} {local};branch=z9hG4bK{}", random::word())
    }

    /// The final answer.
    pub async fn ask(&mut self, request: Message) -> Result<Message, Failed> {
        self.line.send(&request).await?;
        let branch = request
            .row("Via")
            .and_then(|via| parameter(via, "branch"))
            .map(str::to_owned);
        let answered = async {
            loop {
                let message = self.receive().await?;
                match message.status() {
                    Some(status) => {
                        let of = message.row("Via").and_then(|via| parameter(via, "branch"));
                        let is_ours = of == branch.as_deref() && message.method() == request.method();
                        if is_ours && status >= 200 {
                            return Ok(message);
                        }
                    }
                    None if self.waiting.len() < WAITING_MAX => self.waiting.push_back(message),
                    None => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, answered)
            .await
            .unwrap_or(Err(Failed::Silent))
    }

    /// The next request of somebody else.
    pub async fn next(&mut self) -> Result<Message, Failed> {
        loop {
            if let Some(request) = self.waiting.pop_front() {
                return Ok(request);
            }
            let message = self.receive().await?;
            if message.status().is_none() {
                return Ok(message);
            }
        }
    }

    /// The same for who does not wait for ever.
    pub async fn next_until(&mut self, end: Instant) -> Result<Message, Failed> {
        tokio::time::timeout_at(end, self.next())
            .await
            .unwrap_or(Err(Failed::Silent))
    }

    pub async fn send(&mut self, message: &Message) -> Result<(), Failed> {
        Ok(self.line.send(message).await?)
    }

    async fn receive(&mut self) -> Result<Message, Failed> {
        let (message, bytes) = self.line.next().await.ok_or(Failed::Over)?;
        if let Some(record) = &mut self.record {
            record.write_all(&bytes)?;
        }
        Ok(message)
    }

    /// A request within a dialog.
    pub fn within(&self, dialog: &mut Dialog, method: &str) -> Message {
        if method != "ACK" {
            dialog.number += 1;
        }
        let request = Message::new(format!("{method} {} SIP/2.0", dialog.target))
            .with("Via", self.via())
            .with("Max-Forwards", "70");
        let routed = dialog
            .routes
            .iter()
            .fold(request, |request, route| request.with("Route", route));
        routed
            .with("From", &dialog.local)
            .with("To", &dialog.remote)
            .with("Call-ID", &dialog.call_id)
            .with("CSeq", format!("{} {method}", dialog.number))
    }
}

impl Dialog {
    /// What a request and its answer begin, for who asked.
    pub fn begun(answer: &Message) -> Option<Dialog> {
        let mut routes = routes(answer.rows("Record-Route"));
        routes.reverse();
        let number = answer.row("CSeq")?.split(' ').next()?.parse().ok()?;
        Dialog::of(
            answer,
            answer.row("Contact")?,
            [answer.row("From")?, answer.row("To")?],
            routes,
            number,
        )
    }

    /// The same for who was asked, and answered.
    pub fn entered(request: &Message, answer: &Message) -> Option<Dialog> {
        let routes = routes(request.rows("Record-Route"));
        Dialog::of(
            answer,
            request.row("Contact")?,
            [answer.row("To")?, answer.row("From")?],
            routes,
            0,
        )
    }

    fn of(
        message: &Message,
        contact: &str,
        [local, remote]: [&str; 2],
        routes: Vec<String>,
        number: u32,
    ) -> Option<Dialog> {
        Some(Dialog {
            call_id: message.row("Call-ID")?.to_owned(),
            local: local.to_owned(),
            remote: remote.to_owned(),
            target: uri(contact).to_owned(),
            routes,
            number,
        })
    }
}
