//! The page is embedded, so the binary is made anew when the page is. While there is no page, cargo takes the missing path for one
//! that has changed and looks again at every build.

fn main() {
    println!("cargo:rerun-if-changed=../target/dist");
}
