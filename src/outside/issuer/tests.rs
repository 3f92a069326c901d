//! The job's token and an issuer's keys, over real sockets.

mod server;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::config::identity::Provider;
use crate::identity::sign::{self, AUDIENCE, NOW, Signer, claims, with};
use server::{Answer, Server};

const SOON: Duration = Duration::from_secs(10);

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn web() -> Web {
    Web::new(Reach::Loopback).unwrap()
}

/// An issuer that publishes what it is told; `{}` in a text is its own URL.
fn issuer_with(metadata: &str, keys: impl Fn(usize) -> Answer + Send + 'static) -> (Server, Issuer) {
    let metadata = metadata.to_owned();
    let own = Arc::new(Mutex::new(String::new()));
    let url = Arc::clone(&own);
    let server = Server::start(move |asked, before| {
        let url = url.lock().unwrap();
        match asked.target.as_str() {
            "/.well-known/openid-configuration" => Answer::ok(metadata.replace("{}", &url)),
            "/keys" => keys(before),
            _ => Answer::status(404),
        }
    });
    *own.lock().unwrap() = server.url();
    let issuer = sign::issuer(Provider::GitHub, &server.url());
    (server, issuer)
}

const METADATA: &str = r#"{"issuer":"{}","jwks_uri":"{}/keys","response_types_supported":["id_token"]}"#;

fn key_set(keys: &[&Signer]) -> Vec<u8> {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    json!({"keys": keys}).to_string().into_bytes()
}

fn token(signer: &Signer, issuer: &Issuer) -> Secret {
    Secret::new(signer.token(&with(claims(), json!({"iss": issuer.url.as_str()}))))
}

fn job(server: &Server) -> JobTokens {
    let url = format!("{}/token?api-version=2.0", server.url());
    JobTokens::new(web(), &url, Secret::new("request-token".into())).unwrap()
}

/// What comes of asking for a token that is answered so, every time.
fn fetched(answer: Answer, within: Duration) -> (Result<Secret, IssuerError>, usize) {
    let server = Server::start(move |_, _| answer.clone());
    let result = run(job(&server).fetch(AUDIENCE, within, |_| {}));
    (result, server.asked().len())
}

/// What comes of a token and an issuer that publishes that.
fn verified(metadata: &str, keys: Answer) -> Result<Claims, IssuerError> {
    let signer = Signer::rsa("one", "RS256");
    let (_server, issuer) = issuer_with(metadata, move |_| keys.clone());
    let identity = sign::identity(issuer.clone());
    run(Issuers::new(web()).verify(&token(&signer, &issuer), &identity, AUDIENCE, NOW, SOON))
}

#[test]
fn a_job_asks_for_a_token_and_it_is_verified_by_its_issuers_keys() {
    let (issuing, issuer) = issuer_with(METADATA, |_| Answer::ok(key_set(&[&Signer::rsa("one", "RS256")])));
    let good = token(&Signer::rsa("one", "RS256"), &issuer);
    let body = json!({"value": good.expose(), "count": 1}).to_string();
    let service = Server::start(move |_, _| Answer::ok(body.clone()));
    let masked = Mutex::new(Vec::new());
    let read = run(async {
        let mask = |secret: &Secret| masked.lock().unwrap().push(secret.expose().to_owned());
        let token = job(&service).fetch("luigi production&x=1", SOON, mask).await.unwrap();
        Issuers::new(web()).verify(&token, &sign::identity(issuer), AUDIENCE, NOW, SOON).await
    });
    assert_eq!(read.unwrap().all()["repository_id"], "7001");
    assert_eq!(*masked.lock().unwrap(), [good.expose()]);
    let asked = service.asked();
    assert_eq!(asked[0].target, "/token?api-version=2.0&audience=luigi+production%26x%3D1");
    assert_eq!(asked[0].bearer, "Bearer request-token");
    assert!(issuing.asked().iter().all(|asked| asked.bearer.is_empty()), "the issuer gets no token");
}

#[test]
fn a_job_without_the_right_to_ask_is_told_what_is_missing() {
    let new = |url: &str, bearer: &str| JobTokens::new(web(), url, Secret::new(bearer.into())).map(|_| ());
    let missing = new("", "x").unwrap_err();
    assert_eq!(
        missing.to_string(),
        format!("this job can ask for no identity token: {REQUEST_URL} is not set")
    );
    assert!(missing.help().contains("id-token: write"));
    assert!(new("https://x.example", "").unwrap_err().to_string().contains(REQUEST_TOKEN));
    assert!(new("no url", "x").is_err());
    assert!(new("https://x.example/?audience=sts", "x").is_err(), "two audiences are nobody's");
    let shown = format!("{:?}", JobTokens::new(web(), "https://x.example", Secret::new("hidden".into())));
    assert!(!shown.contains("hidden"));
}

