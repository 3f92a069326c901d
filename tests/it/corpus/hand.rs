//! The real tools, run by hand in a full clone, from what a definition says.
//!
//! Uses nothing of Luigi but its reader of YAML, which is held to kubectl's own
//! elsewhere.

use std::path::Path;
use std::process::{Command, Stdio};

use luigi::object::{self, Object};
use serde_json::Value;

use crate::support::parts;

/// What a tool prints, or what it says when it fails.
pub fn run(dir: &Path, tool: &str, arguments: &[&str]) -> Result<String, String> {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(parts::tools().join(tool))
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("HOME", home.path())
        .env("TMPDIR", home.path())
        // Nobody answers there: nothing is fetched.
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("PATH", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The objects of a text.
pub fn objects(text: &str) -> Result<Vec<Object>, String> {
    let (objects, problems) = object::objects("by hand", text.as_bytes());
    problems.is_empty().then_some(objects).ok_or_else(|| format!("{problems:?}"))
}

/// The text at a path of keys, or nothing.
pub fn text<'j>(json: &'j Value, path: &str) -> &'j str {
    json.pointer(path).and_then(Value::as_str).unwrap_or("")
}
