//! git's smart protocol over HTTP: list refs and fetch by version 2
//! (gitprotocol-v2(5)), push by version 0 (gitprotocol-pack(5)), which has no newer.
//!
//! Does not retry a push and does not decide what an unknown outcome means.

use std::io::Read;

use super::http::{Http, Service};
use super::wire::{self, Bands, Packet};
use crate::name::ObjectId;

const V2: Option<&str> = Some("version=2");
const AGENT: &str = concat!("agent=luigi/", env!("CARGO_PKG_VERSION"));

/// How much history to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// All that is not here yet.
    Whole,
    /// The commit alone.
    One,
    /// All of it, also what a shallow clone left out.
    Unshallow,
}

/// What to ask for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) wants: Vec<ObjectId>,
    pub(super) haves: Vec<ObjectId>,
    pub(super) shallow: Vec<ObjectId>,
    pub(super) depth: Depth,
}

/// How the end of history moves with a fetch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Boundary {
    pub(super) added: Vec<ObjectId>,
    pub(super) removed: Vec<ObjectId>,
}

/// What a server made of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It says that the ref moved.
    Ok,
    /// It says that it did not, and why: its own word for it, and what it (or a
    /// hook of it) said to people.
    No { word: String, said: String },
}

/// The id of the ref of exactly that name.
pub(super) fn tip(http: &Http, name: &str) -> Result<Option<ObjectId>, String> {
    greet(http)?;
    let mut body = Vec::new();
    wire::line(&mut body, "command=ls-refs");
    wire::line(&mut body, AGENT);
    wire::line(&mut body, "object-format=sha1");
    body.extend_from_slice(wire::DELIMITER);
    wire::line(&mut body, &format!("ref-prefix {name}"));
    body.extend_from_slice(wire::FLUSH);
    let mut answer = http.post(Service::UploadPack, V2, &body)?;
    loop {
        match next(&mut answer)? {
            Packet::Flush => return Ok(None),
            Packet::Delimiter => {}
            packet @ Packet::Data(_) => {
                let text = packet.text().unwrap_or_default();
                let mut words = text.split(' ');
                let id = ObjectId::parse(words.next().unwrap_or("")).map_err(|_| text.clone())?;
                if words.next() == Some(name) {
                    return Ok(Some(id));
                }
            }
        }
    }
}

/// Fetches a pack and hands it to `store`, which is called once at most: a
/// server that has nothing new sends none.
pub(super) fn fetch(
    http: &Http,
    request: &Request,
    store: impl FnOnce(&mut dyn Read) -> Result<(), String>,
) -> Result<Boundary, String> {
    greet(http)?;
    let mut answer = http.post(Service::UploadPack, V2, &fetch_body(request))?;
    let mut boundary = Boundary::default();
    loop {
        let packet = next(&mut answer)?;
        let Some(text) = packet.text() else {
            match packet {
                Packet::Delimiter | Packet::Data(_) => continue,
                Packet::Flush => return Err("its answer holds no pack".into()),
            }
        };
        match text.split_once(' ') {
            None if text == "packfile" => break,
            Some(("shallow", id)) => boundary.added.push(ObjectId::parse(id).map_err(|e| e.to_string())?),
            Some(("unshallow", id)) => boundary.removed.push(ObjectId::parse(id).map_err(|e| e.to_string())?),
            // Section heads, and what other sections may hold.
            Some(_) | None => {}
        }
    }
    let mut bands = Bands::new(answer);
    store(&mut bands)?;
    Ok(boundary)
}

fn fetch_body(request: &Request) -> Vec<u8> {
    let mut body = Vec::new();
    wire::line(&mut body, "command=fetch");
    wire::line(&mut body, AGENT);
    wire::line(&mut body, "object-format=sha1");
    body.extend_from_slice(wire::DELIMITER);
    for word in ["ofs-delta", "no-progress"] {
        wire::line(&mut body, word);
    }
    for id in &request.shallow {
        wire::line(&mut body, &format!("shallow {id}"));
    }
    match request.depth {
        Depth::Whole => {}
        Depth::One => wire::line(&mut body, "deepen 1"),
        // What git itself sends for --unshallow.
        Depth::Unshallow => wire::line(&mut body, "deepen 2147483647"),
    }
    for id in &request.wants {
        wire::line(&mut body, &format!("want {id}"));
    }
    for id in &request.haves {
        wire::line(&mut body, &format!("have {id}"));
    }
    // One round: what the server does not know among the haves it passes over.
    wire::line(&mut body, "done");
    body.extend_from_slice(wire::FLUSH);
    body
}

