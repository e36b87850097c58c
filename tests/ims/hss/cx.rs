//! Cx (TS 29.228, TS 29.229): what an I-CSCF and an S-CSCF ask.

use super::super::diameter::{self, Message, avp, cx};
use super::super::milenage::{Block, Milenage, part, xor};
use super::super::subscriber::milenage;
use super::door::{self, experimental, result};
use super::{Account, Book, Command};
use crate::ims::subscriber::Subscriber;

pub const APPLICATION: u32 = 16_777_216;

// Commands.
const USER_AUTHORIZATION: u32 = 300;
const SERVER_ASSIGNMENT: u32 = 301;
const LOCATION_INFO: u32 = 302;
const MULTIMEDIA_AUTH: u32 = 303;
const REGISTRATION_TERMINATION: u32 = 304;
// Values.
const USER_NAME: u32 = 1;
const PUBLIC_IDENTITY: u32 = 601;
const SERVER_NAME: u32 = 602;
const USER_DATA: u32 = 606;
const AUTH_ITEMS: u32 = 607;
const AUTH_SCHEME: u32 = 608;
const AUTHENTICATE: u32 = 609;
const AUTHORIZATION: u32 = 610;
const AUTH_DATA_ITEM: u32 = 612;
const ITEM_NUMBER: u32 = 613;
const ASSIGNMENT_TYPE: u32 = 614;
const DEREGISTRATION_REASON: u32 = 615;
const REASON_CODE: u32 = 616;
const AUTHORIZATION_TYPE: u32 = 623;
const CONFIDENTIALITY_KEY: u32 = 625;
const INTEGRITY_KEY: u32 = 626;
// Results.
const SUCCESS: u32 = 2001;
const FIRST_REGISTRATION: u32 = 2001;
const SUBSEQUENT_REGISTRATION: u32 = 2002;
const USER_UNKNOWN: u32 = 5001;
const NOT_REGISTERED: u32 = 5003;

/// `None`: no command of ours.
pub fn answer(book: &mut Book, request: &Message) -> Option<Vec<u8>> {
    let act = match request.command {
        USER_AUTHORIZATION => authorize,
        MULTIMEDIA_AUTH => challenge,
        SERVER_ASSIGNMENT => assign,
        LOCATION_INFO => locate,
        _ => return None,
    };
    let scscf = book.scscf.clone();
    let Some(account) = book.accounts.iter_mut().find(|account| account.is_meant(request)) else {
        return Some(experimental(USER_UNKNOWN));
    };
    let (command, answer) = act(account, request, &scscf);
    book.done.push((command, account.subscriber.private_identity()));
    Some(answer)
}

/// An answer to a request of ours, of which there is one kind.
pub fn answered(book: &mut Book, answer: &Message) {
    let agreed = door::result_of(answer) == Some(SUCCESS);
    if answer.command == REGISTRATION_TERMINATION && agreed {
        let gone = answer.hop_by_hop as usize;
        let identity = book.terminated[gone - 1].clone();
        book.done.push((Command::Deregistered, identity));
    }
}

impl Book {
    pub fn sends_rtr(&mut self, subscriber: Subscriber) {
        const PERMANENT_TERMINATION: u32 = 0;
        let account = self.account(subscriber);
        let served_by = account.serving.take().expect("somebody serves them");
        let reason = cx(REASON_CODE, PERMANENT_TERMINATION.to_be_bytes());
        let mut own = avp(USER_NAME, subscriber.private_identity());
        for identity in subscriber.public_identities() {
            own.extend(cx(PUBLIC_IDENTITY, identity));
        }
        own.extend(cx(DEREGISTRATION_REASON, reason));
        self.terminated.push(subscriber.private_identity());
        door::send(self, REGISTRATION_TERMINATION, &host(&served_by), &own);
    }
}

impl Account {
    fn is_meant(&self, request: &Message) -> bool {
        let private = request.text(USER_NAME);
        let public = request.text(PUBLIC_IDENTITY);
        let public = public.split(';').next().unwrap_or_default();
        let is_own = |public: &str| self.subscriber.public_identities().iter().any(|own| own == public);
        (private.is_empty() || private == self.subscriber.private_identity())
            && (public.is_empty() || is_own(public))
            && !(private.is_empty() && public.is_empty())
    }
}

fn authorize(account: &mut Account, request: &Message, scscf: &str) -> (Command, Vec<u8>) {
    const DEREGISTRATION: u32 = 1;
    let leaves = request.number(AUTHORIZATION_TYPE) == Some(DEREGISTRATION);
    let answer = match (&account.serving, leaves) {
        (Some(serving), true) => [cx(SERVER_NAME, serving), result(SUCCESS)].concat(),
        (Some(serving), false) => [cx(SERVER_NAME, serving), experimental(SUBSEQUENT_REGISTRATION)].concat(),
        (None, true) => experimental(NOT_REGISTERED),
        (None, false) => [cx(SERVER_NAME, scscf), experimental(FIRST_REGISTRATION)].concat(),
    };
    (Command::Authorized, answer)
}

