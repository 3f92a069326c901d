//! One definition after another becomes an app, the better ones of several.
//!
//! Reads no content.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Fixpoint, MAX_APPS, MAX_DEPTH, Rank, Slot, State};
use crate::catalog::app::{Format, Parent, Unknown};
use crate::catalog::doc::Doc;
use crate::catalog::format::{self, Header};
use crate::catalog::kinds::Fresh;
use crate::catalog::shape::{self, SourceForm};
use crate::catalog::{argo, flux, helm_release, luigi_app};
use crate::name::{AppId, NameError};
use crate::problem::{Code, Problem};

/// The best definitions, and the apps that are pinned.
pub(super) type Best = (BTreeMap<AppId, (Rank, Parent)>, BTreeMap<AppId, Pin>);

impl Fixpoint<'_> {
    /// Takes one Flux source. Two that differ, found the same way, are a problem:
    /// which of them comes first must not decide.
    pub(super) fn register_source(&mut self, doc: &Arc<Doc>, rank: Rank) {
        let key = (doc.kind().to_owned(), doc.namespace().to_owned(), doc.name().to_owned());
        if let Some(known) = self.sources.get(&key.0, &key.1, &key.2)
            && self.source_ranks.get(&key) == Some(&rank)
            && known.at(&["spec"]) != doc.at(&["spec"])
        {
            let message = format!("{} {}/{} is defined otherwise at {}", key.0, key.1, key.2, known.place);
            self.problems.insert(Problem::new(Code::AppDuplicate, Some(doc.place.clone()), message));
        }
        if self.sources.insert(Arc::clone(doc)) == Fresh::New {
            self.source_ranks.insert(key, rank);
            self.progress = true;
        }
    }

    /// Takes one definition.
    pub(super) fn register_app(
        &mut self,
        doc: &Arc<Doc>,
        format: Format,
        rank: Rank,
        parent: &Parent,
        depth: usize,
    ) {
        let Some(id) = self.id_of(doc, format) else { return };
        if self.is_self_or_ancestor(&id, parent) {
            return;
        }
        let least = self.seen.entry(id.clone()).or_insert(rank);
        *least = rank.min(*least);
        match self.pinned.get(&id) {
            Some(pin) if pin.rank < rank => {
                let problem = pin.problem(doc);
                self.problems.extend(problem);
                return;
            }
            Some(_) | None => {}
        }
        let better = match self.ranks.get(&id) {
            Some((known, _)) if *known > rank => return,
            Some((known, _)) => *known < rank,
            None => true,
        };
        if better {
            self.restart |= self.slots.contains_key(&id);
            self.ranks.insert(id.clone(), (rank, parent.clone()));
        }
        if let Some(known) = self.slots.get(&id) {
            if self.ranks.get(&id).is_some_and(|(best, _)| *best == rank)
                && !(known.doc.place == doc.place && known.doc.json == doc.json)
            {
                let message = format!("{id} is defined at {} too", known.doc.place);
                self.add(Problem::new(Code::AppDuplicate, Some(doc.place.clone()), message));
            }
            return;
        }
        if self.slots.len() >= MAX_APPS {
            let message = format!("more than {MAX_APPS} apps in one environment");
            return self.add(Problem::new(Code::ParentTooDeep, Some(doc.place.clone()), message));
        }
        let context = self.context();
        let header: Header = match format {
            Format::Luigi => luigi_app::header(&context, doc, id.clone(), parent.clone()),
            Format::ArgoApplication => argo::header(&context, doc, id.clone(), parent.clone()),
            Format::FluxKustomization => flux::header(&context, doc, id.clone(), parent.clone()),
            Format::FluxHelmRelease => helm_release::header(&context, doc, id.clone(), parent.clone()),
        };
        let Header { mut app, problems } = header;
        let wrong = shape::check(doc, format);
        let flaw = wrong.problems.first().map(|first| Unknown {
            place: first.place.clone().unwrap_or_else(|| app.place.clone()),
            why: "its definition has a field of the wrong form".to_owned(),
        });
        let mut state = State::Open;
        if wrong.source == SourceForm::Wrong || lacks_source(doc, format) {
            // To read it all the same would be to guess what it reads.
            Arc::make_mut(&mut app.content).unknown.push(flaw.clone().unwrap_or_else(|| Unknown {
                place: app.place.clone(),
                why: "its definition names no source".to_owned(),
            }));
            state = State::Expanded;
        }
        self.problems.extend(problems.into_iter().chain(wrong.problems).map(|p| p.of(&app.key)));
        self.slots.insert(id, Slot { doc: Arc::clone(doc), app, depth, state, flaw, searched: false });
        self.progress = true;
    }

    /// The app's id; what is wrong with it is said.
    fn id_of(&mut self, doc: &Doc, format: Format) -> Option<AppId> {
        let id = match format {
            Format::Luigi => format::id("App", doc),
            Format::ArgoApplication => format::id("Application", doc),
            Format::FluxKustomization => format::id("Kustomization", doc),
            Format::FluxHelmRelease => format::id("HelmRelease", doc),
        };
        match id {
            // Taken for absent, it would be another app's name.
            Ok(_) if doc.at(&["metadata", "namespace"]).is_some_and(|n| !n.is_string()) => {
                let place = doc.place_of(&["metadata", "namespace"]);
                let message = format!("{}: metadata.namespace is not text", doc.kind());
                self.add(Problem::new(Code::AppName, Some(place), message));
                None
            }
            Ok(id) => Some(id),
            Err(error) => {
                self.add(unnamed(doc, &error));
                None
            }
        }
    }

    /// A Flux bootstrap's own Kustomization lies in the folder that it builds:
    /// what defines itself keeps the definition that it was found by.
    fn is_self_or_ancestor(&self, id: &AppId, parent: &Parent) -> bool {
        let mut at = parent;
        let mut steps = 0;
        while let Parent::App(above) = at {
            if above == id {
                return true;
            }
            let Some(slot) = self.slots.get(above) else { return false };
            at = &slot.app.parent;
            steps += 1;
            if steps > MAX_DEPTH + 1 {
                return false;
            }
        }
        false
    }

    /// What to begin again with, where apps were lost: the best definition of each
    /// was held by another of them, so that in the end nobody held any.
    pub(super) fn lost(&mut self) -> Option<Best> {
        let is_lost = |id: &AppId| !self.slots.contains_key(id);
        let lost: Vec<&AppId> = self.ranks.keys().filter(|id| is_lost(id)).collect();
        if lost.is_empty() {
            return None;
        }
        let circles: BTreeMap<AppId, Vec<AppId>> =
            lost.iter().filter_map(|id| Some(((*id).clone(), self.circle((*id).clone())?))).collect();
        // Where there is no circle, whoever held the definition does not any more.
        let ends: Vec<AppId> = if circles.is_empty() {
            lost.into_iter().cloned().collect()
        } else {
            circles.keys().cloned().collect()
        };
        for id in ends {
            let rank = self.seen.get(&id).copied().unwrap_or(Rank::Raw);
            let circle = circles.get(&id).cloned().unwrap_or_default();
            self.ranks.remove(&id);
            self.pinned.insert(id, Pin { rank, circle });
        }
        Some((std::mem::take(&mut self.ranks), std::mem::take(&mut self.pinned)))
    }

    /// The circle of holders that an app is in, the least name first; none where
    /// it only hangs on one.
    fn circle(&self, id: AppId) -> Option<Vec<AppId>> {
        let mut circle = vec![id];
        loop {
            let (_, Parent::App(holder)) = self.ranks.get(circle.last()?)? else { return None };
            match circle.iter().position(|known| known == holder) {
                Some(0) => break,
                Some(_) => return None,
                None => circle.push(holder.clone()),
            }
        }
        // From the holder to the held, beginning with the least.
        circle.reverse();
        let least = circle.iter().enumerate().min_by_key(|(_, id)| *id).map_or(0, |(at, _)| at);
        circle.rotate_left(least);
        Some(circle)
    }
}

