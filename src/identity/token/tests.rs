//! Tokens that must be believed, and hostile ones, each with its own reason.

use ring::hmac;
use serde_json::{Value, json};

use super::sign::{self, AUDIENCE, ISSUER, NOW, Signer, claims, encode, with};
use super::*;

struct Bench {
    rsa: Signer,
    keys: KeySet,
    issuer: Issuer,
}

fn bench() -> Bench {
    let rsa = Signer::rsa("one", "RS256");
    let keys = sign::key_set(&[rsa.jwk()]);
    Bench { rsa, keys, issuer: sign::issuer(Provider::GitHub, ISSUER) }
}

impl Bench {
    fn judge(&self, token: &str) -> Result<Claims, Refusal> {
        verify(&Secret::new(token.to_owned()), &self.keys, &self.issuer, AUDIENCE, NOW)
    }

    /// The verdict on the usual claims with some changed.
    fn changed(&self, changes: Value) -> Result<Claims, Refusal> {
        self.judge(&self.rsa.token(&with(claims(), changes)))
    }

    /// The verdict on the usual claims under another header.
    fn headed(&self, changes: Value) -> Result<Claims, Refusal> {
        let header = with(self.rsa.header(), changes);
        self.judge(&self.rsa.sign(&header.to_string(), &claims().to_string()))
    }

    /// The verdict under other keys.
    fn keyed(&self, keys: &[Value], token: &str) -> Result<Claims, Refusal> {
        let keys = sign::key_set(keys);
        verify(&Secret::new(token.to_owned()), &keys, &self.issuer, AUDIENCE, NOW)
    }
}

fn form(claim: &str, want: &'static str) -> Refusal {
    Refusal::ClaimForm { claim: claim.to_owned(), want }
}

#[test]
fn a_good_token_of_each_algorithm_is_believed() {
    let b = bench();
    let read = b.changed(json!({})).unwrap();
    assert_eq!((read.issued_at(), read.expires_at(), read.audience()), (NOW - 5, NOW + 295, AUDIENCE));
    assert_eq!(read.subject(), "repo:acme@9001/platform@7001:environment:production");
    assert_eq!(read.all()["repository_id"], "7001");
    let token = b.rsa.token(&claims());
    assert_eq!(b.judge(&token).unwrap().digest(), Digest::of(token.as_bytes()));
    for signer in [Signer::p256("one"), Signer::rsa("one", "PS256")] {
        assert!(b.keyed(&[signer.jwk()], &signer.token(&claims())).is_ok(), "{}", signer.alg());
    }
}

#[test]
fn the_example_of_rfc_7515_has_a_right_signature() {
    // Appendix A.2 names no key, so only the lower half is asked.
    let message = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS\
        9pc19yb290Ijp0cnVlfQ";
    let signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5ju\
        jGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_e\
        SN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWk\
        WywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let keys = sign::key_set(&[Signer::rsa("one", "RS256").jwk()]);
    let key = keys.key("one").unwrap();
    assert!(key.has_signed(message.as_bytes(), &base64url::decode(signature).unwrap()));
    assert!(!key.has_signed(&message.as_bytes()[1..], &base64url::decode(signature).unwrap()));
}

#[test]
fn an_audience_is_one_and_the_same() {
    let b = bench();
    let other = Refusal::Audience { found: "sts".into(), want: AUDIENCE.into() };
    assert_eq!(b.changed(json!({"aud": "sts"})), Err(other));
    let list = Refusal::AudienceList { want: AUDIENCE.into() };
    for aud in [json!([AUDIENCE]), json!([AUDIENCE, "sts"]), json!([])] {
        assert_eq!(b.changed(json!({"aud": aud})), Err(list.clone()));
    }
    assert_eq!(b.changed(json!({"aud": 7})), Err(form("aud", "a text")));
    assert_eq!(b.changed(json!({"aud": null})), Err(Refusal::ClaimMissing { claim: "aud" }));
    for near in ["luigi-production ", "Luigi-production", "luigi-production/", "luigi"] {
        assert!(matches!(b.changed(json!({"aud": near})), Err(Refusal::Audience { .. })), "{near}");
    }
}

