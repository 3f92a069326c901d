//! The bench itself: that the cluster and the issuer of `support` are what they
//! say, before anything is proved with them.

mod gone;
mod identity;
mod issuer;
mod life;

use serde_json::Value;

use crate::support::cluster;

#[test]
fn the_server_is_ready_and_of_the_pinned_version() {
    let cluster = cluster::shared();
    assert_eq!(cluster.admin("GET", "/readyz", None), (200, "ok".into()));
    let versions: Value = serde_json::from_str(&cluster.kubectl(&["version", "-o", "json"])).unwrap();
    for side in ["clientVersion", "serverVersion"] {
        assert_eq!(versions[side]["gitVersion"], "v1.36.3", "{side}");
        assert_eq!(
            (&versions[side]["major"], &versions[side]["minor"]),
            (&"1".into(), &"36".into()),
            "{side}"
        );
    }
}

#[test]
fn nobody_is_let_in_without_a_token() {
    let cluster = cluster::shared();
    let (code, answer) = cluster.call("made-up", "GET", "/api/v1/namespaces", None);
    assert_eq!((code, &answer["reason"]), (401, &"Unauthorized".into()));
}
