//! A publisher that is three times as fast as the consumer of its queue, at a live bus of Millrace: what the server's memory grows to, and
//! what becomes of each message.
//!
//! When the time is over nothing more is published and the consumer takes what is left as fast as it can. Then what the publisher sent, what
//! it was told, what the consumer got and what the server has counted have to go together, to the message. A bus that is full closes the
//! publisher's connection; what was on its way then is known to the server alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::drivers::millrace::{MillraceConsumer, MillracePublisher};
use crate::drivers::{Consumer as _, Publisher as _};
use crate::load::{Common, PREFETCH, publish_at};
use crate::{Done, watch};

/// Messages that are published while one is consumed.
const TIMES: f64 = 3.0;

/// Between two looks at the server's memory.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between two steps of a consumer with a rate.
const TICK: Duration = Duration::from_millis(1);
/// Within which the consumer has to have what is left.
const DRAIN_MAX: Duration = Duration::from_secs(120);

/// See the module.
pub struct Overload<'a> {
    /// The bus's WebSocket: `ws://127.0.0.1:8080/api/bus/NAME`.
    pub url: &'a str,
    pub queue: &'a str,
    /// Of a body.
    pub bytes: usize,
    /// Messages a second that are consumed.
    pub rate: f64,
    pub seconds: f64,
    /// The server's process.
    pub pid: u32,
}

/// What the publisher knows at the end.
#[derive(Default)]
struct Published {
    sent: u64,
    confirmed: u64,
    refused: u64,
    closed: Option<(u16, String)>,
}

/// See the module.
pub async fn run(overload: &Overload<'_>) -> Done<Value> {
    let resident_before = watch::resident_bytes(overload.pid)?;
    let common = Arc::new(Common::new(overload.bytes));
    let hurry = Arc::new(AtomicBool::new(false));
    let received = Arc::new(AtomicU64::new(0));
    let consumer = MillraceConsumer::open(overload.url, overload.queue).await?;
    let consuming = tokio::spawn(consume(consumer, overload.rate, hurry.clone(), received.clone()));
    let publisher = MillracePublisher::open(overload.url, "", overload.queue, false).await?;
    let mut publishing = tokio::spawn(publish(publisher, overload.rate * TIMES, common.clone()));

    let (began, time) = (Instant::now(), Duration::from_secs_f64(overload.seconds));
    let (mut resident_max, mut full_after, mut published) = (resident_before, None, None);
    let mut queue = state(overload).await?;
    while published.is_none() || queue.left() > 0 {
        if consuming.is_finished() {
            return Err("the consumer has ended by itself".to_owned());
        }
        if began.elapsed() > time {
            common.stop();
            hurry.store(true, Ordering::Relaxed);
        }
        if began.elapsed() > time + DRAIN_MAX {
            return Err(format!("after {DRAIN_MAX:?} {} messages are left", queue.left()));
        }
        if published.is_none() && publishing.is_finished() {
            let ended: Published = (&mut publishing).await.map_err(|error| error.to_string())??;
            full_after = ended.closed.is_some().then(|| began.elapsed().as_secs_f64());
            published = Some(ended);
            hurry.store(true, Ordering::Relaxed);
        }
        resident_max = resident_max.max(watch::resident_bytes(overload.pid)?);
        queue = state(overload).await?;
        sleep(LOOK_EVERY).await;
    }
    consuming.abort();
    let published = published.unwrap_or_default();
    let received = received.load(Ordering::Relaxed);
    Ok(json!({
        "sent": published.sent,
        "confirmed": published.confirmed,
        "refused": published.refused,
        "closed": published.closed.as_ref().map(|(code, reason)| format!("{code} {reason}")),
        "full_after_s": full_after,
        "received": received,
        "server": { "published": queue.published, "acked": queue.acked, "lost": queue.lost() },
        "unaccounted": unaccounted(&published, received, &queue),
        "resident_before": resident_before,
        "resident_max": resident_max,
    }))
}

/// Messages by which what is known does not go together.
fn unaccounted(published: &Published, received: u64, queue: &Queue) -> u64 {
    let Published { sent, confirmed, refused, closed } = published;
    let told = confirmed + refused;
    let on_its_way = match closed {
        None => queue.published.abs_diff(*sent) + told.abs_diff(*sent),
        Some(_) => told.saturating_sub(queue.published) + queue.published.saturating_sub(*sent),
    };
    let kept = received.abs_diff(queue.acked) + queue.published.abs_diff(received + queue.lost());
    on_its_way + kept + refused.saturating_sub(queue.lost())
}

async fn publish(mut publisher: MillracePublisher, rate: f64, common: Arc<Common>) -> Done<Published> {
    let ended = publish_at(&mut publisher, &common, rate).await;
    if ended.is_err() && !publisher.was_closed().await {
        ended?;
    }
    let (sent, confirmed, refused) = (publisher.sent, publisher.confirmed, publisher.refused());
    Ok(Published { sent, confirmed, refused, closed: publisher.closed })
}

/// At a rate, until it has to hurry.
async fn consume(mut consumer: MillraceConsumer, rate: f64, hurry: Arc<AtomicBool>, received: Arc<AtomicU64>) -> Done<()> {
    let (began, mut taken) = (Instant::now(), 0);
    loop {
        let is_late = hurry.load(Ordering::Relaxed);
        let due = (began.elapsed().as_secs_f64() * rate) as u64;
        if taken >= due && !is_late {
            sleep(TICK).await;
            continue;
        }
        let mut count = 0;
        consumer.next(if is_late { PREFETCH } else { 1 }, |_| count += 1).await?;
        taken += count;
        received.fetch_add(count, Ordering::Relaxed);
    }
}

/// What the server has counted of a queue.
#[derive(Deserialize)]
struct Queue {
    published: u64,
    acked: u64,
    dropped: u64,
    rejected: u64,
    expired: u64,
    dead_lettered: u64,
    ready: u64,
    unacked: u64,
}

impl Queue {
    fn left(&self) -> u64 {
        self.ready + self.unacked
    }

    fn lost(&self) -> u64 {
        self.dropped + self.rejected + self.expired + self.dead_lettered
    }
}

/// Asks the server, at `/api/bus`.
async fn state(overload: &Overload<'_>) -> Done<Queue> {
    let (address, bus) = overload
        .url
        .strip_prefix("ws://")
        .and_then(|url| url.split_once("/api/bus/"))
        .ok_or_else(|| format!("{} is no bus's WebSocket", overload.url))?;
    let unanswered = |error: std::io::Error| format!("the server does not tell what it has counted: {error}");
    let mut stream = TcpStream::connect(address).await.map_err(unanswered)?;
    let request = format!("GET /api/bus HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.map_err(unanswered)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(unanswered)?;
    let not_understood = || format!("the server's answer is not understood: {answer}");
    let (_, body) = answer.split_once("\r\n\r\n").ok_or_else(not_understood)?;
    let buses: Value = serde_json::from_str(body).map_err(|_| not_understood())?;
    let state = buses.as_array().into_iter().flatten().find(|state| state["name"] == bus).ok_or_else(not_understood)?;
    Queue::deserialize(&state["queues"][overload.queue]).map_err(|_| not_understood())
}
