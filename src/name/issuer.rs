//! An issuer's URL, compared letter by letter, as OpenID Connect wants it
//! (Discovery 1.0, section 4.3).
//!
//! Changes nothing on the way: `https://x/` and `https://x` are two issuers.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{NameError, err};

/// The most bytes of an issuer's URL.
const MOST: usize = 255;

/// A token issuer: `https`, a host in lower case, perhaps a port and a path; no
/// user, query, fragment, `..`, escape or doubled slash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IssuerUrl(String);
text_name!(IssuerUrl);

impl IssuerUrl {
    /// Reads an issuer's URL.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.strip_prefix("https://") {
            Some(rest) => Self::checked(text, rest, &is_host),
            None => err("an issuer's URL begins with https://"),
        }
    }

    /// Reads the URL of an issuer on this machine's loopback, which may speak
    /// plain HTTP. For tests: nothing that users write comes here.
    pub fn parse_loopback(text: &str) -> Result<Self, NameError> {
        match text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) {
            Some(rest) => Self::checked(text, rest, &is_loopback),
            None => err("an issuer's URL has a scheme"),
        }
    }

    fn checked(text: &str, rest: &str, good_host: &dyn Fn(&str) -> bool) -> Result<Self, NameError> {
        if text.len() > MOST {
            return err(format!("an issuer's URL has at most {MOST} characters, this has {}", text.len()));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_port(authority);
        if !good_host(host) || !port.is_none_or(is_port) {
            return err("an issuer's URL has a host in lower case, perhaps a port, and no user");
        }
        let clean = path.strip_prefix('/').unwrap_or(path);
        let clean = clean.strip_suffix('/').unwrap_or(clean);
        if path.len() > 1 && !clean.split('/').all(is_segment) {
            return err("an issuer's URL has a plain path, and neither query nor fragment");
        }
        Ok(Self(text.to_owned()))
    }

    /// Its host, without a port.
    pub fn host(&self) -> &str {
        split_port(self.authority()).0
    }

    /// Its host and port.
    pub fn authority(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        &rest[..rest.find('/').unwrap_or(rest.len())]
    }

    /// Where its metadata is (Discovery 1.0, section 4).
    pub fn metadata(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.0.trim_end_matches('/'))
    }

    /// The same for people and ids: what is always so is left out.
    pub fn short(&self) -> &str {
        self.0.strip_prefix("https://").unwrap_or(&self.0).trim_end_matches('/')
    }
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    // An IPv6 address has colons of its own, and stands in brackets.
    let after = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[after..].find(':') {
        Some(at) => (&authority[..after + at], Some(&authority[after + at + 1..])),
        None => (authority, None),
    }
}

fn is_port(port: &str) -> bool {
    (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit())
}

fn is_host(host: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    host.split('.').all(|label| !label.is_empty() && label.bytes().all(good))
}

fn is_loopback(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "[::1]" | "localhost")
}

fn is_segment(segment: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
    !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_real_issuers_are_taken_as_they_are() {
        let good = [
            ("https://token.actions.githubusercontent.com", "token.actions.githubusercontent.com"),
            ("https://token.actions.githubusercontent.com/acme", "token.actions.githubusercontent.com"),
            ("https://ghes.acme.example:8443/_services/token", "ghes.acme.example"),
            ("https://acme.auth0.example/", "acme.auth0.example"),
            ("https://oidc.circleci.com/org/8b45d2ff-0a3f-4b58-9a1c-000000000000", "oidc.circleci.com"),
            ("https://keycloak.example/realms/x~1", "keycloak.example"),
        ];
        for (text, host) in good {
            let url = IssuerUrl::parse(text).unwrap();
            assert_eq!((url.as_str(), url.host()), (text, host));
        }
        let auth0 = IssuerUrl::parse("https://acme.auth0.example/").unwrap();
        assert_eq!(auth0.metadata(), "https://acme.auth0.example/.well-known/openid-configuration");
        assert_eq!(auth0.short(), "acme.auth0.example");
        let ghes = IssuerUrl::parse("https://ghes.acme.example:8443/_services/token").unwrap();
        assert_eq!(ghes.authority(), "ghes.acme.example:8443");
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("https://x.example/{}", "a".repeat(MOST));
        let bad = [
            "",
            "https://",
            "http://x.example",
            "HTTPS://x.example",
            "https://X.example",
            "https://x..example",
            "https://user@x.example",
            "https://x.example:",
            "https://x.example:80a",
            "https://x.example:123456",
            "https://x.example?a=b",
            "https://x.example/a?b",
            "https://x.example/a#b",
            "https://x.example/../a",
            "https://x.example/a/..",
            "https://x.example//a",
            "https://x.example/a//",
            "https://x.example/%2e%2e",
            "https://x.example/a b",
            "https://x.example/ä",
            "https://[::1]/",
            "x.example",
            &long,
        ];
        for text in bad {
            assert!(IssuerUrl::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn plain_http_is_for_the_loopback_alone() {
        for text in ["http://127.0.0.1:8080", "http://[::1]:1/x", "http://localhost", "https://127.0.0.1:1"] {
            assert!(IssuerUrl::parse_loopback(text).is_ok(), "{text}");
            assert!(text.starts_with("https") || IssuerUrl::parse(text).is_err(), "{text}");
        }
        let bad = [
            "http://x.example",
            "http://127.0.0.1.x.example",
            "http://127.0.0.1@x.example",
            "ftp://localhost",
        ];
        for text in bad {
            assert!(IssuerUrl::parse_loopback(text).is_err(), "{text}");
        }
        assert_eq!(IssuerUrl::parse_loopback("http://[::1]:1/x").unwrap().host(), "[::1]");
    }
}