fn greet(http: &Http) -> Result<(), String> {
    if http.speaks_v2.get().is_some() {
        return Ok(());
    }
    let mut greeting = http.greeting(Service::UploadPack, V2)?;
    let mut first = next(&mut greeting)?;
    if first.text().is_some_and(|text| text.starts_with("# service=")) {
        next(&mut greeting)?;
        first = next(&mut greeting)?;
    }
    match first.text().as_deref() {
        Some("version 2") => {
            let _ = http.speaks_v2.set(());
            Ok(())
        }
        Some(_) | None => Err("it does not speak version 2 of git's protocol".into()),
    }
}

/// What the receiving service greets with: the tip of one ref, as of now.
pub(super) fn receiving_tip(http: &Http, name: &str) -> Result<Option<ObjectId>, String> {
    let mut greeting = http.greeting(Service::ReceivePack, None)?;
    next(&mut greeting)?;
    next(&mut greeting)?;
    let mut tip = None;
    loop {
        let packet = next(&mut greeting)?;
        let Some(text) = packet.text() else { return Ok(tip) };
        let (line, words) = text.split_once('\0').unwrap_or((&text, ""));
        if !words.is_empty() && !words.split(' ').any(|word| word == "report-status") {
            return Err("it would not say whether a push was accepted".into());
        }
        let Some((id, ref_name)) = line.split_once(' ') else {
            return Err("its list of refs is not in git's protocol".into());
        };
        if ref_name == name {
            tip = Some(ObjectId::parse(id).map_err(|e| e.to_string())?);
        }
    }
}

/// Asks to move a ref from exactly `old` (`None`: it must not exist) to `new`.
/// The server compares `old` under its own lock, so this is compare-and-swap.
pub(super) fn push(
    http: &Http,
    name: &str,
    old: Option<ObjectId>,
    new: ObjectId,
    pack: &[u8],
) -> Result<Pushed, String> {
    let old = old.unwrap_or(ObjectId([0; 20]));
    let mut body = Vec::with_capacity(pack.len() + 256);
    wire::line(&mut body, &format!("{old} {new} {name}\0 report-status side-band-64k {AGENT}"));
    body.extend_from_slice(wire::FLUSH);
    body.extend_from_slice(pack);
    let answer = http.post(Service::ReceivePack, None, &body)?;
    let mut bands = Bands::new(answer);
    let mut report = Vec::new();
    bands.read_to_end(&mut report).map_err(|e| e.to_string())?;
    let said = String::from_utf8_lossy(&bands.messages).trim().to_owned();
    let mut report = report.as_slice();
    let no = |word: &str| Ok(Pushed::No { word: word.to_owned(), said: said.clone() });
    while let Some(packet) = wire::read(&mut report).map_err(|e| e.to_string())? {
        let text = packet.text().unwrap_or_default();
        match text.split_once(' ') {
            Some(("unpack", "ok")) => {}
            Some(("unpack", why)) => return no(why),
            Some(("ok", of)) if of == name => return Ok(Pushed::Ok),
            Some(("ng", rest)) => return no(rest.split_once(' ').map_or(rest, |(_, why)| why)),
            Some(_) | None => {}
        }
    }
    Err("it did not say whether it accepted the push".into())
}

fn next(input: &mut impl Read) -> Result<Packet, String> {
    let packet = wire::read(input).map_err(|e| e.to_string())?.ok_or("its answer ends early")?;
    match packet.text() {
        Some(text) if text.starts_with("ERR ") => Err(text[4..].to_owned()),
        Some(_) | None => Ok(packet),
    }
}
