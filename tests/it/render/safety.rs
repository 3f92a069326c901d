//! Content that wants out: refused by name and place, nothing fetched, nothing
//! started, nothing outside touched.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use luigi::catalog::job::{Plain, Tool};
use luigi::files::{EntryKind, MemoryFiles};
use luigi::outside::render::{Limits, Renderer, Tools};

use super::{helm, job, kustomize, linked, memory, path, refused, render};
use crate::support::parts;

/// A server on this machine, which Go's proxy rules would let through, and a
/// check that nobody ever came.
struct Watched(TcpListener);

impl Watched {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }
    fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }
    fn nobody_came(&self) {
        let error = self.0.accept().map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[test]
fn nothing_remote_is_fetched() {
    let server = Watched::new();
    let url = server.url();
    let chart = format!("helmCharts:\n- {{name: web, repo: '{url}', version: 1.0.0, releaseName: web}}\n");
    for (text, expected) in [
        (format!("resources:\n- {url}/x.yaml\n"), "2:3: L0503: resources names "),
        (format!("Resources:\n- {url}/org/repo//base?ref=v1\n"), "2:3: L0503: resources names "),
        (format!("components: ['{url}/org/repo']\n"), "1:14: L0503: components names "),
        (format!("patches:\n- path: {url}/p.yaml\n"), "2:9: L0503: patches.path names "),
        (
            format!("configMapGenerator:\n- name: a\n  files: [x={url}/f]\n"),
            "3:11: L0503: configMapGenerator.files names ",
        ),
        (format!("openapi:\n  path: {url}/s.json\n"), "2:9: L0503: openapi.path names "),
        (chart, "2:10: L0503: helmCharts: the chart web would have to be fetched from "),
        ("resources: ['git@127.0.0.1:org/repo']\n".into(), "1:13: L0503: resources names git@"),
        ("resources: ['file:///etc']\n".into(), "1:13: L0503: resources names file:///etc"),
    ] {
        let files = memory(&[("k/kustomization.yaml", &text)]);
        let told = refused(&render(&files, kustomize("k")));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(&format!("k/kustomization.yaml:{expected}")), "{told:?}");
    }
    // Two steps away, and in a file that configures a builtin transformer.
    let patch =
        format!("apiVersion: builtin\nkind: PatchTransformer\nmetadata: {{name: x}}\npath: {url}/x\n");
    let files = memory(&[
        ("k/kustomization.yaml", "resources: [../base]\n"),
        ("base/kustomization.yaml", "transformers: [t.yaml]\n"),
        ("base/t.yaml", &patch),
    ]);
    let told = refused(&render(&files, kustomize("k")));
    assert!(told[0].starts_with("base/t.yaml:4:7: L0503: transformers.path names "), "{told:?}");
    server.nobody_came();
}

#[test]
fn no_code_is_run() {
    let trace = tempfile::tempdir().unwrap();
    let touched = trace.path().join("touched");
    let script = format!("#!/bin/sh\ntouch {}\n", touched.display());
    for (config, expected) in [
        (
            "apiVersion: x/v1\nkind: Run\nmetadata:\n  name: x\n  annotations:\n    \
             config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n",
            "k/gen.yaml:1:1: L0503: kind: the function x/v1/Run would have to be run",
        ),
        (
            "apiVersion: someteam.example.com/v1\nkind: Sprinkler\nmetadata: {name: x}\n",
            "k/gen.yaml:1:1: L0503: kind: the plugin someteam.example.com/v1/Sprinkler would have to be run",
        ),
    ] {
        for field in ["generators", "transformers", "validators"] {
            let files = memory(&[
                ("k/kustomization.yaml", &format!("{field}: [gen.yaml]\n")),
                ("k/gen.yaml", config),
                ("k/run.sh", &script),
            ]);
            assert_eq!(refused(&render(&files, kustomize("k"))), [expected], "{field}");
        }
    }
    // A kustomization of configurations that turns one into something else.
    let files = memory(&[
        ("k/kustomization.yaml", "transformers: [t]\n"),
        ("k/t/kustomization.yaml", "resources: [l.yaml]\npatches: [{patch: '[]', target: {kind: X}}]\n"),
        ("k/t/l.yaml", "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: x}\n"),
    ]);
    assert_eq!(
        refused(&render(&files, kustomize("k"))),
        ["k/t/kustomization.yaml:2:1: L0503: \"patches\" changes what configures a generator or transformer"]
    );
    assert!(!touched.exists());
}

