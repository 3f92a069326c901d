//! A token, keys and a time → its claims, or the reason why it is not believed.
//!
//! Fetches nothing and looks at no clock. What a token says of itself (which key,
//! which algorithm, which issuer) is compared with what is expected of it, and
//! never believed. RFC 8725 is the list of what went wrong elsewhere.

mod base64url;
mod json;
mod keys;
mod refusal;

#[cfg(test)]
mod bits;
#[cfg(test)]
pub(crate) mod sign;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use keys::{KeySet, KeySetError, MOST_BYTES as MOST_KEY_SET_BYTES};
pub use refusal::{KeyFault, Part, Refusal};

use super::provider;
use super::secret::Secret;
use crate::config::identity::{Identity, Issuer, Provider};
use crate::name::{Digest, IssuerUrl};
use json::Fault;
use keys::Algorithm;
use refusal::quote;

/// The most bytes of a token.
pub const MOST_BYTES: usize = 16 << 10;
/// How far two clocks may differ, in seconds.
pub const SKEW: u64 = 60;

/// What a verified token says. Made by [`verify`] and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    provider: Provider,
    issuer: IssuerUrl,
    audience: String,
    subject: String,
    issued_at: u64,
    expires_at: u64,
    digest: Digest,
    all: BTreeMap<String, Value>,
}

impl Claims {
    /// Whose claims they are.
    pub fn provider(&self) -> Provider {
        self.provider
    }
    /// Who issued the token.
    pub fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }
    /// The one it is for.
    pub fn audience(&self) -> &str {
        &self.audience
    }
    /// Whom the issuer means. Of a CI job nothing may be decided on it: its shape
    /// changes, and it is made of names that are given again.
    pub fn subject(&self) -> &str {
        &self.subject
    }
    /// When it was issued, in seconds since 1970.
    pub fn issued_at(&self) -> u64 {
        self.issued_at
    }
    /// When it ends, in seconds since 1970.
    pub fn expires_at(&self) -> u64 {
        self.expires_at
    }
    /// The token's SHA-256.
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// Every claim by name.
    pub fn all(&self) -> &BTreeMap<String, Value> {
        &self.all
    }
}

/// Reads one JSON object that has no member twice, at any depth. Why not comes as a
/// lower-case fragment, and quotes no value.
pub fn strict_object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    json::object(bytes).map_err(|fault| match fault {
        Fault::Twice(name) => format!("it has the member {:?} twice", quote(&name)),
        Fault::NoObject => "it is no JSON object".to_owned(),
        Fault::Syntax(why) => why,
    })
}

/// Which of the issuers a token says it is from; nothing of it is verified yet.
pub fn issuer_of<'a>(token: &Secret, identity: &'a Identity) -> Result<&'a Issuer, Refusal> {
    let [_, claims, _] = parts(token.expose())?;
    let claims = object(claims, Part::Claims)?;
    let found = text(&claims, "iss")?;
    identity.issuer(found).ok_or_else(|| Refusal::IssuerUnlisted { found: quote(found) })
}

/// The claims of a token of that issuer, for that audience alone. `now` is in
/// seconds since 1970.
pub fn verify(
    token: &Secret,
    keys: &KeySet,
    issuer: &Issuer,
    audience: &str,
    now: u64,
) -> Result<Claims, Refusal> {
    let claims = signed(token.expose(), keys)?;
    let found = text(&claims, "iss")?;
    if found != issuer.url.as_str() {
        return Err(Refusal::Issuer { found: quote(found), want: issuer.url.clone() });
    }
    check_audience(&claims, audience)?;
    let (issued_at, expires_at) = check_times(&claims, issuer, now)?;
    let subject = text(&claims, "sub")?;
    if subject.is_empty() {
        return Err(Refusal::ClaimForm { claim: "sub".to_owned(), want: "a text that is not empty" });
    }
    Ok(Claims {
        provider: issuer.provider,
        issuer: issuer.url.clone(),
        audience: audience.to_owned(),
        subject: subject.to_owned(),
        issued_at,
        expires_at,
        digest: token.digest(),
        all: claims.into_iter().collect(),
    })
}

/// What one of the keys has signed.
fn signed(token: &str, keys: &KeySet) -> Result<Map<String, Value>, Refusal> {
    let [header, claims, signature] = parts(token)?;
    let header_members = object(header, Part::Header)?;
    let (algorithm, kid) = check_header(&header_members)?;
    let key = keys.key(kid)?;
    if key.algorithm() != algorithm {
        let found = algorithm.name().to_owned();
        return Err(Refusal::AlgOfAnotherKey { found, key: key.algorithm().name() });
    }
    let signature = bytes(signature, Part::Signature)?;
    let message = &token[..header.len() + 1 + claims.len()];
    if !key.has_signed(message.as_bytes(), &signature) {
        return Err(Refusal::Signature);
    }
    object(claims, Part::Claims)
}

