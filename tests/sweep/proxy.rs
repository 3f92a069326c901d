//! Between the program and the API server: plain HTTP on loopback here, HTTPS
//! there. Names each request, and strikes at one of them.
//!
//! A thread for each connection. What it has begun for a program that is dead
//! goes on, as a network would let it.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, Read as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use crate::fault::Blow;
use crate::key::{self, Kind};
use crate::support::http::{Request, read_request};
use crate::support::wait;
use crate::wire::{Answer, Head, Link, Target, begin_chunks, chunk};

/// How late a slow watch tells of a thing.
const SLOW: Duration = Duration::from_secs(3);
/// How long the server may take with what a dead program has asked it for.
const QUIET: Duration = Duration::from_secs(15);

/// What to do to which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strike {
    pub key: String,
    pub blow: Blow,
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub key: String,
    pub kind: Kind,
}

/// What one run of the program asked for.
#[derive(Debug, Clone, Default)]
pub struct Log {
    pub seen: Vec<Seen>,
    pub struck: bool,
    /// What went wrong here, and was not meant to.
    pub faults: Vec<String>,
}

#[derive(Default)]
struct Run {
    prefix: String,
    counts: BTreeMap<String, usize>,
    strike: Option<Strike>,
    victim: Option<u32>,
    /// Requests under way, watches aside.
    busy: usize,
    log: Log,
}

struct Shared {
    target: Target,
    run: Mutex<Run>,
    open: Mutex<BTreeMap<u64, Vec<TcpStream>>>,
    next: AtomicU64,
    stop: AtomicBool,
}

/// A running proxy; it stops when dropped.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// One that speaks to that server.
    pub fn start(target: Target) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            target,
            run: Mutex::default(),
            open: Mutex::default(),
            next: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.stop.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&served)) else { continue };
                std::thread::spawn(move || shared.connection(stream));
            }
        });
        Self { port, shared }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts the program; what it asks for from now on is one run's.
    pub fn spawn(&self, command: &mut Command, prefix: &str, strike: Option<&Strike>) -> Child {
        let mut run = self.shared.run();
        *run = Run { prefix: prefix.to_owned(), strike: strike.cloned(), ..Run::default() };
        let child = command.spawn().unwrap();
        run.victim = Some(child.id());
        child
    }

    /// The run's log, once the server has done with what it was asked for.
    pub fn finish(&self) -> Log {
        let start = Instant::now();
        while self.shared.run().busy > 0 && start.elapsed() < QUIET {
            wait::pause();
        }
        for (_, streams) in std::mem::take(&mut *lock(&self.shared.open)) {
            for stream in streams {
                let _ = stream.shutdown(std::net::Shutdown::Both);
            }
        }
        std::mem::take(&mut self.shared.run().log)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.finish();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends when it is dropped.
struct Busy<'s>(&'s Shared);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut run = self.0.run();
        run.busy = run.busy.saturating_sub(1);
    }
}

