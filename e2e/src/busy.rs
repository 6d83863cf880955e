//! How long the page's main thread works at a stretch.
//!
//! The browser notes tasks of 50 ms or longer by the clock on the wall. On a machine where more threads want to run than there are
//! cores, a short task takes long because it waits; so beside each noted task stands how long its thread really ran.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thirtyfour::prelude::*;

use crate::{Browser, Page};

/// Run in every document before its own scripts: notes each long task's start, in milliseconds of the epoch, and duration.
pub(crate) const NOTE_LONG_TASKS: &str = "window.longTasks = []; \
    new PerformanceObserver(list => { for (const task of list.getEntries()) \
        longTasks.push([performance.timeOrigin + task.startTime, task.duration]); }) \
    .observe({ type: 'longtask', buffered: true });";

/// Between two looks at how long the thread has run.
const SAMPLE_EVERY: Duration = Duration::from_millis(4);

/// What a page may do at a stretch, in milliseconds.
const TASK_MS_MAX: f64 = 50.0;

type Samples = Arc<Mutex<Vec<(f64, f64)>>>;

/// Watches the main thread of the browser's page from now on; there is one page with an engine.
pub struct MainThread {
    /// Moments of the epoch, and how long the thread had run by then. Milliseconds.
    samples: Samples,
    ended: Arc<AtomicBool>,
    sampler: Option<JoinHandle<()>>,
}

impl MainThread {
    /// Begins to watch, and forgets the long tasks of the page's start.
    pub async fn watch(page: &Page, browser: &Browser) -> WebDriverResult<MainThread> {
        let process = browser.page_process().expect("a page with an engine is open");
        // A process's main thread has the process's own number.
        let id = process.file_name().expect("it is a folder of /proc").to_owned();
        let path = process.join("task").join(id).join("schedstat");
        let (samples, ended) = (Samples::default(), Arc::new(AtomicBool::new(false)));
        let (kept, told) = (samples.clone(), ended.clone());
        let sampler = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                if let Some(sample) = sample(&path) {
                    kept.lock().expect("no sampler panics").push(sample);
                }
                std::thread::sleep(SAMPLE_EVERY);
            }
        });
        page.driver.execute("window.longTasks.length = 0", vec![]).await?;
        Ok(MainThread { samples, ended, sampler: Some(sampler) })
    }

    /// The tasks since then that worked for longer than a page may: how long each took and how long it worked, in milliseconds.
    async fn too_long(self, page: &Page) -> WebDriverResult<Vec<(f64, f64)>> {
        let noted: Vec<(f64, f64)> = page.driver.execute("return window.longTasks", vec![]).await?.convert()?;
        let samples = self.samples.lock().expect("no sampler panics");
        assert!(samples.len() > 1, "the main thread was looked at");
        let worked = noted.into_iter().map(|(start, took)| (took, ran(&samples, start, start + took)));
        Ok(worked.filter(|(_, worked)| *worked > TASK_MS_MAX).collect())
    }

    /// Prints them: they are figures of this machine, and no test's business.
    pub async fn tell(self, page: &Page) -> WebDriverResult<()> {
        let long = self.too_long(page).await?;
        eprintln!("{} tasks of the page worked for more than {TASK_MS_MAX} ms (took, worked): {long:?}", long.len());
        Ok(())
    }
}

impl Drop for MainThread {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(sampler) = self.sampler.take() {
            let _ = sampler.join();
        }
    }
}

fn sample(path: &PathBuf) -> Option<(f64, f64)> {
    let nanoseconds: f64 = fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64() * 1e3;
    Some((now, nanoseconds / 1e6))
}

/// How long the thread ran between two moments, as closely as the samples tell, and rather too long than too short.
fn ran(samples: &[(f64, f64)], from: f64, to: f64) -> f64 {
    let before = samples.iter().rev().find(|(at, _)| *at <= from).or(samples.first());
    let after = samples.iter().find(|(at, _)| *at >= to).or(samples.last());
    before.zip(after).map_or(0.0, |(before, after)| after.1 - before.1)
}

#[cfg(test)]
mod tests {
    use super::ran;

    #[test]
    fn the_time_between_two_moments_is_taken_from_the_samples_around_them() {
        let samples = [(0.0, 0.0), (10.0, 4.0), (20.0, 14.0), (30.0, 15.0)];
        assert_eq!(ran(&samples, 10.0, 20.0), 10.0);
        assert_eq!(ran(&samples, 12.0, 19.0), 10.0);
        assert_eq!(ran(&samples, 25.0, 99.0), 1.0);
    }
}
