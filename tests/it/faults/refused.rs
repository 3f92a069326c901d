//! A hub that refuses part of a deploy, and a person who stops one.

use super::fleet::{Blow, Fleet, Moment, Numbers, Strike};
use crate::support::repo::git;

const REF: &str = "refs/heads/luigi/ledger";

#[test]
fn what_the_hub_refuses_puts_the_whole_set_back_in_reverse() {
    let (fleet, from) = Fleet::deployed("{}");
    let clone = fleet.clone_hub();
    fleet.deploy(&clone, 3).exits(4).says(&["this hub takes no such objects", "App/_/web"]);
    assert_eq!(
        fleet.subjects(&from),
        [
            "staging: intent 3 of deploy by ada",
            "staging: deliver App/_/db, App/_/queue",
            "staging: deliver App/_/api, App/_/jobs",
            "staging: put back App/_/api, App/_/jobs",
            "staging: put back App/_/db, App/_/queue",
            "staging: outcome 4 of deploy by ada: rolled back",
        ]
    );
    assert_eq!(git(&fleet.hub(), &["diff", &from, REF, "--", "environments"]), "", "byte for byte");
    let ledger = fleet.sound(&clone);
    let last = ledger.records().pop().unwrap();
    let status = |app: &str| {
        let steps = last["steps"].as_array().unwrap();
        steps.iter().find(|step| step["app"] == app).unwrap()["result"]["status"].as_str().unwrap().to_owned()
    };
    let apps = ["db", "queue", "api", "jobs", "web"].map(|name| status(&format!("App/_/{name}")));
    assert_eq!(apps, ["rolled-back", "rolled-back", "rolled-back", "rolled-back", "failed"]);
    // The environment takes the next commit as if nothing had been.
    fleet.reset(&from);
    fleet.deploy(&fleet.clone_hub(), 2).exits(0);
}

#[test]
fn by_request_it_is_left_as_it_is() {
    let (fleet, from) = Fleet::deployed("{onFailure: leave}");
    let clone = fleet.clone_hub();
    fleet.deploy(&clone, 3).exits(7).says(&["left as it is", "App/_/web"]);
    let changed = git(&fleet.hub(), &["diff", "--name-only", &from, REF, "--", "environments"]);
    let objects: Vec<&str> = changed.lines().filter(|path| path.ends_with("objects.yaml")).collect();
    let expected =
        ["api", "db", "jobs", "queue"].map(|n| format!("environments/staging/App/_/{n}/objects.yaml"));
    assert_eq!(objects, expected, "all but what was refused");
    let ledger = fleet.sound(&clone);
    let header = &ledger.environments(Numbers::Same)["environments/staging/environment.json"];
    assert_eq!(header["commit"], fleet.commits[0].as_str(), "the environment is not at that commit");
    assert_eq!(header["apart"].as_object().unwrap().len(), 4);
    assert_eq!(header["apart"]["App/_/db"], fleet.commits[3].as_str());
}

#[test]
fn a_stopped_deploy_is_drained_put_back_and_recorded() {
    let (fleet, from) = Fleet::deployed("{}");
    for (push, moment) in (1..=5).flat_map(|push| [(push, Moment::Before), (push, Moment::After)]) {
        fleet.reset(&from);
        fleet.aim(Some(Strike { push, moment, blow: Blow::Term }));
        let clone = fleet.clone_hub();
        let ran = fleet.deploy(&clone, 1);
        assert!(fleet.struck());
        fleet.aim(None);
        let ledger = fleet.sound(&clone);
        let last = ledger.records().pop().unwrap();
        if push == 5 {
            // All was written and read back: there is nothing to stop any more.
            ran.exits(0);
            assert_eq!(last["outcome"]["verdict"], "done");
            continue;
        }
        ran.exits(6).says(&["cancelled"]);
        assert_eq!(last["outcome"]["verdict"], "cancelled");
        assert_eq!(last["outcome"]["exitCode"], 6);
        assert_eq!(git(&fleet.hub(), &["diff", &from, REF, "--", "environments"]), "");
        // So many layers were written, and as many are put back.
        let subjects = fleet.subjects(&from);
        let count = |word: &str| subjects.iter().filter(|subject| subject.contains(word)).count();
        assert_eq!((count(": deliver "), count(": put back ")), (push - 1, push - 1));
    }
}
