//! The job's own token, asked for per audience just before it is used.
//!
//! Keeps none: it lives for five minutes, and a server may take it only once.

use std::time::Duration;

use reqwest::Url;
use secrecy::zeroize::Zeroize;
use serde_json::Value;

use super::{IssuerError, Web};
use crate::identity::{MOST_BYTES, Secret, strict_object};

/// The variable that says where to ask.
pub const REQUEST_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
/// The variable that holds the right to ask.
pub const REQUEST_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// For people, of whatever is fetched here.
const WHAT: &str = "the job's identity token";

/// Where a job gets its tokens.
#[derive(Debug)]
pub struct JobTokens {
    web: Web,
    url: Url,
    request_token: Secret,
}

impl JobTokens {
    /// From the values of the two variables; an empty one counts as absent.
    pub fn new(web: Web, url: &str, request_token: Secret) -> Result<Self, IssuerError> {
        if url.is_empty() {
            return Err(IssuerError::NoRequest(REQUEST_URL));
        }
        if request_token.expose().is_empty() {
            return Err(IssuerError::NoRequest(REQUEST_TOKEN));
        }
        let unreadable =
            |why: &str| IssuerError::Answer { what: REQUEST_URL.to_owned(), why: why.to_owned() };
        let url = Url::parse(url).map_err(|_| unreadable("it is no URL"))?;
        if url.query_pairs().any(|(name, _)| name == "audience") {
            return Err(unreadable("it names an audience already"));
        }
        Ok(Self { web, url, request_token })
    }

    /// A token for that audience alone. It is not verified yet. `mask` sees it
    /// before anybody else does.
    pub async fn fetch(
        &self,
        audience: &str,
        within: Duration,
        mask: impl FnOnce(&Secret),
    ) -> Result<Secret, IssuerError> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("audience", audience);
        let deadline = tokio::time::Instant::now() + within;
        // The answer is the token and a few bytes of JSON.
        let most = 2 * MOST_BYTES;
        let body = self.web.get(url.as_str(), WHAT, Some(&self.request_token), most, deadline).await?;
        let unreadable = |why: String| IssuerError::Answer { what: WHAT.to_owned(), why };
        let mut answer = strict_object(&body).map_err(unreadable)?;
        match answer.remove("value") {
            Some(Value::String(text)) if is_token(&text) => {
                let token = Secret::new(text);
                mask(&token);
                Ok(token)
            }
            Some(Value::String(mut text)) => {
                text.zeroize();
                Err(unreadable("its `value` is no token".to_owned()))
            }
            _ => Err(unreadable("it has no `value`".to_owned())),
        }
    }
}

/// Whether it can be masked, sent and verified: one line of visible characters.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.len() <= MOST_BYTES && text.bytes().all(|b| b.is_ascii_graphic())
}
