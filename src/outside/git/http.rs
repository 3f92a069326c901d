//! HTTP for git: one client, one TLS stack, the repository's own headers.
//!
//! Never shows a header, and never the user part of a URL. Sends credentials to
//! the host they were configured for and nowhere else.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::blocking::{Client, Response};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};

const CONNECT: Duration = Duration::from_secs(30);
/// For a whole answer: a large pack on a slow line.
const ANSWER: Duration = Duration::from_mins(10);
const TRIES: u32 = 3;

/// A repository behind HTTP.
pub(super) struct Http {
    client: Client,
    url: Url,
    /// Where the first answer said the repository is, without a trailing slash.
    moved: OnceLock<String>,
    /// Set once the server has said that it speaks version 2: that lasts.
    pub(super) speaks_v2: OnceLock<()>,
    headers: HeaderMap,
}

/// Which of the two services of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    UploadPack,
    ReceivePack,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }
}

impl Http {
    /// `headers` are the values of `http.extraheader` that apply to `url`.
    pub(super) fn new(url: &str, extra: &[String]) -> Result<Self, String> {
        let mut url = Url::parse(url).map_err(|e| e.to_string())?;
        let mut headers = HeaderMap::new();
        if !url.username().is_empty() || url.password().is_some() {
            let user = percent_decoded(url.username());
            let password = percent_decoded(url.password().unwrap_or(""));
            let mut value =
                HeaderValue::from_str(&format!("Basic {}", base64(&format!("{user}:{password}"))))
                    .map_err(|_| "the user part of its URL cannot be sent".to_owned())?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
            // Both can only fail for URLs without a host, which have no user.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        for line in extra {
            let broken = || "http.extraheader in git's configuration is not `Name: value`".to_owned();
            let (name, value) = line.split_once(':').ok_or_else(broken)?;
            let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| broken())?;
            let mut value = HeaderValue::from_str(value.trim()).map_err(|_| broken())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(Self { client: client(&url)?, url, moved: OnceLock::new(), speaks_v2: OnceLock::new(), headers })
    }

    /// The URL without user and password.
    pub(super) fn shown(&self) -> String {
        self.url.to_string()
    }

    /// The service's greeting.
    pub(super) fn greeting(&self, service: Service, v2: Option<&str>) -> Result<Response, String> {
        let base = self.base();
        let url = format!("{base}/info/refs?service={}", service.name());
        let response = self.send(&Method::GET, &url, v2, (service, None))?;
        let wanted = format!("application/x-{}-advertisement", service.name());
        let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or("");
        if kind != wanted {
            return Err("it is not a git repository's smart HTTP address".into());
        }
        // A repository that was renamed answers from its new place; requests
        // with a body go there directly.
        let mut at = response.url().clone();
        at.set_query(None);
        let at = at.as_str().trim_end_matches("/info/refs").to_owned();
        let _ = self.moved.set(at);
        Ok(response)
    }

    /// One request with a body.
    pub(super) fn post(&self, service: Service, v2: Option<&str>, body: &[u8]) -> Result<Response, String> {
        let url = format!("{}/{}", self.base(), service.name());
        self.send(&Method::POST, &url, v2, (service, Some(body)))
    }

    fn base(&self) -> &str {
        self.moved.get().map_or_else(|| self.url.as_str().trim_end_matches('/'), String::as_str)
    }

    fn send(
        &self,
        method: &Method,
        url: &str,
        v2: Option<&str>,
        (service, body): (Service, Option<&[u8]>),
    ) -> Result<Response, String> {
        // A push is sent once: whether a lost one arrived is for the caller to
        // find out. Everything else changes nothing and is tried again.
        let tries = match (service, body) {
            (Service::ReceivePack, Some(_)) => 1,
            (Service::ReceivePack, None) | (Service::UploadPack, _) => TRIES,
        };
        let mut last = String::new();
        for attempt in 0..tries {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(300) * attempt * attempt);
            }
            let mut request = self.client.request(method.clone(), url).headers(self.headers.clone());
            if let Some(version) = v2 {
                request = request.header("git-protocol", version);
            }
            if let Some(body) = body {
                let name = service.name();
                request = request
                    .header("content-type", format!("application/x-{name}-request"))
                    .header("accept", format!("application/x-{name}-result"))
                    .body(body.to_vec());
            }
            match request.send() {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) if !response.status().is_server_error() => {
                    return Err(refused(response.status(), service));
                }
                Ok(response) => last = refused(response.status(), service),
                Err(e) => last = chain(&e.without_url()),
            }
        }
        Err(last)
    }
}

