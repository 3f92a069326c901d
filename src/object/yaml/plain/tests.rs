//! The short way against the long one: on made-up text, on every text of real
//! fleets, and on those with a character changed.
//!
//! What the long way reads is checked against kubectl, in `yaml::tests`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;
use crate::object::yaml::split;

/// Both ways, for every chunk of a text: where the short one answers, the other
/// answers the same.
fn agree(text: &str) -> usize {
    let mut read = 0;
    for chunk in split::chunks(text) {
        if chunk.bad_separator.is_some() || chunk.text.trim_start().is_empty() {
            continue;
        }
        let (mut short, mut long) = (Budget::of_file(), Budget::of_file());
        let Some(node) = document(&chunk, &mut short) else { continue };
        read += 1;
        let mut doubles = Vec::new();
        let other = build::document(&chunk, &mut long, &mut doubles);
        assert_eq!(other.ok().flatten().as_ref(), Some(&node), "{:?}", chunk.text);
        assert!(doubles.is_empty(), "{:?}", chunk.text);
        assert_eq!(format!("{short:?}"), format!("{long:?}"));
    }
    read
}

#[test]
fn plain_definitions_go_the_short_way() {
    let text = "# c\nkind: App\nmetadata:\n  name: a # why\n  labels: {}\n  annotations:\n    \
                a.b/c-d: \"1: x # y\"\n    e: ''\nspec:\n  list:\n  - a: 1\n    b:\n      - x=y:z\n\n  \
                - http://x:80/#y\n  other:\n    - c:\n      - 'q'\n  on: no\n";
    assert_eq!(agree(text.replace("\n  on: no", "").as_str()), 1);
    assert_eq!(agree(&format!("{text}---\n{text}")), 0, "`on` is no text");
}

#[test]
fn what_is_not_plain_goes_the_long_way() {
    for text in [
        "a: b\n  c\n",
        "a: b\n\n  # x\n  c\n",
        "a:\n",
        "a: &x b\n",
        "a: *x\n",
        "a: !!str b\n",
        "a: |\n  b\n",
        "a: {b: c}\n",
        "a: b: c\n",
        "a: b:\n",
        "a: \"b\\n\"\n",
        "a: 'b''c'\n",
        "a: 'b' c\n",
        "a: \"b\n  c\"\n",
        "a: 1\na: 2\n",
        "a:\n  b: 1\n c: 2\n",
        "- a\n",
        "a\n",
        "a:\tb\n",
        "a: b\r\n",
        "a: ü\n",
        "? a\n",
        "a: .inf\n",
        "<<: b\n",
        "%YAML 1.2\n",
        "a: b\n...\n",
        "a:\n- - b\n",
        "a: - b\n",
        " a: b\n",
        "a: `b\n",
        "a: @b\n",
        "a: %b\n",
    ] {
        assert_eq!(agree(text), 0, "{text:?}");
    }
}

/// Values that are plain, nearly plain, and anything but.
#[rustfmt::skip]
const VALUES: &[&str] = &[
    "", "x", "x y", "x  ", "1", "-1", "0755", "1.50", "true", "~", "null", "{}", "[]", "[ ]", "{a: b}",
    "\"q\"", "\"q \\n\"", "'s'", "'s''t'", "''", "\"\"", "'", "\"", "\"q\":", "x:y", "x: y", "x:",
    "x#y", "#x", "x,y]}", "|", ">-", "&a x", "*a", "!t x", "...", "---", "--- x", "=", "<<", "$(x)",
    "{{ x }}", ".inf", "1e400", "9223372036854775808", "2020-01-01", "- x", "?", "? x", "@x", "%x",
    "x\ty", "ü", "https://a.example:80/b", "(", "+", "=x", ".", "/", "{}x", "x :y", "x ?y", "x &y *z",
    "x |", "x - y", "x !y", "{} x", "''x", "\"\" x",
];

fn line() -> impl Strategy<Value = String> {
    let indent = (0..4usize).prop_map(|n| " ".repeat(n));
    let wide = prop::sample::select(vec!["", "  ", "    "]).prop_map(str::to_owned);
    let dash = prop::sample::select(vec!["", "", "", "- ", "-  ", "-", "- - "]);
    let key = prop::sample::select(vec![
        "",
        "a: ",
        "b: ",
        "c:",
        "d/e.f-g:  ",
        "no: ",
        "1: ",
        "h i: ",
        "'q': ",
        "a :",
        "-k: ",
        "_z: ",
    ]);
    let value = prop::sample::select(VALUES);
    let tail = prop::sample::select(vec!["", "", "", "", " # c", " #", "# c", "  "]);
    (prop_oneof![indent, wide], dash, key, value, tail).prop_map(|(a, b, c, d, e)| format!("{a}{b}{c}{d}{e}"))
}

