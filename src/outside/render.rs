//! Renders jobs: the real `kustomize` and `helm`, in a private folder that holds
//! the job's inputs and nothing else.
//!
//! What is rendered is untrusted. A tool starts only after the fence has read
//! all that it would reach, and runs shut in (`process`). Decides nothing about
//! what comes out: objects, or problems.

mod archive;
mod cache;
mod export;
mod fence;
mod folder;
mod plain;
mod post;
mod prepare;
mod process;
mod stage;
mod tool;
mod tools;
mod words;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub use export::Export;
pub use tools::Tools;

use crate::catalog::job::{Helm, Job, Kustomize, Tool};
use crate::files::Files;
use crate::name::RepoPath;
use crate::object::{self, Object};
use crate::problem::{Code, Place, Problem};
use folder::Content;
use process::Ran;

/// How much one render may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Time on the clock.
    pub time: Duration,
    /// Memory of each process, in bytes.
    pub memory: u64,
    /// Address space beyond `memory`, in bytes: Go reserves more than it uses.
    pub reserve: u64,
    /// What a tool prints, in bytes.
    pub output: u64,
    /// The inputs written to the private folder, in bytes.
    pub inputs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_mins(1),
            memory: 2 << 30,
            reserve: 2 << 30,
            output: 64 << 20,
            inputs: 512 << 20,
        }
    }
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The objects, in the tool's order. The same object may come twice.
    Objects(Vec<Object>),
    /// Why there are none; never empty.
    Failed(Vec<Problem>),
}

/// A job, the files that its inputs are of, and its app's name for people.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// Where the inputs are read.
    pub files: &'a dyn Files,
    /// What to render.
    pub job: &'a Job,
    /// The app's name, for messages.
    pub app: &'a str,
}

/// Renders jobs, one or many at a time.
#[derive(Debug)]
pub struct Renderer {
    tools: Tools,
    cache: Option<PathBuf>,
    limits: Limits,
}

type Rendered = Result<Vec<Object>, Vec<Problem>>;

impl Renderer {
    /// A renderer with these tools. Without a folder nothing is cached.
    pub fn new(tools: Tools, cache: Option<PathBuf>, limits: Limits) -> Self {
        Self { tools, cache, limits }
    }

    /// The tools it uses.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Renders one job.
    pub fn render(&self, files: &dyn Files, job: &Job, app: &str) -> Outcome {
        let dir = self.cache.as_deref();
        let key = dir.and_then(|_| cache::key(job, &self.versions(job)));
        let cached = dir.zip(key.as_ref());
        if let Some(objects) = cached.and_then(|(dir, key)| cache::get(dir, key)) {
            return Outcome::Objects(objects);
        }
        let rendered = self.staged(files, job, app);
        if let (Some((dir, key)), Ok(objects)) = (cached, &rendered) {
            cache::put(dir, key, objects);
        }
        outcome(rendered)
    }

