//! `luigi run`, called as the runner calls the action: real payloads with the
//! ids of real commits, a git server, and the runner's own files.

mod failing;
mod hostile;
mod platform;
mod pull_request;
mod push;
mod runner;
