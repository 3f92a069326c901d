//! The keys that an issuer publishes (RFC 7517), and what they have signed.
//!
//! The algorithm is the key's, never the token's. A key that cannot be used stays
//! in its place, so that a token which names it is told why. The one file here
//! that names the crypto provider.

use ring::signature;
use serde_json::{Map, Value};

use super::base64url;
use super::json::{self, Fault};
use super::refusal::{KeyFault, Refusal, quote};

/// The most bytes of a key set.
pub const MOST_BYTES: usize = 256 << 10;
/// The most keys of one.
const MOST_KEYS: usize = 100;

/// The keys that an issuer publishes.
#[derive(Debug, Clone)]
pub struct KeySet(Vec<(Option<String>, Result<Key, KeyFault>)>);

/// Why a text is no key set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is too long, or has too many keys.
    #[error("the key set has {found} {unit}, and may have {most}")]
    TooLarge {
        /// How many.
        found: usize,
        /// Of what.
        unit: &'static str,
        /// The most.
        most: usize,
    },
    /// A member is there twice.
    #[error("the key set has the member {name:?} twice")]
    MemberTwice {
        /// Which.
        name: String,
    },
    /// It is something else.
    #[error("the key set cannot be read: {why}")]
    Form {
        /// Why.
        why: String,
    },
}

impl KeySet {
    /// Reads a key set.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeySetError> {
        let large = |found, unit, most| Err(KeySetError::TooLarge { found, unit, most });
        if bytes.len() > MOST_BYTES {
            return large(bytes.len(), "bytes", MOST_BYTES);
        }
        let form = |why: &str| KeySetError::Form { why: why.to_owned() };
        let set = json::object(bytes).map_err(|fault| match fault {
            Fault::Twice(name) => KeySetError::MemberTwice { name: quote(&name) },
            Fault::NoObject => form("it is no object"),
            Fault::Syntax(why) => form(&why),
        })?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or_else(|| form("it has no list `keys`"))?;
        if keys.len() > MOST_KEYS {
            return large(keys.len(), "keys", MOST_KEYS);
        }
        let one = |key: &Value| {
            let key = key.as_object().ok_or_else(|| form("a key is no object"))?;
            let kid = match key.get("kid") {
                Some(Value::String(kid)) => Some(kid.clone()),
                Some(_) => return Err(form("a key's `kid` is no text")),
                None => None,
            };
            Ok((kid, Key::read(key)))
        };
        keys.iter().map(one).collect::<Result<_, _>>().map(Self)
    }

    /// The one key of that id. One that cannot be used counts, too.
    pub(super) fn key(&self, kid: &str) -> Result<&Key, Refusal> {
        let mut named = self.0.iter().filter(|(own, _)| own.as_deref() == Some(kid));
        let (first, count) = (named.next(), 1 + named.count());
        match first {
            None => Err(Refusal::KidUnknown { kid: quote(kid) }),
            Some(_) if count > 1 => Err(Refusal::KidTwice { kid: quote(kid), count }),
            Some((_, Err(why))) => Err(Refusal::KeyUnusable { kid: quote(kid), why: *why }),
            Some((_, Ok(key))) => Ok(key),
        }
    }
}

/// A public key, for one algorithm.
#[derive(Debug, Clone)]
pub(super) struct Key {
    algorithm: Algorithm,
    numbers: Numbers,
}

#[derive(Debug, Clone)]
enum Numbers {
    /// Modulus and exponent, big endian, without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// A point, uncompressed (SEC 1, section 2.3.3).
    P256(Vec<u8>),
}

/// An algorithm (RFC 7518, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
    Ps256,
}

impl Algorithm {
    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Rs256, Self::Es256, Self::Ps256].into_iter().find(|a| a.name() == text)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::Ps256 => "PS256",
        }
    }
}

