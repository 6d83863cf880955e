//! Who may speak to this server: pages that it served itself, and programs that are no browser.
//!
//! A browser names the page that makes a request (`Origin`). Another site's page must not reach a session or an upload here, so
//! its origin must be this host. And a server on a loopback address is for this machine: a foreign name that was pointed at
//! 127.0.0.1 (DNS rebinding) is not answered.

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderMap, HeaderName, ORIGIN};

/// Why a request is refused, in a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("this server listens for its own machine only: open it as `localhost` or `127.0.0.1`, not as `{0}`")]
    ForeignName(String),
    #[error("the page of `{origin}` may not use the server at `{host}`: open the page from that server")]
    ForeignOrigin { origin: String, host: String },
}

/// Whether a request may use sessions and uploads. `on_loopback`: the server listens on a loopback address.
pub fn check(request: &HttpRequest, on_loopback: bool) -> Result<(), Refusal> {
    check_headers(request.headers(), on_loopback)
}

fn check_headers(headers: &HeaderMap, on_loopback: bool) -> Result<(), Refusal> {
    let text = |name: HeaderName| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let host = text(HOST).unwrap_or_default();
    let name = host_name(&host).trim_start_matches('[').trim_end_matches(']');
    if on_loopback && !["localhost", "127.0.0.1", "::1"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return Err(Refusal::ForeignName(host));
    }
    let Some(origin) = text(ORIGIN) else { return Ok(()) };
    match origin.split_once("://") {
        Some((scheme, authority)) if same_host(scheme, authority, &host) => Ok(()),
        _ => Err(Refusal::ForeignOrigin { origin, host }),
    }
}

/// A browser leaves out the port that its scheme implies.
fn same_host(scheme: &str, authority: &str, host: &str) -> bool {
    let implied = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let plain = |text: &str| text.strip_suffix(implied).unwrap_or(text).to_ascii_lowercase();
    plain(authority) == plain(host)
}

fn host_name(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn allowed(origin: Option<&str>, host: &str, on_loopback: bool) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        check_headers(&headers, on_loopback).is_ok()
    }

    #[test]
    fn only_pages_of_this_host_and_programs_without_an_origin_are_let_in() {
        for (origin, host) in [
            (None, "localhost:8080"),
            (None, "[::1]:8080"),
            (Some("http://localhost:8080"), "localhost:8080"),
            (Some("http://127.0.0.1:8080"), "127.0.0.1:8080"),
            (Some("http://LOCALHOST"), "localhost:80"),
            (Some("https://[::1]"), "[::1]"),
        ] {
            assert!(allowed(origin, host, true), "{origin:?} at {host}");
        }
        for (origin, host) in [
            (Some("http://localhost:8081"), "localhost:8080"),
            (Some("http://evil.example"), "localhost:8080"),
            (Some("null"), "localhost:8080"),
            (Some("file://"), "localhost:8080"),
            (Some("http://localhost:8080.evil.example"), "localhost:8080"),
            (None, "evil.example:8080"),
            (Some("http://evil.example:8080"), "evil.example:8080"),
            (None, "localhost.evil.example"),
            (None, ""),
        ] {
            assert!(!allowed(origin, host, true), "{origin:?} at {host}");
        }
        assert!(allowed(Some("https://mill.example"), "mill.example", false));
        assert!(!allowed(Some("https://other.example"), "mill.example", false));
    }
}
