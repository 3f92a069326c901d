//! For tests: an HTTP server on the loopback that answers as it is told, and
//! remembers what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// One request: its target, and its `Authorization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub target: String,
    pub bearer: String,
}

/// What the server does with one request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Status, further headers, body.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// It says nothing, and keeps the connection until the server ends.
    Silence,
    /// It hangs up.
    HangUp,
}

impl Answer {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Whole(200, Vec::new(), body.into())
    }
    pub fn status(status: u16) -> Self {
        Self::Whole(status, Vec::new(), b"{}".to_vec())
    }
}

type Script = Box<dyn Fn(&Asked, usize) -> Answer + Send>;

/// A server; it ends when it is dropped.
pub struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// `script` gets each request, and how many there were before it.
    pub fn start(script: impl Fn(&Asked, usize) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let seen: Arc<Mutex<Vec<Asked>>> = Arc::clone(&asked);
        let (script, ends): (Script, _) = (Box::new(script), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                open.extend(stream.ok().and_then(|stream| serve(stream, &script, &seen)));
            }
        });
        Self { address, asked, over, thread: Some(thread) }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes it up.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Answers one request; gives the connection back where it is to stay open.
fn serve(mut stream: TcpStream, script: &Script, seen: &Mutex<Vec<Asked>>) -> Option<TcpStream> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let target = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut bearer = String::new();
    for line in lines {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        if let Some(("authorization", value)) = line.split_once(": ") {
            value.clone_into(&mut bearer);
        }
    }
    let asked = Asked { target, bearer };
    let before = {
        let mut seen = seen.lock().unwrap();
        seen.push(asked.clone());
        seen.len() - 1
    };
    match script(&asked, before) {
        Answer::Whole(status, headers, body) => {
            let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let head =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            // The other side may have hung up: that is its good right.
            let _ = stream.write_all(format!("{head}{more}\r\n").as_bytes());
            let _ = stream.write_all(&body);
            None
        }
        Answer::Silence => Some(stream),
        Answer::HangUp => None,
    }
}
