//! The page: files of `target/dist`, embedded in a release build and read from there in a debug build.
//!
//! A file whose name holds a hash of its content never changes and is kept by browsers for a year; any other is asked for again
//! each time, and answered 304 if it is the same. Where a compressed sibling (`.br`, `.gz`) lies beside a file, a client that
//! takes it gets it.

use std::borrow::Cow;

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderValue, IF_NONE_MATCH, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rust_embed::{EmbeddedFile, RustEmbed};
use sha2::{Digest, Sha256};
use shared::experiment::{dataset_file, dataset_names};

#[derive(RustEmbed)]
#[folder = "../target/dist"]
#[allow_missing = true]
struct Page;

const INDEX: &str = "index.html";
/// The only document that pages of others may frame. It speaks to no server, so nobody can be made to click on this one unawares.
const EMBEDDED: &str = "embed.html";
const DATASETS: &str = "data/";

/// Answers a request for a file of the page. A name without an extension is a place within the page, so it gets the page; what lies
/// deeper does not, because the page's own addresses are relative to its folder.
pub async fn serve(request: HttpRequest) -> HttpResponse {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.");
    }
    let path = request.path().trim_start_matches('/');
    if path.starts_with("api/") {
        return plain(StatusCode::NOT_FOUND, "There is nothing here. `/api/health` says whether the server is well.");
    }
    let is_place = !path.contains(['/', '.']);
    let name = if is_place { INDEX } else { path };
    match Page::get(name) {
        Some(file) => send(&request, name, file),
        None if name == INDEX => plain(
            StatusCode::NOT_FOUND,
            "The page isn't built. Run `cargo xtask play`, which builds it and starts the server. \
             The server itself is well: see /api/health.",
        ),
        None => plain(StatusCode::NOT_FOUND, "There is no such file."),
    }
}

/// A text or table that comes with the page.
pub fn dataset(name: &str) -> Option<Vec<u8>> {
    Page::get(&format!("{DATASETS}{}", dataset_file(name)?)).map(|file| file.data.into_owned())
}

/// The names of those that are here.
pub fn datasets() -> Vec<String> {
    let here = |name: &&str| dataset_file(name).is_some_and(|file| Page::get(&format!("{DATASETS}{file}")).is_some());
    dataset_names().filter(here).map(str::to_owned).collect()
}

/// The build that the page bears, so that a page of another build can be told; `dev` for one that bears none.
pub fn build_id() -> String {
    let page = Page::get(INDEX).map(|file| String::from_utf8_lossy(&file.data).into_owned()).unwrap_or_default();
    let named = page.split("name=\"build\"").nth(1).and_then(|rest| rest.split_once("content=\"")?.1.split('"').next());
    match named {
        Some(build) if !build.is_empty() && !build.starts_with("__") => build.to_owned(),
        _ => "dev".to_owned(),
    }
}

fn plain(status: StatusCode, sentence: &'static str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(sentence)
}

fn send(request: &HttpRequest, name: &str, file: EmbeddedFile) -> HttpResponse {
    let policy = name.ends_with(".html").then(|| content_policy(&String::from_utf8_lossy(&file.data), name == EMBEDDED));
    let (encoding, siblings, file) = smallest(request, name, file);
    let hash = file.metadata.sha256_hash().iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    let tag = format!("\"{hash}\"");
    let mut response = HttpResponse::Ok();
    response.content_type(mime(name)).insert_header((ETAG, tag.clone()));
    if is_hashed(name) {
        response.insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"));
    } else {
        response.insert_header((CACHE_CONTROL, "no-cache"));
    }
    if siblings {
        response.insert_header((VARY, "Accept-Encoding"));
    }
    if let Some(policy) = policy {
        response.insert_header((CONTENT_SECURITY_POLICY, policy));
    }
    let known = request.headers().get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    if known.is_some_and(|tags| tags.split(',').any(|known| known.trim().trim_start_matches("W/") == tag)) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    if let Some(encoding) = encoding {
        response.insert_header((CONTENT_ENCODING, encoding));
    }
    match file.data {
        Cow::Borrowed(bytes) => response.body(bytes),
        Cow::Owned(bytes) => response.body(bytes),
    }
}

