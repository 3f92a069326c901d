//! Renders apps, many at a time, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::catalog::app::App;
use crate::catalog::job::Job;
use crate::files::Files;
use crate::name::AppKey;
use crate::object::{Object, ObjectKey};
use crate::outside::render::Outcome;
use crate::problem::{Code, Problem, Severity};
use crate::run::world::World;

impl World {
    /// Renders one job, of the files at hand or of those at its pin.
    pub fn render(&self, files: &dyn Files, job: &Job, app: &str) -> Outcome {
        match job.at.as_ref().and_then(|at| self.pins.files(at)) {
            Some(pinned) => self.renderer.render(&*pinned, job, app),
            None => self.renderer.render(files, job, app),
        }
    }
}

/// What an app rendered to.
#[derive(Debug, Clone)]
pub enum AppRender {
    /// Its objects, sorted by key; notes about them.
    Objects(Vec<Object>, Vec<Problem>),
    /// It cannot be rendered from this repository alone.
    NotRendered(Vec<String>),
    /// It could not be rendered.
    Failed(Vec<Problem>),
}

/// Runs `work` over all items on all cores; results in the items' order.
pub fn parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    let result = work(item);
                    if let Ok(mut slot) = results[at].lock() {
                        *slot = Some(result);
                    }
                }
            });
        }
    });
    results.into_iter().filter_map(|slot| slot.into_inner().ok().flatten()).collect()
}

/// Renders apps of one commit.
pub fn apps(
    world: &World,
    files: &dyn Files,
    apps: &[&App],
    done: &(dyn Fn(&AppKey) + Sync),
) -> BTreeMap<AppKey, AppRender> {
    let results = parallel(apps, |app| {
        let result = one(world, files, app);
        done(&app.key);
        result
    });
    apps.iter().map(|app| app.key.clone()).zip(results).collect()
}

fn one(world: &World, files: &dyn Files, app: &App) -> AppRender {
    let broken: Vec<Problem> =
        app.content.problems.iter().filter(|p| p.severity == Severity::Error).cloned().collect();
    if !broken.is_empty() {
        return AppRender::Failed(broken);
    }
    let mut why = app.content.not_rendered.clone();
    why.extend(app.content.unknown.iter().map(|u| u.why.clone()));
    if !why.is_empty() {
        return AppRender::NotRendered(why);
    }
    let mut objects: BTreeMap<ObjectKey, Object> = BTreeMap::new();
    let mut repeated: BTreeSet<ObjectKey> = BTreeSet::new();
    for job in &app.content.jobs {
        match world.render(files, job, &app.key.to_string()) {
            Outcome::Failed(problems) => {
                let placed = |p: Problem| match p.place {
                    Some(_) => p.of(&app.key),
                    None => Problem { place: Some(app.place.clone()), ..p }.of(&app.key),
                };
                return AppRender::Failed(problems.into_iter().map(placed).collect());
            }
            Outcome::Objects(list) => {
                for object in list {
                    if objects.contains_key(&object.key) {
                        repeated.insert(object.key.clone());
                    }
                    // The last one counts, as in Argo CD.
                    objects.insert(object.key.clone(), object);
                }
            }
        }
    }
    let notes = repeated.into_iter().map(|key| {
        let message = format!("{} renders {key} more than once; the last counts", app.key.app);
        Problem::new(Code::ObjectDuplicate, Some(app.place.clone()), message).of(&app.key)
    });
    AppRender::Objects(objects.into_values().collect(), notes.collect())
}
