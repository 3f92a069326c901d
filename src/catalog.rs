//! Files at one commit → apps, problems, and parents still to render.
//!
//! Opens nothing itself: files come through `files::Files`, rendered parents
//! from the caller. One file per format.

pub mod chart;
pub mod job;
pub mod kustomization;
pub mod substitute;
