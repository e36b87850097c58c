//! Whoever hides: everything in a message that says who it is, and nothing else of it.

use super::chance::Chance;

/// One identity. Two of them differ in every field, in length too.
#[derive(Debug, Clone)]
pub struct Person {
    pub user: String,
    pub display: String,
    pub number: String,
    pub text: String,
}

/// Substrings that no field but a hidden one holds.
pub const SECRETS: &[&str] = &["amelia", "Bartholomew", "+1555", "quince"];

impl Person {
    pub fn of(seed: u64) -> Person {
        let mut chance = Chance::new(seed);
        let tail = |chance: &mut Chance, most: usize| -> String {
            let letters = 1 + chance.below(most);
            (0..letters)
                .map(|_| char::from(b'a' + chance.below(26) as u8))
                .collect()
        };
        Person {
            user: format!("amelia.{}", tail(&mut chance, 16)),
            display: format!("Bartholomew {}", tail(&mut chance, 24)),
            number: format!("+1555{}", 1_000_000 + chance.below(9_000_000)),
            text: format!("quince {}", tail(&mut chance, 40)),
        }
    }

    /// The name-addr of its From, or To, without a tag.
    pub fn name_addr(&self, domain: &str) -> String {
        format!("\"{}\" <sip:{}@{domain}>", self.display, self.user)
    }

    /// Rows that name it to nodes of T: gone towards strangers with `id` as well as with `user`.
    pub fn asserted(&self, chance: &mut Chance) -> String {
        let Person {
            user, display, number, ..
        } = self;
        let rows = [
            format!("P-Asserted-Identity: \"{display}\" <sip:{user}@home1.example>\r\n"),
            format!("P-Asserted-Identity: <sip:{user}@home1.example>, <tel:{number}>\r\n"),
            format!("p-asserted-IDENTITY :<sip:{user}@home1.example>,\r\n <tel:{number}>\r\n"),
            format!("P-Asserted-Identity: <sip:{user}\r\n"),
            format!(
                "P-Asserted-Identity: \"{display}\" <sip:{user}@home1.example>\r\nP-Asserted-Identity: <tel:{number}>\r\n"
            ),
        ];
        rows[chance.below(rows.len())].clone()
    }

    /// Fields of the trust domain, gone towards strangers whatever Privacy says.
    pub fn bound(&self, chance: &mut Chance) -> String {
        let Person { user, number, text, .. } = self;
        let rows = [
            format!("P-Preferred-Identity: <sip:{user}@home1.example>\r\n"),
            format!("P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=\"{user}\"\r\n"),
            format!("Cellular-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=\"{user}\"\r\n"),
            format!("P-Charging-Vector: icid-value=\"{user}\"\r\n"),
            format!("P-Served-User: <sip:{user}@home1.example>;sescase=orig\r\n"),
            format!("P-Profile-Key: <sip:{user}@home1.example>\r\n"),
            format!("P-User-Database: <aaa://{user}.home1.example>\r\n"),
            format!("Additional-Identity: <tel:{number}>\r\n"),
            format!("Origination-Id: {user}\r\n"),
            format!("Remote-Party-ID: \"{text}\" <sip:{user}@home1.example>;party=calling;privacy=off\r\n"),
        ];
        some(&rows, chance, 30)
    }

    /// Rows that `user` takes out of a request.
    pub fn told(&self, chance: &mut Chance) -> String {
        let Person {
            user,
            display,
            number,
            text,
        } = self;
        let rows = [
            format!("Subject: {text}\r\n"),
            format!("s: {text}\r\n"),
            format!("Call-Info: <http://home1.example/{user}.png>;purpose=icon\r\n"),
            format!("Reply-To: {display} <sip:{user}@home1.example>\r\n"),
            format!("Organization: {text}\r\n"),
            format!("User-Agent: {text}\r\n"),
            format!("In-Reply-To: {user}@host\r\n"),
            format!("Diversion: <tel:{number}>;privacy=full;reason=unconditional\r\n"),
            format!("Geolocation: <sip:{user}@home1.example>\r\n"),
            format!("Identity: \"{user}\"\r\n"),
            format!("y: \"{user}\"\r\n"),
            format!("Identity-Info: <https://home1.example/{user}.cer>\r\n"),
        ];
        some(&rows, chance, 25)
    }

    /// Rows that `user` takes out of a response, or makes nameless there.
    pub fn answered(&self, chance: &mut Chance) -> String {
        let Person {
            user, display, text, ..
        } = self;
        let rows = [
            format!("Server: {text}\r\n"),
            format!("Organization: {text}\r\n"),
            format!("Call-Info: <http://home1.example/{user}.png>\r\n"),
            format!("Reply-To: {display} <sip:{user}@home1.example>\r\n"),
            format!("Warning: 399 {user}.home1.example \"busy\", 301 {user} \"odd\"\r\n"),
            format!("Diversion: <sip:{user}@home1.example>;privacy=name\r\n"),
        ];
        some(&rows, chance, 30)
    }

    pub fn contact(&self, host: &str, chance: &mut Chance) -> String {
        let Person { user, display, .. } = self;
        let rows = [
            format!("Contact: <sip:{user}@{host}>\r\n"),
            format!("m:{display} <sip:{user}@{host}>;+g.3gpp.icsi-ref=\"x\"\r\n"),
            format!(
                "Contact: <sip:{user}@{host};gr=urn:uuid:{user}>;+sip.instance=\"<urn:uuid:{user}>\";expires=60\r\n"
            ),
        ];
        rows[chance.below(rows.len())].clone()
    }
}

fn some(rows: &[String], chance: &mut Chance, percent: usize) -> String {
    let chosen: Vec<&str> = rows
        .iter()
        .filter(|_| chance.percent(percent))
        .map(String::as_str)
        .collect();
    chosen.concat()
}
