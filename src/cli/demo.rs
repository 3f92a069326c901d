//! `luigi demo`: the whole way on a built-in fleet. No cluster, no account; the
//! same code as every other command, on a repository in a temporary folder.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::args::{Carry, Demo, Plan, RecordFormat, Run};
use super::carry::{print, with_order};
use super::output::Output;
use super::plan::{against_commit, page};
use crate::files::{EntryKind, Files, Next, walk};
use crate::name::CommitId;
use crate::outside::git::Repo;
use crate::outside::sandbox::{Sandbox, SandboxError};
use crate::record::{OutcomeKind, Record};
use crate::report::markdown;
use crate::run::compare::{Comparison, default_ends};
use crate::run::deploying::{self, Actor};
use crate::run::error::{RunError, exit};
use crate::run::world::{Options, World};

/// The fleet: `fixtures/demo`.
const FLEET: [(&str, &str); 16] = [
    ("luigi.yaml", include_str!("../../fixtures/demo/luigi.yaml")),
    ("apps/cache.yaml", include_str!("../../fixtures/demo/apps/cache.yaml")),
    ("apps/database.yaml", include_str!("../../fixtures/demo/apps/database.yaml")),
    ("apps/payments.yaml", include_str!("../../fixtures/demo/apps/payments.yaml")),
    ("apps/search.yaml", include_str!("../../fixtures/demo/apps/search.yaml")),
    ("apps/web.yaml", include_str!("../../fixtures/demo/apps/web.yaml")),
    ("content/cache/deployment.yaml", include_str!("../../fixtures/demo/content/cache/deployment.yaml")),
    ("content/cache/service.yaml", include_str!("../../fixtures/demo/content/cache/service.yaml")),
    (
        "content/database/deployment.yaml",
        include_str!("../../fixtures/demo/content/database/deployment.yaml"),
    ),
    ("content/database/service.yaml", include_str!("../../fixtures/demo/content/database/service.yaml")),
    (
        "content/payments/deployment.yaml",
        include_str!("../../fixtures/demo/content/payments/deployment.yaml"),
    ),
    ("content/payments/service.yaml", include_str!("../../fixtures/demo/content/payments/service.yaml")),
    ("content/search/deployment.yaml", include_str!("../../fixtures/demo/content/search/deployment.yaml")),
    ("content/search/service.yaml", include_str!("../../fixtures/demo/content/search/service.yaml")),
    ("content/web/deployment.yaml", include_str!("../../fixtures/demo/content/web/deployment.yaml")),
    ("content/web/service.yaml", include_str!("../../fixtures/demo/content/web/service.yaml")),
];

/// What the remote of the demo refuses.
const BROKEN: &str = ":broken";

impl From<SandboxError> for RunError {
    fn from(error: SandboxError) -> Self {
        Self::io("make the demo's repository", error)
    }
}

/// Runs it.
pub fn run(args: &Demo, output: &Output) -> Result<u8, RunError> {
    if args.pre_receive {
        return pre_receive(output);
    }
    let dir = tempfile::Builder::new()
        .prefix("luigi-demo-")
        .tempdir()
        .map_err(|e| RunError::io("make a temporary folder", e))?
        .keep();
    let code = story(&dir, output);
    if code.is_err() {
        output.say(&format!("what there is of the demo is in {}", dir.display()));
    }
    code
}

fn story(dir: &Path, output: &Output) -> Result<u8, RunError> {
    let stage = Stage { sandbox: Sandbox::new(dir)?, cache: dir.join("cache"), output };
    stage.say("1  A fleet of five apps, in two formats. First deploy: everything is new.");
    let fleet: Vec<(&str, String)> = FLEET.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
    stage.sandbox.write(&fleet)?;
    let exe = std::env::current_exe().map_err(|e| RunError::io("find this program", e))?;
    stage.sandbox.hook(&format!("#!/bin/sh\nexec {} demo --pre-receive\n", quoted(&exe)))?;
    let first = stage.sandbox.commit("five apps")?;
    stage.deploy(first, RecordFormat::Text)?;

    stage.say("2  A change to the database and to search. What moves, in what order, and why:");
    stage.sandbox.write(&[image("database", "1.1.0"), image("search", "2.0.0")])?;
    let second = stage.sandbox.commit("database 1.1, search 2.0")?;
    stage.plan(second)?;
    stage.deploy(second, RecordFormat::Text)?;

    stage
        .say("3  Another one breaks web: the remote refuses its image. The whole set goes back, in reverse.");
    let broken = [image("database", "1.2.0"), image("payments", "1.1.0"), image("web", "broken")];
    stage.sandbox.write(&broken)?;
    let third = stage.sandbox.commit("database 1.2, payments 1.1, web broken")?;
    let record = stage.deploy(third, RecordFormat::Text)?;
    let rolled_back = record.outcome.as_ref().is_some_and(|o| o.verdict == OutcomeKind::RolledBack);

    stage.say("4  What a reviewer would see on the pull request:");
    output.data(&markdown::comment(&record, None, markdown::COMMENT_BYTES));
    stage.further(dir, &exe);
    if rolled_back {
        Ok(exit::OK)
    } else {
        Err(RunError::Other("the demo's broken deploy was not rolled back".to_owned()))
    }
}

