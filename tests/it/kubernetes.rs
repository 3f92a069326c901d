//! Engine `kubernetes`: a fleet on a real API server, with real controllers.

mod fleet;

use fleet::{Fleet, THREE};

use crate::support::cluster;

#[test]
fn a_fleet_is_deployed_in_order_and_waited_for() {
    let fleet = Fleet::new(cluster::shared(), THREE, "", "");
    let (code, record) = fleet.deploy();
    assert_eq!(code, Some(0), "{record:#}");
    for (app, _) in THREE {
        assert_eq!(fleet.live(app, &format!("deployment/{app}"), ".status.availableReplicas"), "1", "{app}");
    }
    // The first write of an app comes after what it needs has settled.
    let log = record["log"].to_string();
    let at = |text: &str| log.find(text).unwrap_or_else(|| panic!("{text}: {log}"));
    assert!(at("db") < at("api") && at("api") < at("web"), "{log}");

    // Again: nothing differs, and nothing is written.
    let before = fleet.cluster.audit().writes().0.len();
    let (code, record) = fleet.deploy();
    assert_eq!((code, &record["outcome"]["verdict"]), (Some(0), &"nothing-to-do".into()));
    let after = fleet.cluster.audit().writes().0.into_iter().skip(before);
    let ours: Vec<_> = after.filter(|entry| entry.namespace.starts_with(&fleet.prefix)).collect();
    assert!(ours.iter().all(|entry| !entry.agent.starts_with("luigi/")), "{ours:?}");
}
