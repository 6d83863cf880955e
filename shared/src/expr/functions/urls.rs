//! Parts of URLs (RFC 3986 §3).

use arrow_array::ArrayRef;

use super::Kind::Utf8;
use super::call::{Call, Failure};
use super::{Fixed, Function, Run, line};

pub(super) static URLS: &[Function] = &[
    line(
        "url_host",
        Fixed(&[Utf8]),
        Utf8,
        Run::Strict(host),
        "The host of a URL, in lower case, without user and port; null if it has none. A function of Millrace's own.",
        ("url_host('https://me@Example.org:8080/a?b')", "'example.org'"),
    ),
    line(
        "url_path",
        Fixed(&[Utf8]),
        Utf8,
        Run::Strict(path),
        "The path of a URL or of a request, without query and fragment. A function of Millrace's own.",
        ("url_path('https://example.org/a/b?c#d')", "'/a/b'"),
    ),
];

fn host(call: &Call<'_>) -> Result<ArrayRef, Failure> {
    let texts = call.texts(0);
    call.write_texts(|row, out| {
        let Some((authority, _)) = parts(texts.at(row)) else { return Ok(false) };
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let host = match host.strip_prefix('[') {
            // An IPv6 address has colons of its own.
            Some(address) => address.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        out.push_str(host);
        out.make_ascii_lowercase();
        Ok(!host.is_empty())
    })
}

fn path(call: &Call<'_>) -> Result<ArrayRef, Failure> {
    let texts = call.texts(0);
    call.write_parts(|row| {
        let text = texts.at(row);
        let rest = parts(text).map_or(text, |(_, rest)| rest);
        Some(rest.split(['?', '#']).next().unwrap_or_default())
    })
}

/// The authority and what follows it, of `scheme://authority…` and `//authority…`.
fn parts(url: &str) -> Option<(&str, &str)> {
    let rest = match url.strip_prefix("//") {
        Some(rest) => rest,
        None => {
            let (scheme, rest) = url.split_once("://")?;
            let starts = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
            let sound = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
            (starts && sound).then_some(rest)?
        }
    };
    Some(rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())))
}