fn parts(token: &str) -> Result<[&str; 3], Refusal> {
    if token.len() > MOST_BYTES {
        return Err(Refusal::TooLong { bytes: token.len(), most: MOST_BYTES });
    }
    if token.trim_start().starts_with('{') {
        return Err(Refusal::JsonSerialization);
    }
    let parts: Vec<&str> = token.split('.').collect();
    match <[&str; 3]>::try_from(parts) {
        Ok(parts) => Ok(parts),
        Err(parts) if parts.len() == 5 => Err(Refusal::Encrypted),
        Err(parts) => Err(Refusal::Parts { parts: parts.len() }),
    }
}

fn bytes(text: &str, part: Part) -> Result<Vec<u8>, Refusal> {
    base64url::decode(text).ok_or(Refusal::Encoding { part })
}

fn object(text: &str, part: Part) -> Result<Map<String, Value>, Refusal> {
    json::object(&bytes(text, part)?).map_err(|fault| match fault {
        Fault::Twice(name) => Refusal::MemberTwice { part, name: quote(&name) },
        Fault::NoObject => Refusal::Json { part, why: "it is something else".to_owned() },
        Fault::Syntax(why) => Refusal::Json { part, why },
    })
}

fn check_header(header: &Map<String, Value>) -> Result<(Algorithm, &str), Refusal> {
    for member in ["jku", "x5u", "jwk", "x5c"] {
        if header.contains_key(member) {
            return Err(Refusal::KeyInside { member });
        }
    }
    if header.contains_key("crit") {
        return Err(Refusal::Critical);
    }
    if header.contains_key("b64") {
        return Err(Refusal::Unencoded);
    }
    if ["enc", "zip", "cty"].iter().any(|member| header.contains_key(*member)) {
        return Err(Refusal::Encrypted);
    }
    let alg = header.get("alg").and_then(Value::as_str).ok_or(Refusal::AlgMissing)?;
    let algorithm = match Algorithm::parse(alg) {
        Some(algorithm) => algorithm,
        None if alg.eq_ignore_ascii_case("none") || alg.is_empty() => return Err(Refusal::AlgNone),
        None if alg.to_ascii_uppercase().starts_with("HS") => {
            return Err(Refusal::AlgSymmetric { found: quote(alg) });
        }
        None => return Err(Refusal::AlgUnknown { found: quote(alg) }),
    };
    match header.get("typ") {
        None => {}
        Some(Value::String(typ)) if typ.eq_ignore_ascii_case("JWT") => {}
        Some(typ) => return Err(Refusal::Typ { found: quote(typ.as_str().unwrap_or("no text")) }),
    }
    match header.get("kid").and_then(Value::as_str) {
        Some(kid) if !kid.is_empty() => Ok((algorithm, kid)),
        _ => Err(Refusal::KidMissing),
    }
}

fn check_audience(claims: &Map<String, Value>, want: &str) -> Result<(), Refusal> {
    match claims.get("aud") {
        Some(Value::String(found)) if found == want => Ok(()),
        Some(Value::String(found)) => Err(Refusal::Audience { found: quote(found), want: want.to_owned() }),
        Some(Value::Array(_)) => Err(Refusal::AudienceList { want: want.to_owned() }),
        Some(_) => Err(Refusal::ClaimForm { claim: "aud".to_owned(), want: "a text" }),
        None => Err(Refusal::ClaimMissing { claim: "aud" }),
    }
}

/// When it was issued, and when it ends.
fn check_times(claims: &Map<String, Value>, issuer: &Issuer, now: u64) -> Result<(u64, u64), Refusal> {
    let time = |claim: &'static str| match claims.get(claim) {
        None => Err(Refusal::ClaimMissing { claim }),
        Some(value) => value.as_u64().ok_or(Refusal::Time { claim }),
    };
    let (expires, issued) = (time("exp")?, time("iat")?);
    let begins = match (claims.contains_key("nbf"), provider::map(issuer.provider).begins) {
        (false, provider::Begins::AtIssue) => issued,
        (true, _) | (false, provider::Begins::Says) => time("nbf")?,
    };
    if expires <= issued || expires <= begins {
        return Err(Refusal::Backwards);
    }
    let life = expires - issued;
    if life > issuer.max_life {
        return Err(Refusal::LifeTooLong { seconds: life, most: issuer.max_life });
    }
    let latest = now.saturating_add(SKEW);
    if issued > latest {
        return Err(Refusal::IssuedLater { seconds: issued - now });
    }
    if begins > latest {
        return Err(Refusal::NotYet { seconds: begins - now });
    }
    if expires.saturating_add(SKEW) <= now {
        return Err(Refusal::Expired { seconds: now - expires });
    }
    Ok((issued, expires))
}

fn text<'a>(claims: &'a Map<String, Value>, claim: &'static str) -> Result<&'a str, Refusal> {
    match claims.get(claim) {
        None => Err(Refusal::ClaimMissing { claim }),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Refusal::ClaimForm { claim: claim.to_owned(), want: "a text" }),
    }
}
