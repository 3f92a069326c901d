//! A hub that is not there, that hangs up, and that is busy for a moment.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::fleet::{Blow, Fleet, Moment, Numbers, Strike};
use crate::support::git_server::{Before, GitServer};
use crate::support::repo::git;

#[test]
fn a_hub_that_is_not_there_is_an_error_and_never_an_empty_ledger() {
    let (fleet, tip) = Fleet::deployed("{}");
    let clone = fleet.clone_hub();
    // A port that nobody listens on any more.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/hub.git");
    git(&clone, &["remote", "set-url", "origin", &url]);
    let refs = git(&clone, &["for-each-ref"]);
    fleet.deploy(&clone, 1).exits(1).says(&["cannot read", &url, "refused"]);
    assert_eq!(git(&clone, &["for-each-ref"]), refs, "nothing is written here");
    assert_eq!(fleet.tip(), Some(tip), "nor there");
}

#[test]
fn a_push_whose_connection_drops_is_neither_lost_nor_done_twice() {
    let (fleet, from) = Fleet::deployed("{}");
    let clone = fleet.clone_hub();
    fleet.deploy(&clone, 1).exits(0);
    let end = fleet.sound(&clone);
    for (push, moment) in (1..=5).flat_map(|push| [(push, Moment::Before), (push, Moment::After)]) {
        fleet.reset(&from);
        fleet.aim(Some(Strike { push, moment, blow: Blow::Cut }));
        let clone = fleet.clone_hub();
        fleet.deploy(&clone, 1).exits(0).says(&["5 delivered"]);
        let expected = if moment == Moment::Before { 6 } else { 5 };
        assert!(fleet.struck());
        assert_eq!(fleet.pushes(), expected, "push {push} {moment:?}");
        let ledger = fleet.sound(&clone);
        assert_eq!(ledger.environments(Numbers::Same), end.environments(Numbers::Same));
        assert_eq!(ledger.entries().len(), end.entries().len());
        assert_eq!(fleet.subjects(&from).len(), 5);
    }
}

#[test]
fn a_hub_that_is_busy_now_and_then_only_takes_longer() {
    let (fleet, from) = Fleet::deployed("{}");
    let count = AtomicUsize::new(0);
    let busy = GitServer::with_hooks(
        fleet.around(),
        move |_| match count.fetch_add(1, Ordering::SeqCst) % 3 {
            1 => Before::Answer("503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_owned()),
            _ => Before::Serve,
        },
        |_| {},
    );
    let clone = fleet.clone_hub();
    git(&clone, &["remote", "set-url", "origin", &busy.url("hub.git")]);
    fleet.deploy(&clone, 1).exits(0).says(&["5 delivered"]);
    let refused = busy.log().iter().filter(|request| request.is_push()).count() - 5;
    assert!(refused > 0, "a push was answered 503 as well");
    assert_eq!(fleet.subjects(&from).len(), 5);
    fleet.sound(&clone);
}
