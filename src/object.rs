//! Kubernetes objects from YAML exactly as kubectl reads them.
//!
//! Does not know where text comes from, and never asks a server.

pub mod yaml;