impl Shared {
    fn run(&self) -> MutexGuard<'_, Run> {
        lock(&self.run)
    }

    fn connection(&self, client: TcpStream) {
        let id = self.next.fetch_add(1, Ordering::SeqCst);
        let _ = client.set_nodelay(true);
        if let Ok(handle) = client.try_clone() {
            lock(&self.open).entry(id).or_default().push(handle);
        }
        let _ = self.serve(id, client);
        lock(&self.open).remove(&id);
    }

    fn serve(&self, id: u64, client: TcpStream) -> io::Result<()> {
        let mut link = None;
        while let Some(request) = read_request(&client)? {
            let (kind, blow) = self.take(&request);
            let busy = (kind != Kind::Watch).then(|| Busy(self));
            match blow {
                None if kind == Kind::Watch => return self.watch(id, &client, &request, None),
                None => self.whole(id, &mut link, &request)?.send(&client)?,
                Some(Blow::GoneEvent | Blow::EventDropped | Blow::WatchSlow) => {
                    return self.watch(id, &client, &request, blow);
                }
                Some(Blow::KillBefore) => {
                    self.kill();
                    return Ok(());
                }
                Some(Blow::ResetBefore) => return self.reset(id, client),
                Some(blow @ (Blow::KillAfter | Blow::ResetAfter | Blow::Timeout)) => {
                    if kind != Kind::Watch {
                        self.whole(id, &mut link, &request)?;
                    }
                    drop(busy);
                    match blow {
                        Blow::KillAfter => self.kill(),
                        Blow::ResetAfter => return self.reset(id, client),
                        // Until the program hangs up.
                        _ => drop((&client).read(&mut [0])?),
                    }
                    return Ok(());
                }
                Some(other) => match other.answer(&request.method) {
                    Some(answer) => answer.send(&client)?,
                    None => return Ok(()),
                },
            }
        }
        Ok(())
    }

    /// Names a request, and says what is to happen to it.
    fn take(&self, request: &Request) -> (Kind, Option<Blow>) {
        let mut run = self.run();
        let kind = key::kind(request);
        let name = key::name(request, &run.prefix);
        let count = run.counts.entry(name.clone()).or_default();
        *count += 1;
        let key = format!("{name} #{count}");
        if kind != Kind::Watch {
            run.busy += 1;
        }
        let hit = run.strike.as_ref().filter(|strike| strike.key == key).map(|strike| strike.blow);
        run.log.struck |= hit.is_some();
        run.log.seen.push(Seen { key, kind });
        (kind, hit)
    }

    fn kill(&self) {
        let victim = self.run().victim.and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = victim.and_then(rustix::process::Pid::from_raw) {
            // The child is not waited for before that: the number is still its own.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }

    /// Closes so that the other side hears of a reset.
    fn reset(&self, id: u64, client: TcpStream) -> io::Result<()> {
        lock(&self.open).remove(&id);
        rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO))?;
        drop(client);
        Ok(())
    }

    fn connect(&self, id: u64) -> io::Result<Link> {
        let (link, handle) = self.target.connect().inspect_err(|error| self.fault("connect", error))?;
        lock(&self.open).entry(id).or_default().push(handle);
        Ok(link)
    }

    fn fault(&self, what: &str, error: &io::Error) {
        self.run().log.faults.push(format!("{what}: {error}"));
    }

    fn whole(&self, id: u64, link: &mut Option<Link>, request: &Request) -> io::Result<Answer> {
        let used = link.is_some();
        let mut now = match link.take() {
            Some(link) => link,
            None => self.connect(id)?,
        };
        let answer = now.ask(&self.target, request).and_then(|head| now.whole(head));
        let answer = match answer {
            // An old connection that the server has given up.
            Err(error) if used && error.kind() == io::ErrorKind::UnexpectedEof => {
                now = self.connect(id)?;
                now.ask(&self.target, request).and_then(|head| now.whole(head))
            }
            other => other,
        };
        let answer = answer.inspect_err(|error| self.fault("ask", error))?;
        *link = Some(now);
        Ok(answer)
    }

    /// Passes a watch on, one line at a time. A connection serves one watch.
    fn watch(&self, id: u64, client: &TcpStream, request: &Request, blow: Option<Blow>) -> io::Result<()> {
        let mut link = self.connect(id)?;
        let head: Head = link.ask(&self.target, request)?;
        if head.status != 200 {
            return link.whole(head)?.send(client);
        }
        begin_chunks(&head, client)?;
        if blow == Some(Blow::GoneEvent) {
            let status = Answer::status(410, "Expired", "too old resource version");
            let event =
                format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", String::from_utf8_lossy(&status.body));
            chunk(event.as_bytes(), client)?;
            return chunk(b"", client);
        }
        let mut lines = link.lines(&head);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            match blow {
                Some(Blow::EventDropped) => {}
                Some(Blow::WatchSlow) => {
                    later();
                    chunk(&line, client)?;
                }
                _ => chunk(&line, client)?,
            }
            line.clear();
        }
        chunk(b"", client)
    }
}

/// The time that a slow watch takes.
fn later() {
    let (_open, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(SLOW);
}