#[test]
fn an_issuer_is_one_that_is_listed() {
    let b = bench();
    let found = "https://token.actions.githubusercontent.com.evil.example";
    let want = b.issuer.url.clone();
    assert_eq!(b.changed(json!({"iss": found})), Err(Refusal::Issuer { found: found.into(), want }));
    for near in [format!("{ISSUER}/"), format!("{ISSUER}/acme"), ISSUER.replace("https", "http")] {
        assert!(matches!(b.changed(json!({"iss": near})), Err(Refusal::Issuer { .. })), "{near}");
    }
    assert_eq!(b.changed(json!({"iss": [ISSUER]})), Err(form("iss", "a text")));
    let identity = sign::identity(b.issuer.clone());
    let of = |claims: Value| issuer_of(&Secret::new(b.rsa.token(&claims)), &identity).cloned();
    assert_eq!(of(claims()), Ok(b.issuer.clone()));
    assert_eq!(
        of(with(claims(), json!({"iss": found}))),
        Err(Refusal::IssuerUnlisted { found: found.into() })
    );
    assert_eq!(of(with(claims(), json!({"iss": null}))), Err(Refusal::ClaimMissing { claim: "iss" }));
}

#[test]
fn times_are_whole_and_near() {
    let b = bench();
    // The edges of the skew: what is inside is believed, one second more is not.
    let at = |iat: u64, nbf: u64, exp: u64| b.changed(json!({"iat": iat, "nbf": nbf, "exp": exp}));
    assert!(at(NOW - 300, NOW - 300, NOW - 59).is_ok());
    assert_eq!(at(NOW - 300, NOW - 300, NOW - 60), Err(Refusal::Expired { seconds: 60 }));
    assert!(at(NOW + 60, NOW, NOW + 300).is_ok());
    assert_eq!(at(NOW + 61, NOW, NOW + 300), Err(Refusal::IssuedLater { seconds: 61 }));
    assert!(at(NOW, NOW + 60, NOW + 300).is_ok());
    assert_eq!(at(NOW, NOW + 61, NOW + 300), Err(Refusal::NotYet { seconds: 61 }));
    assert!(at(NOW, NOW, NOW + 900).is_ok());
    assert_eq!(at(NOW, NOW, NOW + 901), Err(Refusal::LifeTooLong { seconds: 901, most: 900 }));
    assert_eq!(at(NOW, NOW, NOW), Err(Refusal::Backwards));
    assert_eq!(at(NOW - 5, NOW + 30, NOW + 30), Err(Refusal::Backwards));
    assert!(matches!(at(0, 0, u64::MAX), Err(Refusal::LifeTooLong { .. })));
    assert!(matches!(at(u64::MAX - 1, 0, u64::MAX), Err(Refusal::IssuedLater { .. })));
    for claim in ["exp", "nbf", "iat"] {
        assert_eq!(b.changed(json!({claim: null})), Err(Refusal::ClaimMissing { claim }));
        let text = claims().to_string();
        let plain = format!("\"{claim}\":{}", claims()[claim]);
        for odd in [
            "1785000000.0",
            "1.785e9",
            "1785000000.5",
            "-5",
            "\"1785000000\"",
            "true",
            "null",
            "[1]",
            "1e400",
        ] {
            let text = text.replace(&plain, &format!("\"{claim}\":{odd}"));
            assert_ne!(text, claims().to_string());
            let verdict = b.judge(&b.rsa.sign(&b.rsa.header().to_string(), &text));
            let json =
                |r: &Result<Claims, Refusal>| matches!(r, Err(Refusal::Json { part: Part::Claims, .. }));
            assert!(
                verdict == Err(Refusal::Time { claim }) || odd == "1e400" && json(&verdict),
                "{odd} {verdict:?}"
            );
        }
    }
}

