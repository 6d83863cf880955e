//! An access log in Apache's combined format, of the same visitors as the click log has.

use std::io::Write;

use super::clicks::{Click, Clicks};
use crate::expr::moment_parts;
use crate::rng::Rng;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (compatible; ExampleBot/2.1; +https://example.org/bot)",
    "curl/8.5.0",
];

/// Visitors, each with an address of its own.
const VISITORS: u32 = 5_000;

/// Lines, one after the other.
pub(super) struct WebLog {
    clicks: Clicks,
    random: Rng,
}

impl WebLog {
    pub fn new(seed: u64) -> WebLog {
        // Drawn apart, so that the visits are those of the click log.
        WebLog { clicks: Clicks::new(seed, VISITORS, 0), random: Rng::new(seed ^ 0x5745_424c_4f47) }
    }

    pub fn line(&mut self, text: &mut Vec<u8>) {
        let Click { at, user, page } = self.clicks.click();
        let ((year, month, day), (hour, minute, second)) = moment_parts(at);
        let month = MONTHS[(month as usize).saturating_sub(1) % 12];
        let (method, status) = self.request(page);
        let bytes = if status == 304 { 0 } else { 200 + self.random.below(20_000) };
        let address = format!("10.{}.{}.{}", user >> 16 & 0xff, user >> 8 & 0xff, user & 0xff);
        let referrer = if self.random.below(3) == 0 { "https://example.org/" } else { "-" };
        let agent = AGENTS[(user % AGENTS.len() as u64) as usize];
        // A vector takes everything.
        let _ = writeln!(
            text,
            "{address} - - [{day:02}/{month}/{year}:{hour:02}:{minute:02}:{second:02} +0000] \"{method} {page} HTTP/1.1\" \
             {status} {bytes} \"{referrer}\" \"{agent}\""
        );
    }

    fn request(&mut self, page: &str) -> (&'static str, u16) {
        let method = if page == "/checkout" && self.random.below(2) == 0 { "POST" } else { "GET" };
        let status = match self.random.below(100) {
            0..=1 => 500,
            2..=5 => 404,
            6..=9 => 302,
            10..=19 => 304,
            _ => 200,
        };
        (method, status)
    }
}
