//! Bytes that are left, and sections that take no more of them.
//!
//! Knows only whole units (a row, a closed fence), so a cut cannot fall inside
//! one.

/// Bytes that may still be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    left: usize,
}

/// A section: what stands around its units, and what to say of those that had
/// no room.
pub(super) struct Section<'a> {
    /// Before the units.
    pub(super) open: &'a str,
    /// The units, each with its line end.
    pub(super) units: Vec<String>,
    /// After the units.
    pub(super) close: &'a str,
    /// What has no room, in words: `3 more steps`.
    pub(super) what: &'a str,
}

impl Budget {
    pub(super) fn new(left: usize) -> Self {
        Self { left }
    }

    pub(super) fn left(self) -> usize {
        self.left
    }

    /// Lets a part take at most that fraction of what is left.
    pub(super) fn share(&mut self, of: usize, parts: usize, write: impl FnOnce(Self) -> String) -> String {
        let text = write(Self { left: self.left / parts * of });
        self.left = self.left.saturating_sub(text.len());
        text
    }

    /// The section with as many units as have room; empty when it has no units
    /// or not even its frame has room.
    pub(super) fn section(self, section: &Section<'_>) -> String {
        let note = |n: usize| format!("\n{n} more {} are in the record.\n", section.what);
        let frame = section.open.len() + section.close.len() + note(section.units.len()).len();
        if section.units.is_empty() || frame > self.left {
            return String::new();
        }
        let mut room = self.left - frame;
        let fit = section
            .units
            .iter()
            .take_while(|unit| {
                let fits = unit.len() <= room;
                room = room.saturating_sub(unit.len());
                fits
            })
            .count();
        let mut out = section.open.to_owned();
        out.extend(section.units.iter().take(fit).map(String::as_str));
        out.push_str(section.close);
        if fit < section.units.len() {
            out.push_str(&note(section.units.len() - fit));
        }
        out
    }
}
