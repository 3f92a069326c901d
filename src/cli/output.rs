//! Where words and data go: reports and data to stdout, words about the run to
//! stderr, all of it escaped.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::args::{Global, When};
use crate::name::AppKey;
use crate::problem::Problem;
use crate::report::escape;
use crate::report::text::{self, Style};

/// The two streams and their styles.
pub struct Output {
    stdout: Style,
    stderr: Style,
    terminal: bool,
    progress: Mutex<ProgressBar>,
}

impl Output {
    /// Decides about colour and progress once.
    pub fn new(global: &Global) -> Self {
        let style = |terminal: bool| {
            let colour = match global.color {
                When::Always => true,
                When::Never => false,
                When::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
            };
            if colour { Style::coloured() } else { Style::plain() }
        };
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self {
            stdout: style(std::io::stdout().is_terminal()),
            stderr: style(terminal),
            terminal,
            progress: Mutex::new(bar),
        }
    }

    /// The style of reports.
    pub fn style(&self) -> Style {
        self.stdout
    }

    /// Data or a report, as it is. A reader that has gone away is no error.
    pub fn data(&self, text: &str) {
        self.quiet();
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }

    /// Words about the run, one line.
    pub fn say(&self, text: &str) {
        self.quiet();
        let line = escape::log_line(&escape::terminal(text));
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// An error that ends the run.
    pub fn error(&self, text: &str) {
        self.say(&format!("error: {text}"));
    }

    /// Problems, in full.
    pub fn problems(&self, problems: &[Problem]) {
        self.quiet();
        let text = text::problems(problems, self.stderr);
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// Shows what is being done, on a terminal.
    pub fn doing(&self, what: &str) {
        if let Ok(bar) = self.progress.lock() {
            bar.set_message(escape::terminal(what));
            bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    /// Shows how far a long run has come: on a terminal in place, else as a line.
    pub fn step(&self, what: &str) {
        if self.terminal { self.doing(what) } else { self.say(what) }
    }

    /// Shows that an app was rendered.
    pub fn rendered(&self, key: &AppKey) {
        self.doing(&format!("rendering {key}"));
    }

    fn quiet(&self) {
        if let Ok(bar) = self.progress.lock() {
            bar.disable_steady_tick();
            bar.set_message("");
            bar.finish_and_clear();
        }
    }
}
