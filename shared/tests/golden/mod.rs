//! Files in this folder say what comes of seeds, natively and in wasm.

/// Compares what was found with what a file here says; natively `MILLRACE_REWRITE=1` writes the file anew instead.
#[track_caller]
pub fn compare(file: &str, found: &str, known: &str) {
    #[cfg(not(target_arch = "wasm32"))]
    if rewrites() {
        return write(file, found);
    }
    assert_eq!(found, known, "{file}");
}

#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::disallowed_methods, reason = "whoever changes a trace on purpose says so in the environment")]
fn rewrites() -> bool {
    std::env::var("MILLRACE_REWRITE").is_ok()
}

#[cfg(not(target_arch = "wasm32"))]
#[allow(clippy::disallowed_methods, reason = "whoever changes a trace on purpose says so in the environment")]
fn write(file: &str, found: &str) {
    std::fs::write(format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR")), found).unwrap();
}
