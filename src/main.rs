//! The program: arguments in, exit code out. All else is in the library.

use std::process::ExitCode;

/// Two catalogs of ten thousand apps are some five million small values, made on
/// all processors at once; the system's allocator has them wait for one another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    luigi::cli::main()
}
