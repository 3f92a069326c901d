//! Why a token is refused: one reason each, with a sentence.
//!
//! Quotes what a header or a claim says, cut short; never a signature or the
//! token. Escaping is for whoever shows it.

use crate::name::IssuerUrl;

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    // The text.
    /// It is longer than any such token.
    #[error("the token has {bytes} bytes, and may have {most}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The most.
        most: usize,
    },
    /// It is JSON instead of three parts.
    #[error("the token is a JSON serialization, and only the compact one is read")]
    JsonSerialization,
    /// It is encrypted (RFC 7516), or nested.
    #[error("the token is encrypted or nested, which no CI token is")]
    Encrypted,
    /// It has not three parts.
    #[error("the token has {parts} parts, and must have three")]
    Parts {
        /// How many it has.
        parts: usize,
    },
    /// A part is not base64url, or not in its one spelling.
    #[error("the token's {part} part is not canonical base64url")]
    Encoding {
        /// Which part.
        part: Part,
    },
    /// A part is no JSON object.
    #[error("the token's {part} part is no JSON object: {why}")]
    Json {
        /// Which part.
        part: Part,
        /// What the reader said.
        why: String,
    },
    /// A part has a member twice.
    #[error("the member {name:?} is twice in the token's {part}")]
    MemberTwice {
        /// Which part.
        part: Part,
        /// The member.
        name: String,
    },

    // The header.
    /// `alg` is missing or no text.
    #[error("the token does not name its algorithm")]
    AlgMissing,
    /// `alg` is `none`.
    #[error("the token is not signed: its algorithm is `none`")]
    AlgNone,
    /// `alg` is a keyed hash: the public key would be its secret.
    #[error("the token's algorithm is {found:?}, a shared secret's, and issuers have none with us")]
    AlgSymmetric {
        /// What it says.
        found: String,
    },
    /// `alg` is none of ours.
    #[error("the token's algorithm is {found:?}; RS256, ES256 and PS256 are taken")]
    AlgUnknown {
        /// What it says.
        found: String,
    },
    /// `alg` is not the key's.
    #[error("the token's algorithm is {found:?}, but its key is for {key}")]
    AlgOfAnotherKey {
        /// What it says.
        found: String,
        /// The key's.
        key: &'static str,
    },
    /// `jku`, `x5u`, `jwk`, `x5c`: it brings its own key.
    #[error("the token brings its own key (`{member}`), and keys are the issuer's to publish")]
    KeyInside {
        /// The member.
        member: &'static str,
    },
    /// `crit`: something must be understood that is not.
    #[error("the token wants an extension to be understood (`crit`), and none is")]
    Critical,
    /// `b64`: the payload is signed in another form (RFC 7797).
    #[error("the token's payload is signed unencoded (`b64`), which is not read")]
    Unencoded,
    /// `typ` is of another kind of token.
    #[error("the token is of the type {found:?}, and must be `JWT`")]
    Typ {
        /// What it says.
        found: String,
    },

    // The key.
    /// `kid` is missing or no text.
    #[error("the token does not name its key")]
    KidMissing,
    /// The issuer has no such key.
    #[error("the issuer publishes no key {kid:?}")]
    KidUnknown {
        /// What the token names.
        kid: String,
    },
    /// The issuer has several.
    #[error("the issuer publishes {count} keys {kid:?}, and must publish one")]
    KidTwice {
        /// What the token names.
        kid: String,
        /// How many.
        count: usize,
    },
    /// The key cannot be used.
    #[error("the issuer's key {kid:?} cannot be used: {why}")]
    KeyUnusable {
        /// What the token names.
        kid: String,
        /// Why not.
        why: KeyFault,
    },
    /// The signature is not by that key over that content.
    #[error("the token's signature is wrong")]
    Signature,

    // The claims.
    /// A claim is missing.
    #[error("the token has no claim `{claim}`")]
    ClaimMissing {
        /// Which.
        claim: &'static str,
    },
    /// A claim has not its form.
    #[error("the token's claim `{claim}` must be {want}")]
    ClaimForm {
        /// Which.
        claim: String,
        /// Its form.
        want: &'static str,
    },
    /// It is from an issuer that is not listed.
    #[error("the issuer {found:?} is not among `identity.issuers`")]
    IssuerUnlisted {
        /// What the token says.
        found: String,
    },
    /// It is from another issuer than the keys.
    #[error("the token is from the issuer {found:?}, and must be from {want}")]
    Issuer {
        /// What it says.
        found: String,
        /// What it must say.
        want: IssuerUrl,
    },
    /// `aud` is a list: others take it too.
    #[error("the token is for a list of audiences, and must be for {want:?} alone")]
    AudienceList {
        /// What it must say.
        want: String,
    },
    /// It is for somebody else.
    #[error("the token is for the audience {found:?}, and must be for {want:?}")]
    Audience {
        /// What it says.
        found: String,
        /// What it must say.
        want: String,
    },
    /// A time is no whole number: fractions and exponents are read differently
    /// by others.
    #[error("the token's `{claim}` is no whole number of seconds")]
    Time {
        /// Which.
        claim: &'static str,
    },
    /// It is over.
    #[error("the token expired {seconds} s ago")]
    Expired {
        /// How long ago.
        seconds: u64,
    },
    /// It has not begun.
    #[error("the token is not valid for another {seconds} s; is this machine's clock right?")]
    NotYet {
        /// How long until then.
        seconds: u64,
    },
    /// It was issued in the future.
    #[error("the token was issued {seconds} s in the future; is this machine's clock right?")]
    IssuedLater {
        /// How far.
        seconds: u64,
    },
    /// It ends before it begins.
    #[error("the token ends before it begins")]
    Backwards,
    /// It lives too long.
    #[error("the token lives for {seconds} s, and may live for {most} s")]
    LifeTooLong {
        /// How long.
        seconds: u64,
        /// The most.
        most: u64,
    },
}

/// A part of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first.
    Header,
    /// The second.
    Claims,
    /// The third.
    Signature,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Claims => "claims",
            Self::Signature => "signature",
        })
    }
}

/// Why a published key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// `kty` is neither RSA nor EC.
    #[error("it is neither an RSA key nor one on P-256")]
    Kind,
    /// `alg` is none of ours, or not of this kind of key.
    #[error("it is not for RS256, ES256 or PS256")]
    Algorithm,
    /// `use` or `key_ops` say something else.
    #[error("it is not for verifying signatures")]
    Use,
    /// It is too short, or too long.
    #[error("it has not 2048 to 8192 bits")]
    Length,
    /// Its factors can be computed.
    #[error("anybody can compute its private half (CVE-2017-15361)")]
    Weak,
    /// A number is missing, or not in its one spelling.
    #[error("its numbers are missing or not canonical")]
    Numbers,
    /// Its private half is published with it.
    #[error("its private half is published with it")]
    Private,
}

/// What is quoted of a token: enough to recognise it.
pub(super) fn quote(text: &str) -> String {
    const MOST: usize = 120;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