#[test]
fn what_may_pass_is_tried_again_until_the_deadline() {
    for first in [Answer::status(503), Answer::status(500), Answer::HangUp] {
        let server = Server::start(move |_, before| match before {
            0 => first.clone(),
            _ => Answer::ok(r#"{"value":"a.b.c"}"#),
        });
        let token = run(job(&server).fetch(AUDIENCE, SOON, |_| {})).unwrap();
        assert_eq!((token.expose(), server.asked().len()), ("a.b.c", 2));
    }
    let at_once = vec![("retry-after", "0".to_owned())];
    let server = Server::start(move |_, before| match before {
        0..5 => Answer::Whole(429, at_once.clone(), Vec::new()),
        _ => Answer::ok(r#"{"value":"a.b.c"}"#),
    });
    assert!(run(job(&server).fetch(AUDIENCE, SOON, |_| {})).is_ok());
    assert_eq!(server.asked().len(), 6);
    let (late, tries) = fetched(Answer::status(502), Duration::from_millis(600));
    let words = late.unwrap_err().to_string();
    assert_eq!(tries, 2, "a quarter and a half of a second do not fit");
    assert!(words.contains("in 2 tries: the server answered 502"), "{words}");
    let later = Answer::Whole(503, vec![("retry-after", "3600".to_owned())], Vec::new());
    assert_eq!(fetched(later, SOON).1, 1, "a pause beyond the deadline is not waited for");
    let (silent, _) = fetched(Answer::Silence, Duration::from_millis(300));
    assert!(silent.unwrap_err().to_string().contains("the time is up"));
}

#[test]
fn what_cannot_pass_is_final() {
    let refused = |answer| {
        let (result, tries) = fetched(answer, SOON);
        assert_eq!(tries, 1);
        result.unwrap_err()
    };
    for status in [400, 401, 403, 404, 201, 204] {
        let error = refused(Answer::status(status));
        assert!(matches!(error, IssuerError::Fetch(FetchError::Status { .. })), "{status} {error}");
    }
    for status in [301, 302, 303, 307, 308] {
        let to = vec![("location", "https://evil.example/token".to_owned())];
        let error = refused(Answer::Whole(status, to, Vec::new()));
        assert!(matches!(error, IssuerError::Fetch(FetchError::Redirect { .. })), "{status} {error}");
    }
    let long = format!("{{\"value\":\"{}\"}}", "a".repeat(40 << 10));
    assert!(matches!(refused(Answer::ok(long)), IssuerError::Fetch(FetchError::TooLarge { .. })));
    let bodies = [
        "",
        "a.b.c",
        "[]",
        "{}",
        r#"{"value":null}"#,
        r#"{"value":""}"#,
        r#"{"value":"a.b.c","value":"d.e.f"}"#,
        r#"{"value":"a.b.c\n::set-output"}"#,
        r#"{"value":"a b"}"#,
    ];
    for body in bodies {
        let error = refused(Answer::ok(body));
        assert!(matches!(error, IssuerError::Answer { .. }), "{body} {error}");
        assert!(!error.to_string().contains("a.b.c"));
    }
}

#[test]
fn an_issuer_is_who_its_metadata_say() {
    let keys = || Answer::ok(key_set(&[&Signer::rsa("one", "RS256")]));
    assert!(verified(METADATA, keys()).is_ok());
    let other = verified(&METADATA.replace(r#""issuer":"{}""#, r#""issuer":"{}/""#), keys());
    assert!(matches!(other, Err(IssuerError::OtherIssuer { .. })), "{other:?}");
    for bad in ["", "[]", "{}", r#"{"issuer":"{}"}"#, r#"{"issuer":"{}","jwks_uri":7}"#] {
        assert!(matches!(verified(bad, keys()), Err(IssuerError::Answer { .. })), "{bad}");
    }
    let twice = METADATA.replace("}/keys\"", "}/keys\",\"jwks_uri\":\"https://evil.example/keys\"");
    assert!(matches!(verified(&twice, keys()), Err(IssuerError::Answer { .. })));
    let long = METADATA.replace("id_token", &"x".repeat(70 << 10));
    assert!(matches!(verified(&long, keys()), Err(IssuerError::Fetch(FetchError::TooLarge { .. }))));
}

#[test]
fn keys_are_on_the_issuers_own_host() {
    let at = |uri: &str| {
        let metadata = METADATA.replace("{}/keys", uri);
        verified(&metadata, Answer::ok(key_set(&[&Signer::rsa("one", "RS256")])))
    };
    for uri in [
        "https://evil.example/keys",
        "http://127.0.0.1:1/keys",
        "http://localhost/keys",
        "https://127.0.0.1/keys",
        "{}.evil.example/keys",
        "{}@evil.example/keys",
        "file:///keys",
        "/keys",
        "",
    ] {
        let verdict = at(uri);
        assert!(matches!(verdict, Err(IssuerError::KeysElsewhere { .. })), "{uri} {verdict:?}");
    }
}

#[test]
fn keys_that_are_elsewhere_or_no_keys_are_refused() {
    let to = |uri: &str| Answer::Whole(302, vec![("location", uri.to_owned())], Vec::new());
    for uri in ["https://evil.example/keys", "/other"] {
        let verdict = verified(METADATA, to(uri));
        assert!(matches!(verdict, Err(IssuerError::Fetch(FetchError::Redirect { .. }))), "{uri} {verdict:?}");
    }
    let long = Answer::ok(vec![b' '; (256 << 10) + 1]);
    assert!(matches!(verified(METADATA, long), Err(IssuerError::Fetch(FetchError::TooLarge { .. }))));
    let html = verified(METADATA, Answer::ok("<html>"));
    assert!(matches!(html, Err(IssuerError::Keys { why: KeySetError::Form { .. }, .. })));
    let empty = verified(METADATA, Answer::ok(r#"{"keys":[]}"#));
    assert!(matches!(empty, Err(IssuerError::Refused(Refusal::KidUnknown { .. }))));
    let two = key_set(&[&Signer::rsa("one", "RS256"), &Signer::p256("one")]);
    let twice = verified(METADATA, Answer::ok(two));
    assert!(matches!(twice, Err(IssuerError::Refused(Refusal::KidTwice { count: 2, .. }))));
}

#[test]
fn plain_http_is_refused_where_no_test_says_so() {
    let (server, issuer) = issuer_with(METADATA, |_| Answer::ok(key_set(&[])));
    let issuers = Issuers::new(Web::new(Reach::Https).unwrap());
    let verdict = run(issuers.fetch(&issuer.url, SOON));
    assert!(matches!(verdict, Err(IssuerError::Fetch(FetchError::Address { .. }))), "{verdict:?}");
    let web = Web::new(Reach::Https).unwrap();
    let job = JobTokens::new(web, &server.url(), Secret::new("request-token".into())).unwrap();
    let verdict = run(job.fetch(AUDIENCE, SOON, |_| {}));
    assert!(matches!(verdict, Err(IssuerError::Fetch(FetchError::Address { .. }))));
    assert_eq!(server.asked(), [], "nothing is sent");
    for far in ["http://issuer.example/", "http://127.0.0.1.evil.example/", "ftp://127.0.0.1/"] {
        let job = JobTokens::new(super::tests::web(), far, Secret::new("request-token".into())).unwrap();
        let verdict = run(job.fetch(AUDIENCE, SOON, |_| {}));
        assert!(matches!(verdict, Err(IssuerError::Fetch(FetchError::Address { .. }))), "{far}");
    }
    assert!(Web::new(Reach::HttpsWith(b"no certificate".to_vec())).is_ok(), "no certificate more");
}

#[test]
fn a_new_key_is_fetched_once_and_the_others_are_kept() {
    let (server, issuer) = issuer_with(METADATA, |before| match before {
        0..2 => Answer::ok(key_set(&[&Signer::rsa("one", "RS256")])),
        _ => Answer::ok(key_set(&[&Signer::rsa("one", "RS256"), &Signer::rsa("two", "RS256")])),
    });
    let identity = sign::identity(issuer.clone());
    let issuers = Issuers::new(web());
    let judge = |kid| {
        let token = token(&Signer::rsa(kid, "RS256"), &issuer);
        run(issuers.verify(&token, &identity, AUDIENCE, NOW, SOON)).map(|_| server.asked().len())
    };
    assert_eq!(judge("one").unwrap(), 2);
    assert_eq!(judge("one").unwrap(), 2, "they are held");
    assert_eq!(judge("two").unwrap(), 4, "they are newer now");
    assert_eq!(judge("two").unwrap(), 4);
    assert!(matches!(judge("three"), Err(IssuerError::Refused(Refusal::KidUnknown { .. }))));
    assert_eq!(server.asked().len(), 6);
    // Whatever else is wrong asks nobody.
    let stranger = sign::issuer(Provider::GitHub, "https://issuer.example");
    let foreign = token(&Signer::rsa("one", "RS256"), &stranger);
    let verdict = run(issuers.verify(&foreign, &identity, AUDIENCE, NOW, SOON));
    assert!(matches!(verdict, Err(IssuerError::Refused(Refusal::IssuerUnlisted { .. }))));
    assert_eq!(server.asked().len(), 6);
}