/// A tree of mappings and lists, written with blocks of any indent.
fn block(depth: usize) -> BoxedStrategy<Vec<String>> {
    let scalar = prop::sample::select(vec![
        "x",
        "x y",
        "1",
        "0755",
        "true",
        "~",
        "{}",
        "[]",
        "\"q: r\"",
        "'s # t'",
        "''",
        "x:y",
        "x#y",
        "x # y",
        "1.50",
        "https://a.example/",
        "x  ",
    ]);
    let leaf = scalar.prop_map(|text| vec![text.to_owned()]);
    if depth == 0 {
        return leaf.boxed();
    }
    let below = || prop_oneof![2 => leaf.clone(), 3 => block(depth - 1)];
    let noise = || prop::sample::select(vec!["", "", "", "", "# c", "     # c", " "]);
    let map = prop::collection::vec((below(), 0..4usize, noise()), 1..4).prop_map(|entries| {
        let mut lines = Vec::new();
        for (number, (value, indent, noise)) in entries.into_iter().enumerate() {
            let key = format!("k{number}");
            match value.as_slice() {
                [one] if !one.contains("- ") && !one.starts_with('k') => lines.push(format!("{key}: {one}")),
                many => {
                    lines.push(format!("{key}:"));
                    lines.extend(many.iter().map(|line| format!("{}{line}", " ".repeat(indent))));
                }
            }
            if !noise.is_empty() {
                lines.push(noise.to_owned());
            }
        }
        lines
    });
    let list = prop::collection::vec((below(), 1..3usize), 1..4).prop_map(|items| {
        let mut lines = Vec::new();
        for (item, gap) in items {
            for (number, line) in item.into_iter().enumerate() {
                let lead = if number == 0 { format!("-{}", " ".repeat(gap)) } else { " ".repeat(gap + 1) };
                lines.push(format!("{lead}{line}"));
            }
        }
        lines
    });
    prop_oneof![3 => map, 2 => list].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_lines_are_read_as_the_long_way_reads_them(
        lines in prop::collection::vec(line(), 1..7),
        end in prop::sample::select(vec!["", "\n", "\n\n", "\n ", "\n#"]),
    ) {
        agree(&format!("{}{end}", lines.join("\n")));
    }

    #[test]
    fn any_blocks_are_read_as_the_long_way_reads_them(lines in block(4)) {
        agree(&lines.join("\n"));
    }

    #[test]
    fn any_characters_are_read_as_the_long_way_reads_them(text in "[ab: \n#\"'{}\\[\\]|-]{1,24}") {
        agree(&text);
    }
}

/// Every text of a real fleet's whole history, by bundle.
fn texts(bundle: &str) -> Vec<String> {
    let dir = std::env::var_os("LUIGI_CORPUS").map(PathBuf::from);
    let dir = dir.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"));
    let from = dir.join(format!("{bundle}.bundle"));
    assert!(from.exists(), "no corpus: set LUIGI_CORPUS to the folder that holds {bundle}.bundle");
    let scratch = tempfile::tempdir().unwrap();
    let git = |arguments: &[&str], input: &[u8]| {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(scratch.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut git = git.spawn().unwrap();
        let mut stdin = git.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || stdin.write_all(input).unwrap());
            git.wait_with_output().unwrap()
        });
        assert!(output.status.success(), "git {arguments:?}");
        output.stdout
    };
    git(&["clone", "--quiet", "--bare", from.to_str().unwrap(), "."], b"");
    let all = git(&["cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)"], b"");
    let all = String::from_utf8(all).unwrap();
    let blobs: String =
        all.lines().filter_map(|line| line.strip_prefix("blob ")).map(|id| format!("{id}\n")).collect();
    let mut rest = &git(&["cat-file", "--batch=%(objectsize)"], blobs.as_bytes())[..];
    let mut texts = Vec::new();
    while let Some(line) = rest.iter().position(|byte| *byte == b'\n') {
        let size: usize = str::from_utf8(&rest[..line]).unwrap().parse().unwrap();
        let blob = &rest[line + 1..][..size];
        texts.extend(String::from_utf8(blob.to_vec()).ok());
        rest = &rest[line + 1 + size + 1..];
    }
    texts
}

#[test]
fn every_text_of_real_fleets_is_read_as_the_long_way_reads_it() {
    let read = |bundle: &str| texts(bundle).iter().map(|text| agree(text)).sum::<usize>();
    let counts = ["flux2-kustomize-helm-example", "home-ops", "phalanx"].map(read);
    assert!(counts.iter().all(|count| *count > 30), "{counts:?}: the short way is hardly ever taken");
    agree(include_str!("../../../../fixtures/yaml/torture.yaml"));
}

#[test]
fn real_texts_with_a_character_changed_are_read_as_the_long_way_reads_them() {
    const PUT: &[u8] = b" \n:-#'\"{}[],?&*!|>%@`~a0y=<.\\\t";
    let texts = texts("home-ops");
    let plain: Vec<&String> =
        texts.iter().filter(|t| t.len() < 4000 && t.is_ascii() && agree(t) > 0).collect();
    // A row of numbers that is the same each time, and as long as the time allows.
    let mut state = 1_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..6000 {
        let mut text = plain[next(plain.len())].clone().into_bytes();
        for _ in 0..=next(3) {
            let (at, byte) = (next(text.len()), PUT[next(PUT.len())]);
            match next(3) {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => text.splice(at..=at, []).for_each(drop),
            }
            text.push(b'\n');
        }
        agree(str::from_utf8(&text).unwrap());
    }
}
