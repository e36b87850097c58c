//! Whoever hides, and the words that tell who it is: drawn anew for every carrier, so that no row is as another.

use super::chance::Chance;

/// One identity. The words of two differ in every carrier; in length too, unless they have one shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    seed: u64,
    /// What the lengths of its words are drawn from.
    shape: u64,
}

/// What the rows of one carrier show of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub user: String,
    display: String,
    pub host: String,
    number: String,
    pub token: String,
    hex: String,
}

/// Beginnings of everything that tells of somebody who hides. No row holds one but a hidden one.
pub const SECRETS: &[&str] = &["amelia", "Bartholomew", "quince", "+1555", "zephyr", "5ec7e7"];

/// The same of those who hide nothing.
pub const SHOWN: &[&str] = &["olive", "Oswald", "orchard", "+3160", "onyx", "0be0be"];

/// How the words of a person begin: user, display name, host, number, token, digits.
const HIDING: [&str; 6] = ["amelia", "Bartholomew ", "quince", "+1555", "zephyr", "5ec7e7"];
const OPEN: [&str; 6] = ["olive", "Oswald ", "orchard", "+3160", "onyx", "0be0be"];

impl Person {
    /// Who is shown: the same in every run.
    const SHOWN: Person = Person {
        seed: u64::MAX,
        shape: u64::MAX,
    };

    pub fn of(seed: u64) -> Person {
        Person { seed, shape: seed }
    }

    pub fn of_shape(seed: u64, shape: u64) -> Person {
        Person { seed, shape }
    }

    /// What a carrier holds of this person.
    pub fn words(self, carrier: usize) -> Words {
        let marks = if self == Person::SHOWN { OPEN } else { HIDING };
        let of_carrier = (carrier as u64 + 1).wrapping_mul(0x9e6c_63d0_876a_46ad);
        let mut chance = Chance::new(self.seed.rotate_left(17) ^ of_carrier);
        let mut lengths = Chance::new(self.shape.rotate_left(31) ^ of_carrier);
        let mut tail = |most: usize| -> String {
            let letters = 5 + lengths.below(most - 5);
            let letter = |_| char::from(b'a' + chance.below(26) as u8);
            (0..letters).map(letter).collect()
        };
        let [user, display, host, token] = [18, 22, 14, 20].map(&mut tail);
        let (number, digits) = (1_000_000 + chance.below(9_000_000), chance.next());
        Words {
            user: marks[0].to_owned() + &user,
            display: marks[1].to_owned() + &display,
            host: marks[2].to_owned() + &host,
            number: format!("{}{number}", marks[3]),
            token: marks[4].to_owned() + &token,
            hex: format!("{}{digits:016x}{digits:010x}", marks[5])[..32].to_owned(),
        }
    }
}

/// What a carrier holds of somebody who hides nothing.
pub fn shown(carrier: usize) -> Words {
    Person::SHOWN.words(carrier)
}

impl Words {
    /// A template with its places filled: `{user}`, `{display}`, `{host}`, `{number}`, `{token}`, `{hex}`.
    pub fn fill(&self, template: &str) -> String {
        let mut out = String::with_capacity(template.len() + 64);
        let mut rest = template;
        while let Some(start) = rest.find('{') {
            let end = start + rest[start..].find('}').expect("our templates are whole");
            out.push_str(&rest[..start]);
            out.push_str(match &rest[start + 1..end] {
                "user" => &self.user,
                "display" => &self.display,
                "host" => &self.host,
                "number" => &self.number,
                "token" => &self.token,
                "hex" => &self.hex,
                other => panic!("{other} is no word"),
            });
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        out
    }
}
