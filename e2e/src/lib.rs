//! The whole product in a real browser: the server that `cargo xtask test` built, and Chromium through chromedriver.
//!
//! A test starts with [`Server::start`] and [`Page::open`] and speaks of what a user sees. Everything waits for a sign on the page, with
//! a bound; nothing sleeps and hopes.

mod breaks;
mod browser;
mod busy;
mod charts;
mod checks;
mod editor;
mod embed;
mod files;
mod form;
mod graph;
mod join;
mod moment;
mod native;
mod page;
mod result;
mod server;
mod text;
mod wait;

pub use browser::Browser;
pub use busy::MainThread;
pub use charts::Pointed;
pub use checks::{LOOKS, Look};
pub use files::FileServer;
pub use graph::GraphLook;
pub use moment::Moment;
pub use native::{judged_natively, simulated_natively};
pub use page::Page;
pub use result::Counts;
pub use server::Server;
pub use text::{ENDLESS, FRAMES, Text, WORDS};
pub use wait::{LOOK_EVERY, SIGN_WITHIN, until};