/// A path for a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

fn image(app: &str, tag: &str) -> (&'static str, String) {
    let wanted = format!("content/{app}/deployment.yaml");
    let (name, text) = FLEET.iter().find(|(name, _)| *name == wanted).copied().unwrap_or(FLEET[0]);
    (name, text.replace(":1.0.0", &format!(":{tag}")))
}

struct Stage<'a> {
    sandbox: Sandbox,
    /// In the demo's own folder: it leaves nothing anywhere else.
    cache: PathBuf,
    output: &'a Output,
}

impl Stage<'_> {
    fn say(&self, text: &str) {
        self.output.data(&format!("\n━━ {text}\n\n"));
    }

    fn world(&self, head: CommitId) -> Result<World, RunError> {
        let dir = self.sandbox.work.clone();
        let repo = Repo::open(&dir)?;
        World::load(&Options { dir, cache: Some(self.cache.clone()), ..Options::default() }, repo, head)
    }

    fn plan(&self, head: CommitId) -> Result<(), RunError> {
        let world = self.world(head)?;
        let mut comparison = Comparison::of(&world, &default_ends(&world, head)?)?;
        let plan = Plan::of(&Run::default());
        for planned in against_commit(&world, &plan, &mut comparison, self.output)? {
            let record = deploying::plan_record(&world, &Actor::terminal(), &planned);
            self.output.data(&page(&planned, &record, &[], self.output));
        }
        Ok(())
    }

    fn deploy(&self, head: CommitId, format: RecordFormat) -> Result<Record, RunError> {
        let world = self.world(head)?;
        let carry = Carry { confirm: None, wait: 0, token_file: None, format, record: None };
        let environment = &world.environments[0];
        let record = with_order(&[], &carry, self.output, &Actor::terminal(), |order| {
            deploying::deploy(&world, environment, head, &[], order).map(|deployed| deployed.record)
        })?;
        print(std::slice::from_ref(&record), &carry, self.output)?;
        Ok(record)
    }

    fn further(&self, dir: &Path, exe: &Path) {
        self.output.data(&format!(
            "\n━━ Look further; it is all in {}\n\n\
             \x20 alias luigi={}\n\
             \x20 cd {}\n\
             \x20 git log --stat origin/luigi/ledger           the ledger: what was deployed, with records\n\
             \x20 luigi graph                                  who needs whom\n\
             \x20 luigi plan --deployed                        what the broken commit would still change\n\
             \x20 luigi rollback --environment staging --to 2  back to the first deploy\n\
             \x20 luigi verify                                 digests and chain, offline\n\
             \x20 luigi explain L0701                          what a problem code means\n",
            dir.display(),
            quoted(exe),
            quoted(&self.sandbox.work),
        ));
    }
}

/// The hook of the demo's remote: declines what would deliver a broken image.
/// It is asked as git asks it: one line per ref on standard input.
fn pre_receive(output: &Output) -> Result<u8, RunError> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map_err(|e| RunError::io("read standard input", e))?;
    let dir = std::env::var_os("GIT_DIR").unwrap_or_else(|| ".".into());
    let repo = Repo::open(Path::new(&dir))?;
    for line in text.lines() {
        let Some(Ok(new)) = line.split(' ').nth(1).map(CommitId::parse) else { continue };
        let files = repo.files(new)?;
        let at = crate::name::RepoPath::root().child("environments");
        let Some(entry) = files.entry(&at)? else { continue };
        let mut broken = None;
        walk(&files, entry.id, &at, &mut |path, entry| {
            if entry.kind == EntryKind::File {
                let text = files.blob(entry.id)?;
                let text = String::from_utf8_lossy(&text).into_owned();
                if text.lines().any(|line| line.contains("image:") && line.contains(BROKEN)) {
                    broken = Some(path);
                }
            }
            Ok(Next::Enter)
        })?;
        if let Some(path) = broken {
            output.say(&format!("policy: {path} has an image tagged {BROKEN}, which no registry has"));
            return Ok(exit::UNEXPECTED);
        }
    }
    Ok(exit::OK)
}
