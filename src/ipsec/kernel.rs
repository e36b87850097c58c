//! The kernel's security associations, over a netlink socket of its own.
//!
//! The kernel answers before `send` returns, so nothing here waits; on a socket that should not answer, a second is enough.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_xfrm::policy::DelGetMessage as PolicyNamed;
use netlink_packet_xfrm::state::GetDumpMessage;
use netlink_packet_xfrm::{XfrmAttrs, XfrmMessage};
use netlink_sys::protocols::NETLINK_XFRM;
use netlink_sys::{Socket, SocketAddr as KernelAddr};
use zeroize::{Zeroize, Zeroizing};

use super::request::{self, is_ours, request_id};
use super::{Backend, Fault, What};
use crate::pcscf::keys::{CkIk, KEY_BYTES};
use crate::pcscf::security::{
    Association, Change, Direction, EspKeys, Install, Removal, SetId, Suite, Terms, suite::suites,
};

/// How long an answer may take before the kernel counts as silent.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of one answer; the kernel cuts a list into such pieces.
const ANSWER_BYTES: usize = 64 * 1024;

/// A socket to the kernel.
pub struct Kernel {
    socket: Socket,
    number: u32,
}

impl Kernel {
    /// Fails without CAP_NET_ADMIN at the first request, and here where the kernel has no XFRM.
    pub fn open() -> Result<Kernel, Fault> {
        let opened = || -> io::Result<Socket> {
            let mut socket = Socket::new(NETLINK_XFRM)?;
            socket.bind_auto()?;
            socket.connect(&KernelAddr::new(0, 0))?;
            // An error then carries the head of a request, and not its keys.
            socket.set_cap_ack(true)?;
            socket2::SockRef::from(&socket).set_read_timeout(Some(PATIENCE))?;
            Ok(socket)
        };
        let socket = opened().map_err(|error| fault(What::Socket, &error))?;
        Ok(Kernel { socket, number: 0 })
    }

    /// Which suites the kernel does not provide, each with what it says. Needs what installing needs, and leaves nothing.
    pub fn lacks(&mut self, terms: Terms) -> Vec<(Suite, Fault)> {
        let mut lacking = Vec::new();
        for suite in suites(terms) {
            let probe = probe();
            let zero = || Zeroizing::new([0; KEY_BYTES]);
            let keys = EspKeys::expand(suite, &CkIk { ck: zero(), ik: zero() });
            match self.add_state(&probe, request_id(SetId(u64::MAX), 0), suite, &keys) {
                Ok(()) => {
                    let _ = self.ask(request::delete_state(&probe), What::Association);
                }
                Err(fault) => lacking.push((suite, fault)),
            }
        }
        lacking
    }

    fn install(&mut self, install: &Install) -> Result<(), Fault> {
        for (place, association) in install.associations.iter().enumerate() {
            let id = request_id(install.set, place);
            let done = self
                .add_state(association, id, install.suite, &install.keys)
                .and_then(|()| {
                    let policy = XfrmMessage::AddPolicy(request::add_policy(association, id));
                    self.ask(policy, What::Policy)
                });
            if let Err(fault) = done {
                self.remove(&Removal {
                    set: install.set,
                    associations: install.associations,
                });
                return Err(fault);
            }
        }
        Ok(())
    }

    /// What is not there any more is no fault.
    fn remove(&mut self, removal: &Removal) {
        for association in &removal.associations {
            let _ = self.ask(request::delete_policy(association), What::Policy);
            let _ = self.ask(request::delete_state(association), What::Association);
        }
    }

    fn add_state(&mut self, association: &Association, id: u32, suite: Suite, keys: &EspKeys) -> Result<(), Fault> {
        let mut message = NetlinkMessage::from(XfrmMessage::AddSa(request::add_state(association, id, suite, keys)));
        let done = self.exchange(&mut message, NLM_F_ACK, What::Association);
        if let NetlinkPayload::InnerMessage(XfrmMessage::AddSa(state)) = &mut message.payload {
            wipe(&mut state.nlas);
        }
        done.map(|_| ())
    }

    fn ask(&mut self, request: XfrmMessage, what: What) -> Result<(), Fault> {
        self.exchange(&mut NetlinkMessage::from(request), NLM_F_ACK, what)
            .map(|_| ())
    }

    fn list(&mut self, request: XfrmMessage) -> Result<Vec<XfrmMessage>, Fault> {
        self.exchange(&mut NetlinkMessage::from(request), NLM_F_DUMP, What::Listing)
    }

