//! Lines of a page: colour, width, wrapping. The only place where text for a
//! terminal is put together, so nothing gets there unescaped.
//!
//! Does not know what is said.

use unicode_width::UnicodeWidthStr;

use crate::report::escape;
use crate::report::words::Piece;

/// The widest a line may be, however wide the terminal: longer ones are hard to
/// read. A word that cannot be broken, such as a command to copy, may be wider.
const WIDEST: usize = 100;
const NARROWEST: usize = 40;

/// How a page looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    colour: Colour,
    width: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colour {
    Off,
    On,
}

impl Style {
    /// Without colour, 100 columns.
    pub fn plain() -> Self {
        Self { colour: Colour::Off, width: WIDEST }
    }
    /// With ANSI colours, 100 columns.
    pub fn coloured() -> Self {
        Self { colour: Colour::On, width: WIDEST }
    }
    /// The same for that many columns; more than 100 or less than 40 are not
    /// used.
    #[must_use]
    pub fn columns(mut self, columns: usize) -> Self {
        self.width = columns.clamp(NARROWEST, WIDEST);
        self
    }
    /// The columns of a line.
    pub fn width(&self) -> usize {
        self.width
    }
}

/// What a part of a line is, which says its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Text.
    Plain,
    /// Headings, names.
    Strong,
    /// Side remarks.
    Dim,
    /// Done, added.
    Good,
    /// Changed, warnings.
    Warn,
    /// Failed, deleted, errors.
    Bad,
    /// Loud: deletes of whole apps, stuck.
    Alarm,
    /// Places, commands to copy.
    Pointer,
}

impl Ink {
    fn ansi(self) -> anstyle::Style {
        use anstyle::AnsiColor as C;
        let plain = anstyle::Style::new();
        let of = |colour: C| plain.fg_color(Some(colour.into()));
        match self {
            Self::Plain => plain,
            Self::Strong => plain.bold(),
            Self::Dim => plain.dimmed(),
            Self::Good => of(C::Green),
            Self::Warn => of(C::Yellow),
            Self::Bad => of(C::Red),
            Self::Alarm => of(C::Red).bold(),
            Self::Pointer => of(C::Cyan),
        }
    }
}

/// A part of a line, escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    ink: Ink,
    text: String,
}

/// Text for a line, from anywhere: escaped here.
pub fn span(ink: Ink, text: impl AsRef<str>) -> Span {
    Span { ink, text: escape::terminal(text.as_ref()) }
}

/// A sentence's pieces; names stand out a little.
pub(super) fn sentence(ink: Ink, pieces: &[Piece]) -> Vec<Span> {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Ours(text) => span(ink, text),
            Piece::Name(text) | Piece::Prose(text) => span(ink, text),
        })
        .collect()
}

/// Lines being written.
#[derive(Debug)]
pub struct Page {
    style: Style,
    out: String,
}

impl Page {
    /// An empty page.
    pub fn new(style: Style) -> Self {
        Self { style, out: String::new() }
    }

    /// The text, each line with its end.
    pub fn finish(self) -> String {
        self.out
    }

    /// An empty line, unless the page is empty or ends with one.
    pub fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// One line as it is, however long.
    pub fn line(&mut self, spans: &[Span]) {
        let mut line = String::new();
        for span in spans {
            match self.style.colour {
                Colour::On if span.ink != Ink::Plain => {
                    let ansi = span.ink.ansi();
                    put!(line, "{ansi}{}{ansi:#}", span.text);
                }
                Colour::On | Colour::Off => line.push_str(&span.text),
            }
        }
        self.out.push_str(&escape::log_line(line.trim_end()));
        self.out.push('\n');
    }

    /// A paragraph: wrapped between words, further lines indented by `hang`.
    pub fn paragraph(&mut self, hang: usize, spans: &[Span]) {
        let mut line: Vec<Span> = Vec::new();
        let mut used = 0;
        for (ink, word) in spans.iter().flat_map(|s| words(&s.text).map(move |w| (s.ink, w))) {
            let wide = width(word.trim_end());
            // Only a blank before the word makes a place to break.
            let breakable = line.last().is_some_and(|l| l.text.ends_with(' ')) && used > hang;
            if used + wide > self.style.width && breakable {
                self.line(&line);
                line = vec![span(Ink::Plain, " ".repeat(hang))];
                used = hang;
            }
            used += width(word);
            line.push(Span { ink, text: word.to_owned() });
        }
        if !line.is_empty() {
            self.line(&line);
        }
    }

    /// The columns of a line.
    pub fn width(&self) -> usize {
        self.style.width
    }
}

/// Words, each with the blanks after it; blanks in front are a word.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let word = rest.find(' ').unwrap_or(rest.len());
        let end = rest[word..].find(|c| c != ' ').map_or(rest.len(), |n| word + n);
        let (head, tail) = rest.split_at(end);
        rest = tail;
        Some(head)
    })
}

/// Columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// The text, filled with blanks to that many columns.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let text = escape::terminal(text);
    let blanks = columns.saturating_sub(width(&text));
    text + &" ".repeat(blanks)
}

/// The text, cut to that many columns with `…` in the middle, where ids differ
/// least.
pub(super) fn cut(text: &str, columns: usize) -> String {
    let text = escape::terminal(text);
    if width(&text) <= columns {
        return text;
    }
    let half = columns.saturating_sub(1) / 2;
    let take = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let mut used = 0;
        chars
            .take_while(|c| {
                used += width(c.encode_utf8(&mut [0; 4]));
                used <= room
            })
            .collect::<String>()
    };
    let head = take(&mut text.chars(), half);
    let tail: String =
        take(&mut text.chars().rev(), columns.saturating_sub(1) - half).chars().rev().collect();
    format!("{head}…{tail}")
}