impl Key {
    fn read(key: &Map<String, Value>) -> Result<Self, KeyFault> {
        const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
        let text = |name: &str| key.get(name).and_then(Value::as_str);
        let kind = text("kty").ok_or(KeyFault::Kind)?;
        if kind != "RSA" && !(kind == "EC" && text("crv") == Some("P-256")) {
            return Err(KeyFault::Kind);
        }
        if PRIVATE.iter().any(|name| key.contains_key(*name)) {
            return Err(KeyFault::Private);
        }
        let verifies = match key.get("key_ops") {
            None => true,
            Some(list) => list.as_array().is_some_and(|l| l.iter().any(|op| op == "verify")),
        };
        if !verifies || key.get("use").is_some_and(|used| used != "sig") {
            return Err(KeyFault::Use);
        }
        let algorithm = match (key.get("alg"), kind) {
            // What OpenID Connect takes where nothing is said (Core 1.0, section 2).
            (None, "RSA") => Algorithm::Rs256,
            (None, _) => Algorithm::Es256,
            (Some(alg), _) => alg.as_str().and_then(Algorithm::parse).ok_or(KeyFault::Algorithm)?,
        };
        let number = |name: &str| text(name).and_then(base64url::decode).ok_or(KeyFault::Numbers);
        let numbers = match (algorithm, kind) {
            (Algorithm::Rs256 | Algorithm::Ps256, "RSA") => rsa(number("n")?, number("e")?)?,
            (Algorithm::Es256, "EC") => p256(&number("x")?, &number("y")?)?,
            (Algorithm::Rs256 | Algorithm::Ps256 | Algorithm::Es256, _) => return Err(KeyFault::Algorithm),
        };
        Ok(Self { algorithm, numbers })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether this key has signed that, by its own algorithm.
    pub(super) fn has_signed(&self, message: &[u8], signed: &[u8]) -> bool {
        let verified =
            match (&self.numbers, self.algorithm) {
                (Numbers::Rsa { n, e }, Algorithm::Rs256) => signature::RsaPublicKeyComponents { n, e }
                    .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signed),
                (Numbers::Rsa { n, e }, Algorithm::Ps256) => signature::RsaPublicKeyComponents { n, e }
                    .verify(&signature::RSA_PSS_2048_8192_SHA256, message, signed),
                (Numbers::P256(point), Algorithm::Es256) => {
                    signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                        .verify(message, signed)
                }
                // `read` makes no such key.
                (Numbers::Rsa { .. }, Algorithm::Es256)
                | (Numbers::P256(_), Algorithm::Rs256 | Algorithm::Ps256) => return false,
            };
        verified.is_ok()
    }
}

fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Numbers, KeyFault> {
    let canonical = |number: &[u8]| number.first().is_some_and(|first| *first != 0);
    if !canonical(&n) || !canonical(&e) {
        return Err(KeyFault::Numbers);
    }
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(KeyFault::Length);
    }
    if is_roca(&n) {
        return Err(KeyFault::Weak);
    }
    Ok(Numbers::Rsa { n, e })
}

/// Whether a modulus is of the kind that a widespread chip made and whose factors
/// can be computed (CVE-2017-15361): modulo every small prime it is a power of
/// 65537. Keys of 2048 bits and more have that for all primes up to 701.
fn is_roca(n: &[u8]) -> bool {
    let is_prime = |p: &u32| (2..*p).take_while(|d| d * d <= *p).all(|d| !p.is_multiple_of(d));
    (3..=701).filter(is_prime).all(|p| {
        let rest = n.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % p);
        let next = |power: &u32| Some(power * 65537 % p);
        std::iter::successors(Some(1), next).take(p as usize).any(|power| power == rest)
    })
}

fn p256(x: &[u8], y: &[u8]) -> Result<Numbers, KeyFault> {
    if x.len() != 32 || y.len() != 32 {
        return Err(KeyFault::Numbers);
    }
    Ok(Numbers::P256([&[4], x, y].concat()))
}
