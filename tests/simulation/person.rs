//! Who is at a phone, what is to stay hidden of it, and the rows that tell.

use super::dice::Dice;

/// Where a phone stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In T: what it asserts is believed.
    Core,
    /// A stranger.
    Net,
    /// A served UE, which registers.
    Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Nothing,
    /// `id`: what is asserted is secret.
    Id,
    /// `user`: the rest is secret, too.
    User,
}

/// What rows are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Request,
    Response,
}

/// Begins every claim of a stranger to be somebody of T.
pub const FORGED: &str = "forged-claim";

pub struct Person {
    /// Stands in every field that is to be hidden from whoever is not in T, and nowhere else.
    pub secret: Option<String>,
    place: Place,
    asks: Asks,
    privacy: &'static str,
    asserted: String,
    told: String,
}

impl Person {
    pub fn of(dice: &mut Dice, place: Place) -> Person {
        let (asks, privacy) = *dice.pick(&[
            (Asks::Nothing, ""),
            (Asks::Id, "Privacy: id\r\n"),
            (Asks::Id, "Privacy: id;critical\r\n"),
            (Asks::User, "Privacy: user\r\n"),
            (Asks::User, "Privacy: user;id\r\n"),
            (Asks::User, "privacy :user;\r\n ID;critical\r\n"),
        ]);
        let secret = format!("hidden-{:x}", dice.roll() >> 32);
        let open = format!("open-{:x}", dice.roll() >> 32);
        let asserted = if asks == Asks::Nothing { &open } else { &secret };
        let told = if asks == Asks::User { &secret } else { &open };
        Person {
            place,
            asks,
            privacy,
            asserted: asserted.clone(),
            told: told.clone(),
            secret: (asks != Asks::Nothing).then_some(secret),
        }
    }

    /// The public identity a UE registers, as a URI.
    pub fn identity(&self) -> String {
        format!("sip:{}@home1.example", self.asserted)
    }

    /// Its own name-addr, without a tag.
    pub fn name_addr(&self) -> String {
        let told = &self.told;
        match self.place {
            Place::Net => format!("\"{told}\" <sip:{told}@net.example>"),
            Place::Core => format!("\"{told}\" <sip:{told}@home1.example>"),
            // What a UE calls itself is not checked: the edge asserts who it is.
            Place::Access => format!("\"{told}\" <sip:{told}@ue.example>"),
        }
    }

    pub fn contact(&self, address: &str) -> String {
        format!("Contact: <sip:{}@{address}>\r\n", self.told)
    }

    /// What says who it is, in any message; with the wish for privacy or, once that was said in the dialog, without it.
    pub fn rows(&self, of: Of, with_wish: bool) -> String {
        let claim = match self.place {
            Place::Core => format!("P-Asserted-Identity: <{}>\r\n", self.identity()),
            Place::Net => format!("P-Asserted-Identity: <sip:{FORGED}@home1.example>\r\n"),
            Place::Access => format!("P-Preferred-Identity: <{}>\r\n", self.identity()),
        };
        let told = &self.told;
        let more = match self.asks {
            Asks::User if of == Of::Request => format!("Subject: {told}\r\nUser-Agent: {told}\r\n"),
            Asks::User => format!("Server: {told}\r\nOrganization: {told}\r\n"),
            _ => String::new(),
        };
        let wish = if with_wish { self.privacy } else { "" };
        format!("{wish}{claim}{more}")
    }
}
