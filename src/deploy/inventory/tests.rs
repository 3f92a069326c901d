//! Inventories grow, shrink, refuse, and come back from text as they were.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::problem::Place;

fn id() -> (Environment, AppId) {
    (Environment::parse("production").unwrap(), AppId::parse("App/_/shop").unwrap())
}

fn empty() -> Inventory {
    let (environment, app) = id();
    Inventory::empty(environment, app)
}

fn key(name: &str) -> ObjectKey {
    ObjectKey { group: "apps".into(), kind: "Deployment".into(), namespace: "shop".into(), name: name.into() }
}

fn wanted(name: &str) -> Wanted {
    Wanted { key: key(name), version: "v1".into(), role: MemberRole::Part }
}

fn names(inventory: &Inventory) -> Vec<&str> {
    inventory.members().map(|(key, _)| key.name.as_str()).collect()
}

#[test]
fn it_grows_before_and_shrinks_after() {
    let grown = empty().grow(4, 4, &[wanted("a"), wanted("b")]).unwrap();
    assert_eq!((names(&grown), grown.epoch(), grown.entry()), (vec!["a", "b"], 4, 4));
    assert_eq!(grown.get(&key("a")).unwrap().uid, None);
    let applied = grown.applied(4, &wanted("a"), "uid-a", Some(Digest::of(b"a"))).unwrap();
    // The next run wants only c; a and b are still there until they are gone.
    let next = applied.grow(7, 7, &[wanted("c")]).unwrap();
    assert_eq!(names(&next), ["a", "b", "c"]);
    assert_eq!(next.get(&key("a")).unwrap().uid.as_deref(), Some("uid-a"));
    let surplus: Vec<&str> =
        next.surplus(&BTreeSet::from([key("c")])).iter().map(|(key, _)| key.name.as_str()).collect();
    assert_eq!(surplus, ["a", "b"]);
    let shrunk = next.shrink(7, &key("a"), Some("uid-a")).unwrap().shrink(7, &key("b"), None).unwrap();
    assert_eq!(names(&shrunk), ["c"]);
}

#[test]
fn an_older_run_may_not_write() {
    let inventory = empty().grow(7, 7, &[wanted("a")]).unwrap();
    let refused = InventoryError::Outrun { ours: 6, theirs: 7 };
    assert_eq!(inventory.grow(6, 6, &[]), Err(refused.clone()));
    assert_eq!(inventory.shrink(6, &key("a"), None), Err(refused.clone()));
    assert_eq!(inventory.applied(6, &wanted("a"), "u", None), Err(refused.clone()));
    assert_eq!(inventory.admit(6), Err(refused));
    assert_eq!(inventory.admit(7), Ok(()));
}

#[test]
fn an_object_made_anew_is_not_forgotten() {
    let inventory = empty().applied(1, &wanted("a"), "new", None).unwrap();
    let error = inventory.shrink(1, &key("a"), Some("old")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "apps/Deployment/shop/a was deleted with uid old, and the inventory holds uid new"
    );
}

#[test]
fn secrets_have_no_digest() {
    let of = |kind: &str| {
        let json =
            json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, "data": {"a": "eA=="}});
        digest(&Object::from_json(&Place::file("a"), json).unwrap())
    };
    assert_eq!(of("Secret"), None);
    assert!(of("ConfigMap").is_some());
}

