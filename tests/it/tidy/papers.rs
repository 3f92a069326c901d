//! Papers against the tree: paths that exist, inputs that are arguments, pages
//! that are made from the code.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;
use luigi::catalog::doc::WITHOUT_EFFECT;
use luigi::cli::args::Args;
use luigi::object::yaml;

use super::{cli_page, files_below, none, read, root, rust};

/// Inputs whose argument has another name.
const RENAMED: [(&str, &str); 1] =
    // Workflows know the word; git's users know `-C`.
    [("working-directory", "directory")];
/// Arguments of `luigi run` that are no inputs.
const NO_INPUT: [&str; 1] =
    // A job's log has no terminal to ask; NO_COLOR is there for it.
    ["color"];
/// Paths in comments that are another project's, named beside them.
const ELSEWHERE: [&str; 1] = ["docs/spec/v1/gitrepositories.md"];

/// Files at the repository's top.
pub fn top_files() -> Vec<String> {
    let list = std::fs::read_dir(root()).unwrap().map(|e| e.unwrap());
    let files = list.filter(|e| e.file_type().unwrap().is_file());
    let mut names: Vec<String> = files.map(|e| e.file_name().to_str().unwrap().to_owned()).collect();
    // A work tree's `.git` is a file that names where the repository is.
    names.retain(|n| n != ".git");
    names.sort();
    names
}

/// The pages for people.
fn pages() -> Vec<String> {
    let all = files_below("docs").into_iter().chain(top_files());
    all.filter(|p| Path::new(p).extension().is_some_and(|e| e == "md")).collect()
}

/// A page's lines outside fences.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((at + 1, line))
    })
}

/// Whether a word looks like a path of this repository.
fn is_ours(word: &str) -> bool {
    const FOLDERS: [&str; 7] = ["src/", "tests/", "benches/", "docs/", "fixtures/", ".ci/", ".github/"];
    FOLDERS.iter().any(|f| word.starts_with(f))
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
}

fn exists(dir: &Path, path: &str) -> bool {
    path.is_empty() || dir.join(path).exists()
}

#[test]
fn paths_named_in_pages_exist() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = read(&page);
        let dir = root().join(&page);
        let dir = dir.parent().unwrap();
        for (line, text) in prose(&text) {
            let code = text.split('`').skip(1).step_by(2).filter(|w| is_ours(w));
            wrong.extend(code.filter(|w| !exists(root(), w)).map(|w| format!("{page}:{line} {w}")));
            let links = text.split("](").skip(1).filter_map(|l| l.split(')').next());
            let links = links.filter(|l| !l.contains("://")).filter_map(|l| l.split('#').next());
            wrong.extend(links.filter(|l| !exists(dir, l)).map(|l| format!("{page}:{line} {l}")));
        }
    }
    none("paths that do not exist", &wrong);
}

#[test]
fn paths_named_in_comments_exist() {
    let mut wrong = Vec::new();
    for source in ["src", "tests"].into_iter().flat_map(rust::sources) {
        for (line, text) in source.text.lines().enumerate() {
            let Some((_, comment)) = text.split_once("//") else { continue };
            let words = comment.split(|c: char| c.is_whitespace() || "`()[],;:".contains(c));
            let words = words.map(|w| w.trim_end_matches('.')).filter(|w| is_ours(w));
            let words = words.filter(|w| w.starts_with("docs/") || w.starts_with("fixtures/"));
            let missing = words.filter(|w| !ELSEWHERE.contains(w) && !exists(root(), w));
            wrong.extend(missing.map(|w| format!("{}:{} {w}", source.path, line + 1)));
        }
    }
    none("paths that do not exist", &wrong);
}

