//! A policy of nothing but listeners.

use std::{sync::Arc, time::Duration};

use crate::{
    policy::{
        Admin, Bind, ClientCertificate, Dns, Domain, Evidence, Limits, Listener, P2p, PCscf, PeersAre, Policy, Privacy,
        Profile, Proxy, SpecT, Stated, StatedBy, Tls, TopologyHiding, Undetermined, Word,
        lawful::LawfulInterception,
        on_behalf::Agreements,
        privacy::{CallIds, DialogDowngrade, DialogStore, RemotePartyId, Unprovidable},
        proxy::{OptionsAnswer, Role},
        spec_t::{ConflictNone, DefaultPrivacy, IdHandling, MalformedPrivacy, UnknownToken},
        store::Store,
    },
    sip::Transport,
};

pub fn listening(workers: u16, listeners: &[(&str, &[(Transport, &str)])]) -> Policy {
    Policy {
        file: "test.toml".to_owned(),
        profile: stated(Profile::Ims),
        dedicated_untrusted: stated(false),
        domain: Domain {
            id: stated("T-test".to_owned()),
            admin_domains: stated(Vec::new()),
        },
        spec_t: spec_t(),
        proxy: Proxy {
            name: stated(None),
            workers: stated(workers),
            drain: stated(Duration::from_secs(60)),
            key_file: stated(None),
            recurse: stated(false),
            options_from_strangers: stated(OptionsAnswer::Answer),
            absent_code: stated(404),
            roles: stated(Role::ALL.to_vec()),
        },
        listeners: listeners.iter().map(|(name, bind)| listener(name, bind)).collect(),
        peers: Vec::new(),
        evidence: Evidence {
            reverse_dns: stated(false),
            undetermined: stated(Undetermined::Untrusted),
        },
        routes: Vec::new(),
        privacy: privacy(),
        lawful_interception: LawfulInterception::default(),
        pcscf: PCscf::default(),
        limits: Limits::default(),
        topology_hiding: TopologyHiding::default(),
        p2p: P2p::default(),
        dns: Dns::default(),
        store: Stated {
            value: Store::Memory,
            by: StatedBy::Default,
        },
        admin: Admin::default(),
        limits_stated: Vec::new(),
    }
}

/// One listener, UDP and TCP on loopback at a port of the system's choice.
pub fn one(workers: u16) -> Policy {
    listening(workers, &[("access", &[(Transport::Udp, "127.0.0.1:0")])])
}

/// [`one`] worker, its limits changed.
pub fn limited(change: impl FnOnce(&mut Limits)) -> Arc<Policy> {
    let mut policy = one(1);
    change(&mut policy.limits);
    Arc::new(policy)
}

fn listener(name: &str, bind: &[(Transport, &str)]) -> Listener {
    let bind = bind.iter().map(|(transport, address)| Bind {
        transport: *transport,
        address: address.parse().unwrap(),
    });
    Listener {
        name: stated(name.to_owned()),
        bind: bind.map(stated).collect(),
        peers: stated(PeersAre::Untrusted),
        secured_by: None,
        implicit_member: stated(false),
        advertise: None,
        thig: stated(false),
        tls: None,
        protected: None,
    }
}

/// One file for everything.
pub fn tls(file: &str) -> Tls {
    Tls {
        certificate: stated(file.to_owned()),
        key: stated(file.to_owned()),
        client_ca: None,
        client_certificate: stated(ClientCertificate::Required),
        ca: None,
    }
}

pub fn stated<T>(value: T) -> Stated<T> {
    let by = StatedBy::Default;
    Stated { value, by }
}

fn spec_t() -> SpecT {
    SpecT {
        user_authentication: stated(Vec::new()),
        inter_node_security: stated(Vec::new()),
        ue_security: stated(Vec::new()),
        i_accept_unprotected_access: stated(true),
        default_privacy_to_ue: stated(DefaultPrivacy::Keep),
        default_privacy_to_untrusted: stated(DefaultPrivacy::Keep),
        compliance_sip: stated(Vec::new()),
        compliance_asserted_identity: stated(Vec::new()),
        violation_limit: stated(10),
        id_handling: IdHandling {
            user_removes_pai: stated(true),
            retain_id: stated(true),
            unknown_token: stated(UnknownToken::AsId),
            malformed_privacy: stated(MalformedPrivacy::AsUnknown),
            conflict_none: stated(ConflictNone::PrivacyWins),
            legacy_tokens: stated(Vec::new()),
        },
    }
}

fn privacy() -> Privacy {
    Privacy {
        values: stated(Vec::new()),
        on_behalf: Agreements::default(),
        anonymous_host: stated("anonymous.invalid".to_owned()),
        call_id: stated(CallIds::Keep),
        dialog_sticky: stated(true),
        dialog_downgrade: stated(DialogDowngrade::Ignore),
        dialog_memory: stated(DialogStore::Token),
        scrub_contact_user_on_user: stated(true),
        hide_routing_to_ue: stated(true),
        id_anonymises_from: stated(false),
        unprovidable_without_critical: stated(Unprovidable::Forward),
        remote_party_id: stated(RemotePartyId::Drop),
        strip_session_id_on_user: stated(true),
        strip_identity_on_id_to_ue: stated(true),
        token_max_bytes: stated(600),
        max_dialog_age: stated(Duration::from_secs(86_400)),
    }
}
