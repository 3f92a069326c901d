//! The bench itself: that the cluster and the issuer of `support` are what they
//! say, before anything is proved with them.

use crate::support::cluster;

#[test]
fn the_server_is_ready_and_of_the_pinned_version() {
    let cluster = cluster::shared();
    assert_eq!(cluster.admin("GET", "/readyz", None), (200, "ok".into()));
    println!("{:?}", cluster.started_in());
    println!("{}", cluster.kubectl(&["version", "-o", "json"]));
}
