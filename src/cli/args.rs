//! The command line. `action.yml` has the same names; a test holds them equal.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Deploys many apps as one from CI: what is affected, in order, with evidence.
#[derive(Debug, Parser)]
#[command(name = "luigi", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Args {
    /// For every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// For every command.
#[derive(Debug, Clone, ClapArgs)]
pub struct Global {
    /// Run as if started in that folder
    #[arg(short = 'C', value_name = "DIR", global = true, default_value = ".")]
    pub directory: PathBuf,
    /// Read luigi.yaml from that file instead of the commit (planning only)
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Colour on the terminal
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto")]
    pub color: When,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What the action runs: looks at the event and does the right thing
    Run(Run),
    /// What would change, in what order, allowed or not and why
    Plan(Plan),
    /// Carry the plan out, and record it in the ledger
    Deploy(Deploy),
    /// Put an entry's rendered sets back
    Rollback(Rollback),
    /// Rebuild an empty environment from the ledger
    Restore(Restore),
    /// What is on the cluster against what the ledger says
    Drift(Drift),
    /// Whether the ledger, or a record, holds; offline
    Verify(Verify),
    /// The apps and who needs whom; which are affected
    Graph(Graph),
    /// Compare the affected set with rendering every app, over this repository's own history
    Prove(Prove),
    /// Write the luigi.yaml that this repository would have
    Init(Init),
    /// What a problem code means
    Explain(Explain),
    /// The whole way on a built-in fleet, no account, no cluster
    Demo(Demo),
    /// What is missing on this machine and in this repository
    Doctor,
}

/// Two commits.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Commits {
    /// Compare with that revision [default: the merge base with the default branch; on it, the first parent]
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,
    /// Look at that revision [default: HEAD]
    #[arg(long, value_name = "REV")]
    pub head: Option<String>,
}

/// Which apps.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Select {
    /// Only that environment (may be repeated)
    #[arg(long, short, value_name = "NAME")]
    pub environment: Vec<String>,
    /// Only that app, by name or kind/namespace/name (may be repeated)
    #[arg(long, short, value_name = "APP")]
    pub app: Vec<String>,
}

/// `luigi plan`.
#[derive(Debug, ClapArgs)]
pub struct Plan {
    /// Commits.
    #[command(flatten)]
    pub commits: Commits,
    /// Apps.
    #[command(flatten)]
    pub select: Select,
    /// Compare with what the ledger says is deployed
    #[arg(long, conflicts_with = "base")]
    pub deployed: bool,
    /// Confirm deletes: the digest of the plan that was looked at
    #[arg(long, value_name = "DIGEST")]
    pub confirm: Option<String>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: PlanFormat,
    /// Write the run's record to that file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// How a plan is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    Text,
    /// For programs: docs/plan.schema.json.
    Json,
    /// The comment on a pull request.
    Github,
}

/// `luigi graph`.
#[derive(Debug, ClapArgs)]
pub struct Graph {
    /// Commits.
    #[command(flatten)]
    pub commits: Commits,
    /// Apps.
    #[command(flatten)]
    pub select: Select,
    /// Only what is affected, with every reason
    #[arg(long)]
    pub affected: bool,
    /// Do not render: keep apps that only look changed
    #[arg(long)]
    pub no_render: bool,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: GraphFormat,
}

/// How a graph is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// For people.
    Text,
    /// For programs: docs/graph.schema.json.
    Json,
    /// Mermaid.
    Mermaid,
    /// Graphviz.
    Dot,
}

/// `luigi prove`.
#[derive(Debug, ClapArgs)]
pub struct Prove {
    /// Only the newest N commits [default: all]
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// Only that environment (may be repeated)
    #[arg(long, short, value_name = "NAME")]
    pub environment: Vec<String>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ProveFormat,
}

/// How a proof is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProveFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `luigi init`.
#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Init {
    /// Print it instead of writing it
    #[arg(long)]
    pub print: bool,
    /// Write over a luigi.yaml that is there
    #[arg(long)]
    pub force: bool,
    /// Something else than luigi.yaml.
    #[command(subcommand)]
    pub what: Option<InitWhat>,
}

/// What else can be set up.
#[derive(Debug, Subcommand)]
pub enum InitWhat {
    /// Print what an administrator applies once to a cluster: accounts, rights, trust rules
    Cluster(InitCluster),
}

