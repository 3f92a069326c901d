//! What a request is called: the same in every run of one deploy, whatever the
//! order in which concurrent requests come.
//!
//! A name is the verb, the path and what tells alike requests apart, with the
//! world's own prefix taken out; the occurrence is counted by who keeps the log.

use serde_json::Value;

use crate::support::http::Request;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// One object, a list, what the server has.
    Read,
    /// A watch.
    Watch,
    /// A question about rights or about oneself.
    Review,
    /// A token.
    Token,
    /// An object is made or changed, or that is tried.
    Write,
    /// An object goes.
    Delete,
}

/// Parts of a query that say what is asked for; the others are versions and limits.
const TELLING: [&str; 6] = ["dryRun", "watch", "labelSelector", "fieldSelector", "force", "previous"];

pub fn kind(request: &Request) -> Kind {
    match request.method.as_str() {
        "GET" if request.query.contains("watch=true") => Kind::Watch,
        "GET" => Kind::Read,
        "DELETE" => Kind::Delete,
        "POST" if request.path.ends_with("reviews") => Kind::Review,
        "POST" if request.path.ends_with("/token") => Kind::Token,
        _ => Kind::Write,
    }
}

/// The name of a request in the world of that prefix.
pub fn name(request: &Request, prefix: &str) -> String {
    let telling = |part: &&str| TELLING.contains(&part.split('=').next().unwrap_or(""));
    let query: Vec<&str> = request.query.split('&').filter(telling).collect();
    let mut name = format!("{} {}", request.method, without_nonce(&request.path));
    if !query.is_empty() {
        name = format!("{name}?{}", query.join("&"));
    }
    if let Some(said) = said(request) {
        name = format!("{name} {said}");
    }
    without_uids(&name.replace(prefix, "@"))
}

/// What the body adds.
fn said(request: &Request) -> Option<String> {
    let body: Value = serde_json::from_slice(&request.body).ok()?;
    let text = |at: &str| body.pointer(at).and_then(Value::as_str);
    if let Some(verb) = text("/spec/resourceAttributes/verb") {
        let of = |key: &str| text(&format!("/spec/resourceAttributes/{key}")).unwrap_or("");
        return Some(format!("may {verb} {}.{} in {}", of("resource"), of("group"), of("namespace")));
    }
    match (request.method.as_str(), text("/kind")) {
        ("POST" | "PUT", Some("Lease")) => {
            let free = text("/spec/holderIdentity").unwrap_or("").is_empty();
            Some(if free { "gives back".to_owned() } else { "takes".to_owned() })
        }
        // A name made for a run says nothing to the next.
        ("POST", Some("Secret")) => None,
        ("POST", Some(_)) => text("/metadata/name").map(str::to_owned),
        _ => None,
    }
}

/// A run's Secrets have names of their own.
fn without_nonce(path: &str) -> String {
    match path.split_once("/secrets/luigi-run-") {
        Some((before, _)) => format!("{before}/secrets/luigi-run-*"),
        None => path.to_owned(),
    }
}

/// Generated names end in a uid's parts: pods, and events of objects.
fn without_uids(name: &str) -> String {
    const UID: usize = 36;
    let is_uid = |text: &[u8]| {
        text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    let bytes = name.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes.get(at..at + UID) {
            Some(part) if is_uid(part) => {
                out.push(b'*');
                at += UID;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap()
}
