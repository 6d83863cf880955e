//! The load: publishers with a window of unconfirmed messages, consumers that acknowledge what they get, for a while; first as fast as it
//! goes, then at half that rate, at which it is told how long messages are on their way.
//!
//! A message carries the time at which it was published, and publishers and consumers are tasks of one process, so one clock is enough. At a
//! rate that is given a message that goes late, because the broker held its publisher up, carries the time at which it was due: else a
//! broker that stands still would delay only the messages that it lets in.
//!
//! Counted is what is delivered between the end of the warm-up and the end of the time; CPU seconds are the broker's between the same two
//! moments.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch::{Receiver, channel};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::drivers::{Consumer, Driver, Publisher};
use crate::{Done, watch};

/// Messages of a publisher without a confirm, and of a consumer without an acknowledgement.
pub const WINDOW: usize = 192;
pub const PREFETCH: usize = 200;

/// What is not counted at the beginning.
const WARM_UP: Duration = Duration::from_secs(1);
/// Between two looks of who publishes at a rate: what is due then has to fit into the window at any rate that is measured, or the
/// publisher's own grain would be what is measured.
const TICK: Duration = Duration::from_micros(250);
/// What is later than the clock's own grain (a look and its rounding) is the broker's delay.
const LATE_MAX: Duration = Duration::from_millis(1);
/// Between two looks whether everything has come.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// When nothing has come for so long, what is missing is lost.
const QUIET: Duration = Duration::from_secs(2);
/// Within which everything has to be delivered after the last message was published.
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// Characters of a body that say when it was published: nanoseconds as hexadecimal digits.
const STAMP_BYTES: usize = 16;

/// See the module.
#[derive(Clone, Debug)]
pub struct Load {
    pub publishers: usize,
    pub consumers: usize,
    /// Each consumer gets a copy of every message; else they share the work.
    pub copied: bool,
    /// Of a body.
    pub bytes: usize,
    pub seconds: f64,
    /// A message is confirmed once it would survive the broker's end.
    pub persistent: bool,
    /// Which of Millrace's buses.
    pub bus: String,
    /// The broker's process, whose CPU seconds are counted.
    pub pid: Option<u32>,
}

/// What all tasks of one run know.
pub struct Common {
    origin: Instant,
    bytes: usize,
    is_measured: AtomicBool,
    stopped: AtomicBool,
    /// Messages that were published, and deliveries.
    published: AtomicU64,
    delivered: AtomicU64,
    /// Microseconds on the way, of each delivery that is counted.
    delays: Mutex<Vec<u32>>,
    /// A word each [`TICK`], once somebody has asked for it.
    ticks: OnceLock<Receiver<()>>,
}

impl Load {
    /// A sentence about what cannot be.
    pub fn check(&self) -> Done<()> {
        if self.bytes < STAMP_BYTES {
            return Err(format!("a body has {STAMP_BYTES} bytes at least, in which its time stands"));
        }
        if self.publishers == 0 || self.consumers == 0 || self.seconds <= 0.0 {
            return Err("a load has publishers, consumers and a time".to_owned());
        }
        Ok(())
    }

    /// Deliveries of one message.
    fn copies(&self) -> u64 {
        if self.copied { self.consumers as u64 } else { 1 }
    }
}

/// Full load, then half of it.
pub async fn run<D: Driver>(url: &str, load: &Load) -> Done<Value> {
    let full = once::<D>(url, load, None).await?;
    let rate = full["delivered_per_s"].as_f64().unwrap_or(0.0) / load.copies() as f64 / 2.0;
    let half = once::<D>(url, load, Some(rate)).await?;
    Ok(json!({ "full": full, "half": half }))
}

async fn once<D: Driver>(url: &str, load: &Load, rate: Option<f64>) -> Done<Value> {
    let driver = D::connect(url, load).await?;
    let common = Arc::new(Common::new(load.bytes));
    let mut consuming = JoinSet::new();
    for number in 0..load.consumers {
        consuming.spawn(consume(driver.consumer(number).await?, common.clone()));
    }
    let mut publishing = JoinSet::new();
    for number in 0..load.publishers {
        let (mut publisher, common) = (driver.publisher(number).await?, common.clone());
        let rate = rate.map(|rate| rate / load.publishers as f64);
        publishing.spawn(async move {
            match rate {
                None => publish(&mut publisher, &common).await?,
                Some(rate) => publish_at(&mut publisher, &common, rate).await?,
            }
            Done::Ok(publisher.refused())
        });
    }
    let measure = async {
        let figures = measure(load, &common).await?;
        let mut refused: u64 = 0;
        while let Some(ended) = publishing.join_next().await {
            refused += ended.map_err(|error| error.to_string())??;
        }
        let expected = (common.published.load(Ordering::Relaxed) - refused) * load.copies();
        let delivered = drained(&common, expected).await?;
        Done::Ok((figures, expected.saturating_sub(delivered), refused))
    };
    let (mut figures, lost, refused) = tokio::select! {
        figures = measure => figures?,
        failed = first_failure(&mut consuming) => return Err(failed),
    };
    consuming.shutdown().await;
    figures["lost"] = lost.into();
    figures["refused"] = refused.into();
    Ok(figures)
}

/// Waits until a task ends that should not.
async fn first_failure(tasks: &mut JoinSet<Done<()>>) -> String {
    match tasks.join_next().await {
        Some(Ok(Err(sentence))) => sentence,
        Some(Err(error)) => error.to_string(),
        Some(Ok(Ok(()))) => "a consumer has ended by itself".to_owned(),
        None => std::future::pending().await,
    }
}

