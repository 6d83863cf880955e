//! NATS JetStream by `async-nats`: a stream in memory, or in files; publishes are acknowledged by the server, deliveries one by one by pull
//! consumers. Work that is shared is a work-queue stream with one durable consumer, copies an interest stream with one for each, so that a
//! message is gone once it was acknowledged, as in a queue.
//!
//! A stream in files is written when it is confirmed, and synchronised to the disk every two minutes: less than what RabbitMQ and Millrace
//! promise for a persistent message.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{Config, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};

use super::nats::open;
use super::{COPIES, Consumer, Driver, Publisher, Unconfirmed, WORK, said};
use crate::Done;
use crate::load::{Load, PREFETCH};

/// An acknowledgement that does not come within this time has the message delivered again.
const ACK_WAIT: Duration = Duration::from_secs(60);

pub struct JetStream {
    url: String,
    load: Load,
}

pub struct JetStreamPublisher {
    context: Context,
    unconfirmed: Unconfirmed,
}

pub struct JetStreamConsumer {
    messages: pull::Stream,
}

impl Driver for JetStream {
    type Publisher = JetStreamPublisher;
    type Consumer = JetStreamConsumer;

    async fn connect(url: &str, load: &Load) -> Done<JetStream> {
        let driver = JetStream { url: url.to_owned(), load: load.clone() };
        let context = driver.context().await?;
        // There is none the first time.
        let _ = context.delete_stream(WORK).await;
        let config = Config {
            name: WORK.to_owned(),
            subjects: vec![WORK.to_owned()],
            storage: if load.persistent { StorageType::File } else { StorageType::Memory },
            retention: if load.copied { RetentionPolicy::Interest } else { RetentionPolicy::WorkQueue },
            ..Config::default()
        };
        let stream = context.create_stream(config).await.map_err(said("JetStream makes no stream"))?;
        let names = driver.durables();
        let ahead = (PREFETCH * load.consumers.div_ceil(names.len())) as i64;
        for name in names {
            let config = pull::Config {
                durable_name: Some(name),
                ack_policy: AckPolicy::Explicit,
                ack_wait: ACK_WAIT,
                max_ack_pending: ahead,
                ..pull::Config::default()
            };
            stream.create_consumer(config).await.map_err(said("JetStream makes no consumer"))?;
        }
        Ok(driver)
    }

    async fn publisher(&self, _: usize) -> Done<JetStreamPublisher> {
        Ok(JetStreamPublisher { context: self.context().await?, unconfirmed: Unconfirmed::default() })
    }

    async fn consumer(&self, number: usize) -> Done<JetStreamConsumer> {
        let names = self.durables();
        let failed = "JetStream does not let one consume";
        let stream = self.context().await?.get_stream(WORK).await.map_err(said(failed))?;
        let consumer: PullConsumer = stream.get_consumer(&names[number % names.len()]).await.map_err(said(failed))?;
        let messages = consumer.stream().max_messages_per_batch(PREFETCH).messages().await.map_err(said(failed))?;
        Ok(JetStreamConsumer { messages })
    }
}

impl JetStream {
    async fn context(&self) -> Done<Context> {
        Ok(jetstream::new(open(&self.url).await?))
    }

    fn durables(&self) -> Vec<String> {
        match self.load.copied {
            true => (0..self.load.consumers).map(|number| format!("{COPIES}-{number}")).collect(),
            false => vec![WORK.to_owned()],
        }
    }
}

impl Publisher for JetStreamPublisher {
    async fn publish(&mut self, body: Bytes) -> Done<()> {
        let context = self.context.clone();
        let publish = async move {
            let sent = context.publish(WORK, body).await.map_err(said("JetStream takes no message"))?;
            sent.await.map(|_| true).map_err(said("JetStream confirms nothing"))
        };
        self.unconfirmed.push(publish).await
    }

    async fn flush(&mut self) -> Done<()> {
        self.unconfirmed.go_on()
    }

    async fn settle(&mut self) -> Done<()> {
        self.unconfirmed.settle().await
    }
}

impl Consumer for JetStreamConsumer {
    async fn next(&mut self, most: usize, mut each: impl FnMut(&[u8]) + Send) -> Done<()> {
        let mut next = self.messages.next().await;
        for taken in 1.. {
            let message = next.ok_or("JetStream delivers no more")?.map_err(said("JetStream delivers nothing"))?;
            each(&message.payload);
            message.ack().await.map_err(said("JetStream takes no acknowledgement"))?;
            if taken == most {
                break;
            }
            let Some(more) = self.messages.next().now_or_never() else { break };
            next = more;
        }
        Ok(())
    }
}
