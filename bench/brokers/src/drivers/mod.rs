//! How each broker is spoken to. Each driver does what its broker's guide has fast clients do, on a connection for each publisher and
//! consumer: publishers go on while up to [`WINDOW`] messages are unconfirmed, consumers are given up to
//! [`PREFETCH`](crate::load::PREFETCH) messages ahead.
//!
//! What is compared is delivery at least once: a message is confirmed when the broker has it, and is gone when it was acknowledged. Core
//! NATS alone promises less; it is there to show what that is worth.

pub mod jetstream;
pub mod millrace;
pub mod nats;
pub mod rabbitmq;
pub mod redis;

use std::fmt::Display;
use std::future::Future;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};

use crate::Done;
use crate::load::{Load, WINDOW};

/// A queue, stream or subject that consumers share; of copies each consumer has its own, behind an exchange where there are such.
pub const WORK: &str = "work";
pub const COPIES: &str = "copies";

/// A broker that is ready for a load.
pub trait Driver: Sized {
    type Publisher: Publisher;
    type Consumer: Consumer;

    /// Connects, and makes what the load needs, anew where clients can do that.
    fn connect(url: &str, load: &Load) -> impl Future<Output = Done<Self>>;

    fn publisher(&self, number: usize) -> impl Future<Output = Done<Self::Publisher>>;

    fn consumer(&self, number: usize) -> impl Future<Output = Done<Self::Consumer>>;
}

pub trait Publisher: Send + 'static {
    /// Says one message more, once the window has room. It may lie in a buffer then.
    fn publish(&mut self, body: Bytes) -> impl Future<Output = Done<()>> + Send;

    /// Empties the buffers.
    fn flush(&mut self) -> impl Future<Output = Done<()>> + Send;

    /// Waits until everything is confirmed or refused.
    fn settle(&mut self) -> impl Future<Output = Done<()>> + Send;

    /// Messages that the broker has not accepted.
    fn refused(&self) -> u64 {
        0
    }
}

pub trait Consumer: Send + 'static {
    /// Waits for messages, hands out those that are there, `most` at most, and acknowledges them.
    fn next(&mut self, most: usize, each: impl FnMut(&[u8]) + Send) -> impl Future<Output = Done<()>> + Send;
}

/// Publishes whose confirms are futures.
#[derive(Default)]
pub struct Unconfirmed {
    /// Whether the broker has accepted it.
    waiting: FuturesUnordered<BoxFuture<'static, Done<bool>>>,
    refused: u64,
}

impl Unconfirmed {
    /// Begins one more, once the window has room.
    async fn push(&mut self, publish: impl Future<Output = Done<bool>> + Send + 'static) -> Done<()> {
        while self.waiting.len() >= WINDOW {
            let confirmed = self.waiting.next().await;
            self.count(confirmed)?;
        }
        self.waiting.push(publish.boxed());
        self.go_on()
    }

    /// Lets each begin that has not, and takes what is there of confirms.
    fn go_on(&mut self) -> Done<()> {
        while let Some(Some(confirmed)) = self.waiting.next().now_or_never() {
            self.count(Some(confirmed))?;
        }
        Ok(())
    }

    async fn settle(&mut self) -> Done<()> {
        while let Some(confirmed) = self.waiting.next().await {
            self.count(Some(confirmed))?;
        }
        Ok(())
    }

    fn count(&mut self, confirmed: Option<Done<bool>>) -> Done<()> {
        if let Some(confirmed) = confirmed {
            self.refused += u64::from(!confirmed?);
        }
        Ok(())
    }
}

/// A sentence of what failed, and why.
fn said<E: Display>(what: &str) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}
