//! HTTP/1.1 towards the API server, as a relay needs it: requests as they came,
//! answers as they are, watches line by line.
//!
//! One request at a time on a link; trusts one authority.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::http::Request;

/// Headers that belong to one hop.
const HOP: [&str; 6] = ["connection", "host", "keep-alive", "transfer-encoding", "content-length", "te"];

/// Where the API server is, and whom it is believed by.
#[derive(Clone)]
pub struct Target {
    address: String,
    config: Arc<ClientConfig>,
}

/// A connection to it.
pub struct Link {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

/// How an answer begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    length: Length,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Known(u64),
    Chunked,
    ToTheEnd,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Target {
    /// The server at an `https://` URL.
    pub fn new(url: &str, authority: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        Self { address: url.strip_prefix("https://").unwrap().to_owned(), config: Arc::new(config) }
    }

    /// A new connection, and a handle that can shut it.
    pub fn connect(&self) -> io::Result<(Link, TcpStream)> {
        let socket = TcpStream::connect(&self.address)?;
        socket.set_nodelay(true)?;
        let handle = socket.try_clone()?;
        let host = self.address.rsplit_once(':').map_or(self.address.as_str(), |(host, _)| host).to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let session = ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        Ok((Link { stream: BufReader::new(StreamOwned::new(session, socket)) }, handle))
    }

    fn host(&self) -> &str {
        &self.address
    }
}

impl Link {
    /// Sends a request and reads the head of its answer.
    pub fn ask(&mut self, target: &Target, request: &Request) -> io::Result<Head> {
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        let mut text =
            format!("{} {}{query} HTTP/1.1\r\nhost: {}\r\n", request.method, request.path, target.host());
        for (name, value) in request.headers.iter().filter(|(name, _)| !HOP.contains(&name.as_str())) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
        let out = self.stream.get_mut();
        out.write_all(text.as_bytes())?;
        out.write_all(&request.body)?;
        out.flush()?;
        self.head()
    }

    fn head(&mut self) -> io::Result<Head> {
        let first = line(&mut self.stream)?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status line: {first:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = line(&mut self.stream)?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let of = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let length = match (of("transfer-encoding"), of("content-length")) {
            (Some("chunked"), _) => Length::Chunked,
            (_, Some(size)) => Length::Known(size.parse().map_err(io::Error::other)?),
            (_, None) => Length::ToTheEnd,
        };
        headers.retain(|(name, _)| !HOP.contains(&name.as_str()));
        Ok(Head { status, headers, length })
    }

    /// The rest of an answer.
    pub fn whole(&mut self, head: Head) -> io::Result<Answer> {
        let mut body = Vec::new();
        self.body(head.length).read_to_end(&mut body)?;
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// An answer line by line, as the server sends it.
    pub fn lines(&mut self, head: &Head) -> impl BufRead {
        BufReader::new(self.body(head.length))
    }

    fn body(&mut self, length: Length) -> Body<'_> {
        let left = match length {
            Length::Known(size) => size,
            Length::Chunked => 0,
            Length::ToTheEnd => u64::MAX,
        };
        Body { from: &mut self.stream, length, left, done: left == 0 && length != Length::Chunked }
    }
}

struct Body<'l> {
    from: &'l mut BufReader<StreamOwned<ClientConnection, TcpStream>>,
    length: Length,
    /// Of the body, or of the chunk.
    left: u64,
    done: bool,
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.length == Length::Chunked && self.left == 0 && !self.done {
            let size = line(self.from)?;
            let size = size.split(';').next().unwrap_or("").trim();
            self.left = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
            if self.left == 0 {
                line(self.from)?;
                self.done = true;
            }
        }
        if self.done {
            return Ok(0);
        }
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = match self.from.read(&mut into[..most]) {
            // Closed without a word of goodbye.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && self.length == Length::ToTheEnd => {
                0
            }
            other => other?,
        };
        if read == 0 && self.length != Length::ToTheEnd {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        if self.left == 0 {
            match self.length {
                Length::Chunked => drop(line(self.from)?),
                Length::Known(_) | Length::ToTheEnd => self.done = true,
            }
        }
        Ok(read)
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

impl Answer {
    /// A Kubernetes `Status` that says no.
    pub fn status(code: u16, reason: &str, message: &str) -> Self {
        let body = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        Self {
            status: code,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.to_string().into_bytes(),
        }
    }

    /// Sends it.
    pub fn send(&self, mut to: impl Write) -> io::Result<()> {
        let mut out = start(self.status, &self.headers);
        out.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        to.write_all(&[out.as_bytes(), &self.body].concat())
    }
}

/// Begins an answer whose length is not known.
pub fn begin_chunks(head: &Head, mut to: impl Write) -> io::Result<()> {
    let out = start(head.status, &head.headers) + "transfer-encoding: chunked\r\n\r\n";
    to.write_all(out.as_bytes())
}

/// A piece of it; an empty one ends it.
pub fn chunk(bytes: &[u8], mut to: impl Write) -> io::Result<()> {
    to.write_all(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat())
}

fn start(status: u16, headers: &[(String, String)]) -> String {
    let mut out = format!("HTTP/1.1 {status} x\r\n");
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out
}