#[test]
fn no_link_and_no_path_leads_out() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.yaml"), "apiVersion: v1\nkind: ConfigMap\n").unwrap();
    let target = format!("-> {}/secret.yaml", outside.path().display());
    let kustomization = ("k/kustomization.yaml", "resources: [x.yaml]\n");
    for link in [target.as_str(), "-> ../../x", "-> ../../../../../../etc/passwd", "-> x.yaml"] {
        let files = linked(&[kustomization, ("k/x.yaml", link)]);
        let told = refused(&render(&files, kustomize("k")));
        let expected = "k/x.yaml: L0405: this symbolic link leaves the repository, or goes in a circle";
        assert_eq!(told, [expected], "{link}");
    }
    // Out by way of a link that is itself inside.
    let files = linked(&[kustomization, ("k/x.yaml", "-> d/up/up2"), ("k/d/up", "-> ../../k")]);
    assert!(refused(&render(&files, kustomize("k")))[0].starts_with("k/kustomization.yaml: L0502: "));

    for (text, expected) in [
        ("resources: [../../x]\n", "1:13: L0404: ../../x leaves the repository"),
        (
            "configMapGenerator: [{name: a, files: [/etc/passwd]}]\n",
            "1:40: L0503: configMapGenerator.files names /etc/passwd, which is outside of the repository",
        ),
    ] {
        let files = memory(&[("k/kustomization.yaml", text)]);
        assert_eq!(refused(&render(&files, kustomize("k"))), [format!("k/kustomization.yaml:{expected}")]);
    }
    let files = linked(&[("p/x.yaml", target.as_str())]);
    let plain = Plain { path: path("p"), depth: super::content::ALL, include: None, exclude: None };
    assert!(refused(&render(&files, Tool::Plain(plain)))[0].starts_with("p/x.yaml: L0405: "));
}

#[test]
fn an_archive_that_leaves_its_folder_is_refused() {
    let mut archive =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..13].copy_from_slice(b"../../evil.sh");
    header.set_size(2);
    header.set_mode(0o755);
    header.set_cksum();
    archive.append(&header, &b"id"[..]).unwrap();
    let mut bytes = archive.into_inner().unwrap().finish().unwrap();
    bytes.flush().unwrap();
    let chart = "apiVersion: v2\nname: web\nversion: 1.0.0\n";
    let files = MemoryFiles::of(
        [
            (path("c/Chart.yaml"), (EntryKind::File, chart.as_bytes().to_vec())),
            (path("c/charts/evil-1.0.0.tgz"), (EntryKind::File, bytes)),
        ]
        .into(),
    );
    assert_eq!(
        refused(&render(&files, Tool::Helm(helm("c")))),
        ["c/charts/evil-1.0.0.tgz: L0503: the archive's entry ../../evil.sh leaves its folder"]
    );
}

