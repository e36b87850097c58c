//! The proof: every dialog twice, with another one who hides, and no message for those outside may differ.

use super::carriers::CARRIERS;
use super::compare::{Lengths, difference, secret_in};
use super::dialog::{Observed, Played, play, play_observed};
use super::kind::Kind;
use super::oblivion::Forgotten;
use super::scene::{CASTS, Cast, Scene, scenes};
use super::words::Person;

/// Every policy, and from the number of a dialog everything else.
pub struct Proof {
    scenes: Vec<Scene>,
}

/// What was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    pub dialogs: u64,
    /// Messages for those outside, in one of the two runs.
    pub messages: u64,
    /// Rows in what these were made of that had to be hidden, and were another in each run.
    pub hidden_rows: u64,
}

impl Figures {
    pub fn add(&mut self, other: Figures) {
        self.dialogs += other.dialogs;
        self.messages += other.messages;
        self.hidden_rows += other.hidden_rows;
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Figures {
            dialogs,
            messages,
            hidden_rows,
        } = self;
        write!(
            f,
            "{dialogs} dialogs, {messages} messages compared, {hidden_rows} rows in them hidden"
        )
    }
}

impl Proof {
    pub fn read() -> Proof {
        Proof { scenes: scenes() }
    }

    /// Plays a dialog twice. `Err`: what told who hides.
    pub fn check(&self, number: u64) -> Result<Figures, String> {
        let [one, other] = self.pair(number, None);
        let told = difference(&one.seen, &other.seen, self.lengths(number))
            .or_else(|| secret_in(&one.seen))
            .or_else(|| {
                let counted = "the counters differ, and tell an operator's page";
                (one.counts != other.counts).then(|| format!("{counted}:\n{:?}\n{:?}", one.counts, other.counts))
            });
        match told {
            Some(told) => Err(format!(
                "dialog {number} ({}) tells who hides:\n{told}",
                self.what(number)
            )),
            None => Ok(Figures {
                dialogs: 1,
                messages: one.seen.len() as u64,
                hidden_rows: one.carried.len() as u64,
            }),
        }
    }

    /// Both runs, from an engine that forgets something, if said.
    pub fn pair(&self, number: u64, forgotten: Option<Forgotten>) -> [Played; 2] {
        let (scene, cast) = self.case(number);
        self.persons(number)
            .map(|person| play(scene, number, cast, person, forgotten))
    }

    /// One run, with what the engine tells of it.
    pub fn observed(&self, number: u64, run: usize) -> Observed {
        let (scene, cast) = self.case(number);
        play_observed(scene, number, cast, self.persons(number)[run])
    }

    /// Who hides in the one run, and who in the other.
    fn persons(&self, number: u64) -> [Person; 2] {
        [2 * number, 2 * number + 1].map(|seed| match self.lengths(number) {
            Lengths::Count => Person::of_shape(seed, number),
            Lengths::Differ => Person::of(seed),
        })
    }

    pub fn lengths(&self, number: u64) -> Lengths {
        self.case(number).0.lengths
    }

    /// One of these kinds of fault, by what it would show.
    pub fn name(forgotten: Forgotten) -> String {
        format!("{} in {}", CARRIERS[forgotten.carrier].name, words(forgotten.kind))
    }

    fn case(&self, number: u64) -> (&Scene, &'static Cast) {
        let casts = CASTS.len() as u64;
        let cast = &CASTS[(number % casts) as usize];
        let scene = number / casts % self.scenes.len() as u64;
        let scene = scene as usize;
        (&self.scenes[scene], cast)
    }

    fn what(&self, number: u64) -> String {
        let (scene, cast) = self.case(number);
        format!("{}, policy {:?}", cast.name, scene.name)
    }
}

fn words(kind: Kind) -> String {
    match kind {
        Kind::Request { method, within: true } => format!("{method} within a dialog"),
        Kind::Request { method, .. } => format!("the first {method}"),
        Kind::Response { to_invite, class } => {
            let to = if to_invite { "an INVITE" } else { "another request" };
            format!("{class}xx to {to}")
        }
        Kind::Cancel => "CANCEL".to_owned(),
        Kind::FailureAck => "the ACK of a failure".to_owned(),
    }
}
