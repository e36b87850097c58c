//! Decides by the first word of a message, and tells the test what it heard.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use bytes::Bytes;

use crate::{
    audit::Sink,
    driver::{Running, Sinks, StartError, decides::Decides, start_with},
    engine::{Input, Now, Output, SendId, ShownBy, counts::Counts, record::Record},
    locate::{Answer, HostName, Kind, Question},
    net::Cleared,
    pcscf::security::{Association, Change, Direction, Removal, SetId},
    policy::{CertifiedName, ListenerId, Policy},
    privacy::PrivacySet,
    sip::Transport,
    trust::{ConnectionId, Flow, Standing, evidence::Destination},
};

/// The patience of every blocking call in these tests; reached only when one fails.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What the toys of a proxy heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Packet { worker: usize, length: usize },
    Failed { worker: usize, id: u64 },
    Unframed,
    Policy,
    Located { records: usize },
    Audit(crate::engine::Sink),
    Unrecorded(u64),
}

pub struct Message {
    bytes: Bytes,
    destination: Destination,
}

impl Cleared for Message {
    fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    fn destination(&self) -> &Destination {
        &self.destination
    }
}

/// `OPTIONS`: 200 with the worker's number. `SEND udp|tcp ADDRESS`: that message there, or to a connection by number with
/// `ON CONNECTION ADDRESS`. `FLOOD COUNT SIZE`: so much back. `HOLD`, `RELEASE`: one transaction more, less.
/// `RECORD required|wanted`: that, and 200. `LATER`: 200 after 30 ms. `ECHO`: the same back, unheard. `LOCATE`: asks for a name. `BLOCK ADDRESS`: its thread
/// waits until a connection there ends. `STANDS LISTENER ADDRESS`: its connection carries requests there. `CLOSE`: it ends.
/// `REMOVE OWN ADDRESS`: so do security associations between them. Anything else: silence.
pub struct Toy {
    worker: usize,
    heard: Sender<Heard>,
    asked: VecDeque<Output<Message>>,
    later: Option<(Duration, Flow)>,
    transactions: usize,
    sent: u64,
}

pub fn start(policy: Arc<Policy>) -> Result<(Running, Receiver<Heard>), StartError> {
    start_on(policy, Sinks::default())
}

pub fn start_auditing(policy: Arc<Policy>, audit: Option<Sink>) -> Result<(Running, Receiver<Heard>), StartError> {
    let sinks = Sinks {
        audit,
        ..Sinks::default()
    };
    start_on(policy, sinks)
}

pub fn start_on(policy: Arc<Policy>, sinks: Sinks) -> Result<(Running, Receiver<Heard>), StartError> {
    let (sender, heard) = channel();
    let worker = AtomicUsize::new(0);
    let running = start_with(policy, None, sinks, move |_, _, _| {
        Ok(Toy {
            worker: worker.fetch_add(1, Ordering::Relaxed),
            heard: sender.clone(),
            asked: VecDeque::new(),
            later: None,
            transactions: 0,
            sent: 0,
        })
    })?;
    Ok((running, heard))
}

fn record(is_required: bool) -> Record {
    Record {
        unix: 0,
        origin: Standing::Trusted,
        hop: Standing::Untrusted,
        method: Vec::new(),
        status: 0,
        call_id_received: Vec::new(),
        call_id_sent: Vec::new(),
        branch_received: Vec::new(),
        branch_sent: Vec::new(),
        from: Vec::new(),
        to: Vec::new(),
        contacts: Vec::new(),
        asserted: Vec::new(),
        privacy: PrivacySet::ID,
        is_required,
    }
}

impl Toy {
    fn obey(&mut self, now: Now, flow: Flow, message: &Bytes) {
        if message.starts_with(b"ECHO") {
            let Flow {
                listener,
                transport,
                remote,
                connection,
                ..
            } = flow;
            let destination = Destination {
                listener,
                transport,
                remote,
                connection,
                certified: None,
            };
            let message = Message {
                bytes: message.clone(),
                destination,
            };
            return self.asked.push_back(Output::Send { id: SendId(0), message });
        }
        let text = String::from_utf8_lossy(message);
        let words: Vec<&str> = text.lines().next().unwrap_or_default().split(' ').collect();
        match words.as_slice() {
            ["OPTIONS", ..] => self.answer(&flow, 0),
            ["SEND", transport, remote, ..] => {
                let transport = Transport::from_name(transport.as_bytes()).unwrap();
                self.send(
                    flow.listener,
                    transport,
                    remote,
                    None,
                    b"OPTIONS sip:x SIP/2.0\r\nl: 0\r\n\r\n".to_vec(),
                );
            }
            ["ON", connection, remote, ..] => {
                let connection = Some(ConnectionId(connection.parse().unwrap()));
                self.send(
                    flow.listener,
                    Transport::Tcp,
                    remote,
                    connection,
                    b"NOTIFY\r\nl: 0\r\n\r\n".to_vec(),
                );
            }
            ["RECORD", need, ..] => {
                let is_required = *need == "required";
                self.asked.push_back(Output::Record(Box::new(record(is_required))));
                self.answer(&flow, 0);
            }
            ["STANDS", listener, remote, ..] => {
                let of = Destination {
                    listener: ListenerId(listener.parse().unwrap()),
                    transport: flow.transport,
                    remote: remote.parse().unwrap(),
                    connection: None,
                    certified: None,
                };
                let (connection, by) = (flow.connection.unwrap(), ShownBy::Association);
                self.asked.push_back(Output::Alias { connection, of, by });
                self.answer(&flow, 0);
            }
            ["CLOSE", ..] => self.asked.extend(flow.connection.map(Output::Close)),
            ["REMOVE", own, remote, ..] => {
                let one = Association {
                    direction: Direction::Out,
                    spi: 1,
                    from: own.parse().unwrap(),
                    to: remote.parse().unwrap(),
                };
                let (set, associations) = (SetId(1), [one; 4]);
                self.asked
                    .push_back(Output::Security(Change::Remove(Removal { set, associations })));
                self.answer(&flow, 0);
            }
            ["WHICH", ..] => self.answer(&flow, flow.connection.map_or(0, |connection| connection.0)),
            ["FLOOD", count, size, ..] => {
                for _ in 0..count.parse::<usize>().unwrap() {
                    let bytes = vec![b'x'; size.parse().unwrap()];
                    self.send(
                        flow.listener,
                        flow.transport,
                        &flow.remote.to_string(),
                        flow.connection,
                        bytes,
                    );
                }
            }
            ["HOLD", ..] => {
                self.transactions += 1;
                self.answer(&flow, 0);
            }
            ["RELEASE", ..] => {
                self.transactions -= 1;
                self.answer(&flow, 0);
            }
            ["BLOCK", address, ..] => {
                // Ends when the test lets go of the other end.
                let _ = TcpStream::connect(address).unwrap().read(&mut [0]);
            }
            ["LATER", ..] => self.later = Some((now.at + Duration::from_millis(30), flow)),
            ["LOCATE", ..] => {
                let id = crate::engine::LocateId(1);
                let question = Question {
                    name: HostName::parse(b"localhost").unwrap(),
                    kind: Kind::A,
                };
                self.asked.push_back(Output::Locate { id, question });
            }
            _ => {}
        }
    }

