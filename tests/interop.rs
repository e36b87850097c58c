//! Calls through the built binary by SIP stacks that other people wrote: stack × transport × scenario, as a table.
//!
//! Every telephone has a loopback address of its own, so that cells run side by side and never meet on a port.

mod baresip;
pub mod edge;
mod linphone;
pub mod phone_process;
mod registrar;
mod relay;
mod served;
mod sipp;
mod softphone;
mod table;

use std::fmt;

use self::baresip::Baresip;

/// How both telephones of a cell reach the proxy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    Udp,
    Tcp,
    Tls,
}

impl Carrier {
    pub const ALL: [Carrier; 3] = [Carrier::Udp, Carrier::Tcp, Carrier::Tls];
}

/// As URIs and policies write it.
impl fmt::Display for Carrier {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.pad(match self {
            Carrier::Udp => "udp",
            Carrier::Tcp => "tcp",
            Carrier::Tls => "tls",
        })
    }
}

/// What happens in a cell.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Set up and ended; the callee is shown the asserted identity.
    Call,
    /// The same with `Privacy: id`: it is not.
    Privacy,
    /// A re-INVITE puts the other side on hold, another takes it back.
    Hold,
    /// REFER, and the notifications about it.
    Transfer,
    /// The caller gives up while the callee rings.
    Cancel,
    /// One MESSAGE.
    Message,
}

impl Scenario {
    pub const ALL: [Scenario; 6] = [
        Scenario::Call,
        Scenario::Privacy,
        Scenario::Hold,
        Scenario::Transfer,
        Scenario::Cancel,
        Scenario::Message,
    ];
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.pad(match self {
            Scenario::Call => "call",
            Scenario::Privacy => "privacy",
            Scenario::Hold => "hold",
            Scenario::Transfer => "transfer",
            Scenario::Cancel => "cancel",
            Scenario::Message => "message",
        })
    }
}

//= PRIV-031 type=test
#[test]
fn sipp_calls_sipp() {
    table::fill("SIPp", sipp::show);
}

//= PRIV-031 type=test
#[test]
fn baresip_calls_baresip() {
    table::fill("baresip", softphone::show::<Baresip>);
}

//= PRIV-031 type=test
//= PCSCF-022 type=test
#[test]
fn linphone_calls_linphone() {
    table::fill("linphone", linphone::show);
}
