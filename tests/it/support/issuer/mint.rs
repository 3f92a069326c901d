//! Tokens: genuine ones, and those that nobody should take.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::claims::Claims;
use super::keys::Key;
use crate::support::tls::random_text;

/// What GitHub gives each token.
const LIFE: i64 = 5 * 60;
/// GitHub's tokens are valid from a while before they were made.
const BEFORE: i64 = 10 * 60;

/// What is wrong with a token; everything else about it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hostile {
    /// For somebody else.
    WrongAudience,
    /// For the right one and somebody else.
    TwoAudiences,
    /// The right signature under another issuer's name.
    WrongIssuer,
    /// Ended an hour ago.
    Expired,
    /// Begins in an hour.
    NotYetValid,
    /// Made in an hour.
    FromTheFuture,
    /// Lives for a day.
    TooLong,
    /// Does not end.
    NoEnd,
    /// `exp` is text.
    TextualEnd,
    /// `repository_id` twice: another's first, then the claim as it should be.
    DuplicateClaims,
    /// `alg: none` and no signature.
    AlgNone,
    /// `alg: HS256`, the public key as the secret.
    KeyConfusion,
    /// The thief's key, under an id that the issuer does not have.
    UnknownKey,
    /// The thief's key, under the issuer's id.
    ForeignKey,
    /// No `kid` at all.
    NoKeyId,
    /// One bit of the signature is another.
    FlippedBit,
    /// The thief's key, handed along in the header.
    InlineKey,
    /// The thief's key, at a URL in `jku`.
    KeyUrl,
    /// The thief's key, at a URL in `x5u`.
    CertificateUrl,
    /// A critical header that nobody knows (RFC 7515, 4.1.11).
    Critical,
    /// Base64 with padding.
    Padded,
}

/// All of them.
pub const ALL: [Hostile; 21] = [
    Hostile::WrongAudience,
    Hostile::TwoAudiences,
    Hostile::WrongIssuer,
    Hostile::Expired,
    Hostile::NotYetValid,
    Hostile::FromTheFuture,
    Hostile::TooLong,
    Hostile::NoEnd,
    Hostile::TextualEnd,
    Hostile::DuplicateClaims,
    Hostile::AlgNone,
    Hostile::KeyConfusion,
    Hostile::UnknownKey,
    Hostile::ForeignKey,
    Hostile::NoKeyId,
    Hostile::FlippedBit,
    Hostile::InlineKey,
    Hostile::KeyUrl,
    Hostile::CertificateUrl,
    Hostile::Critical,
    Hostile::Padded,
];

/// A token as GitHub makes it.
pub fn genuine(key: &Key, issuer: &str, claims: &Claims, audience: &str) -> String {
    let payload = payload(issuer, claims, audience);
    sign(key, &header(&key.id), &Value::from(payload).to_string())
}

/// A token with one thing wrong.
pub fn hostile(
    kind: Hostile,
    key: &Key,
    thief: &Key,
    issuer: &str,
    claims: &Claims,
    audience: &str,
) -> String {
    let now = now();
    let mut payload = payload(issuer, claims, audience);
    let mut header = header(&key.id);
    let mut signer = key;
    let mut set = |name: &str, value: Value| drop(payload.insert(name.to_owned(), value));
    match kind {
        Hostile::WrongAudience => set("aud", "somebody-else".into()),
        Hostile::TwoAudiences => set("aud", json!([audience, "somebody-else"])),
        Hostile::WrongIssuer => set("iss", "https://issuer.example".into()),
        Hostile::Expired => {
            for (name, at) in [("nbf", -2), ("iat", -2), ("exp", -1)] {
                set(name, (now + at * 3600).into());
            }
        }
        Hostile::NotYetValid => {
            set("nbf", (now + 3600).into());
            set("exp", (now + 3600 + LIFE).into());
        }
        Hostile::FromTheFuture => {
            set("iat", (now + 3600).into());
            set("exp", (now + 3600 + LIFE).into());
        }
        Hostile::TooLong => set("exp", (now + 24 * 3600).into()),
        Hostile::NoEnd => drop(payload.remove("exp")),
        Hostile::TextualEnd => set("exp", (now + LIFE).to_string().into()),
        Hostile::UnknownKey => {
            signer = thief;
            header["kid"] = thief.id.clone().into();
        }
        Hostile::ForeignKey => signer = thief,
        Hostile::NoKeyId => drop(header.as_object_mut().unwrap().remove("kid")),
        Hostile::InlineKey => {
            signer = thief;
            header["jwk"] = thief.jwk(&key.id);
        }
        Hostile::KeyUrl => {
            signer = thief;
            header["jku"] = format!("{issuer}{}", super::THIEF).into();
        }
        Hostile::CertificateUrl => {
            signer = thief;
            header["x5u"] = format!("{issuer}{}", super::THIEF).into();
        }
        Hostile::Critical => {
            header["crit"] = json!(["luigi.dev/unheard-of"]);
            header["luigi.dev/unheard-of"] = true.into();
        }
        Hostile::AlgNone => header["alg"] = "none".into(),
        Hostile::KeyConfusion => header["alg"] = "HS256".into(),
        Hostile::DuplicateClaims | Hostile::FlippedBit | Hostile::Padded => {}
    }
    let mut text = Value::from(payload).to_string();
    if kind == Hostile::DuplicateClaims {
        text = text.replacen('{', "{\"repository_id\":\"1\",", 1);
    }
    let unsigned = unsigned(&header, &text);
    let mut signature = match kind {
        Hostile::AlgNone => Vec::new(),
        Hostile::KeyConfusion => {
            let secret = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.public_pem().as_bytes());
            ring::hmac::sign(&secret, unsigned.as_bytes()).as_ref().to_vec()
        }
        _ => signer.sign(unsigned.as_bytes()),
    };
    if kind == Hostile::FlippedBit {
        signature[17] ^= 1;
    }
    let end = if kind == Hostile::Padded { "==" } else { "" };
    format!("{unsigned}.{}{end}", URL_SAFE_NO_PAD.encode(signature))
}

fn header(key: &str) -> Value {
    json!({"typ": "JWT", "alg": "RS256", "kid": key, "x5t": key})
}

fn payload(issuer: &str, claims: &Claims, audience: &str) -> Map<String, Value> {
    let now = now();
    let mut payload = claims.to_map();
    let times = [("iat", now), ("nbf", now - BEFORE), ("exp", now + LIFE)];
    payload.extend(times.map(|(name, at)| (name.to_owned(), at.into())));
    let texts = [("iss", issuer.to_owned()), ("aud", audience.to_owned()), ("jti", random_text())];
    payload.extend(texts.map(|(name, text)| (name.to_owned(), text.into())));
    payload
}

fn sign(key: &Key, header: &Value, payload: &str) -> String {
    let unsigned = unsigned(header, payload);
    format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(key.sign(unsigned.as_bytes())))
}

fn unsigned(header: &Value, payload: &str) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload))
}

/// Seconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}
