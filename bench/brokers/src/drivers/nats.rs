//! Core NATS by `async-nats`: at most once. Nothing is confirmed and nothing acknowledged: the window ends when its messages are in the
//! system's hands, and what a consumer does not take in time is gone.

use async_nats::Subscriber;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};

use super::{Consumer, Driver, Publisher, WORK, said};
use crate::Done;
use crate::load::{Load, WINDOW};

pub struct Nats {
    url: String,
    copied: bool,
}

pub struct NatsPublisher {
    client: async_nats::Client,
    unflushed: usize,
}

pub struct NatsConsumer {
    /// It ends with this.
    _client: async_nats::Client,
    messages: Subscriber,
}

impl Driver for Nats {
    type Publisher = NatsPublisher;
    type Consumer = NatsConsumer;

    async fn connect(url: &str, load: &Load) -> Done<Nats> {
        if load.persistent {
            return Err("core NATS keeps nothing: measure `jetstream`".to_owned());
        }
        Ok(Nats { url: url.to_owned(), copied: load.copied })
    }

    async fn publisher(&self, _: usize) -> Done<NatsPublisher> {
        Ok(NatsPublisher { client: open(&self.url).await?, unflushed: 0 })
    }

    async fn consumer(&self, _: usize) -> Done<NatsConsumer> {
        let client = open(&self.url).await?;
        let messages = match self.copied {
            true => client.subscribe(WORK).await,
            false => client.queue_subscribe(WORK, WORK.to_owned()).await,
        };
        let messages = messages.map_err(said("NATS lets nobody subscribe"))?;
        // Else messages may be published before the server knows of it.
        client.flush().await.map_err(said("NATS takes nothing"))?;
        Ok(NatsConsumer { _client: client, messages })
    }
}

pub async fn open(url: &str) -> Done<async_nats::Client> {
    async_nats::connect(url).await.map_err(said("NATS is not reached"))
}

impl Publisher for NatsPublisher {
    async fn publish(&mut self, body: Bytes) -> Done<()> {
        self.client.publish(WORK, body).await.map_err(said("NATS takes no message"))?;
        self.unflushed += 1;
        if self.unflushed >= WINDOW { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Done<()> {
        self.unflushed = 0;
        self.client.flush().await.map_err(said("NATS takes nothing"))
    }

    async fn settle(&mut self) -> Done<()> {
        self.flush().await
    }
}

impl Consumer for NatsConsumer {
    async fn next(&mut self, most: usize, mut each: impl FnMut(&[u8]) + Send) -> Done<()> {
        let mut next = self.messages.next().await;
        for taken in 1.. {
            each(&next.ok_or("NATS delivers no more")?.payload);
            if taken == most {
                break;
            }
            let Some(more) = self.messages.next().now_or_never() else { break };
            next = more;
        }
        Ok(())
    }
}
