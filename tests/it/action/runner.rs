//! A runner: what GitHub's gives a container action, and what it reads back,
//! by the rules of its own source (`FileCommandManager`, `ActionCommand`,
//! `ContainerActionHandler` of actions/runner).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The commands that the runner obeys.
const COMMANDS: [&str; 16] = [
    "add-mask",
    "add-matcher",
    "add-path",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "internal-set-repo-path",
    "notice",
    "remove-matcher",
    "save-state",
    "set-env",
    "set-output",
    "stop-commands",
    "warning",
];

/// One job's step: its event, its files and its variables.
pub struct Step {
    temp: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

/// A workflow command that the runner would obey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub command: String,
    pub properties: BTreeMap<String, String>,
    pub message: String,
}

/// What a step left behind.
#[derive(Debug)]
pub struct Left {
    pub code: i32,
    pub out: String,
    pub err: String,
    /// As later steps see them.
    pub outputs: BTreeMap<String, String>,
    pub summary: String,
    /// Every command in the log.
    pub said: Vec<Said>,
    /// The records that the outputs name.
    pub records: Vec<Value>,
}

impl Step {
    /// A step of a run for that event. `payload` is the file's content.
    pub fn new(event: &str, reference: &str, sha: &str, payload: &Value) -> Self {
        let temp = tempfile::tempdir().unwrap();
        for folder in ["_github_home", "_github_workflow", "_runner_file_commands"] {
            std::fs::create_dir(temp.path().join(folder)).unwrap();
        }
        let path = |name: &str| temp.path().join(name).display().to_string();
        std::fs::write(path("_github_workflow/event.json"), payload.to_string()).unwrap();
        let variables = [
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_ACTOR", "octo".to_owned()),
            ("GITHUB_EVENT_NAME", event.to_owned()),
            ("GITHUB_EVENT_PATH", path("_github_workflow/event.json")),
            ("GITHUB_JOB", "luigi".to_owned()),
            ("GITHUB_OUTPUT", path("_runner_file_commands/set_output_1")),
            ("GITHUB_REF", reference.to_owned()),
            ("GITHUB_REPOSITORY", "acme/platform".to_owned()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_RUN_ID", "42".to_owned()),
            ("GITHUB_SERVER_URL", "https://github.example".to_owned()),
            ("GITHUB_SHA", sha.to_owned()),
            ("GITHUB_STEP_SUMMARY", path("_runner_file_commands/step_summary_1")),
            ("GITHUB_TRIGGERING_ACTOR", "octo".to_owned()),
            ("HOME", path("_github_home")),
            // Every input is there, empty where the workflow does not set it.
            ("INPUT_APP", String::new()),
            ("INPUT_BASE", String::new()),
            ("INPUT_CONFIG", String::new()),
            ("INPUT_CONFIRM", String::new()),
            ("INPUT_ENVIRONMENT", String::new()),
            ("INPUT_HEAD", String::new()),
            ("INPUT_WORKING-DIRECTORY", ".".to_owned()),
            ("PATH", "/dev/null".to_owned()),
            ("RUNNER_TEMP", path("")),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        Self { temp, variables }
    }

    /// The same with another variable, or another value.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Where later steps find files: `runner.temp`.
    pub fn temp(&self) -> &Path {
        self.temp.path()
    }

    /// Runs the action in a work tree.
    #[track_caller]
    pub fn run(&self, workspace: &Path) -> Left {
        // The runner makes them anew before each step.
        for file in ["set_output_1", "step_summary_1"] {
            std::fs::write(self.temp().join("_runner_file_commands").join(file), "").unwrap();
        }
        let output = Command::new(env!("CARGO_BIN_EXE_luigi"))
            .arg("run")
            .current_dir(workspace)
            .env_clear()
            .envs(&self.variables)
            .env("GITHUB_WORKSPACE", workspace)
            .output()
            .unwrap();
        let file = |variable: &str| std::fs::read_to_string(&self.variables[variable]).unwrap_or_default();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let outputs = outputs(&file("GITHUB_OUTPUT"));
        let names = outputs.get("record").map_or("", String::as_str);
        let record = |name: &str| {
            let path: PathBuf = self.temp().join(name);
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
        };
        Left {
            code: output.status.code().unwrap(),
            said: commands(&out).into_iter().chain(commands(&err)).collect(),
            records: names.lines().map(record).collect(),
            summary: file("GITHUB_STEP_SUMMARY"),
            outputs,
            out,
            err,
        }
    }
}

impl Left {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        assert_eq!(self["exit-code"], code.to_string());
        self
    }

    /// The outputs `verdict`, `changed` and `complete`.
    #[track_caller]
    pub fn is(self, verdict: &str, changed: &str, complete: &str) -> Self {
        let said = (&self["verdict"], &self["changed"], &self["complete"]);
        assert_eq!(said, (verdict, changed, complete), "{self:#?}");
        self
    }

    /// Names of the affected apps, from the output.
    pub fn affected(&self) -> Vec<String> {
        let apps: Vec<Value> = serde_json::from_str(&self["affected"]).unwrap();
        apps.iter().map(|app| app["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The only record.
    #[track_caller]
    pub fn record(&self) -> &Value {
        assert_eq!(self.records.len(), 1, "{self:#?}");
        &self.records[0]
    }

    /// The record's base and head; empty for none.
    #[track_caller]
    pub fn ends(&self) -> (String, String) {
        let source = &self.record()["source"];
        let end = |name: &str| source[name].as_str().unwrap_or_default().to_owned();
        (end("base"), end("head"))
    }

    /// Says in the log, the summary and an annotation why nothing was done.
    #[track_caller]
    pub fn explains(self, words: &[&str]) -> Self {
        let mut errors = self.said.iter().filter(|said| said.command == "error");
        // As a person reads it: without Markdown's backslashes.
        let summary = self.summary.replace(['\\', '\u{200b}'], "");
        for word in words {
            let log = [self.out.as_str(), &self.err].concat();
            assert!(log.contains(word), "{word:?} is not in the log: {self:#?}");
            assert!(summary.contains(word), "{word:?} is not in the summary: {self:#?}");
            assert!(
                errors.clone().any(|said| said.message.contains(word)),
                "{word:?} is in no annotation: {self:#?}"
            );
        }
        assert!(errors.next().is_some(), "{self:#?}");
        self
    }
}

impl std::ops::Index<&str> for Left {
    type Output = str;

    #[track_caller]
    fn index(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("there is no output {name}: {self:#?}"))
    }
}

/// The file of outputs, read as the runner reads it.
fn outputs(text: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = text.split_terminator('\n');
    while let Some(line) = lines.next() {
        let heredoc = line.find("<<").filter(|at| line.find('=').is_none_or(|equals| *at < equals));
        let (name, value) = if heredoc.is_some() {
            let (name, delimiter) = line.split_once("<<").unwrap();
            assert!(!name.is_empty() && !delimiter.is_empty(), "{line:?}");
            let mut value = Vec::new();
            loop {
                match lines.next() {
                    Some(line) if line == delimiter => break,
                    Some(line) => value.push(line),
                    None => panic!("{name} has no end"),
                }
            }
            (name, value.join("\n"))
        } else {
            let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("no output: {line:?}"));
            (name, value.to_owned())
        };
        assert_eq!(outputs.insert(name.to_owned(), value), None, "{name} twice");
    }
    outputs
}

/// Every line that the runner takes for a command.
fn commands(log: &str) -> Vec<Said> {
    // .NET's line ends.
    log.split(['\n', '\r']).filter_map(|line| with_colons(line).or_else(|| with_brackets(line))).collect()
}

fn with_colons(line: &str) -> Option<Said> {
    let (info, message) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    said(info, ',', message)
}

/// The old form, anywhere in a line.
fn with_brackets(line: &str) -> Option<Said> {
    let (info, message) = line.split_once("##[")?.1.split_once(']')?;
    said(info, ';', message)
}

fn said(info: &str, separator: char, message: &str) -> Option<Said> {
    let (command, properties) = info.split_once(' ').unwrap_or((info, ""));
    let known = COMMANDS.iter().any(|known| command.eq_ignore_ascii_case(known));
    let unescape = |text: &str| {
        let escapes = [
            ("%0D", "\r"),
            ("%0A", "\n"),
            ("%3A", ":"),
            ("%2C", ","),
            ("%3B", ";"),
            ("%5D", "]"),
            ("%25", "%"),
        ];
        escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), unescape(value)));
    known.then(|| Said {
        command: command.to_ascii_lowercase(),
        properties: properties.trim().split(separator).filter_map(pair).collect(),
        message: unescape(message),
    })
}
