//! Every value in force and who stated it.

use std::{fmt::Write, time::Duration};

use crate::policy::{
    Admin, Bind, Dns, Domain, Evidence, IdHandling, LawfulInterception, Limits, Listener, ListenerId, P2p, PCscf, Part,
    Peer, Policy, Privacy, Profile, Protected, Proxy, Route, SpecT, Stated, StatedBy, Tls, TopologyHiding, Word,
    admin::Hep, on_behalf::OnBehalf, p2p::TrackerIs, spec_t::TokenMeaning, store::Store,
};

/// The whole policy, a value a line with its origin: `(FILE:12)`, `(profile ims)` or `(default)`. The items of SPEC(T)
/// come first, in their order.
///
/// No value changes what the proxy does without standing here, so every table is taken apart field by field: a new
/// field does not compile until it is printed.
//= ROLE-003
pub fn effective(policy: &Policy) -> String {
    let Policy {
        file,
        profile,
        dedicated_untrusted,
        domain,
        spec_t,
        proxy,
        listeners,
        peers,
        evidence,
        routes,
        privacy,
        lawful_interception,
        pcscf,
        topology_hiding,
        p2p,
        dns,
        store,
        admin,
        limits,
        limits_stated,
    } = policy;
    let mut page = Page {
        file,
        profile: profile.value,
        text: String::new(),
    };
    page.value("profile", &word(profile));
    page.value("dedicated_untrusted", &plain(dedicated_untrusted));
    page.domain(domain);
    page.spec_t(spec_t, listeners, peers, evidence);
    page.proxy(proxy);
    for route in routes {
        page.route(route, listeners);
    }
    page.privacy(privacy);
    page.lawful_interception(lawful_interception);
    page.pcscf(pcscf);
    page.topology_hiding(topology_hiding);
    page.p2p(p2p);
    page.dns(dns);
    page.store(store);
    page.admin(admin);
    page.limits(limits, limits_stated);
    page.text
}

struct Page<'p> {
    file: &'p str,
    profile: Profile,
    text: String,
}