fn refused(status: StatusCode, service: Service) -> String {
    let advice = match (status.as_u16(), service) {
        (401 | 403 | 404, Service::UploadPack) => {
            "; give this repository's git configuration a token that may (actions/checkout with persist-credentials does)"
        }
        (401 | 403 | 404, Service::ReceivePack) => {
            "; give the job `contents: write`, and this repository's git configuration its token (actions/checkout with persist-credentials does)"
        }
        _ => "",
    };
    format!("it answered {status}{advice}")
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn client(url: &Url) -> Result<Client, String> {
    crate::outside::tls::install();
    let home = url.origin();
    let same_host = reqwest::redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > 5 {
            attempt.error("too many redirects")
        } else if attempt.url().origin() != home {
            attempt.error("it redirects to another host")
        } else if attempt.previous().first().is_some_and(|first| !first.path().ends_with("/info/refs")) {
            // A redirected POST would become a GET.
            attempt.stop()
        } else {
            attempt.follow()
        }
    });
    Client::builder()
        .user_agent(concat!("git/2 (luigi ", env!("CARGO_PKG_VERSION"), ")"))
        .redirect(same_host)
        .connect_timeout(CONNECT)
        .timeout(ANSWER)
        .build()
        .map_err(|e| chain(&e))
}

/// The values of `http.extraheader` and `http.<url>.extraheader` that apply to
/// this URL, in the configuration's order; an empty value forgets those before
/// it (git-config(1), `http.<url>.*`).
pub(super) fn extra_headers(config: &git2::Config, url: &str) -> Vec<String> {
    let mut headers = Vec::new();
    let Ok(target) = Url::parse(url) else { return headers };
    let Ok(entries) = config.entries(Some("^http\\..*extraheader$")) else { return headers };
    let _ = entries.for_each(|entry| {
        let (Ok(name), Ok(value)) = (entry.name(), entry.value()) else { return };
        let scope = name.strip_prefix("http.").and_then(|rest| rest.strip_suffix("extraheader"));
        let applies = match scope.map(|scope| scope.trim_end_matches('.')) {
            Some("") => true,
            Some(scope) => Url::parse(scope).is_ok_and(|scope| covers(&scope, &target)),
            None => false,
        };
        match (applies, value) {
            (false, _) => {}
            (true, "") => headers.clear(),
            (true, value) => headers.push(value.to_owned()),
        }
    });
    headers
}

fn covers(scope: &Url, target: &Url) -> bool {
    let path = scope.path().trim_end_matches('/');
    let rest = target.path().strip_prefix(path);
    scope.origin() == target.origin()
        && (scope.username().is_empty() || scope.username() == target.username())
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            Some(_) | None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |i: usize| u32::from(*chunk.get(i).unwrap_or(&0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize] as char;
            out.push(if i <= chunk.len() { digit } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_for_the_urls_they_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config");
        let text = "[http]\n extraheader = A: 1\n[http \"https://github.com/\"]\n extraheader = B: 2\n\
                    [http \"https://github.com/acme\"]\n extraheader = C: 3\n\
                    [http \"https://other.example\"]\n extraheader = D: 4\n";
        std::fs::write(&file, text).unwrap();
        let config = git2::Config::open(&file).unwrap();
        let of = |url| extra_headers(&config, url);
        assert_eq!(of("https://github.com/acme/platform"), ["A: 1", "B: 2", "C: 3"]);
        assert_eq!(of("https://github.com/acme2/platform"), ["A: 1", "B: 2"]);
        assert_eq!(of("https://github.com.evil.example/acme"), ["A: 1"]);
        assert_eq!(of("http://github.com/acme"), ["A: 1"], "another scheme is another place");
    }

    #[test]
    fn a_urls_user_becomes_a_header_and_is_not_shown() {
        let http = Http::new("https://me%40x:s%3Acret@github.com/acme/p", &[]).unwrap();
        assert_eq!(http.shown(), "https://github.com/acme/p");
        assert_eq!(http.headers[AUTHORIZATION], format!("Basic {}", base64("me@x:s:cret")));
        assert_eq!(["", "f", "fo", "foo"].map(base64), ["", "Zg==", "Zm8=", "Zm9v"]);
        assert!(!format!("{:?}", http.headers).contains("Basic"));
    }
}
