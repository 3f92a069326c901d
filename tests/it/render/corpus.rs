//! Real fleets: what we render from a job's inputs is what the tools render by
//! hand in a full checkout, failures included.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use luigi::catalog::job::{Input, Job, Tool};
use luigi::catalog::kustomization::FILE_NAMES;
use luigi::files::{EntryKind, Files, Next, walk};
use luigi::name::RepoPath;
use luigi::object;
use luigi::outside::git::Repo;
use luigi::outside::render::{Outcome, Work};

use super::{helm, job, kustomize, renderer};
use crate::support::{corpus, parts};

fn by_hand(dir: &Path, tool: &str, arguments: &[&str]) -> Output {
    Command::new(parts::tools().join(tool))
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// A kustomization may read anything here, a chart its own folder.
fn job_of(files: &dyn Files, dir: &str, tool: Tool) -> Job {
    let mut job = job(files, tool);
    if let Tool::Helm(helm) = &job.tool {
        let tree = files.entry(&helm.chart).unwrap().unwrap();
        assert_eq!(dir, helm.chart.as_str());
        job.inputs = [(helm.chart.clone(), Input::Tree(tree.id))].into();
    }
    job
}

/// Every `step`-th folder of a bundle that holds one of these files.
fn compare(bundle: &str, names: &[&str], step: usize, tool: &dyn Fn(&str) -> Tool) -> (usize, usize) {
    let around = tempfile::tempdir().unwrap();
    let full = corpus::clone(bundle, around.path());
    let repo = Repo::open(&full).unwrap();
    let files = repo.files(repo.head().unwrap()).unwrap();
    let mut dirs = Vec::new();
    walk(&files, files.root(), &RepoPath::root(), &mut |path, entry| {
        if entry.kind == EntryKind::File && names.contains(&path.file_name()) {
            dirs.push(path.parent().to_string());
        }
        Ok(Next::Enter)
    })
    .unwrap();
    let dirs: Vec<String> = dirs.into_iter().step_by(step).collect();
    let jobs: Vec<_> = dirs.iter().map(|dir| job_of(&files, dir, tool(dir))).collect();
    let files: &dyn Files = &files;
    let work: Vec<Work<'_>> = jobs.iter().map(|job| Work { files, job, app: "app" }).collect();
    let done = renderer().render_all(&work, &|_, _| {});
    let (mut same, mut failed) = (0, 0);
    for ((dir, job), outcome) in dirs.iter().zip(&jobs).zip(&done) {
        assert_eq!(&renderer().render_in(&full, job), outcome, "{bundle}: {dir} in an export");
        let hand = match &job.tool {
            Tool::Helm(_) => {
                by_hand(&full, "helm", &["template", "app", dir, "--namespace=ns", "--include-crds"])
            }
            _ => by_hand(&full, "kustomize", &["build", "--load-restrictor=LoadRestrictionsNone", dir]),
        };
        match outcome {
            Outcome::Objects(objects) => {
                let (expected, _) = object::objects("by hand", &hand.stdout);
                assert_eq!(objects, &expected, "{bundle}: {dir}");
                same += 1;
            }
            Outcome::Failed(problems) => {
                let refused = problems.iter().all(|p| p.code.as_str() == "L0503");
                assert!(refused || !hand.status.success(), "{bundle}: {dir}: {problems:#?}");
                failed += 1;
            }
        }
    }
    (same, failed)
}

#[test]
fn kustomizations_of_real_fleets() {
    let (same, _) = compare("flux2-kustomize-helm-example", &FILE_NAMES, 1, &kustomize);
    assert!(same >= 5, "{same}");
    let (same, failed) = compare("home-ops", &FILE_NAMES, 12, &kustomize);
    assert!(same >= 10 && failed < same, "{same} {failed}");
}

#[test]
fn charts_of_a_real_fleet() {
    let (same, failed) = compare("phalanx", &["Chart.yaml"], 9, &|dir| Tool::Helm(helm(dir)));
    assert!(same >= 3, "{same} {failed}");
}
