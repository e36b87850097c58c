//! What a UE says about its protection: in a REGISTER, in every later request, and what a challenge says for it.

use super::set::{Said, State};
use super::sets::{NoSet, Seen};
use super::suite::{Offer, Terms, choose};
use crate::sip::headers::credentials::{self, Digest};
use crate::sip::headers::name_addr::NameAddr;
use crate::sip::headers::security::Mechanisms;
use crate::sip::headers::tokens;
use crate::sip::{Draft, Name};

/// The option tag of RFC 3329.
const TAG: &[u8] = b"sec-agree";
/// Bytes of a private identity; one that is longer is none.
const IDENTITY_BYTES_MAX: usize = 512;

/// A REGISTER that may lead to a challenge.
#[derive(Clone, PartialEq, Eq)]
pub struct Registering {
    /// The private identity.
    pub impi: Vec<u8>,
    /// Security-Client, and what was chosen from it. `None`: it offers nothing, so it cannot be challenged.
    pub offer: Option<(Mechanisms, Offer)>,
    pub protection: Protection,
    pub proof: Proof,
}

/// The word for the registrar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    Yes,
    No,
    /// By TLS, on the connection that the UE has registered over before.
    TlsYes,
    /// By TLS, while the response is not judged yet.
    TlsPending,
}

/// What a REGISTER shows of its sender's authentication. Nothing of it is judged here.
//= AKA-001
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing, of nobody's challenge.
    None,
    /// A response to a challenge.
    Response,
    /// An answer to a challenge that says that it cannot be answered: no response, or `auts`.
    Failure,
}

/// Why a request of a UE goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("a UE registers unprotected and offers no security agreement")]
    NoAgreement,
    #[error("a UE offers no mechanism in common")]
    NothingInCommon,
    #[error("a UE on a security association does not repeat what was agreed")]
    Incomplete,
    #[error("what a UE repeats of its security agreement is not what was said")]
    Changed,
    #[error("a UE registers an identity that is not the one of its security association")]
    AnotherIdentity,
    #[error("a UE goes on with an authentication that has failed")]
    Over,
    #[error("a UE that offers no security agreement is challenged")]
    NothingToAgree,
    #[error("the network challenges again who has just answered")]
    ChallengedTwice,
    #[error("{0}")]
    NoSet(NoSet),
}

/// A REGISTER that came outside of every security association, to where there should be one.
//= AKA-010
//= AKA-013
pub fn unprotected(draft: &Draft, terms: Terms) -> Result<Registering, Refusal> {
    let asks = [Name::Require, Name::ProxyRequire, Name::Supported]
        .into_iter()
        .any(|name| draft.rows(name).any(|row| tokens::contains(row, TAG)));
    if !asks {
        return Err(Refusal::NoAgreement);
    }
    let offer = offered(draft, terms).ok_or(Refusal::NothingInCommon)?;
    let impi = username(draft)?.or_else(|| made_of_public(draft));
    let impi = impi.ok_or(Refusal::AnotherIdentity)?;
    Ok(Registering {
        impi,
        offer: Some(offer),
        protection: Protection::No,
        proof: proof(draft),
    })
}

/// A REGISTER on a security association.
//= AKA-014
//= PCSCF-004
pub fn protected(draft: &Draft, seen: &Seen<'_>, terms: Terms, always: bool) -> Result<Registering, Refusal> {
    //= PCSCF-006
    if username(draft)?.is_some_and(|impi| impi != seen.impi) {
        return Err(Refusal::AnotherIdentity);
    }
    match seen.state {
        State::Failed => return Err(Refusal::Over),
        State::Temporary => repeats(draft, seen)?,
        State::Established | State::Old => later(draft, seen, always)?,
    }
    let proof = proof(draft);
    let is_of_set = Said::of(nonce(draft)) == seen.agreed.nonce;
    let protection = match (seen.state, proof) {
        (State::Temporary | State::Established, Proof::Response) if is_of_set => Protection::Yes,
        (State::Established, Proof::None) => Protection::Yes,
        _ => Protection::No,
    };
    Ok(Registering {
        impi: seen.impi.to_vec(),
        offer: offered(draft, terms),
        protection,
        proof,
    })
}