#[test]
fn a_longer_life_and_a_missing_nbf_are_for_those_who_say_so() {
    let mut b = bench();
    b.issuer.max_life = 3600;
    assert!(b.changed(json!({"exp": NOW + 3000})).is_ok());
    let circle = |claims: Value| {
        let issuer = sign::issuer(Provider::CircleCi, ISSUER);
        verify(&Secret::new(b.rsa.token(&claims)), &b.keys, &issuer, AUDIENCE, NOW)
    };
    assert!(circle(with(claims(), json!({"nbf": null}))).is_ok());
    let late = circle(with(claims(), json!({"nbf": NOW + 100})));
    assert_eq!(late, Err(Refusal::NotYet { seconds: 100 }), "one that is there counts");
}

#[test]
fn other_claims_have_their_form() {
    let b = bench();
    assert_eq!(b.changed(json!({"sub": null})), Err(Refusal::ClaimMissing { claim: "sub" }));
    assert_eq!(b.changed(json!({"sub": 1})), Err(form("sub", "a text")));
    assert_eq!(b.changed(json!({"sub": ""})), Err(form("sub", "a text that is not empty")));
}

#[test]
fn a_member_twice_is_refused_wherever_it_is() {
    let b = bench();
    let header = b.rsa.header().to_string();
    let twice = |part, name: &str| Err(Refusal::MemberTwice { part, name: name.to_owned() });
    let claims = claims().to_string();
    for name in ["aud", "exp", "repository_id", "environment", "anything"] {
        let text = format!("{{\"{name}\":\"first\",\"{name}\":\"x\",{}", &claims[1..]);
        assert_eq!(b.judge(&b.rsa.sign(&header, &text)), twice(Part::Claims, name));
    }
    let nested = format!("{{\"act\":{{\"sub\":1,\"s\\u0075b\":2}},{}", &claims[1..]);
    assert_eq!(b.judge(&b.rsa.sign(&header, &nested)), twice(Part::Claims, "sub"));
    let text = format!("{{\"alg\":\"none\",{}", &header[1..]);
    assert_eq!(b.judge(&b.rsa.sign(&text, &claims)), twice(Part::Header, "alg"));
}

#[test]
fn an_algorithm_is_the_keys() {
    let b = bench();
    let unsigned = |alg: &str| {
        let header = with(b.rsa.header(), json!({"alg": alg})).to_string();
        format!("{}.{}.", encode(header.as_bytes()), encode(claims().to_string().as_bytes()))
    };
    for none in ["none", "None", "nOnE", "NONE", ""] {
        assert_eq!(b.judge(&unsigned(none)), Err(Refusal::AlgNone), "{none:?}");
    }
    assert_eq!(b.headed(json!({"alg": null})), Err(Refusal::AlgMissing));
    assert_eq!(b.headed(json!({"alg": ["RS256"]})), Err(Refusal::AlgMissing));
    for other in ["RS384", "RS512", "ES384", "EdDSA", "PS512", "RSA1_5", "rs256", "RS256 "] {
        assert_eq!(b.headed(json!({"alg": other})), Err(Refusal::AlgUnknown { found: other.into() }));
    }
    let other = |found: &str, key| Err(Refusal::AlgOfAnotherKey { found: found.into(), key });
    assert_eq!(b.headed(json!({"alg": "PS256"})), other("PS256", "RS256"));
    assert_eq!(b.headed(json!({"alg": "ES256"})), other("ES256", "RS256"));
    let es = Signer::p256("one");
    assert_eq!(b.keyed(&[es.jwk()], &b.rsa.token(&claims())), other("RS256", "ES256"));
}

