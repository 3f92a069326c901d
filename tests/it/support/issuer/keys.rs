//! RSA keys for the issuer, and how it shows them.
//!
//! ring cannot make RSA keys, and a key in the repository would be one that a
//! scanner finds. helm is built for the tests anyway, and its templates can.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs1KeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::support::parts;
use crate::support::tls::random_text;

const CHART: &str = "apiVersion: v2\nname: keys\nversion: 0.1.0\n";
const TEMPLATE: &str = "\
{{- range until 2 }}
key: {{ (genSelfSignedCert \"issuer\" nil nil 1).Key | b64enc }}
---
{{- end }}
";

/// A key, under the id that tokens name it by.
pub struct Key {
    pub id: String,
    pair: RsaKeyPair,
}

impl Key {
    /// An RS256 signature.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
        signature
    }

    /// The public part as a JWK under an id.
    pub fn jwk(&self, id: &str) -> Value {
        let parts = PublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        let (n, e) = (URL_SAFE_NO_PAD.encode(parts.n), URL_SAFE_NO_PAD.encode(parts.e));
        json!({"kty": "RSA", "alg": "RS256", "use": "sig", "kid": id, "n": n, "e": e})
    }

    /// The public part as PEM (RFC 8017 `RSAPublicKey`), as one who confuses keys
    /// would feed it to HMAC.
    pub fn public_pem(&self) -> String {
        let text = STANDARD.encode(self.pair.public_key());
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|l| str::from_utf8(l).unwrap()).collect();
        format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", lines.join("\n"))
    }
}

/// The keys as a JWK set, all under one id.
pub fn set(keys: &[Key], id: &str) -> Value {
    json!({"keys": keys.iter().map(|key| key.jwk(id)).collect::<Vec<_>>()})
}

/// The issuer's key, and a thief's: new in each process.
pub fn all() -> &'static [Key] {
    static KEYS: OnceLock<Vec<Key>> = OnceLock::new();
    KEYS.get_or_init(make)
}

fn make() -> Vec<Key> {
    let chart = tempfile::tempdir().unwrap();
    fs::create_dir(chart.path().join("templates")).unwrap();
    fs::write(chart.path().join("Chart.yaml"), CHART).unwrap();
    fs::write(chart.path().join("templates/keys.yaml"), TEMPLATE).unwrap();
    let mut helm = Command::new(parts::tools().join("helm"));
    let output = helm.args(["template", "keys", "."]).current_dir(chart.path()).output().unwrap();
    assert!(output.status.success(), "helm: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let keys = text.lines().filter_map(|line| line.strip_prefix("key: "));
    let keys: Vec<Key> = keys.map(|key| read(&STANDARD.decode(key).unwrap())).collect();
    assert_eq!(keys.len(), 2, "keys in what helm made");
    keys
}

fn read(pem: &[u8]) -> Key {
    let der = PrivatePkcs1KeyDer::from_pem_slice(pem).unwrap();
    Key { id: random_text(), pair: RsaKeyPair::from_der(der.secret_pkcs1_der()).unwrap() }
}
