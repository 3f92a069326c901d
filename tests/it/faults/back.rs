//! Rollback and restore from what the ledger holds, with no render tool and no
//! clone that has seen any of it before.

use super::fleet::{Blow, Fleet, Ledger, Moment, REF, Strike};
use crate::support::repo::git;

/// An environment's objects, by app.
fn objects(ledger: &Ledger, environment: &str) -> Vec<(String, Vec<u8>)> {
    let top = format!("environments/{environment}/");
    let files = ledger.below(&top).into_iter().filter(|(path, _)| path.ends_with("objects.yaml"));
    files.map(|(path, bytes)| (path[top.len()..].to_owned(), bytes.to_vec())).collect()
}

#[test]
fn an_entry_is_put_back_and_an_environment_rebuilt_from_the_branch_alone() {
    let (fleet, first) = Fleet::deployed("{}");
    let then = fleet.ledger();
    fleet.deploy(&fleet.clone_hub(), 1).exits(0);
    let second = fleet.tip().unwrap();
    fleet
        .run(&fleet.clone_hub(), &["rollback", "-e", "staging", "--to", "2"])
        .exits(0)
        .says(&["5 delivered"]);
    let clone = fleet.clone_hub();
    fleet.run(&clone, &["rollback", "-e", "staging", "--to", "2"]).exits(0).says(&["nothing differs"]);
    let now = fleet.sound(&clone);
    assert_eq!(objects(&now, "staging"), objects(&then, "staging"));
    let header = |ledger: &Ledger| {
        let bytes = &ledger.files["environments/staging/environment.json"];
        serde_json::from_slice::<serde_json::Value>(bytes).unwrap()["commit"].clone()
    };
    assert_eq!(header(&now), header(&then));
    assert_eq!(
        fleet.subjects(&second)[..4],
        [
            "staging: intent 5 of rollback by ada",
            "staging: deliver App/_/jobs, App/_/web",
            "staging: deliver App/_/api",
            "staging: deliver App/_/db, App/_/queue",
        ],
        "users before what they use"
    );
    // The newer commit of the root goes on top again.
    fleet.deploy(&fleet.clone_hub(), 1).exits(0);

    // The sources are gone from the root, and the ledger is all there is.
    let clone = fleet.clone_hub();
    git(&clone, &["rm", "-rq", "content", "apps"]);
    git(&clone, &["-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", "empty"]);
    let restore = ["restore", "-e", "spare", "--from", "staging", "--entry", "2"];
    fleet.run(&clone, &restore).exits(0).says(&["5 delivered"]);
    let ledger = fleet.sound(&clone);
    assert_eq!(objects(&ledger, "spare"), objects(&then, "staging"));
    fleet.run(&clone, &restore).exits(2).says(&["spare is not empty"]);
    git(&fleet.hub(), &["merge-base", "--is-ancestor", &first, REF]);
}

#[test]
fn what_no_entry_says_is_not_put_back() {
    let (fleet, tip) = Fleet::deployed("{}");
    let clone = fleet.clone_hub();
    let rollback = |to: &str| fleet.run(&clone, &["rollback", "-e", "staging", "--to", to]);
    rollback("99").exits(2).says(&["no entry 99"]);
    rollback("1").exits(2).says(&["entry 1 is not an outcome", "the entry after it"]);
    fleet.run(&clone, &["restore", "-e", "staging", "--from", "spare"]).exits(2);
    assert_eq!(fleet.tip(), Some(tip), "nothing is written");
}

#[test]
fn a_shallow_clone_puts_back_as_well() {
    let (fleet, _) = Fleet::deployed("{}");
    fleet.deploy(&fleet.clone_hub(), 1).exits(0);
    let shallow = fleet.shallow(2);
    fleet.run(&shallow, &["rollback", "-e", "staging", "--to", "2"]).exits(0);
    fleet.sound(&shallow);
}

/// A dead run is ended with what the branch holds, of which a shallow clone has
/// the newest commit alone; whether the own commit is newer than what is deployed
/// then takes history, which is fetched.
#[test]
fn a_shallow_clone_ends_a_dead_run() {
    for (crash, put_back) in [("{onCrash: resume}", false), ("{onCrash: rollback}", true)] {
        let (fleet, from) = Fleet::deployed(crash);
        fleet.aim(Some(Strike { push: 3, moment: Moment::Before, blow: Blow::Kill }));
        fleet.deploy(&fleet.clone_hub(), 1);
        assert!(fleet.struck());
        fleet.aim(None);
        let shallow = fleet.shallow(1);
        let ran = fleet.deploy(&shallow, 1).exits(0).says(&["had died; entry 4 ends it"]);
        assert_eq!(ran.err.contains("put back: App/_/db, App/_/queue"), put_back, "{ran:#?}");
        fleet.sound(&fleet.clone_with_ledger());
        assert_ne!(git(&fleet.hub(), &["diff", "--stat", &from, REF, "--", "environments"]), "");
    }
}
