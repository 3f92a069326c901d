//! The tree against its own rules: order of modules, purity, heads, lengths,
//! papers that tell the truth.
//!
//! Functions' length is clippy's (`clippy.toml`); whether files are UTF-8 is the
//! compiler's.

mod cli_page;
mod papers;
mod rust;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rust::{Source, sources};

/// The most lines of a Rust file.
const MOST_LINES: usize = 500;
/// The last of the pure modules.
const LAST_PURE: &str = "report";
/// What a pure module may not name.
const IMPURE: [&str; 13] = [
    // A group could hide any of those below.
    "std::{",
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "std::thread",
    "SystemTime",
    "Instant",
    "async fn",
    "git2",
    "rand",
    "reqwest",
    "tokio",
];
/// Where a pure module names one all the same, and why that does no harm.
const ALLOWED: [(&str, &str); 1] =
    // Reading is spread over threads; what comes out does not depend on them.
    [("src/catalog/parallel.rs", "std::thread")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder, as paths from the repository's top, sorted.
fn files_below(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(folder)];
    while let Some(dir) = open.pop() {
        let Ok(list) = std::fs::read_dir(root().join(&dir)) else { continue };
        for entry in list {
            let entry = entry.unwrap();
            let path = dir.join(entry.file_name());
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => open.push(path),
                kind if kind.is_file() => found.push(path.to_str().unwrap().to_owned()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// The modules of `lib.rs` in its order.
fn modules() -> Vec<String> {
    let text = read("src/lib.rs");
    text.lines().filter_map(|l| Some(l.strip_prefix("pub mod ")?.strip_suffix(';')?.to_owned())).collect()
}

#[test]
fn a_module_imports_only_modules_above_it() {
    let modules = modules();
    let at = |name: &str| modules.iter().position(|m| m == name);
    let mut wrong = Vec::new();
    for source in sources("src") {
        let Some(own) = at(source.module()) else { continue };
        for (line, name) in source.imports() {
            match at(&name) {
                Some(other) if other > own => {
                    wrong.push(format!("{}:{line} imports {name}", source.path));
                }
                Some(_) => {}
                None => wrong.push(format!("{}:{line} imports {name}, which is no module", source.path)),
            }
        }
        for line in source.climbs() {
            wrong.push(format!("{}:{line} leaves its module with `super`; say `crate::`", source.path));
        }
    }
    none("imports against the order of src/lib.rs", &wrong);
}

#[test]
fn the_first_modules_are_pure() {
    let modules = modules();
    let last = modules.iter().position(|m| m == LAST_PURE).unwrap();
    let pure = |s: &Source| modules[..=last].iter().any(|m| m == s.module());
    let mut wrong = Vec::new();
    for source in sources("src").into_iter().filter(pure) {
        for word in IMPURE {
            if ALLOWED.contains(&(source.path.as_str(), word)) {
                continue;
            }
            wrong.extend(source.lines_with(word).map(|line| format!("{}:{line} names {word}", source.path)));
        }
    }
    none("pure modules that are not", &wrong);
}

#[test]
fn rust_files_have_heads_and_a_bounded_length() {
    let mut wrong = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        if !source.text.starts_with("//! ") {
            wrong.push(format!("{} does not open with `//! ` and its duty", source.path));
        }
        let lines = source.text.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!("{} has {lines} lines, and may have {MOST_LINES}", source.path));
        }
    }
    none("files", &wrong);
}

#[test]
fn functions_have_a_bounded_length() {
    // Clippy counts; here is only that it is told to.
    assert!(read("clippy.toml").contains("\ntoo-many-lines-threshold = 70\n"));
    assert!(read("Cargo.toml").contains("\ntoo_many_lines = \"warn\"\n"));
}

#[test]
fn nothing_is_put_off() {
    const WORDS: [&str; 5] = ["todo!", "unimplemented!", "#[ignore", "#[should_panic", "allow(dead_code"];
    let mut wrong = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        for word in WORDS {
            let lines = source.all_lines_with(word);
            wrong.extend(lines.map(|line| format!("{}:{line} says {word}", source.path)));
        }
        let sleeps = source.test_lines_with("thread::sleep");
        wrong.extend(sleeps.map(|line| format!("{}:{line} sleeps in a test", source.path)));
    }
    none("put off, or slept away", &wrong);
}

#[test]
fn no_file_knows_a_machine() {
    // In two parts, so that this file does not hold them.
    let homes = [["/", "work/"], ["/", "root/"], ["/", "Users/"], ["/tmp/", "luigi"]].map(|p| p.concat());
    let mut wrong = Vec::new();
    let folders = ["src", "tests", "benches", "docs", "fixtures", ".ci", ".github"];
    let top = papers::top_files();
    for path in folders.into_iter().flat_map(files_below).chain(top) {
        // Packed test data is not text.
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (line, text) in text.lines().enumerate() {
            for home in homes.iter().filter(|h| text.contains(h.as_str())) {
                wrong.push(format!("{path}:{} names {home}", line + 1));
            }
        }
    }
    none("paths of somebody's machine", &wrong);
}

#[test]
fn every_integration_test_is_declared() {
    let declared = |file: &str| -> BTreeSet<String> {
        let text = read(file);
        let names = text.lines().map(|l| l.strip_prefix("pub ").unwrap_or(l));
        names.filter_map(|l| Some(l.strip_prefix("mod ")?.strip_suffix(';')?.to_owned())).collect()
    };
    let mut wrong = Vec::new();
    for path in files_below("tests/it") {
        let Some(stem) = path.strip_suffix(".rs").filter(|s| *s != "tests/it/main") else { continue };
        let (dir, name) = stem.rsplit_once('/').unwrap();
        let parent = if dir == "tests/it" { format!("{dir}/main.rs") } else { format!("{dir}.rs") };
        let beside = format!("{dir}/mod.rs");
        let parent = if root().join(&parent).is_file() { parent } else { beside };
        if name != "mod" && !(root().join(&parent).is_file() && declared(&parent).contains(name)) {
            wrong.push(format!("{path} is not declared in {parent}: it does not run"));
        }
    }
    none("tests", &wrong);
}