/// Both lists, as they were said.
fn repeats(draft: &Draft, seen: &Seen<'_>) -> Result<(), Refusal> {
    if !draft.has(Name::SecurityClient) || !draft.has(Name::SecurityVerify) {
        return Err(Refusal::Incomplete);
    }
    let (client, server) = (said(draft, Name::SecurityClient), said(draft, Name::SecurityVerify));
    match client == Some(seen.agreed.client) && server == Some(seen.agreed.server) {
        true => Ok(()),
        false => Err(Refusal::Changed),
    }
}

/// Any request on an established security association. `always`: Security-Verify must be there.
//= AKA-016
pub fn later(draft: &Draft, seen: &Seen<'_>, always: bool) -> Result<(), Refusal> {
    match draft.has(Name::SecurityVerify) {
        false if always => Err(Refusal::Incomplete),
        false => Ok(()),
        true if said(draft, Name::SecurityVerify) == Some(seen.agreed.server) => Ok(()),
        true => Err(Refusal::Changed),
    }
}

/// The nonce of the network's challenge.
pub fn nonce_of(challenge: &Draft) -> Vec<u8> {
    let params = challenge.rows(Name::WwwAuthenticate).find_map(credentials::digest);
    let nonce = params.and_then(|params| one(&params, b"nonce"));
    nonce.unwrap_or_default().to_vec()
}

fn read(draft: &Draft, name: Name) -> Option<Mechanisms> {
    Mechanisms::read(draft.rows(name)).ok()
}

fn said(draft: &Draft, name: Name) -> Option<Said> {
    Some(Said::list(&read(draft, name)?))
}

fn offered(draft: &Draft, terms: Terms) -> Option<(Mechanisms, Offer)> {
    let client = read(draft, Name::SecurityClient)?;
    let offer = choose(&client, terms)?;
    Some((client, offer))
}

fn digest(draft: &Draft) -> Option<Digest<'_>> {
    draft.rows(Name::Authorization).find_map(credentials::digest)
}

/// The only parameter of this name.
fn one<'a>(params: &Digest<'a>, name: &'static [u8]) -> Option<&'a [u8]> {
    let mut all = params.find_all(name);
    all.next().filter(|_| all.next().is_none())
}

/// `username` of the credentials. `None`: there are none.
///
/// Whatever can be read in two ways is refused: nobody here knows which of them the registrar looks at, and the word for it
/// stands beside them.
//= PCSCF-006
fn username(draft: &Draft) -> Result<Option<Vec<u8>>, Refusal> {
    let mut found: Option<&[u8]> = None;
    for row in draft.rows(Name::Authorization) {
        let params = credentials::digest(row).ok_or(Refusal::AnotherIdentity)?;
        let is_plain = credentials::challenges(row).len() == 1;
        let name = one(&params, b"username").filter(|name| is_plain && name.len() <= IDENTITY_BYTES_MAX);
        let name = name.ok_or(Refusal::AnotherIdentity)?;
        if found.is_some_and(|found| found != name) {
            return Err(Refusal::AnotherIdentity);
        }
        found = Some(name);
    }
    Ok(found.map(<[u8]>::to_vec))
}

/// What a private identity looks like that is made of a public one (TS 23.003 section 13.3).
fn made_of_public(draft: &Draft) -> Option<Vec<u8>> {
    let to = NameAddr::parse(draft.first(Name::To)?).ok()?.uri().ok()?;
    let identity = [to.user().unwrap_or_default(), b"@", to.host()].concat();
    (identity.len() <= IDENTITY_BYTES_MAX).then_some(identity)
}

fn nonce(draft: &Draft) -> &[u8] {
    digest(draft)
        .and_then(|params| one(&params, b"nonce"))
        .unwrap_or_default()
}

fn proof(draft: &Draft) -> Proof {
    let Some(params) = digest(draft) else {
        return Proof::None;
    };
    let says = |name: &'static [u8]| params.find_all(name).any(|value| !value.is_empty());
    match (says(b"nonce"), says(b"response"), says(b"auts")) {
        (_, _, true) | (true, false, _) => Proof::Failure,
        (_, true, _) => Proof::Response,
        (false, false, false) => Proof::None,
    }
}

impl std::fmt::Debug for Registering {
    /// Names nobody.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registering").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
