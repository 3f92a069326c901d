//! A small fleet in a repository of its own, deployed by the program onto a real
//! cluster.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::cluster::Cluster;
use crate::support::parts;
use crate::support::repo::Scratch;

/// A repository whose apps go to one namespace each.
pub struct Fleet<'c> {
    pub scratch: Scratch,
    pub cluster: &'c Cluster,
    /// Goes before every namespace, so that fleets do not meet.
    pub prefix: String,
    /// The control namespace.
    pub control: String,
    /// A file with the run's own token.
    pub token: std::path::PathBuf,
}

/// An app and what it needs.
pub type Shape<'s> = &'s [(&'s str, &'s [&'s str])];

pub const THREE: Shape<'static> = &[("db", &[]), ("api", &["db"]), ("web", &["api"])];

impl<'c> Fleet<'c> {
    /// The fleet, with namespaces made and nothing deployed. `more` goes into the
    /// environment's configuration.
    pub fn new(cluster: &'c Cluster, shape: Shape<'_>, engine: &str, more: &str) -> Self {
        let prefix = cluster.namespace("fleet");
        let control = format!("{prefix}-control");
        let scratch = Scratch::new();
        let authority: String =
            cluster.authority().lines().map(|line| format!("          {line}\n")).collect();
        let config = format!(
            "apiVersion: luigi.dev/v1\nkind: Root\nenvironments:\n  prod:\n    apps: [apps/*.yaml]\n    \
             engine:\n      kubernetes:\n        server: {}\n        namespace: {control}\n        \
             certificateAuthority: |\n{authority}{engine}{more}branch: main\n",
            cluster.url()
        );
        let token = scratch.around().join("token");
        std::fs::write(&token, cluster.admin_token()).unwrap();
        cluster.kubectl(&["create", "namespace", &control]);
        let this = Self { scratch, cluster, prefix, control, token };
        let mut files = vec![("luigi.yaml".to_owned(), config)];
        for (app, needs) in shape {
            cluster.kubectl(&["create", "namespace", &this.namespace(app)]);
            files.push((format!("apps/{app}.yaml"), this.definition(app, needs)));
            files.push((format!("content/{app}/app.yaml"), Self::content(app, "registry.example/app:1", 1)));
        }
        this.commit(&files);
        this
    }

    pub fn commit(&self, files: &[(String, String)]) -> String {
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        self.scratch.commit(&files, "change")
    }

    pub fn namespace(&self, app: &str) -> String {
        format!("{}-{app}", self.prefix)
    }

    fn definition(&self, app: &str, needs: &[&str]) -> String {
        format!(
            "apiVersion: luigi.dev/v1\nkind: App\nmetadata: {{name: {app}}}\nspec:\n  source: {{path: content/{app}}}\n  \
             namespace: {}\n  needs: [{}]\n",
            self.namespace(app),
            needs.join(", ")
        )
    }

    /// A Deployment, a ConfigMap and a Service.
    pub fn content(app: &str, image: &str, replicas: u32) -> String {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {app}}}\ndata: {{image: '{image}'}}\n---\n\
             apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {app}}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: {app}}}}}\n  template:\n    metadata: {{labels: {{app: {app}}}}}\n    \
             spec: {{containers: [{{name: main, image: '{image}', ports: [{{containerPort: 8080}}]}}]}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: {app}}}\nspec: {{selector: {{app: {app}}}, ports: [{{port: 80, targetPort: 8080}}]}}\n"
        )
    }

    pub fn change(&self, app: &str, content: String) -> String {
        self.commit(&[(format!("content/{app}/app.yaml"), content)])
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_luigi"));
        let path = format!("{}:/usr/bin:/bin", parts::tools().display());
        command.arg("-C").arg(self.scratch.path()).args(args).env_clear().env("PATH", path);
        command
    }

    pub fn luigi(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Deploys, rolls back or restores; gives the exit code and the record.
    pub fn carry(&self, args: &[&str]) -> (Option<i32>, Value) {
        let token = self.token.to_str().unwrap();
        let output = self.luigi(&[args, &["--format", "json", "--token-file", token]].concat());
        let record = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
            panic!(
                "{e}: {}\n{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        });
        (output.status.code(), record)
    }

    pub fn deploy(&self) -> (Option<i32>, Value) {
        self.carry(&["deploy", "--environment", "prod"])
    }

    /// A field of a live object; empty when the object is not there.
    pub fn live(&self, app: &str, what: &str, field: &str) -> String {
        let namespace = self.namespace(app);
        self.cluster.kubectl(&[
            "get",
            what,
            "-n",
            &namespace,
            "--ignore-not-found",
            "-o",
            &format!("jsonpath={{{field}}}"),
        ])
    }
}
