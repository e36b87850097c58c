//! `[pcscf]`: what becomes of what UEs send, where the sources leave a choice.

use std::time::Duration;

use super::{Stated, StatedBy};

#[derive(Debug, Clone)]
pub struct PCscf {
    /// A REGISTER whose sender does not know of Path.
    pub path_unsupported: Stated<PathUnsupported>,
    /// A request whose Route is not the one the network gave its sender.
    pub service_route: Stated<ServiceRoute>,
    /// Whatever a UE sends that is not registered, but for a REGISTER.
    pub unprotected_action: Stated<UnprotectedAction>,
    /// 403 or 481: the answer to what makes sense in a dialog only, and names none.
    pub oob_in_dialog_code: Stated<u16>,
    /// What this network is called in P-Visited-Network-ID; `None`: none is added.
    pub visited_network_id: Stated<Option<String>>,
    /// The P-Access-Network-Info value that the network adds to what a UE says, without its mark; `None`: it adds none.
    pub pani_network_provided: Stated<Option<String>>,
    /// Whether the registrar is asked what becomes of a registration (RFC 3680).
    pub reg_event: Stated<bool>,
    /// The operator, in P-Charging-Vector; `None`: not named.
    pub ioi: Stated<Option<String>>,
    /// Identities by which their users are not to be known.
    pub pseudonyms: Vec<Stated<String>>,
    /// Whether a REGISTER for one of them is refused that others could read.
    //= LI-014
    pub require_protected_pseudonyms: Stated<bool>,
    /// Whether dialogs of UEs that are gone are ended, and those of a session that nobody refreshes.
    //= PCSCF-030
    pub dialog_release: Stated<bool>,
    /// The shortest session (RFC 4028) that is let through; `None`: any.
    pub min_se: Stated<Option<Duration>>,
}

impl Default for PCscf {
    fn default() -> PCscf {
        fn built_in<T>(value: T) -> Stated<T> {
            let by = StatedBy::Default;
            Stated { value, by }
        }
        PCscf {
            path_unsupported: built_in(PathUnsupported::Insert),
            service_route: built_in(ServiceRoute::Enforce),
            unprotected_action: built_in(UnprotectedAction::Reject403),
            oob_in_dialog_code: built_in(403),
            visited_network_id: built_in(None),
            pani_network_provided: built_in(None),
            reg_event: built_in(false),
            ioi: built_in(None),
            pseudonyms: Vec::new(),
            require_protected_pseudonyms: built_in(false),
            dialog_release: built_in(false),
            min_se: built_in(None),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathUnsupported {
    /// The Path is added, and the registrar must know of it.
    Insert,
    Reject421,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceRoute {
    /// The stored one is put in its place.
    Enforce,
    Reject400,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnprotectedAction {
    Reject403,
    Drop,
}
