//! A ledger that was changed by hand is found out, with the place.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::entry::{Conclusion, Entry};
use super::verify::{only_added, verify};
use crate::files::{EntryKind, MemoryFiles};
use crate::name::{AppId, Digest, RepoPath};
use crate::object::{canonical, objects, to_yaml};
use crate::problem::Code;
use crate::record::{OutcomeKind, StepResult, StepStatus};

type Tree = BTreeMap<RepoPath, (EntryKind, Vec<u8>)>;

const OBJECTS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: d}\n";
const COMMIT: &str = "0101010101010101010101010101010101010101";

fn put(tree: &mut Tree, path: &str, bytes: Vec<u8>) {
    tree.insert(RepoPath::parse(path).unwrap(), (EntryKind::File, bytes));
}

fn canonical_json(value: &Value) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).unwrap()
}

fn record(seq: u64, kind: &str, previous: Option<Digest>, digest: Digest) -> Value {
    let (intent, status) =
        if kind == "outcome" { (json!(seq - 1), "delivered") } else { (Value::Null, "pending") };
    let verdict = if kind == "outcome" { json!({"verdict": "done"}) } else { Value::Null };
    json!({
        "apiVersion": crate::record::API_VERSION, "kind": kind, "environment": "staging",
        "run": {"id": format!("r{}", seq.div_ceil(2)), "actor": "ada"}, "source": {"head": COMMIT},
        "steps": [{"app": "App/_/a", "action": "apply", "needs": [], "digest": digest, "pins": [],
                   "result": {"status": status}}],
        "outcome": verdict,
        "ledger": {"branch": "l", "seq": seq, "previous": previous, "intent": intent},
    })
}

/// Two deploys of one app.
fn ledger() -> Tree {
    let mut tree = Tree::new();
    put(&mut tree, "ledger.json", canonical_json(&json!({"apiVersion": super::API_VERSION})));
    let (set, _) = objects("x.yaml", OBJECTS.as_bytes());
    let digest = Digest::of(&canonical(&set));
    let mut previous = None;
    for (seq, kind) in [(1, "intent"), (2, "outcome"), (3, "intent"), (4, "outcome")] {
        let bytes = canonical_json(&record(seq, kind, previous, digest));
        previous = Some(Digest::of(&bytes));
        put(&mut tree, &format!("entries/{seq}/record.json"), bytes);
    }
    let app = "environments/staging/App/_/a";
    put(&mut tree, &format!("{app}/objects.yaml"), to_yaml(&set).into_bytes());
    let meta = json!({"revision": COMMIT, "digest": digest, "inventory": [set[0].key], "needs": [], "pins": [],
                      "seq": 3, "settledAt": "2026-01-01T00:00:00Z"});
    put(&mut tree, &format!("{app}/app.json"), canonical_json(&meta));
    let state = json!({"commit": COMMIT, "seq": 4});
    put(&mut tree, "environments/staging/environment.json", canonical_json(&state));
    tree
}

fn check(tree: Tree) -> Vec<(Code, String)> {
    let problems = verify(&MemoryFiles::of(tree)).unwrap();
    problems.into_iter().map(|p| (p.code, p.place.unwrap().file)).collect()
}

fn tampered(change: impl FnOnce(&mut Tree)) -> Vec<(Code, String)> {
    let mut tree = ledger();
    change(&mut tree);
    check(tree)
}

fn edit(path: &'static str, change: impl FnOnce(&mut Value)) -> impl FnOnce(&mut Tree) {
    move |tree| {
        let at = RepoPath::parse(path).unwrap();
        let mut value: Value = serde_json::from_slice(&tree[&at].1).unwrap();
        change(&mut value);
        put(tree, path, canonical_json(&value));
    }
}

fn remove(tree: &mut Tree, path: &str) {
    tree.remove(&RepoPath::parse(path).unwrap()).unwrap();
}

fn is(found: &[(Code, String)], code: Code, place: &str) {
    assert!(found.iter().any(|(c, p)| *c == code && p == place), "{code:?} {place} is not in {found:?}");
}

#[test]
fn a_whole_ledger_has_no_problems() {
    assert_eq!(check(ledger()), []);
}

#[test]
fn a_changed_chain_is_named() {
    let found = tampered(|tree| remove(tree, "entries/2/record.json"));
    is(&found, Code::LedgerSequence, "entries/2/record.json");
    let found = tampered(edit("entries/2/record.json", |record| record["run"]["actor"] = json!("eve")));
    is(&found, Code::LedgerBroken, "entries/3/record.json");
    let found = tampered(|tree| {
        let (one, three) = ("entries/1/record.json", "entries/3/record.json");
        let (one, three) = (RepoPath::parse(one).unwrap(), RepoPath::parse(three).unwrap());
        let (a, b) = (tree[&one].clone(), tree[&three].clone());
        tree.insert(one, b);
        tree.insert(three, a);
    });
    is(&found, Code::LedgerBroken, "entries/1/record.json");
    is(&found, Code::LedgerBroken, "entries/3/record.json");
    let found = tampered(|tree| {
        let copy = tree[&RepoPath::parse("entries/4/record.json").unwrap()].1.clone();
        put(tree, "entries/5/record.json", copy);
    });
    is(&found, Code::LedgerBroken, "entries/5/record.json");
    let found = tampered(|tree| {
        let at = RepoPath::parse("entries/4/record.json").unwrap();
        let value: Value = serde_json::from_slice(&tree[&at].1).unwrap();
        put(tree, "entries/4/record.json", serde_json::to_vec_pretty(&value).unwrap());
    });
    is(&found, Code::LedgerBroken, "entries/4/record.json");
    let found =
        tampered(edit("entries/4/record.json", |record| record["apiVersion"] = json!("luigi.dev/record/v9")));
    is(&found, Code::LedgerBroken, "entries/4/record.json");
}

