//! stub
pub mod escape;
