//! The program: arguments in, exit code out. All else is in the library.

fn main() {}
