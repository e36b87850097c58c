//! `[limits]`: every maximum, and what is decided there.

/// Bytes of a reginfo document; beyond: 400.
pub const REGINFO_BYTES_MAX: usize = 64 * 1024;
/// How deep its elements nest; beyond: 400.
pub const REGINFO_DEPTH_MAX: usize = 8;
/// Registrations it speaks of; beyond: 400.
pub const REGINFO_REGISTRATIONS_MAX: usize = 64;
/// Contacts in all of them; beyond: 400.
pub const REGINFO_CONTACTS_MAX: usize = 256;

/// Ceilings of everything that a peer can make grow. All in `[limits]` of the policy, same names.
//= MSG-012
#[derive(Debug, Clone)]
pub struct Limits {
    /// Start line, bytes; beyond: 414.
    pub start_line_bytes_max: u32,
    /// One header line with its folds, bytes; beyond: 513.
    pub header_bytes_max: u32,
    /// Start line and header block, bytes; beyond: 513.
    pub header_block_bytes_max: u32,
    /// Header rows; beyond: 513.
    pub header_rows_max: u32,
    /// Body, bytes; beyond: 413.
    pub body_bytes_max: u32,
    /// Via or Record-Route values; beyond: 513.
    pub route_values_max: u32,
    /// A request sent as a datagram; beyond: it goes over TCP, and as a datagram only where TCP does not reach.
    pub datagram_request_bytes_max: u32,
    /// Places that redirections add to where one request goes; beyond: they are left to who asked.
    pub redirects_max: u32,
    /// Challenges of several branches put together into one answer; beyond: left out.
    pub challenges_max: u32,
    /// Server transactions of one engine; beyond: 503 (an ACK is dropped). What opens nothing or a new dialog gets it some
    /// sixteenths earlier, and from outside T four more; an emergency call still finds room for a sixteenth more.
    pub transactions_max: u32,
    /// Server transactions of one source outside T in one engine; beyond: nothing that opens another (503, then silence). Here
    /// and below a source is an IPv4 address, or the first 64 bits of an IPv6 address.
    pub transactions_per_source_max: u32,
    /// Requests outside of dialogs of one source outside T, a second and engine, those included that cannot be read; beyond:
    /// 503, then silence. Emergency calls have an allowance of their own, of the same size.
    pub requests_per_second_max: u32,
    /// How often one source outside T is told with a 503 that there is no room, a second and engine; beyond: silence.
    pub refusals_per_second_max: u32,
    /// OPTIONS of one source outside T, a second and engine, and STUN requests of one source, a second and worker; beyond:
    /// silence.
    pub options_per_second_max: u32,
    /// Requests of one engine that wait for an answer from outside; beyond: 503.
    pub pending_max: u32,
    /// Questions of one engine that no name server has answered yet; beyond: as if it had failed.
    pub questions_max: u32,
    /// Names of one engine whose servers are known; beyond: the one that is valid least long goes.
    pub plans_max: u32,
    /// Addresses of one engine of which it is known what DNS calls them (`reverse_dns`); beyond: the one that is valid least long
    /// goes.
    pub reverse_names_max: u32,
    /// Peers of one engine that failed of late; beyond: the one whose time ends soonest is tried again. And as many that told
    /// their load; beyond: another is not heard.
    pub avoided_max: u32,
    /// Answering parties with remembered privacy of one engine; beyond: the oldest goes, and is treated as private.
    pub remembered_max: u32,
    /// Dialogs of one engine that are kept beside their tokens (`dialog_memory = "store"`); beyond: as without the store.
    pub dialogs_max: u32,
    /// Dialogs of UEs of one engine that can be released (`pcscf.dialog_release`); beyond: another is as without that. And as many
    /// that were released; beyond: the one that is over soonest is forgotten.
    //= PCSCF-030
    pub calls_max: u32,
    /// Registered UEs of one engine; beyond: the registration that ends soonest goes.
    pub registrations_max: u32,
    /// Sets of security associations of one engine, half of them at most of UEs that are not authenticated yet; beyond: 503.
    pub security_sets_max: u32,
    /// Challenges of one source outside T that are not answered yet; beyond: 503.
    //= AKA-028
    pub max_pending_auth: u32,
    /// Hosts of one engine whose names are kept for TLS; beyond: the oldest goes, and a new connection to it fails.
    pub hosts_max: u32,
    /// Open stream connections of one worker; beyond: a new one is closed.
    pub connections_max: u32,
    /// Open stream connections from one address; beyond: a new one is closed.
    pub connections_per_source_max: u32,
    /// Bytes queued for one stream connection; beyond: it is closed.
    pub connection_queue_bytes_max: u32,
    /// Messages handed to another worker and not yet taken; beyond: the datagram is dropped.
    pub handover_max: u32,
    /// Records that the audit has not written yet; beyond: it takes none.
    pub audit_queue_max: u32,
    /// Registrations that the store has not written yet; beyond: who registers is told to come again.
    pub store_queue_max: u32,
    /// Devices that announce content anew to the tracker, a second; beyond: 503 and a wait by chance. After a start those that
    /// were there before are asked to come back at half of it.
    //= P2P-027
    pub announces_per_second_max: u32,
    /// Peers of the tracker; beyond: who comes anew is answered 503. Some 930 bytes each, with ten announcements.
    //= P2P-139
    pub tracked_peers_max: u32,
    /// Contents of the tracker; beyond: another is not known.
    //= P2P-139
    pub tracked_contents_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            start_line_bytes_max: 8 * 1024,
            header_bytes_max: 16 * 1024,
            header_block_bytes_max: 64 * 1024,
            header_rows_max: 512,
            body_bytes_max: 256 * 1024,
            route_values_max: 100,
            datagram_request_bytes_max: 1300,
            redirects_max: 16,
            challenges_max: 32,
            transactions_max: 1_000_000,
            transactions_per_source_max: 20_000,
            requests_per_second_max: 1_000,
            refusals_per_second_max: 20,
            options_per_second_max: 100,
            pending_max: 10_000,
            questions_max: 1_000,
            plans_max: 10_000,
            reverse_names_max: 10_000,
            avoided_max: 1_000,
            remembered_max: 100_000,
            dialogs_max: 10_000,
            calls_max: 10_000,
            registrations_max: 100_000,
            security_sets_max: 100_000,
            max_pending_auth: 8,
            hosts_max: 10_000,
            connections_max: 10_000,
            connections_per_source_max: 1_000,
            connection_queue_bytes_max: 1024 * 1024,
            handover_max: 8_192,
            audit_queue_max: 10_000,
            store_queue_max: 10_000,
            announces_per_second_max: 2_000,
            tracked_peers_max: 1_000_000,
            tracked_contents_max: 100_000,
        }
    }
}