    /// Renders many jobs, as many at a time as there are cores; equal jobs once.
    /// `on_done` hears of each as it ends, from several threads.
    pub fn render_all(&self, work: &[Work<'_>], on_done: &(dyn Fn(usize, &Outcome) + Sync)) -> Vec<Outcome> {
        let groups = self.groups(work);
        let next = AtomicUsize::new(0);
        let done: Mutex<BTreeMap<usize, Outcome>> = Mutex::new(BTreeMap::new());
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(groups.len());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(group) = groups.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let Some(one) = group.first().and_then(|first| work.get(*first)) else { continue };
                        let outcome = self.render(one.files, one.job, one.app);
                        for index in group {
                            on_done(*index, &outcome);
                            lock(&done).insert(*index, outcome.clone());
                        }
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Each index is in one group, and each group was rendered.
        let lost = || failed(Problem::new(Code::RenderFailed, None, "the render was lost"));
        (0..work.len()).map(|index| done.remove(&index).unwrap_or_else(|| outcome(lost()))).collect()
    }

    /// The indices of jobs that are the same, together.
    fn groups(&self, work: &[Work<'_>]) -> Vec<Vec<usize>> {
        let mut by_key: BTreeMap<Option<crate::name::Digest>, Vec<usize>> = BTreeMap::new();
        let mut groups = Vec::new();
        for (index, one) in work.iter().enumerate() {
            match cache::key(one.job, &self.versions(one.job)) {
                None => groups.push(vec![index]),
                key => by_key.entry(key).or_default().push(index),
            }
        }
        groups.extend(by_key.into_values());
        // In the order asked for: what is waited for first comes first.
        groups.sort();
        groups
    }

    /// Renders a job in a full export of its commit, which stays as it is: what
    /// `luigi prove` compares with. Inputs are not looked at, nothing is cached.
    pub fn render_in(&self, dir: &Path, job: &Job) -> Outcome {
        match Export::new(self, dir) {
            Ok(export) => export.render(job),
            Err(error) => outcome(Err(vec![no_folder(&error)])),
        }
    }

    /// The versions that a job's objects depend on.
    fn versions(&self, job: &Job) -> Vec<&str> {
        let versions = match &job.tool {
            Tool::Plain(_) => Vec::new(),
            Tool::Kustomize(_) => vec![self.tools.kustomize_version(), self.tools.helm_version()],
            Tool::Helm(_) => vec![self.tools.helm_version()],
        };
        versions.into_iter().map(|version| version.unwrap_or("none")).collect()
    }

    fn staged(&self, files: &dyn Files, job: &Job, app: &str) -> Rendered {
        let private = Private::new().map_err(|error| vec![no_folder(&error)])?;
        let top = private.path.join("content");
        let problems = stage::write(files, job, &top, self.limits.inputs).map_err(|error| {
            let code = match error {
                stage::StageError::TooLarge(_) => Code::RenderLimit,
                stage::StageError::Disk { .. } | stage::StageError::Read(_) => Code::RenderFailed,
            };
            vec![Problem::new(code, None, format!("{app}: {error}"))]
        })?;
        if !problems.is_empty() {
            return Err(problems);
        }
        self.content(&Content { top, mounts: &job.mounts }, &private, job)
    }

    /// Renders what lies in the folder.
    fn content(&self, content: &Content<'_>, private: &Private, job: &Job) -> Rendered {
        let (objects, place) = match &job.tool {
            Tool::Plain(plain) => (plain::render(content, plain)?, place(content, &plain.path)),
            Tool::Kustomize(kustomize) => {
                (self.kustomize(content, private, kustomize)?, place(content, &kustomize.dir))
            }
            Tool::Helm(helm) => (self.helm(content, private, helm)?, place(content, &helm.chart)),
        };
        post::apply(job, &place, objects)
    }

    fn kustomize(&self, content: &Content<'_>, private: &Private, kustomize: &Kustomize) -> Rendered {
        let program = self.tools.kustomize()?;
        prepare::replace(content, kustomize)?;
        let dir = prepare::folder(content, &kustomize.dir)?;
        let fenced = fence::kustomization(content, &dir);
        if !fenced.problems.is_empty() {
            return Err(fenced.problems);
        }
        let helm = match fenced.charts {
            0 => None,
            _ => Some(self.tools.helm()?),
        };
        let arguments = tool::kustomize(&content.disk(&dir), helm);
        let file = fence::kustomization_names(content, &dir).into_iter().next();
        let file = file.unwrap_or_else(|| "kustomization.yaml".to_owned());
        self.run(content, private, program, &arguments, (&dir, &file))
    }

    fn helm(&self, content: &Content<'_>, private: &Private, helm: &Helm) -> Rendered {
        let program = self.tools.helm()?;
        prepare::dependencies(content, &helm.dependencies)?;
        let chart = prepare::folder(content, &helm.chart)?;
        let problems = fence::chart(content, &chart);
        if !problems.is_empty() {
            return Err(problems);
        }
        let texts = private.path.join("values");
        let arguments = tool::helm(content, helm, &texts)?;
        self.run(content, private, program, &arguments, (&chart, "Chart.yaml"))
    }

    /// Runs a tool and reads what it prints. `about` is the folder it works on
    /// and the file that stands for it.
    fn run(
        &self,
        content: &Content<'_>,
        private: &Private,
        program: &Path,
        arguments: &[String],
        (dir, file): (&RepoPath, &str),
    ) -> Rendered {
        let name = program.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let place = Place::file(content.shown(&dir.child(file)));
        match process::run(program, arguments, &private.path, &self.limits) {
            Err(error) => failed(Problem::new(Code::ToolMissing, None, error.to_string())),
            Ok(Ran::Limit(limit)) => {
                failed(Problem::new(Code::RenderLimit, Some(place), format!("{name}: {limit}")))
            }
            Ok(Ran::Failed(words)) => failed(words::failed(content, &private.path, &name, &words, dir, file)),
            Ok(Ran::Ok(bytes)) => {
                let (objects, problems) = object::objects(&format!("{} (rendered)", place.file), &bytes);
                if problems.is_empty() { Ok(objects) } else { Err(problems) }
            }
        }
    }
}

/// A folder that only this user can enter, gone when it is dropped.
struct Private {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Private {
    fn new() -> std::io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::Permissions::from_mode(0o700);
        let dir = tempfile::Builder::new().prefix("luigi-render-").permissions(mode).tempdir()?;
        let path = dir.path().canonicalize()?;
        for name in ["content", "home", "tmp", "bin", "values"] {
            fs::create_dir(path.join(name))?;
        }
        Ok(Self { path, _dir: dir })
    }
}

fn place(content: &Content<'_>, path: &RepoPath) -> Place {
    Place::file(content.shown(path))
}

fn no_folder(error: &std::io::Error) -> Problem {
    Problem::new(Code::RenderFailed, None, format!("the private folder cannot be made: {error}"))
}

fn failed(problem: Problem) -> Rendered {
    Err(vec![problem])
}

fn outcome(rendered: Rendered) -> Outcome {
    match rendered {
        Ok(objects) => Outcome::Objects(objects),
        Err(problems) => Outcome::Failed(problems),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
