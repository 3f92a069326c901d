//! What apps read, on all processors.
//!
//! Reading one app's content changes nothing that another's depends on; what it
//! finds is taken over afterwards, in the order of the apps.

use std::sync::Arc;

use super::{Fixpoint, Slot, State};
use crate::catalog::app::{Content, Format};
use crate::catalog::flux::{self, Read};
use crate::catalog::format::Context;
use crate::catalog::parallel::parallel;
use crate::catalog::values::Named;
use crate::catalog::{argo, helm_release, luigi_app, paths};
use crate::files::ReadError;
use crate::name::AppId;

/// What came of reading an app's content.
enum Found {
    Content {
        content: Arc<Content>,
        /// ConfigMaps that it was read without.
        without: Vec<Named>,
    },
    /// ConfigMaps that it waits for; none where it is not known yet which repository
    /// is meant.
    Waits(Vec<Named>),
}

impl Fixpoint<'_> {
    /// Reads the content of apps. Returns the ConfigMaps that they wait for.
    pub(super) fn read_contents(&mut self, ids: &[AppId]) -> Result<Vec<Named>, ReadError> {
        let context = self.context();
        let found = parallel(ids, |id| match self.slots.get(id) {
            Some(slot) => content_of(&context, slot),
            None => Ok(Found::Waits(Vec::new())),
        })?;
        let mut waiting = Vec::new();
        for (id, found) in ids.iter().zip(found) {
            match found {
                Found::Waits(values) => waiting.extend(values),
                Found::Content { content, without } => {
                    self.without.extend(without);
                    if let Some(slot) = self.slots.get_mut(id) {
                        slot.app.content = content;
                        slot.state = State::Read;
                        self.progress = true;
                    }
                }
            }
        }
        Ok(waiting)
    }
}

fn content_of(context: &Context<'_>, slot: &Slot) -> Result<Found, ReadError> {
    let (app, doc) = (&slot.app, &slot.doc);
    let (content, without) = match app.format {
        Format::Luigi => (luigi_app::read(context, app, doc)?.map(Box::new), Vec::new()),
        Format::ArgoApplication => (argo::read(context, app, doc)?.map(Box::new), Vec::new()),
        Format::FluxHelmRelease => (helm_release::read(context, app, doc)?.map(Box::new), Vec::new()),
        Format::FluxKustomization => match flux::read(context, app, doc)? {
            Read::Waits { values } => return Ok(Found::Waits(values)),
            Read::Content { content, without } => (Some(content), without),
        },
    };
    let Some(mut content) = content else { return Ok(Found::Waits(Vec::new())) };
    content.unknown.extend(slot.flaw.clone());
    content.around = paths::around(context.files, &content, &app.definition)?;
    Ok(Found::Content { content: doc.shared(*content), without })
}
