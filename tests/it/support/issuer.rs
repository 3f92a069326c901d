//! The one server that is ours because the real one cannot be had: an issuer that
//! behaves as GitHub's token service does.
//!
//! A job gets a request URL with a query already in it and a bearer; it appends
//! `&audience=…` and gets `{"value": "<token>"}`: RS256, 5 minutes, claims as in
//! July 2026 (GitHub's reference of its tokens). Discovery and keys are
//! below the issuer's own URL. It also plays the issuer that has been taken over
//! (`Face`), and mints tokens that nobody should take (`Hostile`).
//!
//! It decides nothing about who may have a token: whoever holds the bearer may.

pub mod claims;
pub mod keys;
pub mod mint;
pub mod trust;

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use self::claims::Claims;
use self::keys::Key;
use super::http::{Request, read_request};
use super::tls::{Authority, random_text};

const DISCOVERY: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/.well-known/jwks";
/// Where a redirect of the keys leads.
const OTHER_KEYS: &str = "/elsewhere/jwks";
/// Where `jku` and `x5u` of hostile tokens lead: the thief's own key.
const THIEF: &str = "/thief/jwks";
/// Where jobs ask for tokens; the last part is the job's number.
const IDTOKEN: &str = "/idtoken/";

/// How it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

/// How it shows itself to those who ask for its configuration and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// As GitHub's does.
    Genuine,
    /// A second key with the `kid` of the first.
    TwinKeys,
    /// The keys' URL answers with a redirect to the keys.
    RedirectedKeys,
    /// The configuration's URL answers with a redirect to the configuration.
    RedirectedDiscovery,
    /// The configuration names an issuer of another URL.
    OtherIssuer,
    /// The configuration names keys on another host (which has them).
    KeysElsewhere,
    /// Keys without end; whoever reads them all runs out of memory.
    EndlessKeys,
    /// Every question is answered with 503.
    Down,
}

struct Shared {
    url: String,
    /// The same server by another name, for `KeysElsewhere`.
    other_name: String,
    tls: Option<Arc<ServerConfig>>,
    keys: &'static [Key],
    face: Mutex<Face>,
    jobs: Mutex<Vec<(String, Claims)>>,
    faults: Mutex<VecDeque<u16>>,
    log: Mutex<Vec<Request>>,
    stop: AtomicBool,
}

/// A running issuer; it stops when dropped.
pub struct Issuer {
    shared: Arc<Shared>,
    authority: Option<Authority>,
    port: u16,
    thread: Option<JoinHandle<()>>,
}