#[test]
fn a_changed_state_is_named() {
    let app = "environments/staging/App/_/a";
    let objects = format!("{app}/objects.yaml");
    let found = tampered(|tree| put(tree, &objects, OBJECTS.replace("name: a", "name: b").into_bytes()));
    is(&found, Code::LedgerState, &objects);
    let found = tampered(|tree| {
        let at = RepoPath::parse(&objects).unwrap();
        let text = [b"# harmless\n".as_slice(), &tree[&at].1].concat();
        put(tree, &objects, text);
    });
    is(&found, Code::LedgerState, &objects);
    let found = tampered(edit("environments/staging/App/_/a/app.json", |meta| meta["seq"] = json!(1)));
    is(&found, Code::LedgerState, &format!("{app}/app.json"));
    let found = tampered(|tree| {
        remove(tree, "environments/staging/App/_/a/objects.yaml");
        remove(tree, "environments/staging/App/_/a/app.json");
    });
    is(&found, Code::LedgerState, app);
    let found = tampered(edit("environments/staging/environment.json", |state| {
        state["commit"] = json!("02".repeat(20));
    }));
    is(&found, Code::LedgerState, "environments/staging/environment.json");
    let found = tampered(|tree| put(tree, "environments/staging/App/_/a/extra.yaml", vec![]));
    is(&found, Code::LedgerBroken, "environments/staging/App/_/a/extra.yaml");
    let found = tampered(|tree| put(tree, "README.md", vec![]));
    is(&found, Code::LedgerBroken, "README.md");
    let found = tampered(|tree| put(tree, "staged/staging/App/_/b/app.json", vec![b'{', b'}']));
    is(&found, Code::LedgerBroken, "staged/staging/App/_/b/app.json");
}

#[test]
fn an_open_intent_is_named_and_a_foreign_branch_refused() {
    let found = tampered(|tree| {
        remove(tree, "entries/4/record.json");
    });
    is(&found, Code::LedgerOpen, "entries/3/record.json");
    is(&found, Code::LedgerBroken, "entries/3/record.json");
    let found = tampered(|tree| remove(tree, "ledger.json"));
    assert_eq!(found, [(Code::LedgerForeign, "ledger.json".to_owned())]);
}

#[test]
fn history_only_adds() {
    let before = MemoryFiles::of(ledger());
    let step = |change: &dyn Fn(&mut Tree)| {
        let mut tree = ledger();
        change(&mut tree);
        let found = only_added(&before, &MemoryFiles::of(tree), "c").unwrap();
        found.into_iter().map(|p| (p.code, p.place.unwrap().file)).collect::<Vec<_>>()
    };
    assert_eq!(step(&|tree| put(tree, "entries/5/record.json", vec![1])), []);
    assert_eq!(step(&|tree| put(tree, "entries/2/seal.sigstore.json", vec![1])), []);
    let changed = step(&|tree| put(tree, "entries/2/record.json", vec![1]));
    assert_eq!(changed, [(Code::LedgerBroken, "entries/2/record.json".to_owned())]);
    let removed = step(&|tree| remove(tree, "entries/4/record.json"));
    assert_eq!(removed, [(Code::LedgerSequence, "entries/4".to_owned())]);
}

#[test]
fn fields_that_this_version_does_not_know_survive() {
    let mut value = record(1, "intent", None, Digest::of(b""));
    value["run"]["future"] = json!({"x": 1});
    value["steps"][0]["future"] = json!(true);
    let intent = Entry::parse(1, &canonical_json(&value)).unwrap();
    let result = StepResult { status: StepStatus::Delivered, reason: None, duration_ms: 7 };
    let end = Conclusion {
        finished: "2026-01-01T00:00:00Z",
        verdict: OutcomeKind::Done,
        message: "resumed".to_owned(),
        by: ("r2", "bob"),
        log: Vec::new(),
        results: BTreeMap::from([(AppId::parse("App/_/a").unwrap(), result)]),
    };
    let outcome = intent.concluded(&end).unwrap();
    assert_eq!(outcome["run"]["future"], json!({"x": 1}));
    assert_eq!(outcome["steps"][0]["future"], json!(true));
    assert_eq!(outcome["steps"][0]["result"]["status"], "delivered");
    assert_eq!(outcome["outcome"]["exitCode"], 0);
}
