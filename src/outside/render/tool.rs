//! The command lines of `kustomize build` and `helm template`.
//!
//! Starts nothing itself. Every path in them is one of the private folder's.

use std::path::Path;

use super::folder::{Content, Found};
use super::prepare::{folder, missing};
use crate::catalog::job::{Crds, Helm, SetValue, Values};
use crate::name::RepoPath;
use crate::problem::{Code, Problem};

/// The arguments of `kustomize build`. `helm` is given where the build inflates
/// charts.
pub(super) fn kustomize(dir: &Path, helm: Option<&Path>) -> Vec<String> {
    let mut arguments = vec![
        "build".to_owned(),
        // Flux lets a build load files from anywhere in its source, and so do we:
        // here the private folder is the fence, and it holds this job's inputs only.
        "--load-restrictor=LoadRestrictionsNone".to_owned(),
    ];
    if let Some(helm) = helm {
        arguments.push("--enable-helm".to_owned());
        arguments.push(format!("--helm-command={}", helm.display()));
    }
    arguments.push("--".to_owned());
    arguments.push(dir.display().to_string());
    arguments
}

/// The arguments of `helm template`. Values given as text are written to the
/// folder `texts` first.
pub(super) fn helm(content: &Content<'_>, helm: &Helm, texts: &Path) -> Result<Vec<String>, Vec<Problem>> {
    let chart = folder(content, &helm.chart)?;
    let mut arguments = vec!["template".to_owned(), format!("--namespace={}", helm.namespace)];
    for (index, values) in helm.values.iter().enumerate() {
        let path = match values {
            Values::File(path) => content.disk(&file(content, path)?),
            Values::Text(text) => {
                let path = texts.join(format!("{index}.yaml"));
                std::fs::write(&path, text).map_err(|error| {
                    vec![Problem::new(Code::RenderFailed, None, format!("values cannot be written: {error}"))]
                })?;
                path
            }
        };
        arguments.push(format!("--values={}", listed(&path.display().to_string())));
    }
    for set in &helm.sets {
        arguments.push(match &set.value {
            SetValue::Typed(value) => format!("--set={}={}", set.name, escaped(value)),
            SetValue::Text(value) => format!("--set-string={}={}", set.name, escaped(value)),
            SetValue::File(path) => {
                let path = content.disk(&file(content, path)?);
                format!("--set-file={}={}", set.name, escaped(&path.display().to_string()))
            }
        });
    }
    arguments.push(match helm.crds {
        Crds::Include => "--include-crds".to_owned(),
        Crds::Skip => "--skip-crds".to_owned(),
    });
    if let Some(version) = &helm.kube_version {
        arguments.push(format!("--kube-version={version}"));
    }
    for version in &helm.api_versions {
        arguments.push(format!("--api-versions={}", listed(version)));
    }
    // A release's name is text from a definition: never an option.
    arguments.push("--".to_owned());
    arguments.push(helm.release.clone());
    arguments.push(content.disk(&chart).display().to_string());
    Ok(arguments)
}

fn file(content: &Content<'_>, path: &RepoPath) -> Result<RepoPath, Vec<Problem>> {
    match content.find(&RepoPath::root(), path.as_str()) {
        Found::File(found) => Ok(found),
        Found::Escapes => Err(vec![content.link_escapes(path)]),
        Found::Folder(_) | Found::Missing => Err(vec![missing(content, path, "there is no such file")]),
    }
}

/// Helm reads some options as a line of comma-separated values.
fn listed(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Commas in a value of `--set`, but not in a list `{a,b}` and not where they are
/// escaped already: as Argo CD does (`util/helm/cmd.go`, `cleanSetParameters`).
fn escaped(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len());
    let mut before = None;
    for c in value.chars() {
        // A comma at the very start stays bare there too.
        if c == ',' && before.is_some_and(|before| before != '\\') {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_are_escaped_as_in_argo_cd() {
        for (value, expected) in [("a,b", r"a\,b"), (r"a\,b", r"a\,b"), ("{a,b}", "{a,b}"), ("", "")] {
            assert_eq!(escaped(value), expected);
        }
        assert_eq!(listed("a,b"), "\"a,b\"");
        assert_eq!(listed("/tmp/x.yaml"), "/tmp/x.yaml");
    }
}
