//! Luigi's settle rules against those of others: kstatus itself, and Flux's CEL.
//!
//! Where they differ, the difference is named, and each name must occur: a list of
//! differences that nobody meets would hide those that somebody does.

mod cases;
mod expressions;
mod judge;
mod status;