#[test]
fn bombs_meet_a_limit() {
    let chart = ("c/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    let endless = "{{ range $i := until 100000 }}{{ range $j := until 100000 }}{{ range $k := until 100000 }}\
                   {{ end }}{{ end }}{{ end }}";
    let large = "{{ $x := \"aaaaaaaaaaaaaaaa\" }}{{ range until 40 }}{{ $x = print $x $x }}{{ end }}{{ $x }}";
    let long =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {x: '{{ repeat 3000000 \"a\" }}'}\n";
    let small = Limits {
        time: Duration::from_secs(4),
        memory: 512 << 20,
        reserve: 2 << 30,
        output: 1 << 20,
        inputs: 1 << 20,
    };
    for (template, expected) in [
        (endless, &["L0504: helm: it took longer than 4 s", "L0504: helm: it used more memory than"][..]),
        (large, &["L0504: helm: it used more memory than 512 MiB", "L0504: helm: it took longer"]),
        (long, &["L0504: helm: it printed more than 1 MiB"]),
    ] {
        let files = memory(&[chart, ("c/templates/x.yaml", template)]);
        let renderer = Renderer::new(Tools::at(parts::tools()), None, small.clone());
        let told = refused(&renderer.render(&files, &job(&files, Tool::Helm(helm("c"))), "app"));
        let fits = expected.iter().any(|text| told[0].starts_with(&format!("c/Chart.yaml: {text}")));
        assert!(fits && told.len() == 1, "{told:?}");
    }
    let files = memory(&[chart, ("c/big.txt", &"a".repeat(2 << 20))]);
    let renderer = Renderer::new(Tools::at(parts::tools()), None, small);
    let told = refused(&renderer.render(&files, &job(&files, Tool::Helm(helm("c"))), "app"));
    assert_eq!(told, ["L0504: app: the inputs have more than 1048576 bytes"]);
}

#[test]
fn a_release_name_is_never_an_option() {
    let files = memory(&[("c/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n")]);
    let mut named = helm("c");
    named.release = "--post-renderer=x".into();
    let told = refused(&render(&files, Tool::Helm(named)));
    assert!(told[0].contains("release name"), "{told:?}");
}

#[test]
fn missing_tools_are_named() {
    let files = memory(&[("k/kustomization.yaml", "resources: []\n"), ("c/Chart.yaml", "name: x\n")]);
    let nowhere = tempfile::tempdir().unwrap();
    let renderer = Renderer::new(Tools::at(nowhere.path()), None, Limits::default());
    let told = |tool| refused(&renderer.render(&files, &job(&files, tool), "app"));
    assert_eq!(told(kustomize("k")), ["L0501: kustomize is not installed"]);
    assert_eq!(told(Tool::Helm(helm("c"))), ["L0501: helm is not installed"]);
}

/// What we call a git URL is what the real kustomize hands to `git`.
#[test]
fn kustomize_clones_what_we_say_it_clones() {
    use std::os::unix::fs::PermissionsExt;
    let around = tempfile::tempdir().unwrap();
    let (dir, bin) = (around.path().join("k"), around.path().join("bin"));
    std::fs::create_dir(&dir).unwrap();
    std::fs::create_dir(&bin).unwrap();
    let mark = around.path().join("mark");
    let git = bin.join("git");
    std::fs::write(&git, format!("#!/bin/sh\n: > '{}'\nexit 1\n", mark.display())).unwrap();
    std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o755)).unwrap();
    for text in [
        "github.com/acme/platform",
        "GITHUB.com/acme/platform/x?ref=v1",
        "github.com/acme",
        "github.com:acme/platform",
        "github.com-mirror/acme/platform",
        "git@example.invalid:acme/platform.git//base",
        "git@example.invalid:acme",
        "git::https://example.invalid/acme/platform",
        "ssh://git@example.invalid/acme/platform",
        "https://example.invalid/acme",
        "https://example.invalid/acme/platform//../../x",
        "https://example.invalid/a.git",
        "https://example.invalid/org/_git/repo/base",
        "https://example.invalid",
        "file:///nowhere/at/all",
        "file:///",
        "name@folder/org/repo",
        "name@folder/x",
        "1name@folder/org/repo",
        "a:b/c/d",
        "dir//base",
        "x.git/base",
        "../github.com/acme/platform",
        "oci://example.invalid/acme/platform",
    ] {
        std::fs::write(dir.join("kustomization.yaml"), format!("resources: ['{text}']\n")).unwrap();
        let _ = std::fs::remove_file(&mark);
        let status = std::process::Command::new(parts::tools().join("kustomize"))
            .args(["build", "k"])
            .current_dir(around.path())
            .env_clear()
            .env("PATH", &bin)
            .env("HOME", &bin)
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(!status.success(), "{text}");
        assert_eq!(luigi::catalog::kustomization::is_git_url(text), mark.exists(), "{text}");
    }
}

#[test]
fn nothing_is_written_through_a_link() {
    let outside = tempfile::tempdir().unwrap();
    let target = format!("-> {}", outside.path().display());
    let files = linked(&[
        ("one/link", target.as_str()),
        ("two/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"),
    ]);
    let plain = Plain { path: path("in"), depth: super::content::ALL, include: None, exclude: None };
    let mut job = job(&files, Tool::Plain(plain));
    let mount = |at: &str, from: &str| luigi::catalog::job::Mount { at: path(at), from: path(from) };
    job.mounts = vec![mount("in", "one"), mount("in/link/deep", "two"), mount("in/link", "one")];
    let renderer = Renderer::new(Tools::at(parts::tools()), None, Limits::default());
    assert!(!refused(&renderer.render(&files, &job, "app")).is_empty());
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}
