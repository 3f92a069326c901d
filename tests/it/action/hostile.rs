//! Text from a repository that would be a workflow command, an output or
//! markup: whoever opens a pull request chooses it.

use super::platform::{Depth, Platform, ZEROS, content, opened};
use super::runner::{Left, Said};

const FORK: &str = include_str!("../../../fixtures/events/pull_request_fork.json");

/// What a stranger would have the runner read: at the start of a line, after
/// blanks, in the old form anywhere, and percent-encoded.
const COMMANDS: [&str; 5] = [
    "::error::owned",
    "  ::add-mask::owned",
    "x ##[set-output name=changed;]owned",
    "%0A::warning::owned%0D",
    "record<<X",
];

#[track_caller]
fn harmless(left: &Left) {
    for Said { command, message, .. } in &left.said {
        assert!(["error", "warning", "notice"].contains(&command.as_str()), "{left:#?}");
        assert!(!message.starts_with("owned"), "{left:#?}");
    }
    assert_eq!(left.outputs.len(), 7, "{left:#?}");
    assert!(!left.summary.lines().any(|line| line.trim_start().starts_with("owned")), "{left:#?}");
    assert!(!left.out.contains('\u{1b}') && !left.err.contains('\u{1b}'), "{left:#?}");
}

/// Commits those files on a fork, and runs the pull request.
fn plan(files: &[(String, String)]) -> Left {
    let platform = Platform::new();
    let base = platform.git(&["rev-parse", "main"]);
    platform.feature("main");
    platform.commit(files);
    platform.git(&["checkout", "-q", "main"]);
    let (merge, head) = platform.pull_request();
    let dir = platform.checkout(&merge, "refs/pull/7/merge", Depth::One);
    let left = opened(FORK, &base, (&merge, &head)).run(&dir);
    assert_eq!(platform.ledger(), None);
    harmless(&left);
    left
}

#[test]
fn names_of_apps_and_files_are_text() {
    for ends in ["\n", "\r", "\u{2028}", "\u{1b}[2K"] {
        let mut files = Vec::new();
        for (number, command) in COMMANDS.into_iter().enumerate() {
            let name = serde_json::to_string(&format!("a{ends}{command}")).unwrap();
            let app = |name: &str, spec: &str| {
                format!("apiVersion: luigi.dev/v1\nkind: App\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
            };
            // A file's name holds all but `/` and NUL.
            files.push((format!("apps/{number}{ends}{command}.yaml"), app(&name, "source: {path: x}")));
            let needy = app(&format!("ok-{number}"), &format!("source: {{path: {name}}}, needs: [{name}]"));
            files.push((format!("apps/{number}.yaml"), needy));
        }
        let left = plan(&files);
        assert!([2, 3].contains(&left.code), "{left:#?}");
        assert_eq!(&left["complete"], "false");
        // Each is shown, and where it is.
        for command in COMMANDS {
            assert!(left.summary.contains(command), "{command:?} is not in {left:#?}");
        }
    }
}

#[test]
fn values_of_objects_are_text() {
    for command in COMMANDS {
        let value = format!("|-\n  1\n  {command}\n  {command}");
        let (path, text) = content("search", "1");
        let text =
            text.replace("data: {value: 1}", &format!("data:\n  value: {}", value.replace('\n', "\n  ")));
        let left = plan(&[(path, text)]).exits(0);
        assert_eq!(left.affected(), ["search"]);
        assert_eq!(left.said, []);
        assert!(left.out.contains("search"), "{left:#?}");
    }
}

/// A deploy shows what the server's hook says.
#[test]
fn what_a_server_says_is_text() {
    use std::os::unix::fs::PermissionsExt as _;
    let platform = Platform::new();
    let main = platform.git(&["rev-parse", "main"]);
    let hook = std::path::PathBuf::from(platform.at_server(&["rev-parse", "--absolute-git-dir"]))
        .join("hooks/pre-receive");
    let text = "#!/bin/sh\nprintf '::error::owned\\n  ::warning::owned\\n##[error]owned\\n\\r::notice::owned\\n' >&2\nexit 1\n";
    std::fs::write(&hook, text).unwrap();
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let dir = platform.checkout(&main, "refs/heads/main", Depth::One);
    let left = platform.pushed("main", ZEROS, &main).run(&dir);
    assert_ne!(left.code, 0, "{left:#?}");
    assert!(left.err.contains("owned"), "{left:#?}");
    harmless(&left);
}

#[test]
fn variables_are_text() {
    let platform = Platform::new();
    let main = platform.git(&["rev-parse", "main"]);
    let dir = platform.checkout(&main, "refs/heads/main", Depth::One);
    let text = format!("\n{}\n", COMMANDS.join("\n"));
    let variables = ["GITHUB_ACTOR", "GITHUB_JOB", "GITHUB_EVENT_NAME", "GITHUB_REPOSITORY"];
    let inputs = ["INPUT_APP", "INPUT_CONFIG", "INPUT_ENVIRONMENT", "INPUT_CONFIRM"];
    for name in variables.into_iter().chain(inputs) {
        harmless(&platform.pushed("main", ZEROS, &main).with(name, &text).run(&dir));
    }
}
