//! The whole product in a real browser: the server that `cargo xtask test` built, and Chromium through chromedriver.
//!
//! A test starts with [`Server::start`] and [`Page::open`] and speaks of what a user sees. Everything waits for a sign on the page, with
//! a bound; nothing sleeps and hopes.

mod page;
mod server;
pub mod watch;

pub use page::{Browser, Page};
pub use server::Server;
