//! Chromium and the driver that steers it, and what the system says of their processes.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use thirtyfour::prelude::*;

use crate::wait::until;

const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,900",
];

/// A chromedriver of this test's own; it ends with this value, and Chromium with it.
pub struct Browser {
    driver: Child,
    url: String,
    profile: tempfile::TempDir,
    downloads: tempfile::TempDir,
}

impl Browser {
    /// Starts the chromedriver that `CHROMEDRIVER` names.
    pub async fn start() -> Browser {
        let port = free_port();
        let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        let driver = Command::new(program)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver can be started");
        let address = format!("127.0.0.1:{port}");
        until("chromedriver to listen", async || tokio::net::TcpStream::connect(&address).await.ok()).await;
        let folder = || tempfile::tempdir().expect("a temporary folder can be made");
        Browser { driver, url: format!("http://{address}"), profile: folder(), downloads: folder() }
    }

    /// A window of its own.
    pub async fn window(&self) -> WebDriverResult<WebDriver> {
        let mut capabilities = DesiredCapabilities::chrome();
        for flag in FLAGS {
            capabilities.add_arg(flag)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", self.profile.path().display()))?;
        if let Ok(chromium) = std::env::var("CHROMIUM") {
            capabilities.set_binary(&chromium)?;
        }
        WebDriver::new(&self.url, capabilities).await
    }

    /// Where downloads go.
    pub fn downloads(&self) -> &Path {
        self.downloads.path()
    }

    /// Threads of dedicated workers in all of this browser's processes.
    pub fn worker_threads(&self) -> usize {
        self.processes().iter().map(|process| worker_threads(process)).sum()
    }

    /// The process that has the page with an engine, as a folder of `/proc`.
    pub(crate) fn page_process(&self) -> Option<PathBuf> {
        self.processes().into_iter().find(|process| worker_threads(process) > 0)
    }

    /// Memory of the tab with the engine, its workers included, in bytes: what its process has for itself and its share of what it
    /// has in common with others (PSS). The browser's own pages are not in it.
    pub fn tab_bytes(&self) -> u64 {
        self.page_process().and_then(|process| pss(&process)).unwrap_or(0)
    }

    /// The driver's descendants, as folders of `/proc`.
    fn processes(&self) -> Vec<PathBuf> {
        let all: Vec<(u32, u32)> = entries(Path::new("/proc")).into_iter().filter_map(|process| parent(&process)).collect();
        let mut ours = vec![self.driver.id()];
        let mut at = 0;
        while let Some(process) = ours.get(at).copied() {
            ours.extend(all.iter().filter(|(_, parent)| *parent == process).map(|(child, _)| *child));
            at += 1;
        }
        ours.into_iter().map(|process| PathBuf::from(format!("/proc/{process}"))).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A test that failed has left Chromium running, and it outlives its driver.
        for process in self.processes() {
            if let Some(id) =
                process.file_name().and_then(|name| name.to_str()).filter(|id| **id != self.driver.id().to_string())
            {
                let _ = Command::new("kill").args(["-KILL", id]).stderr(Stdio::null()).status();
            }
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    listener.local_addr().expect("it is bound").port()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    // A process may end while it is looked at.
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()
}

/// The id of a process and of its parent.
fn parent(process: &Path) -> Option<(u32, u32)> {
    let id = process.file_name()?.to_str()?.parse().ok()?;
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The program's name is in brackets and may contain anything.
    let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
    Some((id, parent))
}

/// Threads of dedicated workers in a process; Chromium names them so.
fn worker_threads(process: &Path) -> usize {
    let names = entries(&process.join("task")).into_iter().filter_map(|thread| fs::read_to_string(thread.join("comm")).ok());
    names.filter(|name| name.trim() == "DedicatedWorker").count()
}

fn pss(process: &Path) -> Option<u64> {
    let rollup = fs::read_to_string(process.join("smaps_rollup")).ok()?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
