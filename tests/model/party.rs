//! Who is around the engine, and what the trust domain thinks of them.

/// What somebody is to the trust domain, as a sender or as a receiver (0.1 of the catalogue).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// T.
    Trusted,
    /// S when it sends, E when it receives.
    Ue,
    /// U.
    Untrusted,
}

#[derive(Debug)]
pub struct Party {
    pub listener: &'static str,
    pub address: &'static str,
    /// A node in front of it, of the same class, that stays on the way.
    pub proxy: &'static str,
    pub domain: &'static str,
    pub sends_as: Class,
    pub receives_as: Class,
    /// What the policy says of it.
    pub peer: &'static str,
    pub aliases: &'static [(&'static str, &'static str)],
    /// Knows RFC 5876, whatever the domain says.
    pub rfc5876: Option<bool>,
    /// From may be rewritten towards it.
    pub from_may_change: bool,
}

use Class::{Trusted, Ue, Untrusted};

const PLAIN: Party = Party {
    listener: "net",
    address: "",
    proxy: "",
    domain: "",
    sends_as: Untrusted,
    receives_as: Untrusted,
    peer: "",
    aliases: &[],
    rfc5876: None,
    from_may_change: true,
};

pub static PARTIES: [Party; 10] = [
    Party {
        listener: "core",
        address: "10.20.0.9:5060",
        proxy: "10.20.0.8",
        domain: "core.example",
        sends_as: Trusted,
        receives_as: Trusted,
        ..PLAIN
    },
    Party {
        address: "192.0.2.70:5060",
        proxy: "192.0.2.71",
        domain: "ally.example",
        sends_as: Trusted,
        receives_as: Trusted,
        peer: "[[peer]]\nname = \"ally\"\nprefixes = [\"192.0.2.64/26\"]\nsecured_by = \"physical\"\n\
               aliases = { off = \"none\", hidden = \"user\", odd = \"history\" }\n",
        aliases: &[("off", "none"), ("hidden", "user"), ("odd", "history")],
        ..PLAIN
    },
    Party {
        address: "192.0.2.130:5060",
        proxy: "192.0.2.131",
        domain: "old.example",
        sends_as: Trusted,
        receives_as: Trusted,
        peer: "[[peer]]\nname = \"old\"\nprefixes = [\"192.0.2.130/31\"]\nsecured_by = \"physical\"\nrfc5876 = false\n",
        rfc5876: Some(false),
        ..PLAIN
    },
    Party {
        address: "192.0.2.132:5060",
        proxy: "192.0.2.133",
        domain: "in.example",
        sends_as: Trusted,
        peer: "[[peer]]\nname = \"in\"\nprefixes = [\"192.0.2.132/31\"]\nsecured_by = \"physical\"\ndirection = \"in\"\n",
        ..PLAIN
    },
    Party {
        address: "192.0.2.134:5060",
        proxy: "192.0.2.135",
        domain: "out.example",
        receives_as: Trusted,
        peer: "[[peer]]\nname = \"out\"\nprefixes = [\"192.0.2.134/31\"]\nsecured_by = \"physical\"\ndirection = \"out\"\n",
        ..PLAIN
    },
    Party {
        address: "192.0.2.9:5060",
        proxy: "192.0.2.10",
        domain: "net.example",
        ..PLAIN
    },
    Party {
        address: "192.0.2.136:5060",
        proxy: "192.0.2.137",
        domain: "odd.example",
        peer: "[[peer]]\nname = \"odd\"\nprefixes = [\"192.0.2.136/31\"]\naliases = { full = \"header\", foo = \"absent\" }\n",
        aliases: &[("full", "header"), ("foo", "absent")],
        ..PLAIN
    },
    Party {
        address: "192.0.2.138:5060",
        proxy: "192.0.2.139",
        domain: "legacy.example",
        peer: "[[peer]]\nname = \"legacy\"\nprefixes = [\"192.0.2.138/31\"]\nanonymise_from_for_legacy = false\n",
        from_may_change: false,
        ..PLAIN
    },
    Party {
        listener: "access",
        address: "10.30.0.9:5060",
        domain: "ue.example",
        sends_as: Ue,
        receives_as: Ue,
        ..PLAIN
    },
    Party {
        listener: "access",
        address: "10.30.0.8:5060",
        domain: "phone.example",
        sends_as: Ue,
        receives_as: Ue,
        ..PLAIN
    },
];

/// What the network says a registered UE is called, the default first.
pub const UE_IDENTITIES: [&str; 2] = ["sip:ue@home1.example", "tel:+15550007"];

impl Party {
    pub fn host(&self) -> &'static str {
        self.address.trim_end_matches(":5060")
    }
}
