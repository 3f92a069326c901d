//! The files elsewhere in a full export that folders lead to: bases and
//! components that a kustomization names, charts that a chart depends on.
//!
//! Knows no field: in these files any text counts that is a path to something.
//! So it finds more than is read at times, and does not depend on what the
//! closure knows of a format.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::Value as Json;

use super::files::below;
use crate::name::RepoPath;
use crate::object::yaml;

const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
const CHARTS: [&str; 2] = ["Chart.yaml", "requirements.yaml"];

/// The files, as paths from the export's top.
pub fn from(export: &Path, paths: &[RepoPath]) -> io::Result<BTreeSet<String>> {
    let mut reach = Reach { export, found: BTreeSet::new(), done: BTreeSet::new() };
    for path in paths {
        reach.folder(path)?;
    }
    Ok(reach.found)
}

struct Reach<'a> {
    export: &'a Path,
    found: BTreeSet<String>,
    done: BTreeSet<RepoPath>,
}

impl Reach<'_> {
    /// What a folder leads to: by its own kustomization or chart, and where it
    /// has neither, by those of the folders in it.
    fn folder(&mut self, dir: &RepoPath) -> io::Result<()> {
        if !self.is_folder(dir) || !self.done.insert(dir.clone()) {
            return Ok(());
        }
        let own: Vec<RepoPath> = self.present(dir, &KUSTOMIZATIONS);
        let charts = self.present(dir, &CHARTS);
        for file in &own {
            self.found.insert(file.to_string());
            for text in texts(&self.export.join(file.as_str()))? {
                // `configMapGenerator` has `key=file`.
                let value = text.split_once('=').map(|(_, value)| value.to_owned());
                for text in [Some(text), value].into_iter().flatten() {
                    self.named(dir, &text)?;
                }
            }
        }
        for file in &charts {
            for text in texts(&self.export.join(file.as_str()))? {
                if let Some(path) = text.strip_prefix("file://").and_then(|path| dir.join(path).ok()) {
                    self.whole(&path)?;
                }
            }
        }
        if own.is_empty() && charts.is_empty() {
            for entry in fs::read_dir(self.export.join(dir.as_str()))? {
                if let Some(name) = entry?.file_name().to_str() {
                    self.folder(&dir.child(name))?;
                }
            }
        }
        Ok(())
    }

    /// A text in a kustomization of `dir` that may be a path.
    fn named(&mut self, dir: &RepoPath, text: &str) -> io::Result<()> {
        if text.is_empty() || text.starts_with('/') || text.contains(['\n', '\0']) {
            return Ok(());
        }
        let Ok(path) = dir.join(text) else { return Ok(()) };
        if self.is_folder(&path) {
            let charts = self.present(&path, &CHARTS);
            return if charts.is_empty() { self.folder(&path) } else { self.whole(&path) };
        }
        if self.export.join(path.as_str()).is_file() {
            self.found.insert(path.to_string());
        }
        Ok(())
    }

    /// A chart, all of it, and what it depends on.
    fn whole(&mut self, dir: &RepoPath) -> io::Result<()> {
        if self.is_folder(dir) {
            self.found.extend(below(self.export, &self.export.join(dir.as_str()))?);
        }
        self.folder(dir)
    }

    fn is_folder(&self, path: &RepoPath) -> bool {
        let disk = self.export.join(path.as_str());
        !disk.is_symlink() && disk.is_dir()
    }

    fn present(&self, dir: &RepoPath, names: &[&str]) -> Vec<RepoPath> {
        let paths = names.iter().map(|name| dir.child(name));
        paths.filter(|path| self.export.join(path.as_str()).is_file()).collect()
    }
}

/// Every text in a file's documents; none where it cannot be read as YAML.
fn texts(file: &Path) -> io::Result<Vec<String>> {
    let (nodes, _) = yaml::documents("", &fs::read(file)?);
    let mut out = Vec::new();
    let mut todo: Vec<Json> = nodes.iter().map(yaml::Node::to_json).collect();
    while let Some(json) = todo.pop() {
        match json {
            Json::String(text) => out.push(text),
            Json::Array(items) => todo.extend(items),
            Json::Object(map) => todo.extend(map.into_iter().map(|(_, value)| value)),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_and_charts_elsewhere_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("apps/web/kustomization.yaml", "resources: [../../base]\npatches: [{path: ../p.yaml}]\n");
        write("apps/p.yaml", "a: 1\n");
        write("apps/other/kustomization.yaml", "resources: [../../unused]\n");
        write("base/kustomization.yaml", "configMapGenerator: [{name: a, files: [k=conf/a.txt]}]\n");
        write("base/conf/a.txt", "a");
        write("base/README.md", "a");
        write("unused/kustomization.yaml", "resources: []\n");
        write("charts/one/Chart.yaml", "dependencies: [{name: two, repository: 'file://../two'}]\n");
        write("charts/two/values.yaml", "a: 1\n");
        write("charts/two/Chart.yaml", "dependencies: [{name: three, repository: 'file://../three'}]\n");
        write("charts/three/Chart.yaml", "name: three\n");
        let found = |path: &str| -> Vec<String> {
            from(dir.path(), &[RepoPath::parse(path).unwrap()]).unwrap().into_iter().collect()
        };
        assert_eq!(
            found("apps/web"),
            ["apps/p.yaml", "apps/web/kustomization.yaml", "base/conf/a.txt", "base/kustomization.yaml"]
        );
        assert!(found("apps").contains(&"unused/kustomization.yaml".to_owned()), "each folder in it");
        assert_eq!(
            found("charts/one"),
            ["charts/three/Chart.yaml", "charts/two/Chart.yaml", "charts/two/values.yaml"]
        );
    }
}
