//! Content that is the same at both commits, read once.
//!
//! Keeps an app's content only where it is proved to follow from the definition,
//! the scope and whole folders: the same folders have the same content. All other
//! content is read at each commit.

use std::sync::Arc;

use super::app::Content;
use super::doc::Doc;
use super::format::Context;
use super::job::{Input, Job, Tool};
use super::scope::Scope;
use crate::files::{Entry, EntryKind, Files, ReadError};

/// A definition's content at some commit.
#[derive(Debug)]
pub struct Kept {
    scope: Scope,
    content: Arc<Content>,
}

/// The content of a definition that was read at another commit, if it is the same
/// here: every folder that it reads is the same tree.
pub fn find(context: &Context<'_>, doc: &Doc) -> Result<Option<Arc<Content>>, ReadError> {
    let Some(kept) = doc.kept().filter(|kept| kept.scope == *context.scope) else { return Ok(None) };
    for (path, input) in &kept.content.inputs {
        if let Input::Tree(id) = input
            && context.files.entry(path)? != Some(Entry { id: *id, kind: EntryKind::Directory })
        {
            return Ok(None);
        }
    }
    Ok(Some(Arc::clone(&kept.content)))
}

/// Keeps the content of an `Application` for the other commit, where that is sound.
/// No other format may be kept: what it reads depends on sources and ConfigMaps.
pub fn keep(context: &Context<'_>, doc: &Doc, content: &Arc<Content>) -> Result<(), ReadError> {
    if context.scope.is_decided() && reads_folders_only(context.files, content)? {
        doc.keep(Kept { scope: context.scope.clone(), content: Arc::clone(content) });
    }
    Ok(())
}

/// Whether all that the content reads, or looks for in vain, lies in folders that
/// are inputs as a whole, and nothing in them leads elsewhere.
fn reads_folders_only(files: &dyn Files, content: &Content) -> Result<bool, ReadError> {
    let Content { inputs, remotes, unknown, jobs, not_rendered, problems } = content;
    let is_plain =
        |job: &Job| matches!(job.tool, Tool::Plain(_)) && job.mounts.is_empty() && job.substitute.is_none();
    if !jobs.iter().all(is_plain)
        || !(remotes.is_empty() && unknown.is_empty() && not_rendered.is_empty() && problems.is_empty())
    {
        return Ok(false);
    }
    let mut folders = Vec::new();
    for (path, input) in inputs {
        match input {
            Input::Tree(id) if files.facts(*id)?.has_links => return Ok(false),
            Input::Tree(_) => folders.push(path),
            Input::Blob(_) | Input::Absent => {}
        }
    }
    Ok(!folders.is_empty() && inputs.keys().all(|path| folders.iter().any(|folder| path.is_within(folder))))
}
