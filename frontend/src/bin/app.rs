//! The page's main bundle.

fn main() {
    frontend::start();
}