/// A job's right to ask for tokens, as the runner hands it out.
#[derive(Debug, Clone)]
pub struct Job {
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`: append `&audience=…`.
    pub url: String,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
    pub bearer: String,
}

impl Job {
    /// The runner's two variables.
    pub fn env(&self) -> [(&'static str, &str); 2] {
        [("ACTIONS_ID_TOKEN_REQUEST_URL", &self.url), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", &self.bearer)]
    }
}

/// The issuer that tests of this process share. Nobody changes its face.
pub fn shared() -> &'static Issuer {
    static SHARED: OnceLock<Issuer> = OnceLock::new();
    SHARED.get_or_init(|| Issuer::start(Scheme::Https))
}

impl Issuer {
    /// A genuine one.
    pub fn start(scheme: Scheme) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let authority = (scheme == Scheme::Https).then(|| Authority::new("issuer's authority"));
        let name = if scheme == Scheme::Https { "https" } else { "http" };
        let shared = Arc::new(Shared {
            url: format!("{name}://127.0.0.1:{port}"),
            other_name: format!("{name}://localhost:{port}"),
            tls: authority.as_ref().map(|a| a.server("issuer").config()),
            keys: keys::all(),
            face: Mutex::new(Face::Genuine),
            jobs: Mutex::default(),
            faults: Mutex::default(),
            log: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.stop.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&served)) else { continue };
                std::thread::spawn(move || drop(serve(&shared, stream)));
            }
        });
        Self { shared, authority, port, thread: Some(thread) }
    }

    /// Its name in tokens; discovery is below it.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// The certificate to trust it by, PEM; `None` for http.
    pub fn authority(&self) -> Option<String> {
        self.authority.as_ref().map(Authority::pem)
    }

    /// From now on it shows this face.
    pub fn show(&self, face: Face) {
        *self.shared.face.lock().unwrap() = face;
    }

    /// The next requests for a token are answered with these codes.
    pub fn fail_next(&self, codes: &[u16]) {
        self.shared.faults.lock().unwrap().extend(codes);
    }

    /// A job that runs with these claims.
    pub fn job(&self, claims: &Claims) -> Job {
        let bearer = random_text();
        let mut jobs = self.shared.jobs.lock().unwrap();
        jobs.push((bearer.clone(), claims.clone()));
        let number = jobs.len() - 1;
        Job { url: format!("{}{IDTOKEN}{number}?api-version=2.0", self.shared.url), bearer }
    }

    /// The token that such a job gets for an audience, without the way there.
    pub fn token(&self, claims: &Claims, audience: &str) -> String {
        mint::genuine(self.key(), &self.shared.url, claims, audience)
    }

    /// A token that nobody should take.
    pub fn hostile(&self, kind: mint::Hostile, claims: &Claims, audience: &str) -> String {
        let thief = self.shared.keys.get(1).unwrap();
        mint::hostile(kind, self.key(), thief, &self.shared.url, claims, audience)
    }

    /// All requests so far.
    pub fn log(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap().clone()
    }

    fn key(&self) -> &Key {
        self.shared.keys.first().unwrap()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    match &shared.tls {
        None => answer(shared, &stream),
        Some(config) => {
            let connection = ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
            let mut stream = StreamOwned::new(connection, stream);
            answer(shared, &mut stream)?;
            stream.conn.send_close_notify();
            stream.flush()
        }
    }
}

fn answer(shared: &Shared, mut stream: impl Read + Write) -> std::io::Result<()> {
    let Some(request) = read_request(&mut stream)? else { return Ok(()) };
    shared.log.lock().unwrap().push(request.clone());
    let face = *shared.face.lock().unwrap();
    let (code, headers, body) = match request.path.as_str() {
        _ if face == Face::Down => (503, String::new(), String::new()),
        DISCOVERY if face == Face::RedirectedDiscovery => redirect(&format!("{DISCOVERY}/moved")),
        DISCOVERY | "/.well-known/openid-configuration/moved" => ok(&discovery(shared, face)),
        KEYS if face == Face::RedirectedKeys => redirect(OTHER_KEYS),
        KEYS if face == Face::EndlessKeys => return endless(&mut stream),
        KEYS if face == Face::TwinKeys => ok(&keys::set(&shared.keys[..2], &shared.keys[0].id)),
        KEYS | OTHER_KEYS => ok(&keys::set(&shared.keys[..1], &shared.keys[0].id)),
        THIEF => ok(&keys::set(&shared.keys[1..2], &shared.keys[0].id)),
        path if path.starts_with(IDTOKEN) => idtoken(shared, &request),
        _ => (404, String::new(), String::new()),
    };
    write!(
        stream,
        "HTTP/1.1 {code} -\r\nContent-Type: application/json\r\nConnection: close\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

fn ok(body: &Value) -> (u16, String, String) {
    (200, String::new(), body.to_string())
}

fn redirect(to: &str) -> (u16, String, String) {
    (302, format!("Location: {to}\r\n"), String::new())
}

fn endless(stream: &mut impl Write) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{{\"keys\":["
    )?;
    loop {
        stream.write_all(&[b' '; 8192])?;
    }
}

fn discovery(shared: &Shared, face: Face) -> Value {
    let issuer = if face == Face::OtherIssuer { &shared.other_name } else { &shared.url };
    let keys = if face == Face::KeysElsewhere { &shared.other_name } else { &shared.url };
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{keys}{KEYS}"),
        "subject_types_supported": ["public", "pairwise"],
        "response_types_supported": ["id_token"],
        "claims_supported": claims::SUPPORTED,
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
    })
}

/// A token for a job, or why there is none.
fn idtoken(shared: &Shared, request: &Request) -> (u16, String, String) {
    if let Some(code) = shared.faults.lock().unwrap().pop_front() {
        let headers = if code == 429 { "Retry-After: 1\r\n" } else { "" };
        return (code, headers.to_owned(), json!({"message": "fault of the test"}).to_string());
    }
    let number = request.path.trim_start_matches(IDTOKEN).parse::<usize>();
    let job = number.ok().and_then(|n| shared.jobs.lock().unwrap().get(n).cloned());
    let Some((bearer, claims)) = job else { return (404, String::new(), String::new()) };
    if request.header("authorization") != Some(&format!("Bearer {bearer}")) {
        return (401, String::new(), String::new());
    }
    let query = reqwest::Url::parse(&format!("http://x/?{}", request.query)).unwrap();
    let mut values = query.query_pairs();
    let audience = values.find(|(name, _)| name == "audience").map(|(_, value)| value.into_owned());
    // Without one it is the owner's page.
    let audience =
        audience.unwrap_or_else(|| format!("https://github.com/{}", claims.text("repository_owner")));
    let value = mint::genuine(&shared.keys[0], &shared.url, &claims, &audience);
    ok(&json!({"count": value.len(), "value": value}))
}
