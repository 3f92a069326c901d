//! Five apps of six objects each, as texts: new, changed, and broken.

/// Apps, and what each needs.
pub const APPS: [(&str, &[&str]); 5] =
    [("db", &[]), ("cache", &[]), ("api", &["db", "cache"]), ("web", &["api"]), ("worker", &["db"])];

/// What a commit has in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The first.
    First,
    /// Every ConfigMap and two images differ, and one object of `api` is gone.
    Second,
    /// As the second; and `web` has an image that falls over.
    Broken,
}

/// How the environment is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    pub credentials: Credentials,
    pub on_crash: &'static str,
}

/// As whom apps are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// The run's own token does everything.
    Own,
    /// Each app has a `ServiceAccount`.
    PerApp,
}

/// All files of the repository.
pub fn files(server: &str, prefix: &str, setup: Setup, state: State) -> Vec<(String, String)> {
    let mut files = vec![("luigi.yaml".to_owned(), config(server, prefix, setup))];
    for (app, needs) in APPS {
        let definition = format!(
            "apiVersion: luigi.dev/v1\nkind: App\nmetadata: {{name: {app}}}\nspec:\n  source: {{path: content/{app}}}\n  \
             namespace: {}\n  needs: [{}]\n",
            namespace(prefix, app),
            needs.join(", ")
        );
        files.push((format!("apps/{app}.yaml"), definition));
        files.push((format!("content/{app}/app.yaml"), content(app, state).join("---\n")));
    }
    files
}

pub fn namespace(prefix: &str, app: &str) -> String {
    format!("{prefix}-{app}")
}

pub fn control(prefix: &str) -> String {
    format!("{prefix}-control")
}

fn config(server: &str, prefix: &str, setup: Setup) -> String {
    let credentials = match setup.credentials {
        Credentials::Own => "",
        Credentials::PerApp => "    credentials: {perApp: {tokenRequest: {}}}\n",
    };
    format!(
        "apiVersion: luigi.dev/v1\nkind: Root\nenvironments:\n  prod:\n    apps: [apps/*.yaml]\n    engine:\n      \
         kubernetes: {{server: '{server}', namespace: {}, timeout: 90s}}\n{credentials}\
         deploy: {{onCrash: {}}}\nbranch: main\n",
        control(prefix),
        setup.on_crash
    )
}

fn content(app: &str, state: State) -> Vec<String> {
    let mut all = vec![account(app), config_map(app, app, state)];
    match app {
        "db" => all.extend([service(app), stateful_set(app, state), budget(app), role(app)]),
        "cache" => all.extend([service(app), deployment(app, "1", 1), claim(app), budget(app)]),
        "api" => {
            all.extend([service(app), deployment(app, image_of(state), 1), hook(app)]);
            all.extend((state == State::First).then(|| config_map(app, "api-extra", state)));
        }
        "web" => {
            let image = if state == State::Broken { "broken" } else { "1" };
            let replicas = if state == State::First { 1 } else { 2 };
            all.extend([service(app), deployment(app, image, replicas), role(app), binding(app)]);
        }
        _ => all.extend([deployment(app, "1", 1), budget(app), role(app), policy(app)]),
    }
    all
}

fn image_of(state: State) -> &'static str {
    match state {
        State::First => "1",
        State::Second | State::Broken => "2",
    }
}

fn account(app: &str) -> String {
    format!("apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {app}}}\n")
}

fn config_map(app: &str, name: &str, state: State) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{of: {app}, state: '{}'}}\n",
        image_of(state)
    )
}

fn service(app: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {app}}}\n\
         spec: {{selector: {{app: {app}}}, ports: [{{port: 80, targetPort: 8080}}]}}\n"
    )
}

fn pods(app: &str, image: &str) -> String {
    format!(
        "  selector: {{matchLabels: {{app: {app}}}}}\n  template:\n    metadata: {{labels: {{app: {app}}}}}\n    \
         spec: {{containers: [{{name: main, image: 'registry.example/{app}:{image}'}}]}}\n"
    )
}

fn deployment(app: &str, image: &str, replicas: u32) -> String {
    let pods = pods(app, image);
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {app}}}\nspec:\n  replicas: {replicas}\n{pods}"
    )
}

fn stateful_set(app: &str, state: State) -> String {
    let pods = pods(app, image_of(state));
    format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: {app}}}\nspec:\n  serviceName: {app}\n{pods}"
    )
}

fn budget(app: &str) -> String {
    format!(
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: {app}}}\n\
         spec: {{maxUnavailable: 1, selector: {{matchLabels: {{app: {app}}}}}}}\n"
    )
}

fn role(app: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {app}}}\n\
         rules: [{{apiGroups: [''], resources: [configmaps], verbs: [get]}}]\n"
    )
}

fn binding(app: &str) -> String {
    format!(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {app}}}\n\
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {app}}}\n\
         subjects: [{{kind: ServiceAccount, name: {app}}}]\n"
    )
}

fn claim(app: &str) -> String {
    format!(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: {app}}}\n\
         spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}\n"
    )
}

fn policy(app: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {app}}}\n\
         spec: {{podSelector: {{matchLabels: {{app: {app}}}}}, policyTypes: [Ingress]}}\n"
    )
}

fn hook(app: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {app}-migrate\n  annotations:\n    \
         helm.sh/hook: pre-install,pre-upgrade\n    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded\n\
         spec:\n  template:\n    spec:\n      restartPolicy: Never\n      \
         containers: [{{name: main, image: 'registry.example/{app}:migrate'}}]\n"
    )
}
