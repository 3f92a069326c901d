//! A git server on this machine: `git http-backend` behind a small HTTP/1.1
//! server, pushes allowed, with a look at each request before and after.
//!
//! One request per connection, no TLS.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub use super::http::Request;
use super::http::read_request;

/// What to do with a request.
#[derive(Debug, Clone)]
pub enum Before {
    /// Let git answer.
    Serve,
    /// Let git do it, and close the connection without an answer.
    DropAnswer,
    /// Close the connection; git never hears of it.
    Drop,
    /// Answer this instead: everything from the status line's code on, such as
    /// `403 Forbidden\r\n\r\n`.
    Answer(String),
}

type BeforeHook = dyn Fn(&Request) -> Before + Send + Sync;
type AfterHook = dyn Fn(&Request) + Send + Sync;

struct Shared {
    root: PathBuf,
    before: Box<BeforeHook>,
    after: Box<AfterHook>,
    count: AtomicUsize,
    log: Mutex<Vec<Request>>,
    stop: AtomicBool,
}

/// A running server; it stops when dropped.
pub struct GitServer {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl GitServer {
    /// Serves all repositories below `root`.
    pub fn start(root: &Path) -> Self {
        Self::with_hooks(root, |_| Before::Serve, |_| {})
    }

    /// Like `start`; `before` decides what happens to a request, `after` runs
    /// when git is done with it and the client has not been answered yet.
    pub fn with_hooks(
        root: &Path,
        before: impl Fn(&Request) -> Before + Send + Sync + 'static,
        after: impl Fn(&Request) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            root: root.canonicalize().unwrap(),
            before: Box::new(before),
            after: Box::new(after),
            count: AtomicUsize::new(0),
            log: Mutex::default(),
            stop: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let mut workers = Vec::new();
            for stream in listener.incoming() {
                if served.stop.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&served)) else { continue };
                workers.push(std::thread::spawn(move || drop(answer(&shared, stream))));
            }
            for worker in workers {
                drop(worker.join());
            }
        });
        Self { port, shared, thread: Some(thread) }
    }

    /// The URL of a repository below the root.
    pub fn url(&self, repository: &str) -> String {
        format!("http://127.0.0.1:{}/{repository}", self.port)
    }

    /// How many requests came in.
    pub fn requests(&self) -> usize {
        self.shared.count.load(Ordering::SeqCst)
    }

    /// All requests so far.
    pub fn log(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap().clone()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn answer(shared: &Shared, mut stream: TcpStream) -> std::io::Result<()> {
    let Some(request) = read_request(&stream)? else { return Ok(()) };
    shared.count.fetch_add(1, Ordering::SeqCst);
    shared.log.lock().unwrap().push(request.clone());
    match (shared.before)(&request) {
        Before::Answer(text) => write!(stream, "HTTP/1.1 {text}")?,
        Before::Drop => {}
        Before::DropAnswer => {
            run_backend(shared, &request)?;
            (shared.after)(&request);
        }
        Before::Serve => {
            let output = run_backend(shared, &request)?;
            (shared.after)(&request);
            let end = output.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(output.len());
            let head = String::from_utf8_lossy(&output[..end]).into_owned();
            let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
            write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n")?;
            stream.write_all(&output)?;
        }
    }
    stream.shutdown(std::net::Shutdown::Write)
}

fn run_backend(shared: &Shared, request: &Request) -> std::io::Result<Vec<u8>> {
    let mut command = Command::new("git");
    command.arg("http-backend").env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("GIT_PROJECT_ROOT", &shared.root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "http.receivepack");
    command.env("GIT_CONFIG_VALUE_0", "true").env("REMOTE_USER", "test").env("REMOTE_ADDR", "127.0.0.1");
    command.env("REQUEST_METHOD", &request.method).env("PATH_INFO", &request.path);
    command.env("QUERY_STRING", &request.query).env("CONTENT_LENGTH", request.body.len().to_string());
    let passed = [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "GIT_PROTOCOL"),
    ];
    for (header, variable) in passed {
        if let Some(value) = request.header(header) {
            command.env(variable, value);
        }
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || drop(stdin.write_all(&request.body)));
        child.wait_with_output().map(|output| output.stdout)
    })
}
