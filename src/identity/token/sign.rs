//! For tests: keys, and tokens that they sign, good and bad.
//!
//! The RSA key is the published example of RFC 7515, appendix A.2: the crypto
//! provider makes none. Keys on P-256 are made anew each time.

use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

use super::base64url;
use crate::config::identity::{Identity, Issuer, Provider};
use crate::name::IssuerUrl;
use crate::problem::Place;

/// The time of tests, in seconds since 1970.
pub const NOW: u64 = 1_785_000_000;
/// The audience of tests.
pub const AUDIENCE: &str = "luigi-production";
/// The issuer of tests.
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";

const N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d\
    4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBd\
    QOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2eth\
    FkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
const D: &str = "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOo\
    AJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4q\
    AdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR\
    _RQyGWSeWjnczT0QU91p1DhOVRuOopznQ";
const P: &str = "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJ\
    dTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc";
const Q: &str = "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD\
    _YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc";
const DP: &str = "BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R\
    6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0";
const DQ: &str = "h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0aja\
    HF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU";
const QI: &str = "IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7Y\
    IBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U";

/// A key of an issuer, with its private half.
pub struct Signer {
    kid: &'static str,
    key: Private,
}

enum Private {
    Rsa { pair: Box<RsaKeyPair>, alg: &'static str },
    P256(Box<EcdsaKeyPair>),
}

impl Signer {
    /// The RSA key under that id, for `RS256` or `PS256`.
    pub fn rsa(kid: &'static str, alg: &'static str) -> Self {
        let number = |text: &str| base64url::decode(text).unwrap();
        let public_key = PublicKeyComponents { n: number(N), e: number("AQAB") };
        let components = KeyPairComponents {
            public_key,
            d: number(D),
            p: number(P),
            q: number(Q),
            dP: number(DP),
            dQ: number(DQ),
            qInv: number(QI),
        };
        let pair = Box::new(RsaKeyPair::from_components(&components).unwrap());
        Self { kid, key: Private::Rsa { pair, alg } }
    }

    /// A new key on P-256.
    pub fn p256(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        Self { kid, key: Private::P256(Box::new(pair)) }
    }

    pub fn alg(&self) -> &'static str {
        match &self.key {
            Private::Rsa { alg, .. } => alg,
            Private::P256(_) => "ES256",
        }
    }

    /// The key as its issuer publishes it.
    pub fn jwk(&self) -> Value {
        let (kid, alg) = (self.kid, self.alg());
        match &self.key {
            Private::Rsa { .. } => {
                json!({"kty": "RSA", "use": "sig", "kid": kid, "alg": alg, "n": N, "e": "AQAB"})
            }
            Private::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                let (x, y) = (encode(x), encode(y));
                json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "alg": alg, "x": x, "y": y})
            }
        }
    }

    /// The header of this key's tokens.
    pub fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": self.alg(), "kid": self.kid, "x5t": "aGFzaA"})
    }

    /// A token with those claims.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// A token of those texts, whatever they are.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header.as_bytes()), encode(claims.as_bytes()));
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", encode(&signature))
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Private::Rsa { pair, alg } => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let how: &dyn ring::signature::RsaEncoding =
                    if *alg == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(how, &random, message, &mut signature).unwrap();
                signature
            }
            Private::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }
}

/// A key set of those keys.
pub fn key_set(keys: &[Value]) -> super::KeySet {
    super::KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
}

/// The claims of a job that was pushed to a protected branch, as GitHub's token
/// service made them in July 2026.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "iat": NOW - 5, "nbf": NOW - 605, "exp": NOW + 295,
        "jti": "5b6b2f3c-8f0a-4a63-9d5a-2d6a7d1f0b11",
        "sub": "repo:acme@9001/platform@7001:environment:production",
        "repository": "acme/platform", "repository_id": "7001", "repository_owner": "acme",
        "repository_owner_id": "9001", "repository_visibility": "private",
        "actor": "alice", "actor_id": "42", "event_name": "push", "environment": "production",
        "ref": "refs/heads/main", "ref_type": "branch", "ref_protected": "true",
        "base_ref": "", "head_ref": "", "sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e",
        "workflow": "luigi", "workflow_ref": "acme/platform/.github/workflows/luigi.yml@refs/heads/main",
        "workflow_sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e",
        "job_workflow_ref": "acme/platform/.github/workflows/luigi.yml@refs/heads/main",
        "job_workflow_sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e",
        "run_id": "30433642", "run_number": "7", "run_attempt": "1", "check_run_id": "81000",
        "runner_environment": "github-hosted", "repo_property_tier": "gold",
    })
}

/// Those claims with some of them changed; `null` takes one away.
pub fn with(mut claims: Value, changes: Value) -> Value {
    let (map, Value::Object(changes)) = (claims.as_object_mut().unwrap(), changes) else { unreachable!() };
    for (name, value) in changes {
        if value.is_null() {
            map.remove(&name)
        } else {
            map.insert(name, value)
        };
    }
    claims
}

/// An issuer as luigi.yaml names it.
pub fn issuer(provider: Provider, url: &str) -> Issuer {
    let parsed = IssuerUrl::parse(url).or_else(|_| IssuerUrl::parse_loopback(url)).unwrap();
    Issuer { provider, url: parsed, groups_claim: None, max_life: 15 * 60, place: Place::file("luigi.yaml") }
}

/// An `identity` with that issuer alone.
pub fn identity(issuer: Issuer) -> Identity {
    let place = issuer.place.clone();
    Identity { issuers: vec![issuer], agents: vec![], workflows: vec![], groups: [].into(), place }
}

/// Base64url without padding.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| usize::from(*chunk.get(i).unwrap_or(&0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        out.extend((0..=chunk.len()).map(|i| DIGITS[bits >> (18 - 6 * i) & 63] as char));
    }
    out
}