impl Page<'_> {
    fn domain(&mut self, domain: &Domain) {
        let Domain { id, admin_domains } = domain;
        self.title("[domain]");
        self.value("id", &text(id));
        self.value("admin_domains", &texts(admin_domains));
    }

    //= TRUST-009
    fn spec_t(&mut self, spec_t: &SpecT, listeners: &[Listener], peers: &[Peer], evidence: &Evidence) {
        let SpecT {
            user_authentication,
            inter_node_security,
            ue_security,
            i_accept_unprotected_access,
            default_privacy_to_ue,
            default_privacy_to_untrusted,
            compliance_sip,
            compliance_asserted_identity,
            violation_limit,
            id_handling,
        } = spec_t;
        self.item(1, "how users are authenticated");
        self.title("[spec_t]");
        self.value("user_authentication", &words(user_authentication));
        self.item(2, "security between nodes");
        self.value("inter_node_security", &words(inter_node_security));
        self.item(3, "security towards UEs");
        self.value("ue_security", &words(ue_security));
        self.value("i_accept_unprotected_access", &plain(i_accept_unprotected_access));
        self.item(4, "who is a member");
        for listener in listeners {
            self.listener(listener);
        }
        for peer in peers {
            self.peer(peer);
        }
        let Evidence {
            reverse_dns,
            undetermined,
        } = evidence;
        self.title("[evidence]");
        self.value("reverse_dns", &plain(reverse_dns));
        self.value("undetermined", &word(undetermined));
        self.item(5, "privacy of who asked for nothing");
        self.title("[spec_t.default_privacy]");
        self.value("to_ue", &word(default_privacy_to_ue));
        self.value("to_untrusted", &word(default_privacy_to_untrusted));
        self.item(6, "compliance with SIP");
        self.title("[spec_t.compliance]");
        self.value("sip", &texts(compliance_sip));
        self.value("violation_limit", &plain(violation_limit));
        self.item(7, "compliance with RFC 3325");
        self.value("asserted_identity", &texts(compliance_asserted_identity));
        self.item(8, "privacy handling of identity");
        self.id_handling(id_handling);
    }

    fn id_handling(&mut self, id_handling: &IdHandling) {
        let IdHandling {
            user_removes_pai,
            retain_id,
            unknown_token,
            malformed_privacy,
            conflict_none,
            legacy_tokens,
        } = id_handling;
        self.title("[spec_t.id_handling]");
        self.value("user_removes_pai", &plain(user_removes_pai));
        self.value("retain_id", &plain(retain_id));
        self.value("unknown_token", &word(unknown_token));
        self.value("malformed_privacy", &word(malformed_privacy));
        self.value("conflict_none", &word(conflict_none));
        let meanings: Vec<String> = legacy_tokens.value.iter().map(meaning).collect();
        let meanings = format!("{{ {} }}", meanings.join(", "));
        self.value("legacy_tokens", &(meanings, legacy_tokens.by));
    }

    fn listener(&mut self, listener: &Listener) {
        let Listener {
            name,
            bind,
            peers,
            secured_by,
            implicit_member,
            advertise,
            thig,
            tls,
            protected,
        } = listener;
        if matches!(protected, Some(Part::Server { .. } | Part::Client { .. })) {
            // Stands with the listener it belongs to.
            return;
        }
        self.title("[[listener]]");
        self.value("name", &text(name));
        for bind in bind {
            self.value("bind", &(quoted(&address(bind.value)), bind.by));
        }
        self.value("peers", &word(peers));
        self.value("secured_by", &optional(secured_by.as_ref().map(word)));
        self.value("implicit_member", &plain(implicit_member));
        self.value("advertise", &optional(advertise.as_ref().map(text)));
        self.value("thig", &plain(thig));
        if let Some(tls) = tls {
            self.tls(tls);
        }
        if let Some(Part::Entry(entry)) = protected {
            self.protected(&entry.protected, name.by);
        }
    }

    fn protected(&mut self, protected: &Protected, by: StatedBy) {
        let Protected {
            server_port,
            client_ports,
            legacy_algorithms,
            require_encryption,
            unacceptable_code,
            require_verify_always,
        } = protected;
        let ports = list(client_ports.iter().map(u16::to_string));
        self.value("protected.server_port", &(server_port.to_string(), by));
        self.value("protected.client_ports", &(ports, by));
        self.value("protected.legacy_algorithms", &(legacy_algorithms.to_string(), by));
        self.value("protected.require_encryption", &(require_encryption.to_string(), by));
        self.value("protected.unacceptable_code", &(unacceptable_code.to_string(), by));
        self.value(
            "protected.require_verify_always",
            &(require_verify_always.to_string(), by),
        );
    }

    fn tls(&mut self, tls: &Tls) {
        let Tls {
            certificate,
            key,
            client_ca,
            client_certificate,
            ca,
        } = tls;
        self.value("tls.certificate", &text(certificate));
        self.value("tls.key", &text(key));
        self.value("tls.client_ca", &optional(client_ca.as_ref().map(text)));
        self.value("tls.client_certificate", &word(client_certificate));
        self.value("tls.ca", &optional(ca.as_ref().map(text)));
    }

    fn peer(&mut self, peer: &Peer) {
        let Peer {
            name,
            names,
            certified: _,
            prefixes,
            secured_by,
            direction,
            aliases,
            rfc5876,
            anonymise_from_for_legacy,
            overload_control,
            thig,
        } = peer;
        self.title("[[peer]]");
        self.value("name", &text(name));
        for name in names {
            self.value("names", &text(name));
        }
        for prefix in prefixes {
            self.value("prefixes", &(quoted(&prefix.value.to_string()), prefix.by));
        }
        self.value("secured_by", &optional(secured_by.as_ref().map(word)));
        self.value("direction", &word(direction));
        for (token, alias) in aliases {
            let alias_text = meaning(&(token.clone(), alias.value));
            self.value("aliases", &(format!("{{ {alias_text} }}"), alias.by));
        }
        self.value("rfc5876", &plain(rfc5876));
        self.value("anonymise_from_for_legacy", &plain(anonymise_from_for_legacy));
        self.value("overload_control", &word(overload_control));
        self.value("thig", &optional(thig.as_ref().map(plain)));
    }

    fn topology_hiding(&mut self, hiding: &TopologyHiding) {
        let TopologyHiding {
            mode,
            key_file,
            hidden_prefixes,
            orig_ioi,
        } = hiding;
        self.title("[topology_hiding]");
        self.value("mode", &word(mode));
        self.value("key_file", &optional_text(key_file));
        for prefix in hidden_prefixes {
            self.value("hidden_prefixes", &(quoted(&prefix.value.to_string()), prefix.by));
        }
        self.value("orig_ioi", &word(orig_ioi));
    }

    fn p2p(&mut self, p2p: &P2p) {
        let P2p {
            tracker,
            arch,
            https,
            domain,
            key_file,
            ticket_key,
            manifests,
            sources,
            network_peers,
            cdn,
            startup,
            alto,
            partner_domains,
            auditors,
            on_leak,
            addresses,
            media,
            relays,
            clear_keys,
            view,
            expose,
            epoch,
            grace,
            audit_retention,
            // Not of this file.
            contents: _,
        } = p2p;
        self.title("[p2p]");
        let tracker_is = match &tracker.value {
            TrackerIs::Off => "off",
            TrackerIs::Embedded => "embedded",
            TrackerIs::At(next_hop) => next_hop,
        };
        self.value("tracker", &(quoted(tracker_is), tracker.by));
        let numbers: Vec<String> = arch.value.iter().map(|arch| arch.number().to_string()).collect();
        self.value("arch", &(format!("[{}]", numbers.join(", ")), arch.by));
        if let Some(https) = https {
            self.value("https.bind", &(quoted(&https.bind.value.to_string()), https.bind.by));
            self.value("https.certificate", &text(&https.tls.certificate));
        }
        self.value("domain", &(quoted(&domain.value), domain.by));
        self.value("key_file", &optional_text(key_file));
        self.value("ticket_key", &optional_text(ticket_key));
        for (key, list) in [
            ("manifests", manifests),
            ("network_peers", network_peers),
            ("cdn", cdn),
            ("partner_domains", partner_domains),
            ("auditors", auditors),
        ] {
            for entry in list {
                self.value(key, &(quoted(&entry.value), entry.by));
            }
        }
        for source in sources {
            self.value("sources", &(quoted(&source.name.value), source.name.by));
        }
        self.value("startup", &word(startup));
        if let Some(alto) = alto {
            self.value("alto.network_map", &text(&alto.network_map));
            self.value("alto.cost_map", &text(&alto.cost_map));
            self.value("alto.refresh", &duration(&alto.refresh));
        }
        self.value("on_leak", &word(on_leak));
        self.value("addresses", &word(addresses));
        self.value("media", &word(media));
        for relay in relays {
            self.value("relays", &(quoted(&relay.value.to_string()), relay.by));
        }
        self.value("clear_keys", &plain(clear_keys));
        self.value("view", &word(view));
        self.value("expose", &word(expose));
        self.value("epoch", &duration(epoch));
        self.value("grace", &duration(grace));
        self.value("audit_retention", &duration(audit_retention));
    }

    fn proxy(&mut self, proxy: &Proxy) {
        let Proxy {
            name,
            workers,
            drain,
            key_file,
            recurse,
            options_from_strangers,
            absent_code,
            roles,
        } = proxy;
        self.title("[proxy]");
        self.value("name", &optional_text(name));
        self.value("workers", &plain(workers));
        self.value("drain", &duration(drain));
        self.value("key_file", &optional_text(key_file));
        self.value("recurse", &plain(recurse));
        self.value("options_from_strangers", &word(options_from_strangers));
        self.value("absent_code", &plain(absent_code));
        self.value("roles", &words(roles));
    }

    fn route(&mut self, route: &Route, listeners: &[Listener]) {
        let Route {
            from,
            method,
            domain,
            emergency,
            next_hop,
            fork,
            via,
        } = route;
        let listener = |id: &Stated<ListenerId>| {
            let name = listeners
                .get(usize::from(id.value.0))
                .map_or("", |listener| listener.name.value.as_str());
            (quoted(name), id.by)
        };
        self.title("[[route]]");
        self.value("from", &listener(from));
        for method in method {
            self.value("method", &text(method));
        }
        for domain in domain {
            self.value("domain", &text(domain));
        }
        self.value("emergency", &plain(emergency));
        for next_hop in next_hop {
            self.value("next_hop", &text(next_hop));
        }
        self.value("fork", &word(fork));
        self.value("via", &listener(via));
    }

    fn privacy(&mut self, privacy: &Privacy) {
        let Privacy {
            values,
            on_behalf,
            anonymous_host,
            call_id,
            dialog_sticky,
            dialog_downgrade,
            dialog_memory,
            scrub_contact_user_on_user,
            hide_routing_to_ue,
            id_anonymises_from,
            unprovidable_without_critical,
            remote_party_id,
            strip_session_id_on_user,
            strip_identity_on_id_to_ue,
            token_max_bytes,
            max_dialog_age,
        } = privacy;
        self.title("[privacy]");
        self.value("values", &words(values));
        self.value("anonymous_host", &text(anonymous_host));
        self.value("call_id", &word(call_id));
        self.value("dialog_sticky", &plain(dialog_sticky));
        self.value("dialog_downgrade", &word(dialog_downgrade));
        self.value("dialog_memory", &word(dialog_memory));
        self.value("scrub_contact_user_on_user", &plain(scrub_contact_user_on_user));
        self.value("hide_routing_to_ue", &plain(hide_routing_to_ue));
        self.value("id_anonymises_from", &plain(id_anonymises_from));
        self.value("unprovidable_without_critical", &word(unprovidable_without_critical));
        self.value("remote_party_id", &word(remote_party_id));
        self.value("strip_session_id_on_user", &plain(strip_session_id_on_user));
        self.value("strip_identity_on_id_to_ue", &plain(strip_identity_on_id_to_ue));
        self.value("token_max", &plain(token_max_bytes));
        self.value("max_dialog_age", &duration(max_dialog_age));
        for agreement in on_behalf.all() {
            let OnBehalf {
                identity,
                values,
                methods,
            } = agreement;
            self.title("[[privacy.on_behalf]]");
            self.value("identity", &text(identity));
            self.value("values", &words(values));
            for method in methods {
                self.value("methods", &text(method));
            }
        }
    }

    fn lawful_interception(&mut self, lawful: &LawfulInterception) {
        let LawfulInterception {
            anonymous_without_identity,
            reject_code,
            unidentified,
            audit,
            sink_required,
        } = lawful;
        self.title("[lawful_interception]");
        self.value("anonymous_without_identity", &word(anonymous_without_identity));
        self.value("reject_code", &plain(reject_code));
        self.value("unidentified", &word(unidentified));
        self.value("audit.file", &optional(audit.as_ref().map(|audit| text(&audit.file))));
        self.value(
            "audit.key_file",
            &optional(audit.as_ref().map(|audit| text(&audit.key_file))),
        );
        self.value("sink_required", &plain(sink_required));
    }

    fn pcscf(&mut self, pcscf: &PCscf) {
        let PCscf {
            path_unsupported,
            service_route,
            unprotected_action,
            oob_in_dialog_code,
            visited_network_id,
            pani_network_provided,
            reg_event,
            ioi,
            pseudonyms,
            require_protected_pseudonyms,
            dialog_release,
            min_se,
        } = pcscf;
        self.title("[pcscf]");
        self.value("path_unsupported", &word(path_unsupported));
        self.value("service_route", &word(service_route));
        self.value("unprotected_action", &word(unprotected_action));
        self.value("oob_in_dialog_code", &plain(oob_in_dialog_code));
        self.value("visited_network_id", &optional_text(visited_network_id));
        self.value("pani_network_provided", &optional_text(pani_network_provided));
        self.value("reg_event", &plain(reg_event));
        self.value("ioi", &optional_text(ioi));
        for pseudonym in pseudonyms {
            self.value("pseudonyms", &text(pseudonym));
        }
        self.value("require_protected_pseudonyms", &plain(require_protected_pseudonyms));
        self.value("dialog_release", &plain(dialog_release));
        let shortest = min_se.value.map(|value| Stated { value, by: min_se.by });
        self.value("min_se", &optional(shortest.as_ref().map(duration)));
    }

    fn store(&mut self, store: &Stated<Store>) {
        self.title("[store]");
        let url = match &store.value {
            Store::Memory => "memory:".to_owned(),
            Store::File(file) => format!("file:{file}"),
        };
        self.value(
            "url",
            &text(&Stated {
                value: url,
                by: store.by,
            }),
        );
    }

    fn admin(&mut self, admin: &Admin) {
        let Admin { http, hep } = admin;
        let token_file = http.as_ref().and_then(|http| http.token_file.as_ref());
        self.title("[admin]");
        self.value(
            "http",
            &optional(
                http.as_ref()
                    .map(|http| (quoted(&http.bind.value.to_string()), http.bind.by)),
            ),
        );
        self.value("token_file", &optional(token_file.map(text)));
        let Some(Hep { to, identities, agent }) = hep else {
            return self.value("hep", &optional(None));
        };
        self.value("hep", &(quoted(&format!("udp://{}", to.value)), to.by));
        self.value("hep_identities", &word(identities));
        self.value("hep_agent", &plain(agent));
    }

    fn dns(&mut self, dns: &Dns) {
        let Dns {
            servers,
            timeout,
            avoid_time,
            local_addresses,
        } = dns;
        let servers_text = match servers.value.as_slice() {
            [] => NOTHING.to_owned(),
            some => list(some.iter().map(|server| quoted(&server.to_string()))),
        };
        self.title("[dns]");
        self.value("servers", &(servers_text, servers.by));
        self.value("timeout", &duration(timeout));
        self.value("avoid_time", &duration(avoid_time));
        self.value("local_addresses", &word(local_addresses));
    }

    fn limits(&mut self, limits: &Limits, limits_stated: &[(&'static str, StatedBy)]) {
        let by = |name: &str| {
            let stated = limits_stated.iter().find(|(stated, _)| *stated == name);
            stated.map_or(StatedBy::Default, |(_, by)| *by)
        };
        macro_rules! each {
            ($($field:ident),+ $(,)?) => {
                let Limits { $($field),+ } = limits;
                $(
                    let name = stringify!($field);
                    self.value(name, &($field.to_string(), by(name)));
                )+
            };
        }
        self.title("[limits]");
        each!(
            start_line_bytes_max,
            header_bytes_max,
            header_block_bytes_max,
            header_rows_max,
            body_bytes_max,
            route_values_max,
            datagram_request_bytes_max,
            redirects_max,
            challenges_max,
            transactions_max,
            transactions_per_source_max,
            requests_per_second_max,
            refusals_per_second_max,
            options_per_second_max,
            pending_max,
            remembered_max,
            dialogs_max,
            calls_max,
            questions_max,
            plans_max,
            reverse_names_max,
            avoided_max,
            registrations_max,
            security_sets_max,
            max_pending_auth,
            hosts_max,
            connections_max,
            connections_per_source_max,
            connection_queue_bytes_max,
            handover_max,
            audit_queue_max,
            store_queue_max,
            announces_per_second_max,
            tracked_peers_max,
            tracked_contents_max,
        );
    }

    fn item(&mut self, number: u8, subject: &str) {
        let _ = write!(self.text, "\n# SPEC(T) item {number}: {subject}");
        self.text.push('\n');
    }

    fn title(&mut self, title: &str) {
        if !self.text.ends_with("\n\n") && !self.ends_with_item() {
            self.text.push('\n');
        }
        self.text.push_str(title);
        self.text.push('\n');
    }

    fn ends_with_item(&self) -> bool {
        self.text
            .trim_end()
            .lines()
            .last()
            .is_some_and(|line| line.starts_with('#'))
    }

    fn value(&mut self, key: &str, (value, by): &(String, StatedBy)) {
        let origin = match by {
            StatedBy::Default => "default".to_owned(),
            StatedBy::Profile => format!("profile {}", self.profile.word()),
            StatedBy::File { line } => format!("{}:{line}", self.file),
        };
        let _ = writeln!(self.text, "{key} = {value}  ({origin})");
    }
}

type Shown = (String, StatedBy);

fn word<T: Word>(stated: &Stated<T>) -> Shown {
    (quoted(stated.value.word()), stated.by)
}

fn words<T: Word>(stated: &Stated<Vec<T>>) -> Shown {
    (list(stated.value.iter().map(|word| quoted(word.word()))), stated.by)
}

fn text(stated: &Stated<String>) -> Shown {
    (quoted(&stated.value), stated.by)
}

fn texts(stated: &Stated<Vec<String>>) -> Shown {
    (list(stated.value.iter().map(|text| quoted(text))), stated.by)
}

fn plain<T: ToString>(stated: &Stated<T>) -> Shown {
    (stated.value.to_string(), stated.by)
}

fn optional_text(stated: &Stated<Option<String>>) -> Shown {
    (
        stated.value.as_ref().map_or(NOTHING.to_owned(), |text| quoted(text)),
        stated.by,
    )
}

fn optional(shown: Option<Shown>) -> Shown {
    shown.unwrap_or((NOTHING.to_owned(), StatedBy::Default))
}

/// TOML has no word for a key that is not set.
const NOTHING: &str = "-";

fn duration(stated: &Stated<Duration>) -> Shown {
    let milliseconds = stated.value.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let unit = units
        .into_iter()
        .find(|(unit, _)| milliseconds > *unit && milliseconds.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or((1, "ms"));
    (quoted(&format!("{}{name}", milliseconds / unit)), stated.by)
}

fn meaning((token, meaning): &(String, TokenMeaning)) -> String {
    format!("{} = {}", key(token), quoted(meaning.word()))
}

/// A token as a TOML key: bare where TOML allows it.
fn key(token: &str) -> String {
    match token
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    {
        true => token.to_owned(),
        false => quoted(token),
    }
}

fn address(bind: Bind) -> String {
    format!("{}://{}", bind.transport.uri_name(), bind.address)
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
