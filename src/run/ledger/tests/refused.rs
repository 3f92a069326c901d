//! A remote that refuses pushes: at the start, in the middle, while putting back.

use super::super::RunError;
use super::world::{World, verdict};
use crate::affected::Action::Apply;
use crate::deploy::OnFailure;
use crate::plan::Plan;
use crate::record::{OutcomeKind, StepStatus};

const NO_API: &str = r#"case "$subject" in *deliver*api*) echo "api is frozen" >&2; exit 1;; esac"#;

fn plan(world: &World) -> Plan {
    world.plan(
        1,
        &[
            ("db", Apply, &[], "1"),
            ("api", Apply, &["db"], "1"),
            ("www", Apply, &["db"], "1"),
            ("web", Apply, &["api"], "1"),
        ],
    )
}

#[test]
fn a_refused_batch_is_put_back_with_the_servers_reason() {
    let world = World::hooked(NO_API);
    let record = world.deploy("r1", plan(&world)).record();
    assert_eq!(verdict(&record), OutcomeKind::RolledBack);
    assert_eq!(record.outcome.as_ref().unwrap().exit_code, 4);
    let of = |name: &str| {
        let step = record.steps.iter().find(|step| step.app.name() == name).unwrap();
        (step.result.status, step.result.reason.clone().unwrap_or_default())
    };
    assert_eq!(of("db").0, StepStatus::RolledBack);
    assert_eq!(of("web").0, StepStatus::Pending);
    for app in ["api", "www"] {
        let (status, reason) = of(app);
        assert!(status == StepStatus::Failed && reason.contains("api is frozen"), "{app}: {reason}");
    }
    assert_eq!(world.names(), Vec::<String>::new());
    assert_eq!(
        world.subjects(),
        [
            "staging: intent 1 of deploy by ada",
            "staging: deliver App/_/db",
            "staging: put back App/_/db",
            "staging: outcome 2 of deploy by ada: rolled back",
        ]
    );
    assert_eq!(world.problems(), []);
}

#[test]
fn a_refused_batch_is_left_where_that_is_asked_for() {
    let world = World::hooked(NO_API).with(|world| world.on_failure = OnFailure::Leave);
    let record = world.deploy("r1", plan(&world)).record();
    assert_eq!((verdict(&record), record.outcome.as_ref().unwrap().exit_code), (OutcomeKind::LeftAsIs, 7));
    assert_eq!(world.names(), ["db"]);
    assert_eq!(world.problems(), []);
}

#[test]
fn what_cannot_be_put_back_is_stuck_and_said() {
    let world =
        World::hooked(r#"case "$subject" in *deliver*api*|*"put back"*) echo "no more" >&2; exit 1;; esac"#);
    let record = world.deploy("r1", plan(&world)).record();
    assert_eq!((verdict(&record), record.outcome.as_ref().unwrap().exit_code), (OutcomeKind::Stuck, 5));
    let db = record.steps.iter().find(|step| step.app.name() == "db").unwrap();
    assert_eq!(db.result.status, StepStatus::Stuck);
    let state = world.snapshot().state;
    assert_eq!(state.at.commit, None);
    assert_eq!(state.at.apart.len(), 1, "what is there stands apart");
    assert_eq!(world.problems(), []);
}

#[test]
fn a_refused_intent_writes_nothing_and_a_refused_outcome_is_ended_by_the_next_run() {
    let world = World::hooked("echo protected >&2; exit 1");
    let record = world.deploy("r1", plan(&world)).record();
    assert_eq!((verdict(&record), record.outcome.as_ref().unwrap().exit_code), (OutcomeKind::Error, 1));
    assert!(record.outcome.unwrap().message.contains("protected"));
    assert_eq!(world.tip(), None);

    let world = World::hooked(r#"case "$subject" in *"outcome 2 of deploy"*) exit 1;; esac"#);
    let refused = world.try_deploy("r1", plan(&world));
    let Err(RunError::OutcomeRefused { record, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(verdict(&record), OutcomeKind::Done);
    let later = world.with(|world| world.skip = std::time::Duration::from_secs(3600));
    later.deploy("r2", plan(&world));
    assert_eq!(world.snapshot().state.at.lease, None);
    assert_eq!(world.problems(), []);
}
