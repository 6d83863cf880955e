//! Looking at a page from outside while it works: the memory of its process, and marks that a script sets at the first sign of
//! something. For measurements; tests speak of what a user sees.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use thirtyfour::prelude::*;

/// How often memory is looked at.
const MEMORY_EVERY: Duration = Duration::from_millis(50);

/// Run in each document before its own scripts: notes in `window.marks` when the page first answers (`ready`: the engine is up and the
/// run button can be pressed or a run is under way) and when its first result is there (`result`), in milliseconds since the
/// navigation began, and every task of the main thread that takes longer than 50 ms.
const MARKS: &str = r#"
    window.marks = { long: [] };
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.marks.long.push([entry.startTime, entry.duration]);
    }).observe({ type: "longtask", buffered: true });
    const look = () => {
        const status = document.querySelector("[data-testid=status]");
        const stage = status?.dataset.stage;
        if (stage && window.marks.ready === undefined) window.marks.ready = performance.now();
        if (stage === "finished" && document.querySelector("[data-testid=row]")) {
            window.marks.result = performance.now();
            return;
        }
        requestAnimationFrame(look);
    };
    addEventListener("DOMContentLoaded", look);
"#;

/// Has every document of this window set its marks from now on.
pub async fn set_marks(driver: &WebDriver) -> WebDriverResult<()> {
    driver.cdp().page().add_script_to_evaluate_on_new_document(MARKS).await.map(drop)
}

/// What the document has noted: see [`set_marks`].
pub async fn marks(driver: &WebDriver) -> WebDriverResult<Marks> {
    let value = driver.execute("return window.marks", vec![]).await?;
    let number = |name: &str| value.json()[name].as_f64();
    let long = value.json()["long"].as_array().cloned().unwrap_or_default();
    let long = long.iter().filter_map(|task| task[1].as_f64()).collect();
    Ok(Marks { ready_ms: number("ready"), result_ms: number("result"), long_ms: long })
}

/// Forgets the long tasks noted so far.
pub async fn forget_long_tasks(driver: &WebDriver) -> WebDriverResult<()> {
    driver.execute("window.marks.long = []", vec![]).await.map(drop)
}

/// See [`set_marks`]. Milliseconds.
#[derive(Clone, Debug)]
pub struct Marks {
    pub ready_ms: Option<f64>,
    pub result_ms: Option<f64>,
    pub long_ms: Vec<f64>,
}

/// Watches the memory of a browser's pages until it is stopped.
pub struct MemoryWatch {
    stop: Arc<AtomicBool>,
    most: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl MemoryWatch {
    /// Looks at the processes of the Chromium whose profile lies in `profile`.
    pub fn start(profile: &str) -> MemoryWatch {
        let (stop, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let thread = std::thread::spawn({
            let (stop, most, profile) = (stop.clone(), most.clone(), profile.to_owned());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    most.fetch_max(renderer_bytes(&profile), Ordering::Relaxed);
                    std::thread::sleep(MEMORY_EVERY);
                }
            }
        });
        MemoryWatch { stop, most, thread: Some(thread) }
    }

    /// The most that the largest page process took, in bytes: resident memory that it shares with nobody, and its part of what it
    /// shares (PSS).
    pub fn most(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watch does not panic");
        }
        self.most.load(Ordering::Relaxed)
    }
}

/// The largest renderer of that browser.
fn renderer_bytes(profile: &str) -> u64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let renderers = processes.filter(|process| {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command);
        command.contains("--type=renderer") && command.contains(profile)
    });
    renderers.map(|process| pss_bytes(&process.path())).max().unwrap_or_default()
}

fn pss_bytes(process: &Path) -> u64 {
    // A process may end while it is looked at.
    let rollup = fs::read_to_string(process.join("smaps_rollup")).unwrap_or_default();
    let kib = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}