#[test]
fn the_text_is_canonical() {
    let hook = Wanted {
        key: ObjectKey {
            group: String::new(),
            kind: "Pod".into(),
            namespace: "shop".into(),
            name: "h".into(),
        },
        version: "v1".into(),
        role: MemberRole::Hook,
    };
    let inventory = empty().grow(3, 3, &[wanted("a"), hook]).unwrap();
    let inventory = inventory.applied(3, &wanted("a"), "u1", None).unwrap();
    insta::assert_snapshot!(inventory.to_text(), @r#"{"apiVersion":"luigi.dev/inventory/v1","app":"App/_/shop","entry":3,"environment":"production","epoch":3,"kinds":[{"kind":"Pod","objects":[{"hook":true,"name":"h","namespace":"shop"}],"version":"v1"},{"group":"apps","kind":"Deployment","objects":[{"name":"a","namespace":"shop","uid":"u1"}],"version":"v1"}]}"#);
}

#[test]
fn what_cannot_be_read_is_never_empty() {
    let error = |text: &str| Inventory::parse(text).unwrap_err().to_string();
    assert!(error("").starts_with("the inventory cannot be read: EOF"));
    let text = empty().grow(1, 1, &[wanted("a")]).unwrap().to_text();
    assert!(error(&text[..text.len() - 3]).starts_with("the inventory cannot be read"));
    assert_eq!(
        error(&text.replace("/v1\"", "/v2\"")),
        "the inventory is of version `luigi.dev/inventory/v2`, which this Luigi does not know"
    );
    assert!(error(&text.replace("\"epoch\"", "\"epic\"")).contains("unknown field `epic`"));
    assert!(error(&text.replace("App/_/shop", "shop")).contains("cannot be read"));
    assert!(error(&text.replace("\"a\"", "\"\"")).contains("no name"));
    let item = r#"{"name":"a","namespace":"shop"}"#;
    let twice = text.replace(item, &format!("{item},{item}"));
    assert_eq!(error(&twice), "the inventory has apps/Deployment/shop/a twice");
    let (environment, _) = id();
    let other = AppId::parse("App/_/other").unwrap();
    let error = Inventory::load(&Stored::Plain(text), &environment, &other).unwrap_err().to_string();
    assert_eq!(error, "the inventory is that of production:App/_/shop, not of production:App/_/other");
    let packed = Stored::Packed(b"not packed".to_vec());
    assert!(matches!(Inventory::load(&packed, &environment, &other), Err(InventoryError::Unreadable(_))));
}

/// As many objects as the largest fleets have in one app, with the uids and
/// digests that pack worst.
fn large(objects: usize) -> Inventory {
    let mut inventory = empty();
    inventory.epoch = 9;
    for at in 0..objects {
        let random = Digest::of(at.to_string().as_bytes()).to_string();
        let hex = &random["sha256:".len()..];
        let uid = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]);
        let kind = ["Deployment", "StatefulSet", "DaemonSet"][at % 3];
        let name = format!("service-{}-{}", at / 3, &hex[60..]);
        let namespace = format!("team-{}", at % 50);
        let key = ObjectKey { group: "apps".into(), kind: kind.into(), namespace, name };
        let digest = Some(Digest::of(random.as_bytes()));
        let member = Member { version: "v1".into(), role: MemberRole::Part, uid: Some(uid), digest };
        inventory.members.insert(key, member);
    }
    inventory
}

#[test]
fn small_ones_are_plain_large_ones_are_packed_and_too_large_ones_refused() {
    let (environment, app) = id();
    assert!(matches!(large(1_000).store(), Ok(Stored::Plain(text)) if text.len() < PLAIN_BYTES));
    let inventory = large(12_000);
    let stored = inventory.store().unwrap();
    assert!(matches!(&stored, Stored::Packed(bytes) if bytes.len() < MOST_BYTES));
    assert_eq!(Inventory::load(&stored, &environment, &app), Ok(inventory));
    let Err(InventoryError::TooLarge { objects, bytes }) = large(16_000).store() else { panic!("it fits") };
    assert!(objects == 16_000 && bytes > MOST_BYTES, "{bytes}");
}

proptest! {
    #[test]
    fn a_text_reads_back_to_the_same(
        members in proptest::collection::btree_map("[a-z]{1,8}", (any::<bool>(), any::<bool>(), "[a-f0-9]{0,4}"), 0..20),
        epoch in 0..1_000_000_u64,
    ) {
        let mut inventory = empty().grow(epoch, epoch, &[]).unwrap();
        for (name, (hook, core, uid)) in members {
            let mut one = wanted(&name);
            if core {
                one.key.group = String::new();
                one.key.namespace = String::new();
            }
            one.role = if hook { MemberRole::Hook } else { MemberRole::Part };
            inventory = match uid.as_str() {
                "" => inventory.grow(epoch, epoch, &[one]).unwrap(),
                uid => inventory.applied(epoch, &one, uid, Some(Digest::of(uid.as_bytes()))).unwrap(),
            };
        }
        let (environment, app) = id();
        prop_assert_eq!(&Inventory::parse(&inventory.to_text()).unwrap(), &inventory);
        prop_assert_eq!(Inventory::load(&inventory.store().unwrap(), &environment, &app).unwrap(), inventory);
    }

    #[test]
    fn a_run_killed_anywhere_loses_no_object(
        before in proptest::collection::btree_set("[a-d]", 0..4),
        after in proptest::collection::btree_set("[a-d]", 0..4),
        stop in 0..10_usize,
    ) {
        // The cluster and what is stored, changed in the engine's order until the run is killed.
        let all: Vec<Wanted> = before.iter().map(|name| wanted(name)).collect();
        let mut stored = empty().grow(1, 1, &all).unwrap();
        let mut cluster: BTreeSet<String> = before.clone();
        let mut steps = 0;
        let mut alive = || { steps += 1; steps <= stop };
        let next: Vec<Wanted> = after.iter().map(|name| wanted(name)).collect();
        if alive() {
            stored = stored.grow(2, 2, &next).unwrap();
            for name in &after {
                if alive() { cluster.insert(name.clone()); }
            }
            let desired = after.iter().map(|name| key(name)).collect();
            let surplus: Vec<ObjectKey> = stored.surplus(&desired).into_iter().map(|(key, _)| key.clone()).collect();
            for gone in surplus {
                if alive() { cluster.remove(&gone.name); } else { break }
                if alive() { stored = stored.shrink(2, &gone, None).unwrap(); } else { break }
            }
        }
        for name in &cluster {
            prop_assert!(stored.get(&key(name)).is_some(), "{name} is an orphan");
        }
    }
}
