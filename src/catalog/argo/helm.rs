//! The Helm options of an Argo CD source: values, parameters, files of both.
//!
//! Does not read the chart. Source: Argo CD's `util/helm` and
//! `reposerver/repository` (`ResolveValueFilePathOrUrl`).

use serde_json::Value as Json;

use super::{Reader, Ref, text};
use crate::catalog::closure::{Closure, What};
use crate::catalog::doc::at;
use crate::catalog::format::{HelmOptions, remote};
use crate::catalog::job::{Set, SetValue, Values};
use crate::files::{EntryKind, Next, ReadError, walk};
use crate::name::RepoPath;
use crate::problem::{Code, Place, Problem};

impl Reader<'_> {
    /// The value files of the compared commit that a chart elsewhere takes: they
    /// count, whether it can be rendered or not.
    pub(super) fn values_here(&self, outer: &mut Closure<'_>) -> Result<(), ReadError> {
        let here = Reader { pin: None, ..*self };
        let mut one = self.context.closure(&[]);
        here.helm_options(&mut one, None)?;
        outer.inputs.extend(one.inputs);
        outer.unknown.extend(one.unknown);
        outer.problems.extend(one.problems);
        Ok(())
    }

    /// The Helm options; value files become inputs. `chart` is `None` where the
    /// chart itself is elsewhere.
    pub(super) fn helm_options(
        &self,
        closure: &mut Closure<'_>,
        chart: Option<&RepoPath>,
    ) -> Result<HelmOptions, ReadError> {
        let get = |path: &[&str]| at(self.source, &[&["helm"], path].concat());
        let string = |key: &str| get(&[key]).and_then(Json::as_str).map(str::to_owned);
        let mut options = HelmOptions {
            release: string("releaseName").unwrap_or_else(|| self.app.key.app.name().to_owned()),
            namespace: string("namespace").unwrap_or_else(|| self.app.destination.namespace.clone()),
            skip_crds: get(&["skipCrds"]).and_then(Json::as_bool).unwrap_or(false),
            kube_version: string("kubeVersion"),
            ..HelmOptions::default()
        };
        let list = |key: &str| get(&[key]).and_then(Json::as_array).cloned().unwrap_or_default();
        options.api_versions =
            list("apiVersions").iter().filter_map(Json::as_str).map(str::to_owned).collect();
        for (i, file) in list("valueFiles").iter().enumerate() {
            let place = self.place(&["helm", "valueFiles", &i.to_string()]);
            self.value_file(closure, chart, file.as_str().unwrap_or(""), &place, &mut options)?;
        }
        match (get(&["valuesObject"]), string("values")) {
            (Some(object), _) => options.values.push(Values::Text(object.to_string())),
            (None, Some(text)) if !text.is_empty() => options.values.push(Values::Text(text)),
            (None, _) => {}
        }
        for parameter in list("parameters") {
            let value = text(&parameter, &["value"]).to_owned();
            let forced = at(&parameter, &["forceString"]).and_then(Json::as_bool).unwrap_or(false);
            let value = if forced { SetValue::Text(value) } else { SetValue::Typed(value) };
            options.sets.push(Set { name: text(&parameter, &["name"]).to_owned(), value });
        }
        for (i, parameter) in list("fileParameters").iter().enumerate() {
            let place = self.place(&["helm", "fileParameters", &i.to_string()]);
            if let Some(path) = self.input_path(closure, chart, text(parameter, &["path"]), &place) {
                if !matches!(closure.file(&path, &place)?.what, What::Blob(_)) {
                    let message = format!("the file {path} does not exist");
                    closure.problems.push(Problem::new(Code::PathMissing, Some(place), message));
                }
                options
                    .sets
                    .push(Set { name: text(parameter, &["name"]).to_owned(), value: SetValue::File(path) });
            }
        }
        Ok(options)
    }

    /// The path of a value file in this repository; `None` when it is elsewhere
    /// or wrong, which the closure then says.
    fn input_path(
        &self,
        closure: &mut Closure<'_>,
        chart: Option<&RepoPath>,
        file: &str,
        place: &Place,
    ) -> Option<RepoPath> {
        if file.contains("://") {
            closure.not_rendered.insert(format!("value file {file} not fetched"));
            closure.remotes.insert(remote(file, ""));
            return None;
        }
        let path = if let Some(rest) = file.strip_prefix('$') {
            let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
            match self.refs.get(name) {
                Some(Ref::Here) if self.pin.is_none() => RepoPath::parse(rest),
                Some(Ref::Pin(pin)) if self.pin == Some(pin) => RepoPath::parse(rest),
                // A chart and values at two commits: no one tree holds both.
                Some(Ref::Here) => {
                    closure.not_rendered.insert(format!("value file {file} is not at the chart's commit"));
                    return None;
                }
                Some(Ref::Pin(pin)) => {
                    let why = format!("value file {file} at {} is not at the chart's commit", pin.revision);
                    closure.not_rendered.insert(why);
                    return None;
                }
                Some(Ref::Elsewhere(url)) => {
                    closure.not_rendered.insert(format!("value file {file} of {url} not fetched"));
                    return None;
                }
                None => {
                    let message = format!("{file:?}: no source has `ref: {name}`");
                    closure.problems.push(Problem::new(Code::AppField, Some(place.clone()), message));
                    return None;
                }
            }
        } else {
            // Beside a chart that is elsewhere, the file is too.
            let chart = chart?;
            if file.starts_with('/') { RepoPath::parse(file) } else { chart.join(file) }
        };
        match path {
            Ok(path) => Some(path),
            Err(error) => {
                closure.problems.push(Problem::new(
                    Code::PathEscapes,
                    Some(place.clone()),
                    error.to_string(),
                ));
                None
            }
        }
    }

    fn value_file(
        &self,
        closure: &mut Closure<'_>,
        chart: Option<&RepoPath>,
        file: &str,
        place: &Place,
        options: &mut HelmOptions,
    ) -> Result<(), ReadError> {
        let Some(path) = self.input_path(closure, chart, file, place) else { return Ok(()) };
        let ignore =
            at(self.source, &["helm", "ignoreMissingValueFiles"]).and_then(Json::as_bool).unwrap_or(false);
        if path.as_str().contains(['*', '?', '[']) {
            let files = self.glob(closure, &path, place)?;
            if files.is_empty() && !ignore {
                let message = format!("value files {path} match nothing");
                closure.problems.push(Problem::new(Code::PathMissing, Some(place.clone()), message));
            }
            options.values.extend(files.into_iter().map(Values::File));
            return Ok(());
        }
        match closure.file(&path, place)?.what {
            What::Blob(_) => options.values.push(Values::File(path)),
            What::Absent | What::Tree(_) if ignore => {}
            What::Absent | What::Tree(_) => {
                let message = format!("value file {path} does not exist");
                closure.problems.push(Problem::new(Code::PathMissing, Some(place.clone()), message));
            }
        }
        Ok(())
    }

    /// Files that a value-file glob matches, by name; the folder searched becomes
    /// an input, since a new file in it may match.
    fn glob(
        &self,
        closure: &mut Closure<'_>,
        glob: &RepoPath,
        place: &Place,
    ) -> Result<Vec<RepoPath>, ReadError> {
        let fixed: Vec<&str> =
            glob.as_str().split('/').take_while(|p| !p.contains(['*', '?', '['])).collect();
        let Ok(dir) = RepoPath::parse(&fixed.join("/")) else { return Ok(Vec::new()) };
        let matcher = globset::GlobBuilder::new(glob.as_str()).literal_separator(true).build();
        let Ok(matcher) = matcher.map(|g| g.compile_matcher()) else { return Ok(Vec::new()) };
        let found = closure.locate(&dir, place)?;
        let What::Tree(id) = found.what else { return Ok(Vec::new()) };
        closure.tree(&found, id, place)?;
        let (mut out, mut links) = (Vec::new(), Vec::new());
        walk(self.context.files, id, &dir, &mut |path, entry| {
            if matcher.is_match(path.as_str()) {
                match entry.kind {
                    EntryKind::File | EntryKind::Executable => out.push(path),
                    EntryKind::Link => links.push(path),
                    EntryKind::Directory | EntryKind::Submodule => {}
                }
            }
            Ok(Next::Enter)
        })?;
        for link in links {
            if matches!(closure.locate(&link, place)?.what, What::Blob(_)) {
                out.push(link);
            }
        }
        out.sort();
        Ok(out)
    }
}