async fn measure(load: &Load, common: &Common) -> Done<Value> {
    let cpu = || load.pid.map(watch::cpu_seconds).transpose();
    let counts = || (common.published.load(Ordering::Relaxed), common.delivered.load(Ordering::Relaxed));
    sleep(WARM_UP).await;
    let (cpu_before, counts_before, began) = (cpu()?, counts(), Instant::now());
    common.is_measured.store(true, Ordering::Relaxed);
    sleep(Duration::from_secs_f64(load.seconds)).await;
    common.is_measured.store(false, Ordering::Relaxed);
    let (cpu_after, counts_after, took) = (cpu()?, counts(), began.elapsed().as_secs_f64());
    common.stop();
    let delivered = counts_after.1 - counts_before.1;
    let cpu = cpu_before.zip(cpu_after).map(|(before, after)| after - before);
    let [p50, p99] = common.quantiles([0.5, 0.99]);
    Ok(json!({
        "published_per_s": (counts_after.0 - counts_before.0) as f64 / took,
        "delivered_per_s": delivered as f64 / took,
        "cpu_s": cpu,
        "cpu_s_per_million": cpu.map(|cpu| cpu / delivered as f64 * 1e6),
        "p50_ms": p50,
        "p99_ms": p99,
    }))
}

/// Waits until everything has come, or no more comes; how much has.
async fn drained(common: &Common, expected: u64) -> Done<u64> {
    let began = Instant::now();
    let (mut seen, mut since) = (0, Instant::now());
    loop {
        let delivered = common.delivered.load(Ordering::Relaxed);
        if delivered >= expected {
            return Ok(delivered);
        }
        if delivered > seen {
            (seen, since) = (delivered, Instant::now());
        }
        if since.elapsed() > QUIET {
            return Ok(delivered);
        }
        if began.elapsed() > DRAIN_MAX {
            return Err(format!("after {DRAIN_MAX:?} only {delivered} of {expected} messages were delivered"));
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn consume<C: Consumer>(mut consumer: C, common: Arc<Common>) -> Done<()> {
    let mut delays = Vec::with_capacity(PREFETCH);
    loop {
        let mut count = 0;
        consumer
            .next(PREFETCH, |body| {
                count += 1;
                delays.push(common.delay(body));
            })
            .await?;
        if common.is_measured.load(Ordering::Relaxed) {
            common.delays().append(&mut delays);
        }
        delays.clear();
        common.delivered.fetch_add(count, Ordering::Relaxed);
    }
}

/// As fast as the window lets one, until it is stopped.
async fn publish<P: Publisher>(publisher: &mut P, common: &Common) -> Done<()> {
    while !common.is_stopped() {
        publisher.publish(common.body(Instant::now())).await?;
        common.published.fetch_add(1, Ordering::Relaxed);
    }
    publisher.settle().await
}

/// So many messages a second until it is stopped.
pub async fn publish_at<P: Publisher>(publisher: &mut P, common: &Arc<Common>, rate: f64) -> Done<()> {
    let mut ticks = common.ticks();
    let (began, mut sent) = (Instant::now(), 0);
    while !common.is_stopped() {
        let due = (began.elapsed().as_secs_f64() * rate) as u64;
        while sent < due && !common.is_stopped() {
            let when = began + Duration::from_secs_f64(sent as f64 / rate);
            publisher.publish(common.body(Instant::now().min(when + LATE_MAX))).await?;
            sent += 1;
            common.published.fetch_add(1, Ordering::Relaxed);
        }
        publisher.flush().await?;
        // Nobody ticks any more once it is stopped.
        let _ = ticks.changed().await;
    }
    publisher.settle().await
}

/// Ticks until it is stopped. The timers of the tasks' runtime are no finer than a millisecond, those of a thread are.
fn tick(common: Arc<Common>) -> Receiver<()> {
    let (sender, ticks) = channel(());
    std::thread::spawn(move || {
        while !common.is_stopped() {
            std::thread::sleep(TICK);
            // Nobody listens between two publishers.
            let _ = sender.send(());
        }
    });
    ticks
}

impl Common {
    pub fn new(bytes: usize) -> Common {
        Common {
            origin: Instant::now(),
            bytes,
            is_measured: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            published: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            delays: Mutex::default(),
            ticks: OnceLock::new(),
        }
    }

    /// Nothing more is published.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn ticks(self: &Arc<Common>) -> Receiver<()> {
        self.ticks.get_or_init(|| tick(self.clone())).clone()
    }

    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// A body that says when it was published.
    fn body(&self, at: Instant) -> Bytes {
        let stamp = at.saturating_duration_since(self.origin).as_nanos() as u64;
        let mut body = Vec::with_capacity(self.bytes);
        body.extend_from_slice(format!("{stamp:0STAMP_BYTES$x}").as_bytes());
        body.resize(self.bytes, b'x');
        body.into()
    }

    /// Microseconds since it was published.
    fn delay(&self, body: &[u8]) -> u32 {
        let stamp = body.get(..STAMP_BYTES).and_then(|stamp| std::str::from_utf8(stamp).ok());
        let stamp = stamp.and_then(|stamp| u64::from_str_radix(stamp, 16).ok()).unwrap_or(0);
        let delay = (self.origin.elapsed().as_nanos() as u64).saturating_sub(stamp) / 1_000;
        delay.try_into().unwrap_or(u32::MAX)
    }

    fn delays(&self) -> MutexGuard<'_, Vec<u32>> {
        self.delays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In milliseconds.
    fn quantiles<const N: usize>(&self, shares: [f64; N]) -> [Option<f64>; N] {
        let mut delays = self.delays();
        delays.sort_unstable();
        shares.map(|share| delays.get((delays.len() as f64 * share) as usize).map(|delay| f64::from(*delay) / 1e3))
    }
}