    /// Sends one request and hears its answer to the end.
    fn exchange(
        &mut self,
        request: &mut NetlinkMessage<XfrmMessage>,
        flag: u16,
        what: What,
    ) -> Result<Vec<XfrmMessage>, Fault> {
        self.number = self.number.wrapping_add(1);
        request.header = NetlinkHeader::default();
        request.header.flags = NLM_F_REQUEST | flag;
        request.header.sequence_number = self.number;
        request.finalize();
        let mut bytes = Zeroizing::new(vec![0; request.header.length as usize]);
        request.serialize(&mut bytes);
        self.socket.send(&bytes, 0).map_err(|error| fault(what, &error))?;
        let mut heard = Vec::new();
        loop {
            let mut answer = Zeroizing::new(Vec::with_capacity(ANSWER_BYTES));
            self.socket.recv(&mut *answer, 0).map_err(|error| fault(what, &error))?;
            if self.read(&answer, what, &mut heard)? {
                return Ok(heard);
            }
        }
    }

    /// Reads what came in one piece; whether it was the last.
    fn read(&self, mut bytes: &[u8], what: What, heard: &mut Vec<XfrmMessage>) -> Result<bool, Fault> {
        const MALFORMED: Fault = Fault {
            what: What::Listing,
            errno: 74, // EBADMSG
        };
        while !bytes.is_empty() {
            let message = NetlinkMessage::<XfrmMessage>::deserialize(bytes).map_err(|_| MALFORMED)?;
            let length = message.header.length as usize;
            let is_ours = message.header.sequence_number == self.number;
            match message.payload {
                // An answer to what was given up on before.
                _ if !is_ours => {}
                NetlinkPayload::Done(_) => return Ok(true),
                NetlinkPayload::Error(error) => match error.raw_code() {
                    0 => return Ok(true),
                    code => {
                        return Err(Fault {
                            what,
                            errno: code.saturating_neg(),
                        });
                    }
                },
                NetlinkPayload::InnerMessage(message) => heard.push(message),
                _ => {}
            }
            // Each begins at a multiple of four.
            let next = length.next_multiple_of(4);
            bytes = bytes.get(next.max(1)..).unwrap_or_default();
        }
        Ok(false)
    }
}

impl Backend for Kernel {
    fn apply(&mut self, change: &Change) -> Result<(), Fault> {
        match change {
            Change::Install(install) => self.install(install),
            Change::Remove(removal) => {
                self.remove(removal);
                Ok(())
            }
        }
    }

    fn guard(&mut self, addresses: &[SocketAddr]) -> Result<(), Fault> {
        let id = request_id(SetId(u64::MAX), 1);
        for address in addresses {
            for direction in [Direction::In, Direction::Out] {
                let policy = XfrmMessage::AddPolicy(request::guard(*address, direction, id));
                self.ask(policy, What::Policy)?;
            }
        }
        Ok(())
    }

    /// Sets are not kept over a restart.
    fn clear(&mut self) -> Result<usize, Fault> {
        let all_policies = XfrmMessage::GetPolicy(PolicyNamed::default());
        for listed in self.list(all_policies)? {
            let XfrmMessage::AddPolicy(policy) = &listed else {
                continue;
            };
            let is_ours = policy.nlas.iter().any(|attribute| match attribute {
                XfrmAttrs::Template(templates) => templates.iter().any(|template| is_ours(template.reqid)),
                _ => false,
            });
            if is_ours {
                self.ask(request::delete_listed_policy(policy), What::Policy)?;
            }
        }
        let mut removed = 0;
        for mut listed in self.list(XfrmMessage::GetDumpSa(GetDumpMessage::default()))? {
            if let XfrmMessage::AddSa(state) = &mut listed {
                wipe(&mut state.nlas);
                if is_ours(state.user_sa_info.reqid) {
                    self.ask(request::delete_listed_state(state), What::Association)?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernel").finish_non_exhaustive()
    }
}

fn fault(what: What, error: &io::Error) -> Fault {
    Fault {
        what,
        errno: error.raw_os_error().unwrap_or(5), // EIO
    }
}

/// Takes the keys out of what was said to the kernel, or by it.
fn wipe(attributes: &mut [XfrmAttrs]) {
    for attribute in attributes {
        match attribute {
            XfrmAttrs::EncryptionAlg(one) | XfrmAttrs::AuthenticationAlg(one) => one.alg_key.zeroize(),
            XfrmAttrs::EncryptionAlgAead(one) => one.alg_key.zeroize(),
            XfrmAttrs::AuthenticationAlgTrunc(one) => one.alg_key.zeroize(),
            _ => {}
        }
    }
}

/// An association between addresses that nobody has (RFC 5737).
fn probe() -> Association {
    Association {
        direction: Direction::Out,
        spi: 0x5349_5056,
        from: ([192, 0, 2, 1], 1).into(),
        to: ([192, 0, 2, 2], 1).into(),
    }
}
