//! `docs/cli.md`: the help of every command, as the program prints it.

use std::fmt::Write;

use clap::{Command, CommandFactory};
use luigi::cli::args::Args;

/// Columns of the page, whatever terminal the tests run in.
const WIDTH: usize = 100;

/// The page.
pub fn page() -> String {
    let mut out = String::from(
        "# Commands\n\n\
         What `luigi --help` and `luigi COMMAND --help` print. Exit codes: [exit-codes.md](exit-codes.md).\n\n\
         Made from `src/cli/args.rs` by `cargo test`; `LUIGI_BLESS=1 cargo test` writes it again.\n",
    );
    let mut luigi = Args::command().term_width(WIDTH);
    luigi.build();
    section(&mut out, &mut luigi);
    let names: Vec<String> = luigi.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    for name in names {
        if let Some(command) = luigi.find_subcommand_mut(&name) {
            section(&mut out, command);
        }
    }
    out
}

fn section(out: &mut String, command: &mut Command) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let help = command.render_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    writeln!(out, "\n## `{name}`\n\n```text\n{}\n```", lines.join("\n").trim_end()).unwrap();
}
