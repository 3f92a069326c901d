//! Sources whose files lie at a tag or commit.
//!
//! Fetches nothing: what a pin came to is asked of `pins`.

use super::{Reader, text};
use crate::catalog::closure::Closure;
use crate::catalog::format::{Context, remote};
use crate::catalog::job::Job;
use crate::catalog::pins::{Pin, Pinned};
use crate::files::ReadError;

impl Reader<'_> {
    /// The pin that the source names, when its files lie at one.
    pub(super) fn pin(&self) -> Option<Pin> {
        let (url, revision) = (text(self.source, &["repoURL"]), text(self.source, &["targetRevision"]));
        let files = !text(self.source, &["path"]).is_empty() && text(self.source, &["chart"]).is_empty();
        if url.is_empty() || !files {
            return None;
        }
        Pin::of(self.context.scope.meaning(url, revision), url, revision)
    }

    /// The source at its pin. What it reads is no file of the compared commit: a
    /// difference shows in the pin.
    pub(super) fn at_pin(
        &self,
        outer: &mut Closure<'_>,
        pin: &Pin,
        pinned: Result<Pinned, String>,
    ) -> Result<Option<Job>, ReadError> {
        let (url, path) = (text(self.source, &["repoURL"]), text(self.source, &["path"]));
        let input = remote(format!("{url}//{path}"), &pin.revision);
        let what = input.what.clone();
        outer.remotes.insert(input);
        let pinned = match pinned {
            Ok(pinned) => pinned,
            Err(why) => {
                outer.not_rendered.insert(format!("{what} at {} not fetched: {why}", pin.revision));
                return Ok(None);
            }
        };
        let context = Context { files: &*pinned.files, ..*self.context };
        let reader = Reader { context: &context, pin: Some(pin), ..*self };
        let mut one = context.closure(&[]);
        let job = reader.content(&mut one)?;
        one.inputs.clear();
        outer.absorb(one);
        Ok(job.map(|job| Job { at: Some(pinned.at), ..job }))
    }
}
