//! The page is embedded, so the binary is made anew when the page is.

fn main() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/dist");
    // Cargo takes a path that is missing for one that has changed, so a missing folder is watched through its parent's list.
    if std::path::Path::new(page).exists() {
        println!("cargo:rerun-if-changed=../target/dist");
    } else {
        println!("cargo:rerun-if-changed=build.rs");
    }
}