/// `luigi init cluster`.
#[derive(Debug, ClapArgs)]
pub struct InitCluster {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    pub environment: String,
    /// The repository's number at the CI system
    #[arg(long, value_name = "ID")]
    pub repository_id: String,
    /// The CI system's protected environment [default: the environment's name]
    #[arg(long, value_name = "NAME")]
    pub protected_environment: Option<String>,
    /// The ref that may deploy
    #[arg(long = "ref", value_name = "REF", default_value = "refs/heads/main")]
    pub reference: String,
    /// An event that may deploy (may be repeated); never one of pull requests
    #[arg(long, value_name = "EVENT", default_values = ["push", "workflow_dispatch"])]
    pub event: Vec<String>,
    /// The only workflow that may deploy, as `job_workflow_ref` has it
    #[arg(long, value_name = "REF")]
    pub workflow: Option<String>,
    /// Who issues the jobs' tokens
    #[arg(long, value_name = "URL", default_value = "https://token.actions.githubusercontent.com")]
    pub issuer: String,
    /// A file with the authorities that the issuer's certificate is believed by
    #[arg(long, value_name = "FILE")]
    pub issuer_authority: Option<PathBuf>,
}

/// `luigi explain`.
#[derive(Debug, ClapArgs)]
pub struct Explain {
    /// A problem code, as in L0301; without one, all of them
    pub code: Option<String>,
}

/// What carrying out needs.
#[derive(Debug, Clone, ClapArgs)]
pub struct Carry {
    /// Confirm deletes: the digest of the plan that was looked at
    #[arg(long, value_name = "DIGEST")]
    pub confirm: Option<String>,
    /// How long to wait for another run on the environment, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub wait: u64,
    /// A file with a token for the API server, read anew while the run goes on
    #[arg(long, value_name = "FILE", env = "LUIGI_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: RecordFormat,
    /// Write the run's record to that file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// `luigi drift`.
#[derive(Debug, ClapArgs)]
pub struct Drift {
    /// Only that environment (may be repeated)
    #[arg(long, short, value_name = "NAME")]
    pub environment: Vec<String>,
    /// A file with a token for the API server
    #[arg(long, value_name = "FILE", env = "LUIGI_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ProveFormat,
}

/// How a record is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// For people.
    Text,
    /// The record itself.
    Json,
    /// The comment on a pull request.
    Github,
}

/// `luigi deploy`.
#[derive(Debug, ClapArgs)]
pub struct Deploy {
    /// Deploy that revision [default: HEAD]
    #[arg(long, value_name = "REV")]
    pub head: Option<String>,
    /// Apps.
    #[command(flatten)]
    pub select: Select,
    /// How.
    #[command(flatten)]
    pub carry: Carry,
}

/// `luigi rollback`.
#[derive(Debug, ClapArgs)]
pub struct Rollback {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    pub environment: String,
    /// The outcome entry to go back to
    #[arg(long, value_name = "SEQ")]
    pub to: u64,
    /// How.
    #[command(flatten)]
    pub carry: Carry,
}

/// `luigi restore`.
#[derive(Debug, ClapArgs)]
pub struct Restore {
    /// The environment to rebuild; it must be empty
    #[arg(long, short, value_name = "NAME")]
    pub environment: String,
    /// Take the sets of that environment [default: the same]
    #[arg(long, value_name = "NAME")]
    pub from: Option<String>,
    /// As they were at that entry [default: now]
    #[arg(long, value_name = "SEQ")]
    pub entry: Option<u64>,
    /// How.
    #[command(flatten)]
    pub carry: Carry,
}

/// `luigi verify`.
#[derive(Debug, ClapArgs)]
pub struct Verify {
    /// Records that the ledger must hold; without one, the whole ledger
    #[arg(value_name = "FILE")]
    pub records: Vec<PathBuf>,
}

/// `luigi run`. Each argument may come as an `INPUT_` variable instead.
#[derive(Debug, Clone, Default, ClapArgs)]
pub struct Run {
    /// Commits.
    #[command(flatten)]
    pub commits: Commits,
    /// Apps.
    #[command(flatten)]
    pub select: Select,
    /// Confirm deletes: the digest of the plan that was looked at
    #[arg(long, value_name = "DIGEST")]
    pub confirm: Option<String>,
}

impl Plan {
    /// The plan that a run makes.
    pub fn of(run: &Run) -> Self {
        Self {
            commits: Commits::default(),
            select: run.select.clone(),
            deployed: false,
            confirm: run.confirm.clone(),
            format: PlanFormat::Text,
            record: None,
        }
    }
}

/// `luigi demo`.
#[derive(Debug, ClapArgs)]
pub struct Demo {
    /// Be the hook of the demo's own remote
    #[arg(long, hide = true)]
    pub pre_receive: bool,
}
