//! Tables A, B and C of the catalogue, as tables.

use super::facts::Facts;
use super::party::Class;
use super::wish::Wish;

#[derive(Debug, Clone)]
pub struct Tables {
    /// T (or S) to E, and to U.
    pub a: [A; 2],
    pub b: Vec<B>,
    pub c: Vec<C>,
}

/// What happens to a valid asserted identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asserted {
    Keep,
    Remove,
    /// `spec_t.default_privacy`.
    Default,
    /// Removed where `user_removes_pai`, else as the default.
    UserRemoves,
}

use Asserted::{Default, Keep, Remove, UserRemoves};

pub const COLUMNS: [&str; 9] = [
    "absent", "none", "id", "user", "header", "session", "history", "critical", "unknown",
];

/// A row of Table A: a cell a column.
#[derive(Debug, Clone)]
pub struct A {
    pub cells: [Asserted; COLUMNS.len()],
    pub turned: [bool; COLUMNS.len()],
}

const BOUNDARY: A = A {
    cells: [
        Default,
        Keep,
        Remove,
        UserRemoves,
        Remove,
        Default,
        Default,
        Remove,
        Remove,
    ],
    turned: [false; COLUMNS.len()],
};

impl A {
    pub fn removes(&self, wish: &Wish, facts: &Facts, default: bool) -> bool {
        let mut said = [
            false,
            wish.none,
            wish.id,
            wish.user,
            wish.header,
            wish.session,
            wish.history,
            wish.critical_alone(),
            wish.reads_unknown_as_id(facts),
        ];
        said[0] = !said.contains(&true);
        said.iter().enumerate().any(|(column, said)| {
            let removes = match self.cells[column] {
                Keep => false,
                Remove => true,
                Default => default,
                UserRemoves => facts.user_removes_pai || default,
            };
            *said && (removes ^ self.turned[column])
        })
    }
}

pub const VALUES: [&str; 4] = ["id", "user", "header", "history"];

/// When a cell of Table B does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Never,
    Always,
    /// Towards E where `hide_routing_to_ue`.
    HidesRouting,
    ScrubsContact,
    IdAnonymisesFrom,
    StripsSessionId,
    /// Its signature no longer holds.
    FromChanges,
    /// The same, and towards E where `strip_identity_on_id_to_ue`.
    FromChangesOrStrips,
    MapsCallIds,
}

/// A row of Table B.
#[derive(Debug, Clone)]
pub struct B {
    pub name: &'static str,
    pub requests: bool,
    pub responses: bool,
    pub cells: [When; VALUES.len()],
    pub turned: [bool; VALUES.len()],
}

/// What a cell may ask about the leg.
#[derive(Debug)]
pub struct Leg<'l> {
    pub facts: &'l Facts,
    pub to_ue: bool,
    pub from_changes: bool,
}

impl B {
    /// Whether one of the values asked for does something to the field.
    pub fn acts(&self, wish: &Wish, leg: &Leg<'_>) -> bool {
        (0..VALUES.len()).any(|value| self.acts_by(value, wish, leg))
    }

    pub fn acts_by(&self, value: usize, wish: &Wish, leg: &Leg<'_>) -> bool {
        let said = [wish.id, wish.user, wish.header, wish.history][value];
        let facts = leg.facts;
        let acts = match self.cells[value] {
            When::Never => false,
            When::Always => true,
            When::HidesRouting => leg.to_ue && facts.hides_routing_to_ue,
            When::ScrubsContact => facts.scrubs_contact,
            When::IdAnonymisesFrom => facts.id_anonymises_from,
            When::StripsSessionId => facts.strips_session_id,
            When::FromChanges => leg.from_changes,
            When::FromChangesOrStrips => leg.from_changes || (leg.to_ue && facts.strips_identity_to_ue),
            When::MapsCallIds => facts.maps_call_ids,
        };
        said && (acts ^ self.turned[value])
    }
}

/// What happens to a field of the trust domain on one side of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    Keep,
    Drop,
    /// Some of it: which, `verdict.rs` knows by the name.
    Part,
    /// Does not occur.
    Na,
}

/// A row of Table C.
#[derive(Debug, Clone)]
pub struct C {
    pub name: &'static str,
    /// In from S, in from U, out to E, out to U.
    pub cells: [Cell; 4],
    pub turned: [bool; 4],
    pub requests: bool,
}

impl C {
    pub fn cell(&self, side: usize) -> Cell {
        match (self.cells[side], self.turned[side]) {
            (cell, false) => cell,
            (Cell::Drop | Cell::Na, true) => Cell::Keep,
            (Cell::Keep | Cell::Part, true) => Cell::Drop,
        }
    }
}

pub fn entering(class: Class) -> Option<usize> {
    match class {
        Class::Trusted => None,
        Class::Ue => Some(0),
        Class::Untrusted => Some(1),
    }
}

pub fn leaving(class: Class) -> Option<usize> {
    entering(class).map(|side| side + 2)
}

impl Tables {
    pub fn of_the_catalogue() -> Tables {
        Tables {
            a: [BOUNDARY; 2],
            b: table_b(),
            c: table_c(),
        }
    }

