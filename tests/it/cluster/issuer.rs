//! The issuer by itself: what a job and a verifier get from it over the wire.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::issuer::claims::Claims;
use crate::support::issuer::mint::Hostile;
use crate::support::issuer::{Face, Issuer, Job, Scheme};
use crate::support::tls;

/// The parts of a token, not verified.
fn parts(token: &str) -> (Value, Value) {
    let parts: Vec<&str> = token.split('.').collect();
    let read = |text: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    assert_eq!(parts.len(), 3, "{token}");
    (read(parts[0]), read(parts[1]))
}

fn client(issuer: &Issuer) -> reqwest::blocking::Client {
    // Any authority will do where the scheme is http.
    tls::client(&issuer.authority().unwrap_or_else(|| tls::Authority::new("none").pem()))
}

/// What a job gets for a query and a bearer.
fn ask(issuer: &Issuer, job: &Job, query: &str, bearer: &str) -> (StatusCode, Value) {
    let answer = client(issuer).get(format!("{}{query}", job.url)).bearer_auth(bearer).send().unwrap();
    (answer.status(), serde_json::from_str(&answer.text().unwrap()).unwrap_or_default())
}

#[test]
fn a_job_asks_for_a_token_as_at_github() {
    for scheme in [Scheme::Https, Scheme::Http] {
        let issuer = Issuer::start(scheme);
        let job = issuer.job(&Claims::push("production"));
        assert_eq!(job.env()[0], ("ACTIONS_ID_TOKEN_REQUEST_URL", job.url.as_str()));
        let (status, answer) = ask(&issuer, &job, "&audience=https%3A%2F%2Fprod.example", &job.bearer);
        assert_eq!(status, StatusCode::OK);
        let (header, claims) = parts(answer["value"].as_str().unwrap());
        assert_eq!((&header["alg"], &header["typ"]), (&"RS256".into(), &"JWT".into()));
        assert_eq!(claims["aud"], "https://prod.example");
        assert_eq!(claims["iss"], issuer.url());
        assert_eq!(claims["sub"], "repo:octo-org@123456/octo-repo@456789:environment:production");
        let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        assert_eq!(life, 300);
        for id in
            ["repository_id", "repository_owner_id", "actor_id", "run_id", "run_attempt", "ref_protected"]
        {
            assert!(claims[id].is_string(), "{id} in {claims}");
        }
        // A second token is another token.
        let (_, again) = ask(&issuer, &job, "&audience=x", &job.bearer);
        assert_ne!(parts(again["value"].as_str().unwrap()).1["jti"], claims["jti"]);
    }
}

#[test]
fn a_job_gets_nothing_with_another_bearer_or_while_the_service_is_down() {
    let issuer = Issuer::start(Scheme::Https);
    let job = issuer.job(&Claims::push("production"));
    let other = issuer.job(&Claims::push("staging"));
    assert_eq!(ask(&issuer, &job, "&audience=x", &other.bearer).0, StatusCode::UNAUTHORIZED);
    issuer.fail_next(&[503, 429]);
    for status in [503, 429, 200] {
        assert_eq!(ask(&issuer, &job, "&audience=x", &job.bearer).0.as_u16(), status);
    }
    // Without an audience it is the owner's page.
    let (_, answer) = ask(&issuer, &job, "", &job.bearer);
    assert_eq!(parts(answer["value"].as_str().unwrap()).1["aud"], "https://github.com/octo-org");
}

#[test]
fn subjects_have_their_shapes() {
    let issuer = Issuer::start(Scheme::Http);
    let subject = |claims: Claims| parts(&issuer.token(&claims, "x")).1["sub"].as_str().unwrap().to_owned();
    let repository = "repo:octo-org@123456/octo-repo@456789";
    assert_eq!(subject(Claims::push("")), format!("{repository}:ref:refs/heads/main"));
    assert_eq!(subject(Claims::push("a:b")), format!("{repository}:environment:a%3Ab"));
    assert_eq!(subject(Claims::pull_request("")), format!("{repository}:pull_request"));
    assert_eq!(subject(Claims::pull_request("e")), format!("{repository}:environment:e"));
    // Repositories from before July 2026, and GHES.
    let old = Claims::push("e").with("sub", "repo:octo-org/octo-repo:environment:e");
    assert_eq!(subject(old), "repo:octo-org/octo-repo:environment:e");
}

#[test]
fn each_face_is_what_it_says() {
    let issuer = Issuer::start(Scheme::Https);
    let get = |path: &str| {
        let answer = client(&issuer).get(format!("{}{path}", issuer.url())).send().unwrap();
        let code = answer.status().as_u16();
        (code, serde_json::from_str::<Value>(&answer.text().unwrap()).unwrap_or_default())
    };
    let (discovery, keys) = ("/.well-known/openid-configuration", "/.well-known/jwks");
    assert_eq!(get(discovery).1["jwks_uri"], format!("{}{keys}", issuer.url()));
    let genuine = get(keys).1;
    assert_eq!(genuine["keys"].as_array().unwrap().len(), 1);
    issuer.show(Face::TwinKeys);
    let twins = get(keys).1["keys"].as_array().unwrap().clone();
    assert_eq!((twins.len(), &twins[0]["kid"]), (2, &twins[1]["kid"]));
    assert_ne!(twins[0]["n"], twins[1]["n"]);
    issuer.show(Face::RedirectedKeys);
    assert_eq!(get(keys).0, 302);
    issuer.show(Face::RedirectedDiscovery);
    assert_eq!(get(discovery).0, 302);
    issuer.show(Face::OtherIssuer);
    assert_ne!(get(discovery).1["issuer"], issuer.url());
    issuer.show(Face::KeysElsewhere);
    assert!(get(discovery).1["jwks_uri"].as_str().unwrap().starts_with("https://localhost:"));
    issuer.show(Face::Down);
    assert_eq!(get(discovery).0, 503);
    issuer.show(Face::EndlessKeys);
    let answer = client(&issuer).get(format!("{}{keys}", issuer.url())).send().unwrap();
    assert_eq!(answer.take(1 << 24).read_to_end(&mut Vec::new()).unwrap(), 1 << 24);
}

#[test]
fn a_hostile_token_has_its_fault() {
    let issuer = Issuer::start(Scheme::Http);
    let hostile = |kind| issuer.hostile(kind, &Claims::push("e"), "x");
    let text = hostile(Hostile::DuplicateClaims);
    let payload = URL_SAFE_NO_PAD.decode(text.split('.').nth(1).unwrap()).unwrap();
    let payload = String::from_utf8(payload).unwrap();
    assert_eq!(payload.matches("\"repository_id\":").count(), 2, "{payload}");
    assert_eq!(parts(&text).1["repository_id"], "456789");
    assert!(hostile(Hostile::AlgNone).ends_with('.'));
    assert!(hostile(Hostile::Padded).ends_with("=="));
    assert_eq!(parts(&hostile(Hostile::KeyConfusion)).0["alg"], "HS256");
    assert_eq!(parts(&hostile(Hostile::TwoAudiences)).1["aud"], json!(["x", "somebody-else"]));
    assert_eq!(parts(&hostile(Hostile::NoEnd)).1["exp"], Value::Null);
    assert!(parts(&hostile(Hostile::TextualEnd)).1["exp"].is_string());
    for (kind, name) in [
        (Hostile::InlineKey, "jwk"),
        (Hostile::KeyUrl, "jku"),
        (Hostile::CertificateUrl, "x5u"),
        (Hostile::Critical, "crit"),
    ] {
        assert!(!parts(&hostile(kind)).0[name].is_null(), "{kind:?}");
    }
}
