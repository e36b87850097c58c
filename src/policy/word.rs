//! The words the policy file has for values that are a choice.

use super::{
    ClientCertificate, Direction, Overload, PeersAre, Profile, Security, Undetermined,
    admin::Identities,
    dns::LocalAddresses,
    lawful::Admission,
    p2p::{Addresses, Expose, Media, OnLeak, Startup, View},
    pcscf::{PathUnsupported, ServiceRoute, UnprotectedAction},
    privacy::{CallIds, DialogDowngrade, DialogStore, Provided, RemotePartyId, Unprovidable},
    proxy::{OptionsAnswer, Role},
    route::Fork,
    spec_t::{
        ConflictNone, DefaultPrivacy, MalformedPrivacy, TokenMeaning, UeSecurity, UnknownToken, UserAuthentication,
    },
    topology_hiding::{HidingMode, OrigIoi},
};

/// A value written as one of a few words: `reject-500`. The same words are read, printed and explained.
pub trait Word: Copy + PartialEq + 'static {
    /// All of them, in the order a reader would list them.
    const ALL: &'static [Self];

    /// As written in the policy file.
    fn word(self) -> &'static str;

    /// The value of this word, exactly as written.
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.word() == word)
    }
}

macro_rules! words {
    ($type:ty { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl Word for $type {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }
        }
    };
}

words!(Profile {
    Ims = "ims",
    Rfc = "rfc"
});
words!(UserAuthentication {
    ImsAka = "ims-aka",
    SipDigest = "sip-digest",
    TlsClientCert = "tls-client-cert",
    None = "none",
});
words!(Security {
    ZbIpsec = "zb-ipsec",
    ZaSeg = "za-seg",
    MutualTls = "mutual-tls",
    Physical = "physical",
});
words!(UeSecurity {
    Ipsec3gpp = "ipsec-3gpp",
    Tls = "tls",
    Physical = "physical",
    None = "none",
});
words!(Role {
    PCscf = "p-cscf",
    Edge = "edge",
    Core = "core"
});
words!(DialogStore {
    Token = "token",
    Store = "store"
});
words!(CallIds {
    Keep = "keep",
    Map = "map"
});
words!(DefaultPrivacy {
    Keep = "keep",
    Remove = "remove"
});
words!(UnknownToken {
    AsId = "as-id",
    Ignore = "ignore",
    Reject500 = "reject-500",
});
words!(MalformedPrivacy {
    AsUnknown = "as-unknown",
    Reject400 = "reject-400",
});
words!(ConflictNone {
    PrivacyWins = "privacy-wins",
    NoneWins = "none-wins",
    Reject400 = "reject-400",
});
words!(TokenMeaning {
    Absent = "absent",
    None = "none",
    Id = "id",
    Critical = "critical",
    User = "user",
    Header = "header",
    Session = "session",
    History = "history",
});
words!(PeersAre {
    Trusted = "trusted",
    Listed = "listed",
    Untrusted = "untrusted",
    Ue = "ue",
});
words!(ClientCertificate {
    Required = "required",
    Requested = "requested",
});
words!(Overload {
    Off = "off",
    Loss = "loss",
});
words!(Direction {
    Both = "both",
    In = "in",
    Out = "out",
});
words!(Undetermined {
    Untrusted = "untrusted",
    Refuse = "refuse",
});
words!(Provided {
    None = "none",
    Id = "id",
    Critical = "critical",
    User = "user",
    Header = "header",
    History = "history",
});
words!(Admission {
    Accept = "accept",
    Reject = "reject",
});
words!(DialogDowngrade {
    Ignore = "ignore",
    Honour = "honour",
});
words!(Unprovidable {
    Forward = "forward",
    Reject500 = "reject-500",
});
words!(OptionsAnswer {
    Answer = "answer",
    Refuse = "refuse",
    Drop = "drop",
});
words!(Fork {
    Failover = "failover",
    Serial = "serial",
    Parallel = "parallel",
    ParallelOnly = "parallel-only",
});
words!(PathUnsupported {
    Insert = "insert",
    Reject421 = "reject-421",
});
words!(ServiceRoute {
    Enforce = "enforce",
    Reject400 = "reject-400",
});
words!(UnprotectedAction {
    Reject403 = "reject-403",
    Drop = "drop",
});
words!(LocalAddresses {
    Refuse = "refuse",
    Accept = "accept",
});
words!(RemotePartyId {
    Drop = "drop",
    Pass = "pass",
});

words!(HidingMode {
    Off = "off",
    Aead = "aead",
    Aes128Cbc = "aes-128-cbc",
});
words!(OnLeak {
    Redact = "redact",
    Remove = "remove",
    Refuse = "refuse",
});
words!(Startup {
    Peers = "peers",
    Network = "network",
});

words!(Addresses {
    None = "none",
    Relay = "relay",
    Real = "real",
});
words!(Media {
    Direct = "direct",
    Relay = "relay",
});
words!(View {
    Shared = "shared",
    Pairwise = "pairwise",
});
words!(Expose {
    Sealed = "sealed",
    Drawn = "ue",
});
words!(Identities {
    Hidden = "hidden",
    Clear = "clear",
});
words!(OrigIoi {
    Keep = "keep",
    Remove = "remove",
});

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_back<T: Word + std::fmt::Debug>() {
        for value in T::ALL {
            assert_eq!(T::from_word(value.word()), Some(*value));
        }
        assert_eq!(T::from_word(""), None);
    }

    #[test]
    fn every_word_names_one_value() {
        comes_back::<Profile>();
        comes_back::<UserAuthentication>();
        comes_back::<Security>();
        comes_back::<UeSecurity>();
        comes_back::<UnknownToken>();
        comes_back::<MalformedPrivacy>();
        comes_back::<ConflictNone>();
        comes_back::<TokenMeaning>();
        comes_back::<PeersAre>();
        comes_back::<Direction>();
        comes_back::<Overload>();
        comes_back::<Provided>();
        comes_back::<LocalAddresses>();
        comes_back::<OptionsAnswer>();
        comes_back::<Fork>();
        comes_back::<PathUnsupported>();
        comes_back::<ServiceRoute>();
        comes_back::<UnprotectedAction>();
        comes_back::<HidingMode>();
        comes_back::<OrigIoi>();
        comes_back::<OnLeak>();
        comes_back::<Addresses>();
        comes_back::<Startup>();
        comes_back::<Media>();
        comes_back::<View>();
        comes_back::<Expose>();
        comes_back::<Identities>();
    }
}