    /// Each with one cell turned round, and the name of the cell.
    #[cfg(test)]
    pub fn turned(&self) -> Vec<(String, Tables)> {
        let mut all = Vec::new();
        let mut add = |what: String, turn: &dyn Fn(&mut Tables)| {
            let mut tables = self.clone();
            turn(&mut tables);
            all.push((what, tables));
        };
        for (row, to) in ["E", "U"].iter().enumerate() {
            for (column, name) in COLUMNS.iter().enumerate() {
                add(format!("A to {to}, {name}"), &|tables| {
                    tables.a[row].turned[column] ^= true
                });
            }
        }
        for (at, row) in self.b.iter().enumerate() {
            for (value, name) in VALUES.iter().enumerate() {
                // What takes the asserted identity takes this with it (PRIV-097).
                if row.name != "remote-party-id" || *name == "history" {
                    add(format!("B {}, {name}", row.name), &|tables| {
                        tables.b[at].turned[value] ^= true
                    });
                }
            }
            add(format!("B {}, R", row.name), &|tables| tables.b[at].requests ^= true);
            // In a response these are the requester's.
            if !["from", "via", "record-route", "call-id"].contains(&row.name) {
                add(format!("B {}, r", row.name), &|tables| tables.b[at].responses ^= true);
            }
        }
        for (at, row) in self.c.iter().enumerate() {
            for (side, name) in ["in from S", "in from U", "out E", "out U"].iter().enumerate() {
                // From a node of T it is gone as well before it goes out (PAI-003).
                let gone_before = row.name == "p-preferred-identity" && side >= 2;
                if row.cells[side] != Cell::Na && !gone_before {
                    add(format!("C {}, {name}", row.name), &|tables| {
                        tables.c[at].turned[side] ^= true
                    });
                }
            }
        }
        all
    }
}

fn table_b() -> Vec<B> {
    use When::{
        Always, FromChanges, FromChangesOrStrips, HidesRouting, IdAnonymisesFrom, MapsCallIds, Never, ScrubsContact,
        StripsSessionId,
    };
    let row = |name, place: &str, cells| B {
        name,
        requests: place.contains('R'),
        responses: place.contains('r'),
        cells,
        turned: [false; VALUES.len()],
    };
    // The column session is not here: without an anonymiser of media it is never provided (PRIV-034).
    vec![
        //                            id                user           header  history
        row("from", "R", [IdAnonymisesFrom, Always, Never, Never]),
        row("contact", "Rr", [Never, ScrubsContact, Always, Never]),
        row("via", "R", [Never, HidesRouting, Always, Never]),
        row("record-route", "R", [Never, HidesRouting, Always, Never]),
        row("call-id", "R", [Never, MapsCallIds, Never, Never]),
        row("call-info", "Rr", [Never, Always, Never, Never]),
        row("user-agent", "R", [Never, Always, Never, Never]),
        row("organization", "Rr", [Never, Always, Never, Never]),
        row("server", "r", [Never, Always, Never, Never]),
        row("subject", "R", [Never, Always, Never, Never]),
        row("reply-to", "Rr", [Never, Always, Never, Never]),
        row("in-reply-to", "R", [Never, Always, Never, Never]),
        row("warning", "r", [Never, Always, Never, Never]),
        row("referred-by", "R", [Never, Always, Never, Never]),
        row("history-info", "Rr", [Never, Never, Always, Always]),
        row("diversion", "Rr", [Never, Always, Always, Always]),
        row("remote-party-id", "Rr", [Always, Always, Always, Never]),
        row("geolocation", "R", [Never, Always, Always, Never]),
        row("geolocation-routing", "R", [Never, Always, Always, Never]),
        row("identity", "R", [FromChangesOrStrips, FromChanges, Never, Never]),
        row("identity-info", "R", [FromChangesOrStrips, FromChanges, Never, Never]),
        row("session-id", "Rr", [Never, StripsSessionId, Never, Never]),
    ]
}

fn table_c() -> Vec<C> {
    use Cell::{Drop, Keep, Na, Part};
    let row = |name, cells| C {
        name,
        cells,
        turned: [false; 4],
        requests: true,
    };
    let mut table = vec![
        //                                   from S, from U, out E, out U
        row("p-preferred-identity", [Drop, Drop, Drop, Drop]),
        row("p-access-network-info", [Part, Drop, Drop, Drop]),
        row("cellular-network-info", [Keep, Drop, Drop, Drop]),
        row("p-charging-vector", [Drop, Drop, Drop, Drop]),
        row("p-charging-function-addresses", [Drop, Drop, Drop, Drop]),
        row("p-visited-network-id", [Drop, Drop, Drop, Drop]),
        row("p-called-party-id", [Drop, Drop, Keep, Drop]),
        row("p-associated-uri", [Na, Drop, Keep, Drop]),
        row("p-early-media", [Part, Drop, Keep, Drop]),
        row("feature-caps", [Drop, Drop, Keep, Drop]),
        row("path", [Drop, Drop, Na, Keep]),
        row("authorization", [Part, Part, Na, Part]),
        row("www-authenticate", [Na, Part, Part, Part]),
        row("security-client", [Drop, Drop, Na, Na]),
        row("security-verify", [Drop, Drop, Na, Na]),
        row("geolocation", [Part, Keep, Keep, Keep]),
        C {
            requests: false,
            ..row("reason", [Keep, Drop, Drop, Drop])
        },
    ];
    table.extend(NEVER_OUTSIDE.iter().map(|name| row(name, [Drop; 4])));
    table
}

pub const NEVER_OUTSIDE: &[&str] = &[
    "p-served-user",
    "p-profile-key",
    "p-private-network-indication",
    "p-user-database",
    "p-asserted-service",
    "p-media-authorization",
    "resource-priority",
    "restoration-info",
    "relayed-charge",
    "service-interact-info",
    "response-source",
    "attestation-info",
    "origination-id",
    "additional-identity",
    "priority-share",
    "resource-share",
];
