//! Bytes: what is no UTF-8, byte order marks, line ends, tabs, nothing at all;
//! and that order and repetition make no difference.

use super::{CONFIG, affected, app, config_map, graph, places, run};
use crate::support::repo::Scratch;

fn write(scratch: &Scratch, files: &[(&str, &[u8])]) {
    for (path, bytes) in files {
        let path = scratch.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    scratch.commit(&[], "bytes");
}

#[test]
fn every_encoding_is_read_or_told() {
    let scratch = Scratch::new();
    let mark = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();
    let wide: Vec<u8> = app("wide", "x").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = [b"\xff\xfe", &wide[..]].concat();
    let latin = app("latin", "x").replace("name: latin", "name: caf?").replace('?', "\u{1}");
    let latin: Vec<u8> = latin.bytes().map(|b| if b == 1 { 0xe9 } else { b }).collect();
    write(
        &scratch,
        &[
            ("luigi.yaml", &mark(&CONFIG.replace('\n', "\r\n"))),
            ("x/x.yaml", config_map("x").as_bytes()),
            ("apps/bom.yaml", &mark(&app("bom", "x"))),
            ("apps/crlf.yaml", app("crlf", "x").replace('\n', "\r\n").as_bytes()),
            ("apps/empty.yaml", b""),
            ("apps/blank.yaml", b"\n\n---\n# nothing\n---\n"),
            ("apps/tabs.yaml", b"apiVersion: luigi.dev/v1\nkind: App\nmetadata:\n\tname: tabs\n"),
            ("apps/nul.yaml", b"apiVersion: luigi.dev/v1\nkind: App\nmetadata: {name: a\0b}\n"),
            ("apps/wide.yaml", &wide),
            ("apps/latin.yaml", &latin),
        ],
    );
    let report = graph(&scratch.path(), &[]);
    assert_eq!(affected(&report), ["App/_/bom", "App/_/crlf"], "{report:#}");
    let found: Vec<String> = places(&report).into_iter().collect();
    assert_eq!(
        found,
        [
            "apps/latin.yaml:3:21 L0104",
            "apps/nul.yaml:3:19 L0101",
            "apps/tabs.yaml:4:2 L0101",
            "apps/wide.yaml:1:1 L0104",
        ]
    );
    assert_eq!(report["complete"], false);
}

#[test]
fn order_of_documents_and_entries_makes_no_difference() {
    let documents: Vec<String> = ["a", "b", "c"].iter().map(|name| app(name, name)).collect();
    let config = |globs: &[&str]| {
        let list: Vec<String> = globs.iter().map(|g| format!("      - {g}\n")).collect();
        format!(
            "kind: Root\napiVersion: luigi.dev/v1\nenvironments:\n  z: {{apps: [other/*.yaml]}}\n  all:\n    apps:\n{}",
            list.concat()
        )
    };
    let mut seen = std::collections::BTreeSet::new();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let scratch = Scratch::new();
        let text: Vec<&str> = order.iter().map(|i| documents[*i].as_str()).collect();
        let globs: Vec<&str> = order.iter().map(|i| ["apps/*.yaml", "more/*.yaml", "apps/a*"][*i]).collect();
        let (text, config) = (text.join("---\n"), config(&globs));
        let maps: Vec<String> = ["a", "b", "c", "d"].iter().map(|n| config_map(n)).collect();
        let more = app("d", "d");
        let files = [
            ("luigi.yaml", config.as_str()),
            ("apps/all.yaml", &text),
            ("more/d.yaml", &more),
            ("other/d.yaml", &more),
            ("a/a.yaml", &maps[0]),
            ("b/b.yaml", &maps[1]),
            ("c/c.yaml", &maps[2]),
            ("d/d.yaml", &maps[3]),
        ];
        scratch.commit(&files, "one");
        scratch.commit(&[("b/b.yaml", &config_map("bb")), ("d/d.yaml", &config_map("dd"))], "two");
        let report = graph(&scratch.path(), &["--affected"]);
        assert_eq!(report["complete"], true, "{report:#}");
        seen.insert(report["affected"].to_string());
        let again = || run(&scratch.path(), &["graph", "--affected", "--format", "json"]).stdout;
        assert_eq!(again(), again());
        assert_eq!(affected(&report), ["App/_/b", "App/_/d", "App/_/d"]);
    }
    assert_eq!(seen.len(), 1, "{seen:#?}");
}