    fn answer(&mut self, flow: &Flow, note: u64) {
        let text = format!(
            "SIP/2.0 200 OK\r\nWorker: {}\r\nNote: {note}\r\nl: 0\r\n\r\n",
            self.worker
        );
        self.send(
            flow.listener,
            flow.transport,
            &flow.remote.to_string(),
            flow.connection,
            text.into_bytes(),
        );
    }

    fn send(
        &mut self,
        listener: ListenerId,
        transport: Transport,
        remote: &str,
        connection: Option<ConnectionId>,
        bytes: Vec<u8>,
    ) {
        let destination = Destination {
            listener,
            transport,
            remote: remote.parse().unwrap(),
            connection,
            certified: None,
        };
        let bytes = Bytes::from(bytes);
        self.sent += 1;
        self.asked.push_back(Output::Send {
            id: SendId(self.sent),
            message: Message { bytes, destination },
        });
    }
}

impl Decides for Toy {
    type Message = Message;

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        counts.totals.requests = 1;
        counts
    }

    fn handle(&mut self, now: Now, input: Input) {
        let worker = self.worker;
        let heard = match input {
            Input::Packet { flow, bytes } if bytes.starts_with(b"ECHO") => return self.obey(now, flow, &bytes),
            Input::Packet { flow, bytes } => {
                self.obey(now, flow, &bytes);
                let length = bytes.len();
                Heard::Packet { worker, length }
            }
            Input::Unframed { flow, .. } => {
                self.answer(&flow, 400);
                Heard::Unframed
            }
            Input::SendFailed(SendId(id)) => Heard::Failed { worker, id },
            Input::Learned { .. } => return,
            Input::Policy(_) => Heard::Policy,
            Input::Keys(_) | Input::Costs(_) | Input::Post { .. } => return,
            Input::Located { answer, .. } => Heard::Located {
                records: match answer {
                    Answer::Found { records, .. } => records.len(),
                    _ => 0,
                },
            },
            Input::Audit(sink) => Heard::Audit(sink),
            Input::Unrecorded(SendId(id)) => Heard::Unrecorded(id),
            Input::Load(_) | Input::Stored { .. } | Input::Uninstalled(_) | Input::Release { .. } => return,
            Input::Snapshotted { .. } | Input::Closing => return,
            Input::Tick => {
                let (_, flow) = self.later.take().unwrap();
                return self.answer(&flow, 0);
            }
        };
        let _ = self.heard.send(heard);
    }

    fn poll_output(&mut self) -> Option<Output<Message>> {
        self.asked.pop_front()
    }

    fn next_deadline(&self) -> Option<Duration> {
        self.later.as_ref().map(|(at, _)| *at)
    }

    fn transactions(&self) -> usize {
        self.transactions
    }

    fn host(&self, _certified: CertifiedName) -> Option<String> {
        None
    }
}

/// A peer over TCP that waits no longer than [`PATIENCE`].
pub struct Peer {
    pub stream: BufReader<TcpStream>,
}

impl Peer {
    pub fn connect(address: SocketAddr) -> Self {
        Peer::on(TcpStream::connect(address).unwrap())
    }

    pub fn on(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer {
            stream: BufReader::new(stream),
        }
    }

    pub fn say(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The rows of one message without a body; empty when the stream ended.
    pub fn message(&mut self) -> String {
        let mut message = String::new();
        while !message.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut message).unwrap() == 0 {
                break;
            }
        }
        message
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Whether the other side closed, without a word or with a reset.
    pub fn is_closed(&mut self) -> bool {
        match self.stream.read(&mut [0]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// The value of a row.
pub fn row<'a>(message: &'a str, name: &str) -> &'a str {
    let rows = message.lines().filter_map(|line| line.split_once(": "));
    let mut named = rows.filter(|(row, _)| *row == name).map(|(_, value)| value);
    named.next().unwrap_or_else(|| panic!("no {name} in {message:?}"))
}