#[test]
fn a_public_key_is_nobodys_secret() {
    let b = bench();
    // The key as text, as its modulus, and nothing at all: what libraries took.
    let jwk = b.rsa.jwk();
    let modulus = base64url::decode(jwk["n"].as_str().unwrap()).unwrap();
    for secret in [jwk.to_string().into_bytes(), modulus, Vec::new()] {
        let header = with(b.rsa.header(), json!({"alg": "HS256"})).to_string();
        let message = format!("{}.{}", encode(header.as_bytes()), encode(claims().to_string().as_bytes()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        let token = format!("{message}.{}", encode(tag.as_ref()));
        assert_eq!(b.judge(&token), Err(Refusal::AlgSymmetric { found: "HS256".into() }));
    }
}

#[test]
fn a_token_brings_no_key_and_no_extension() {
    let b = bench();
    let own = Signer::p256("evil").jwk();
    let inside = [
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("jwk", own),
        ("x5c", json!(["MIIB"])),
    ];
    for (member, value) in inside {
        assert_eq!(b.headed(json!({member: value})), Err(Refusal::KeyInside { member }));
    }
    assert_eq!(b.headed(json!({"crit": ["exp"]})), Err(Refusal::Critical));
    assert_eq!(b.headed(json!({"crit": []})), Err(Refusal::Critical));
    assert_eq!(b.headed(json!({"b64": false})), Err(Refusal::Unencoded));
    assert_eq!(b.headed(json!({"b64": true})), Err(Refusal::Unencoded));
    for member in ["enc", "zip", "cty"] {
        assert_eq!(b.headed(json!({member: "x"})), Err(Refusal::Encrypted), "{member}");
    }
    for typ in ["at+jwt", "dpop+jwt", "logout+jwt", "JWE", ""] {
        assert_eq!(b.headed(json!({"typ": typ})), Err(Refusal::Typ { found: typ.into() }));
    }
    assert_eq!(b.headed(json!({"typ": 1})), Err(Refusal::Typ { found: "no text".into() }));
    assert!(b.headed(json!({"typ": null})).is_ok() && b.headed(json!({"typ": "jwt"})).is_ok());
    assert!(b.headed(json!({"anything": {"else": 1}})).is_ok(), "what is not known is not needed");
}

#[test]
fn a_key_is_the_one_that_is_named() {
    let b = bench();
    let token = b.rsa.token(&claims());
    let unknown = |kid: &str| Err(Refusal::KidUnknown { kid: kid.to_owned() });
    assert_eq!(b.headed(json!({"kid": "two"})), unknown("two"));
    assert_eq!(b.headed(json!({"kid": "../../one"})), unknown("../../one"));
    for kid in [json!(null), json!(""), json!(1), json!(["one"])] {
        assert_eq!(b.headed(json!({"kid": kid})), Err(Refusal::KidMissing));
    }
    let twice = Err(Refusal::KidTwice { kid: "one".into(), count: 2 });
    let other = Signer::p256("one").jwk();
    assert_eq!(b.keyed(&[b.rsa.jwk(), other], &token), twice);
    assert_eq!(b.keyed(&[b.rsa.jwk(), b.rsa.jwk()], &token), twice);
    assert_eq!(b.keyed(&[b.rsa.jwk(), json!({"kty": "oct", "kid": "one", "k": "AAAA"})], &token), twice);
    assert!(b.keyed(&[b.rsa.jwk(), Signer::p256("two").jwk()], &token).is_ok());
    assert_eq!(b.keyed(&[], &token), unknown("one"));
    let stranger = Signer::p256("one");
    let forged = Signer::p256("one").token(&claims());
    assert_eq!(b.keyed(&[stranger.jwk()], &forged), Err(Refusal::Signature));
}

#[test]
fn a_key_that_cannot_be_used_says_why() {
    let b = bench();
    let token = b.rsa.token(&claims());
    let es = Signer::p256("one");
    let es_token = es.token(&claims());
    let rsa = |changes: Value| b.keyed(&[with(b.rsa.jwk(), changes)], &token);
    let ec = |changes: Value| b.keyed(&[with(es.jwk(), changes)], &es_token);
    let why = |why| Err(Refusal::KeyUnusable { kid: "one".into(), why });
    assert!(rsa(json!({"alg": null})).is_ok() && ec(json!({"alg": null})).is_ok(), "the kind says it");
    assert!(rsa(json!({"use": null, "key_ops": ["verify"]})).is_ok());
    assert_eq!(rsa(json!({"use": "enc"})), why(KeyFault::Use));
    assert_eq!(rsa(json!({"key_ops": ["sign"]})), why(KeyFault::Use));
    assert_eq!(rsa(json!({"key_ops": "verify"})), why(KeyFault::Use));
    for alg in ["RS512", "HS256", "none", "ES256", "RSA-OAEP"] {
        assert_eq!(rsa(json!({"alg": alg})), why(KeyFault::Algorithm), "{alg}");
    }
    assert_eq!(ec(json!({"alg": "RS256"})), why(KeyFault::Algorithm));
    for (kty, k) in [("oct", "AAAA"), ("OKP", "AAAA"), ("rsa", "AAAA")] {
        assert_eq!(rsa(json!({"kty": kty, "k": k})), why(KeyFault::Kind));
    }
    assert_eq!(ec(json!({"crv": "P-384"})), why(KeyFault::Kind));
    assert_eq!(rsa(json!({"d": "AQAB"})), why(KeyFault::Private));
    assert_eq!(ec(json!({"d": "AQAB"})), why(KeyFault::Private));
    let n = b.rsa.jwk()["n"].as_str().unwrap().to_owned();
    let half = encode(&base64url::decode(&n).unwrap()[..128]);
    let huge = encode(&[0xff; 1025]);
    for n in [half, huge] {
        assert_eq!(rsa(json!({"n": n})), why(KeyFault::Length));
    }
    // A power of 65537 is one modulo every prime: what marks the weak kind.
    let times = |n: Vec<u8>| -> Vec<u8> {
        let by_2_16 = [n.clone(), vec![0, 0]].concat();
        let mut carry = 0;
        let mut sum: Vec<u8> = (0..by_2_16.len())
            .rev()
            .map(|at| {
                let own = at.checked_sub(2).map_or(0, |at| u32::from(n[at]));
                carry += u32::from(by_2_16[at]) + own;
                let byte = u8::try_from(carry & 0xff).unwrap();
                carry >>= 8;
                byte
            })
            .collect();
        sum.reverse();
        sum
    };
    let weak = (0..128).fold(vec![1], |n, _| times(n));
    assert_eq!(rsa(json!({"n": encode(&weak)})), why(KeyFault::Weak));
    let padded = encode(&[&[0][..], &base64url::decode(&n).unwrap()].concat());
    for changes in [json!({"n": padded}), json!({"n": n.clone() + "="}), json!({"n": null}), json!({"e": ""})]
    {
        assert_eq!(rsa(changes.clone()), why(KeyFault::Numbers), "{changes}");
    }
    assert_eq!(ec(json!({"x": encode(&[1; 31])})), why(KeyFault::Numbers));
    assert_eq!(ec(json!({"y": encode(&[1; 33])})), why(KeyFault::Numbers));
    // A point that is not on the curve signs nothing.
    assert_eq!(ec(json!({"x": encode(&[1; 32])})), Err(Refusal::Signature));
}

#[test]
fn a_key_set_is_read_whole_or_not_at_all() {
    let jwk = Signer::rsa("one", "RS256").jwk().to_string();
    let parse = |text: String| KeySet::parse(text.as_bytes()).map(|_| ());
    assert_eq!(parse(format!("{{\"keys\":[{jwk}]}}")), Ok(()));
    let twice = |name: &str| Err(KeySetError::MemberTwice { name: name.to_owned() });
    assert_eq!(parse(format!("{{\"keys\":[],\"keys\":[{jwk}]}}")), twice("keys"));
    assert_eq!(parse(format!("{{\"keys\":[{{\"kid\":\"one\",{}]}}", &jwk[1..])), twice("kid"));
    for bad in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[1]}", "{\"keys\":[{\"kid\":1}]}", "<html>"] {
        assert!(matches!(parse(bad.to_owned()), Err(KeySetError::Form { .. })), "{bad}");
    }
    let many = format!("{{\"keys\":[{}]}}", vec!["{}"; 101].join(","));
    assert!(matches!(parse(many), Err(KeySetError::TooLarge { unit: "keys", .. })));
    let long = format!("{{\"keys\":[]}}{}", " ".repeat(MOST_KEY_SET_BYTES));
    assert!(matches!(parse(long), Err(KeySetError::TooLarge { unit: "bytes", .. })));
}

#[test]
fn a_token_is_three_parts_of_one_spelling() {
    let b = bench();
    let token = b.rsa.token(&claims());
    let [header, body, signature] = <[&str; 3]>::try_from(token.split('.').collect::<Vec<_>>()).unwrap();
    for (text, parts) in [("", 1), ("a", 1), ("a.b", 2), ("a.b.c.d", 4), ("a.b.c.d.e.f", 6)] {
        assert_eq!(b.judge(text), Err(Refusal::Parts { parts }));
    }
    assert_eq!(b.judge("a.b.c.d.e"), Err(Refusal::Encrypted));
    let json = json!({"payload": body, "protected": header, "signature": signature}).to_string();
    assert_eq!(b.judge(&json), Err(Refusal::JsonSerialization));
    let most = super::MOST_BYTES;
    assert_eq!(b.judge(&"a".repeat(most + 1)), Err(Refusal::TooLong { bytes: most + 1, most }));
    let large = b.changed(json!({"pad": "x".repeat(most)}));
    assert!(matches!(large, Err(Refusal::TooLong { .. })));
    let encoding = |part| Err(Refusal::Encoding { part });
    for (odd, part) in [
        (format!("{header}=.{body}.{signature}"), Part::Header),
        (format!(" {header}.{body}.{signature}"), Part::Header),
        (format!("{header}.{body}.{signature}=="), Part::Signature),
        (format!("{header}.{body}.{signature}\n"), Part::Signature),
        (format!("{header}.{body}.{signature}AAA"), Part::Signature),
        (format!("{header}.{body}.+{}", &signature[1..]), Part::Signature),
    ] {
        assert_eq!(b.judge(&odd), encoding(part), "{odd}");
    }
    // 256 bytes leave four bits of the last digit unused.
    let (start, last) = signature.split_at(signature.len() - 1);
    let twin = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".as_bytes();
    let at = twin.iter().position(|d| *d == last.as_bytes()[0]).unwrap();
    assert_eq!(
        b.judge(&format!("{header}.{body}.{start}{}", twin[at + 1] as char)),
        encoding(Part::Signature)
    );
    for other in [String::new(), format!("{signature}A"), signature[..340].to_owned()] {
        assert_eq!(b.judge(&format!("{header}.{body}.{other}")), Err(Refusal::Signature));
    }
    let not = |part| matches!(part, Err(Refusal::Json { part: Part::Header | Part::Claims, .. }));
    let head = b.rsa.header().to_string();
    for text in ["", "[]", "null", "{", "{} {}", "\u{feff}{}"] {
        assert!(not(b.judge(&b.rsa.sign(text, "{}"))), "{text:?}");
        assert!(not(b.judge(&b.rsa.sign(&head, text))), "{text:?}");
    }
}

#[test]
fn other_content_under_a_right_signature_is_refused() {
    let b = bench();
    let token = b.rsa.token(&claims());
    let other = b.rsa.token(&with(claims(), json!({"environment": "staging"})));
    let parts = |t: &str| t.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (one, two) = (parts(&token), parts(&other));
    assert_eq!(b.judge(&format!("{}.{}.{}", one[0], two[1], one[2])), Err(Refusal::Signature));
    let header = encode(with(b.rsa.header(), json!({"x5t": "b3RoZXI"})).to_string().as_bytes());
    assert_eq!(b.judge(&format!("{header}.{}.{}", one[1], one[2])), Err(Refusal::Signature));
}

#[test]
fn sentences_are_whole_and_never_hold_the_token() {
    let b = bench();
    let long = "x".repeat(5000);
    for verdict in [
        b.changed(json!({"aud": long})),
        b.changed(json!({"iss": long})),
        b.headed(json!({"alg": long})),
        b.headed(json!({"kid": long})),
        b.headed(json!({"typ": long})),
    ] {
        let sentence = verdict.unwrap_err().to_string();
        assert!(sentence.len() < 400 && sentence.contains('…'), "{sentence}");
        assert!(!sentence.ends_with('.') && sentence.starts_with("the "), "{sentence}");
    }
}
