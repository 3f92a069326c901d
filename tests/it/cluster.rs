//! The bench itself: that the cluster and the issuer of `support` are what they
//! say, before anything is proved with them.

mod gone;
mod identity;
mod issuer;
mod life;

use serde_json::Value;

use crate::support::{cluster, tls};

#[test]
fn the_server_is_ready_and_of_the_pinned_version() {
    let cluster = cluster::shared();
    println!("up in {:?}", cluster.started_in());
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
fn the_server_has_a_certificate_of_its_own_authority() {
    let cluster = cluster::shared();
    let ask = |authority: &str| {
        let request = tls::client(authority).get(format!("{}/readyz", cluster.url()));
        request.bearer_auth(cluster.admin_token()).send().map(|answer| answer.status().as_u16())
    };
    assert_eq!(ask(cluster.authority()).unwrap(), 200);
    let refused = format!("{:?}", ask(&tls::Authority::new("another").pem()).unwrap_err());
    assert!(refused.contains("UnknownIssuer"), "{refused}");
}

#[test]
fn nobody_is_let_in_without_a_token() {
    let cluster = cluster::shared();
    let (code, answer) = cluster.call("made-up", "GET", "/api/v1/namespaces", None);
    assert_eq!((code, &answer["reason"]), (401, &"Unauthorized".into()));
}