#[test]
fn inputs_are_arguments() {
    let (action, problems) = yaml::document("action.yml", read("action.yml").as_bytes());
    assert_eq!(problems, []);
    let action = action.unwrap().to_json();
    let keys = |of: &str| -> BTreeSet<String> { action[of].as_object().unwrap().keys().cloned().collect() };
    let mut command = Args::command();
    command.build();
    let run = command.find_subcommand("run").expect("the action runs `luigi run`");
    let arguments = run.get_arguments().filter(|a| !a.is_hide_set()).map(|a| a.get_id().as_str());
    let arguments = arguments.filter(|a| !["help", "version"].contains(a) && !NO_INPUT.contains(a));
    let renamed =
        |id: &str| RENAMED.iter().find(|(_, a)| *a == id).map_or(id, |(input, _)| *input).to_owned();
    let arguments: BTreeSet<String> = arguments.map(|id| renamed(id).replace('_', "-")).collect();
    assert_eq!(keys("inputs"), arguments, "action.yml and the arguments of `luigi run`");
    let readme = read("README.md");
    let unsaid: Vec<String> = keys("inputs")
        .into_iter()
        .chain(keys("outputs"))
        .filter(|k| !readme.contains(&format!("`{k}`")))
        .collect();
    none("inputs and outputs that README.md does not name", &unsaid);
}

/// What never makes an app changed is said, each field by its path.
#[test]
fn fields_without_effect_are_listed() {
    let page = read("docs/luigi-yaml.md");
    let name = |path: &&[&str]| match path {
        ["metadata", "annotations", annotation] => format!("`{annotation}`"),
        path => format!("`{}`", path.join(".")),
    };
    let unsaid = WITHOUT_EFFECT.iter().map(name).filter(|name| !page.contains(name.as_str()));
    none("fields without effect that docs/luigi-yaml.md does not name", &unsaid.collect::<Vec<_>>());
}

/// The workflow that README.md shows: inputs and outputs that exist, nothing that
/// is not pinned, no permission that is not said.
#[test]
fn the_workflow_of_the_readme_fits_the_action() {
    let document = |file: &str, text: &str| {
        let (document, problems) = yaml::document(file, text.as_bytes());
        assert_eq!(problems, []);
        document.unwrap().to_json()
    };
    let action = document("action.yml", &read("action.yml"));
    let readme = read("README.md");
    let text = readme.split("## In GitHub Actions").nth(1).unwrap().split("```").nth(1).unwrap();
    let text = text.strip_prefix("yaml\n").unwrap();
    let workflow = document("README.md", text);
    assert_eq!(workflow["permissions"], serde_json::json!({}));
    let mut ours = 0;
    for (name, job) in workflow["jobs"].as_object().unwrap() {
        assert!(job["permissions"].is_object(), "{name}");
        for step in job["steps"].as_array().unwrap() {
            let Some((uses, pin)) = step["uses"].as_str().map(|uses| uses.split_once('@').unwrap()) else {
                continue;
            };
            assert!(pin.len() == 40 && pin.bytes().all(|b| b.is_ascii_hexdigit()), "{uses}@{pin}");
            if uses.ends_with("/luigi") {
                ours += 1;
                let inputs = step["with"].as_object().into_iter().flat_map(|with| with.keys());
                none(
                    "inputs",
                    &inputs.filter(|i| action["inputs"].get(i).is_none()).cloned().collect::<Vec<_>>(),
                );
            }
        }
    }
    assert_eq!(ours, 2, "a plan and a deploy");
    let outputs = text.split(".outputs.").skip(1);
    let names = outputs.map(|rest| rest.split([' ', '}']).next().unwrap().to_owned());
    none("outputs", &names.filter(|name| action["outputs"].get(name).is_none()).collect::<Vec<_>>());
}

#[test]
fn the_page_of_commands_is_fresh() {
    is_fresh("docs/cli.md", &cli_page::page());
}

#[test]
fn the_page_of_problems_is_fresh() {
    is_fresh("docs/problems.md", &luigi::report::reference::problems());
}

/// Compares a page with what the code makes; `LUIGI_BLESS` writes it.
fn is_fresh(path: &str, page: &str) {
    if std::env::var_os("LUIGI_BLESS").is_some() {
        std::fs::write(root().join(path), page).unwrap();
    }
    let found = std::fs::read_to_string(root().join(path)).unwrap_or_default();
    assert!(found == page, "{path} is out of date: run LUIGI_BLESS=1 cargo test");
}