/// The best of a file and its compressed siblings that the client takes, and whether there are any.
fn smallest(request: &HttpRequest, name: &str, file: EmbeddedFile) -> (Option<HeaderValue>, bool, EmbeddedFile) {
    let accepted = request.headers().get(ACCEPT_ENCODING).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let takes = |coding: &str| {
        accepted.split(',').any(|part| {
            let mut part = part.split(';').map(str::trim);
            part.next() == Some(coding) && !part.any(|weight| weight.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0)))
        })
    };
    let mut siblings = false;
    for (coding, extension) in [("br", "br"), ("gzip", "gz")] {
        if let Some(sibling) = Page::get(&format!("{name}.{extension}")) {
            siblings = true;
            if takes(coding) {
                return (Some(HeaderValue::from_static(coding)), true, sibling);
            }
        }
    }
    (None, siblings, file)
}

/// What the page may load: itself. Its inline scripts are named by their hashes; WebAssembly may be compiled. Who may frame it: nobody, or
/// everybody, a document on somebody's disk too, which no list of ancestors could name.
fn content_policy(html: &str, may_be_framed: bool) -> String {
    let ancestors = if may_be_framed { "" } else { "; frame-ancestors 'none'" };
    let mut scripts = String::from("'self' 'wasm-unsafe-eval'");
    for hash in inline_scripts(html) {
        scripts.push_str(&format!(" 'sha256-{hash}'"));
    }
    format!(
        "default-src 'self'; script-src {scripts}; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; \
         img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'self'; \
         form-action 'none'{ancestors}"
    )
}

/// The hash of each script that stands in the page itself.
fn inline_scripts(html: &str) -> Vec<String> {
    let mut hashes = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find("<script") {
        rest = &rest[start..];
        let Some(head) = rest.find('>') else { break };
        let Some(end) = rest.find("</script>") else { break };
        if head < end && !rest[..head].contains(" src=") {
            hashes.push(BASE64.encode(Sha256::digest(&rest.as_bytes()[head + 1..end])));
        }
        rest = &rest[end..];
    }
    hashes
}

/// Whether a name bears a hash of its content as trunk writes it: `app-0123456789abcdef.js`, `app-0123456789abcdef_bg.wasm`.
fn is_hashed(name: &str) -> bool {
    const DIGITS_MIN: usize = 8;
    let file = name.rsplit('/').next().unwrap_or(name);
    file.split('-').skip(1).any(|part| {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        let after = &part[digits..];
        digits >= DIGITS_MIN && (after.starts_with('.') || after.starts_with("_bg."))
    })
}

fn mime(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some("csv") => "text/csv; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("yaml" | "yml") => "text/yaml; charset=utf-8",
        Some("br") => "application/x-brotli",
        Some("gz") => "application/gzip",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_hash_of_their_content_are_told_from_others() {
        for name in [
            "app-0123456789abcdef.js",
            "app-0123456789abcdef_bg.wasm",
            "style-deadbeef01234567.css",
            "a/b-0011223344556677.svg",
        ] {
            assert!(is_hashed(name), "{name}");
        }
        for name in
            ["index.html", "engine.js", "sw.js", "data/glosses.txt", "engine-loader.js", "inter-latin-400.woff2", "a-beef.js"]
        {
            assert!(!is_hashed(name), "{name}");
        }
    }

    #[test]
    fn only_the_embedded_form_may_be_framed() {
        assert!(content_policy("", false).contains("; frame-ancestors 'none'"));
        assert!(!content_policy("", true).contains("frame-ancestors"));
        assert!(content_policy("", true).contains("connect-src 'self'; object-src 'none'"));
    }

    #[test]
    fn scripts_in_the_page_are_named_by_their_hash() {
        let html = "<script type=\"module\">alert(1)</script><script src=\"/a.js\"></script>";
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        assert_eq!(inline_scripts(html), ["bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI="]);
    }
}