/// An app whose definition is taken from one rank and nowhere else.
#[derive(Debug, Clone)]
pub(super) struct Pin {
    rank: Rank,
    /// The apps that define one another, where that is why.
    circle: Vec<AppId>,
}

impl Pin {
    fn problem(&self, doc: &Doc) -> Option<Problem> {
        let first = self.circle.first()?;
        let names: Vec<String> = self.circle.iter().chain([first]).map(ToString::to_string).collect();
        let message = format!("apps define one another in a circle: {}", names.join(" → "));
        Some(Problem::new(Code::ParentCycle, Some(doc.place.clone()), message))
    }
}

/// Whether a definition says nothing about where its content is; its header has
/// said so.
fn lacks_source(doc: &Doc, format: Format) -> bool {
    let none = |path: &[&str]| doc.at(path).is_none();
    match format {
        Format::Luigi => none(&["spec", "source"]),
        Format::ArgoApplication => none(&["spec", "source"]) && none(&["spec", "sources"]),
        Format::FluxKustomization => {
            none(&["spec", "sourceRef", "kind"]) || none(&["spec", "sourceRef", "name"])
        }
        Format::FluxHelmRelease => none(&["spec", "chart"]) && none(&["spec", "chartRef"]),
    }
}

fn unnamed(doc: &Doc, error: &NameError) -> Problem {
    let templated = doc.json.to_string().contains("{{");
    let code = if templated { Code::DocumentTemplated } else { Code::AppName };
    let message = match doc.at(&["metadata", "name"]) {
        None => format!("{} needs metadata.name", doc.kind()),
        Some(name) if !name.is_string() => format!("{}: metadata.name is not text", doc.kind()),
        Some(_) => format!("{}: {error}", doc.kind()),
    };
    Problem::new(code, Some(doc.place_of(&["metadata", "name"])), message)
}
