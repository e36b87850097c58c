//! A dialog between Al, who is in T, and Bob, a stranger, that each party can go on with.

use crate::legs::{CORE, FROM, NET, Party, pass};
use crate::world::{POLICY, Sent, World, contact_uri, keys_of_instance, respond, routes};

/// A party's end of a dialog: what it learned of it.
#[derive(Debug, Clone)]
pub struct End {
    pub party: Party,
    /// Its own name-addr with tag, and the other's, as it knows them.
    pub local: String,
    pub remote: String,
    pub target: String,
    pub routes: String,
    pub contact: String,
}

impl End {
    pub fn request(&self, method: &str, number: u32, rows: &str) -> String {
        let End {
            party,
            local,
            remote,
            target,
            routes,
            contact,
        } = self;
        let contact = match method {
            "INVITE" | "UPDATE" | "SUBSCRIBE" | "NOTIFY" | "REFER" => format!("Contact: {contact}\r\n"),
            _ => String::new(),
        };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKin-{method}-{number}\r\nMax-Forwards: 70\r\n\
             {routes}From: {local}\r\nTo: {remote}\r\nCall-ID: call-1\r\nCSeq: {number} {method}\r\n{contact}{rows}\
             Content-Length: 0\r\n\r\n",
            party.address
        )
    }
}

/// A dialog between Al, who is in T, and a stranger called Bob.
pub struct Call {
    pub world: World,
    pub al: End,
    pub bob: End,
    /// What reached Bob, and what reached Al.
    pub invite: Sent,
    pub ok: Sent,
}

pub const AL_CONTACT: &str = "<sip:al-secret@10.20.0.9>";
pub const BOB_CONTACT: &str = "<sip:bob@192.0.2.9>";
/// A node of Al's network that records its route.
pub const INNER: &str = "Record-Route: <sip:10.20.0.9;lr>\r\n";
pub const PLACES: &[&str] = &["Al Secret", "15550001", "al-secret", "10.99.0.7", "10.20.0.9"];

impl Call {
    /// Al calls; `asked` are rows of the INVITE, `answer` rows of the 200.
    pub fn by_al(world: World, asked: &str, answer: &str) -> Call {
        Call::open(world, "INVITE", asked, answer)
    }

    pub fn open(mut world: World, method: &str, asked: &str, answer: &str) -> Call {
        let text = opening(CORE, NET, method, FROM, AL_CONTACT, asked);
        let sent = world.packet(CORE.listener, CORE.address, &text);
        let invite = sent[0].clone();
        assert_eq!(invite.to.to_string(), NET.address, "{sent:#?}");
        let text = respond(&invite, "200 OK", "b", &format!("Contact: {BOB_CONTACT}\r\n{answer}"));
        let sent = world.packet(NET.listener, NET.address, &text);
        let ok = sent[0].clone();
        assert_eq!(ok.to.to_string(), CORE.address, "{sent:#?}");
        let al = End {
            party: CORE,
            local: ok.row("From").unwrap().to_owned(),
            remote: ok.row("To").unwrap().to_owned(),
            target: contact_uri(ok.row("Contact").unwrap()).to_owned(),
            // The inner node takes its own value off before the message comes to us.
            routes: routes(&ok.rows("Record-Route"), true).replace("Route: <sip:10.20.0.9;lr>\r\n", ""),
            contact: AL_CONTACT.to_owned(),
        };
        let bob = End {
            party: NET,
            local: format!("{};tag=b", invite.row("To").unwrap()),
            remote: invite.row("From").unwrap().to_owned(),
            target: contact_uri(invite.row("Contact").unwrap()).to_owned(),
            routes: routes(&invite.rows("Record-Route"), false),
            contact: BOB_CONTACT.to_owned(),
        };
        Call {
            world,
            al,
            bob,
            invite,
            ok,
        }
    }

    /// Bob calls Al, who asks in the 200.
    pub fn by_bob(mut world: World, asked: &str, answer: &str) -> Call {
        let from = "<sip:bob@net.example>;tag=b";
        let text = opening(NET, CORE, "INVITE", from, BOB_CONTACT, asked);
        let sent = world.packet(NET.listener, NET.address, &text);
        let invite = sent[0].clone();
        assert_eq!(invite.to.to_string(), CORE.address, "{sent:#?}");
        let text = respond(&invite, "200 OK", "7", &format!("Contact: {AL_CONTACT}\r\n{answer}"));
        let sent = world.packet(CORE.listener, CORE.address, &text);
        let ok = sent[0].clone();
        assert_eq!(ok.to.to_string(), NET.address, "{sent:#?}");
        let al = End {
            party: CORE,
            local: format!("{};tag=7", invite.row("To").unwrap()),
            remote: invite.row("From").unwrap().to_owned(),
            target: contact_uri(invite.row("Contact").unwrap()).to_owned(),
            routes: routes(&invite.rows("Record-Route"), false),
            contact: AL_CONTACT.to_owned(),
        };
        let bob = End {
            party: NET,
            local: from.to_owned(),
            remote: ok.row("To").unwrap().to_owned(),
            target: contact_uri(ok.row("Contact").unwrap()).to_owned(),
            routes: routes(&ok.rows("Record-Route"), true),
            contact: BOB_CONTACT.to_owned(),
        };
        Call {
            world,
            al,
            bob,
            invite,
            ok,
        }
    }

    /// Al sends; what reached Bob.
    #[track_caller]
    pub fn al_sends(&mut self, method: &str, number: u32, rows: &str) -> Sent {
        let text = self.al.request(method, number, rows);
        pass(&mut self.world, CORE, NET, &text)
    }

    /// Bob sends; what reached Al.
    #[track_caller]
    pub fn bob_sends(&mut self, method: &str, number: u32, rows: &str) -> Sent {
        let text = self.bob.request(method, number, rows);
        pass(&mut self.world, NET, CORE, &text)
    }

    #[track_caller]
    pub fn al_answers(&mut self, request: &Sent, status: &str, rows: &str) -> Sent {
        pass(&mut self.world, CORE, NET, &respond(request, status, "", rows))
    }

    #[track_caller]
    pub fn bob_answers(&mut self, request: &Sent, status: &str, rows: &str) -> Sent {
        pass(&mut self.world, NET, CORE, &respond(request, status, "", rows))
    }

    /// The same dialog after the node died: another run of the process with the same keys.
    pub fn in_another_process(self) -> Call {
        let world = World::with(POLICY, keys_of_instance(8), [9; 32]);
        Call { world, ..self }
    }
}

pub fn opening(from: Party, to: Party, method: &str, from_row: &str, contact: &str, rows: &str) -> String {
    format!(
        "{method} sip:bob@{} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKopen\r\nMax-Forwards: 70\r\n\
         From: {from_row}\r\nTo: <sip:bob@{}>\r\nCall-ID: call-1\r\nCSeq: 1 {method}\r\nContact: {contact}\r\n{rows}\
         Content-Length: 0\r\n\r\n",
        to.domain, from.address, to.domain
    )
}