fn locate(account: &mut Account, _: &Message, _: &str) -> (Command, Vec<u8>) {
    let answer = match &account.serving {
        Some(serving) => [cx(SERVER_NAME, serving), result(SUCCESS)].concat(),
        None => experimental(NOT_REGISTERED),
    };
    (Command::Located, answer)
}

fn assign(account: &mut Account, request: &Message, _: &str) -> (Command, Vec<u8>) {
    // Timeout and user de-registration, with and without the name kept; administrative; too much data.
    const ENDS: [u32; 6] = [4, 5, 6, 7, 8, 11];
    let kind = request.number(ASSIGNMENT_TYPE).unwrap_or_default();
    account.serving = (!ENDS.contains(&kind)).then(|| request.text(SERVER_NAME).to_owned());
    let answer = [
        avp(USER_NAME, account.subscriber.private_identity()),
        cx(USER_DATA, profile(account.subscriber)),
        result(SUCCESS),
    ];
    (Command::Assigned, answer.concat())
}

fn challenge(account: &mut Account, request: &Message, _: &str) -> (Command, Vec<u8>) {
    let milenage = milenage();
    let asked = request.value(AUTH_DATA_ITEM).unwrap_or_default();
    let resynchronises = diameter::value(asked, AUTHORIZATION).and_then(|auts| counted(&milenage, auts));
    account.sqn = resynchronises.unwrap_or(account.sqn) + 0x20;
    // What an S-CSCF that still asks may serve from now on (TS 29.228 section 6.3.1).
    account.serving = Some(request.text(SERVER_NAME).to_owned());
    let item = vector(&milenage, account.sqn, std::mem::take(&mut account.forges_next));
    let answer = [
        avp(USER_NAME, account.subscriber.private_identity()),
        cx(PUBLIC_IDENTITY, request.text(PUBLIC_IDENTITY)),
        cx(AUTH_ITEMS, 1u32.to_be_bytes()),
        cx(AUTH_DATA_ITEM, item),
        result(SUCCESS),
    ];
    let command = match resynchronises {
        Some(_) => Command::Resynchronised,
        None => Command::Challenged,
    };
    (command, answer.concat())
}

/// The number the card wants to go on from, when the key says that it is the card who speaks. `auts`: RAND, then AUTS.
fn counted(milenage: &Milenage, auts: &[u8]) -> Option<u64> {
    if auts.len() != 30 {
        return None;
    }
    let rand: Block = part(auts, 0);
    let sqn: [u8; 6] = xor(part(auts, 16), milenage.resync_ak(&rand));
    let is_card = milenage.resync_mac(&rand, sqn) == part(auts, 22);
    is_card.then(|| sqn.iter().fold(0, |sqn, byte| sqn << 8 | u64::from(*byte)))
}

fn vector(milenage: &Milenage, sqn: u64, forged: bool) -> Vec<u8> {
    const AMF: [u8; 2] = [0x80, 0];
    let sqn: [u8; 6] = part(&sqn.to_be_bytes(), 2);
    let rand = fitting_rand(milenage);
    let derived = milenage.derive(&rand);
    let mut mac = milenage.mac(&rand, sqn, AMF);
    if forged {
        mac[7] ^= 1;
    }
    let autn = [&xor(sqn, derived.ak)[..], &AMF, &mac].concat();
    let values = [
        cx(ITEM_NUMBER, 0u32.to_be_bytes()),
        cx(AUTH_SCHEME, "Digest-AKAv1-MD5"),
        cx(AUTHENTICATE, [&rand[..], &autn].concat()),
        cx(AUTHORIZATION, derived.res),
        cx(CONFIDENTIALITY_KEY, derived.ck),
        cx(INTEGRITY_KEY, derived.ik),
    ];
    values.concat()
}

/// SIPp cuts RES at a byte of zero, so none has one.
fn fitting_rand(milenage: &Milenage) -> Block {
    loop {
        let mut rand = [0; 16];
        getrandom::fill(&mut rand).unwrap();
        if !milenage.derive(&rand).res.contains(&0) {
            return rand;
        }
    }
}

fn profile(subscriber: Subscriber) -> String {
    let identities = subscriber
        .public_identities()
        .map(|identity| format!("<PublicIdentity><Identity>{identity}</Identity></PublicIdentity>"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><IMSSubscription><PrivateID>{}</PrivateID>\
         <ServiceProfile>{}</ServiceProfile></IMSSubscription>",
        subscriber.private_identity(),
        identities.concat()
    )
}

/// The host of `sip:HOST:PORT`, which is the Diameter identity as well.
fn host(server: &str) -> String {
    server.split(':').nth(1).unwrap_or_default().to_owned()
}
