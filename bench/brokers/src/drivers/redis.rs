//! Redis streams by `redis`: XADD, XREADGROUP and XACK, pipelined. Consumers that share the work are one group, and of copies each is a
//! group of its own. What was read in one go is acknowledged in one go.
//!
//! A stream keeps what was acknowledged; it is cut to about [`STREAM_MESSAGES_MAX`] messages, as its users do.

use ::redis::aio::MultiplexedConnection;
use ::redis::streams::{StreamReadOptions, StreamReadReply};
use ::redis::{AsyncCommands as _, AsyncConnectionConfig, Client, RedisError, cmd};
use bytes::Bytes;

use super::{COPIES, Consumer, Driver, Publisher, Unconfirmed, WORK, said};
use crate::Done;
use crate::load::Load;

/// Far more than any group is behind: what is cut off has been read.
const STREAM_MESSAGES_MAX: usize = 1_000_000;

/// How long a read waits for messages.
const BLOCK_MS: usize = 1_000;

/// The one field of a message.
const FIELD: &str = "b";

pub struct Redis {
    client: Client,
    copied: bool,
}

pub struct RedisPublisher {
    connection: MultiplexedConnection,
    unconfirmed: Unconfirmed,
}

pub struct RedisConsumer {
    connection: MultiplexedConnection,
    group: String,
    name: String,
    /// Read, and to be acknowledged with the next read.
    done: Vec<String>,
}

impl Driver for Redis {
    type Publisher = RedisPublisher;
    type Consumer = RedisConsumer;

    async fn connect(url: &str, load: &Load) -> Done<Redis> {
        let redis = Redis { client: Client::open(url).map_err(said("no address of Redis"))?, copied: load.copied };
        let mut connection = redis.open().await?;
        let () = connection.del(WORK).await.map_err(said("Redis deletes nothing"))?;
        for number in 0..load.consumers {
            let made: Result<(), RedisError> = connection.xgroup_create_mkstream(WORK, redis.group(number), "0").await;
            // Those that share the work are one group.
            if !(number > 0 && !load.copied) {
                made.map_err(said("Redis makes no group"))?;
            }
        }
        Ok(redis)
    }

    async fn publisher(&self, _: usize) -> Done<RedisPublisher> {
        Ok(RedisPublisher { connection: self.open().await?, unconfirmed: Unconfirmed::default() })
    }

    async fn consumer(&self, number: usize) -> Done<RedisConsumer> {
        let (connection, group) = (self.open().await?, self.group(number));
        Ok(RedisConsumer { connection, group, name: format!("consumer-{number}"), done: Vec::new() })
    }
}

impl Redis {
    async fn open(&self) -> Done<MultiplexedConnection> {
        // A read that waits is no failure.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connection = self.client.get_multiplexed_async_connection_with_config(&config);
        connection.await.map_err(said("Redis is not reached"))
    }

    fn group(&self, number: usize) -> String {
        if self.copied { format!("{COPIES}-{number}") } else { WORK.to_owned() }
    }
}

impl Publisher for RedisPublisher {
    async fn publish(&mut self, body: Bytes) -> Done<()> {
        let mut connection = self.connection.clone();
        let publish = async move {
            let mut add = cmd("XADD");
            add.arg(WORK).arg("MAXLEN").arg("~").arg(STREAM_MESSAGES_MAX).arg("*").arg(FIELD).arg(&body[..]);
            let added: Result<(), RedisError> = add.query_async(&mut connection).await;
            added.map(|()| true).map_err(said("Redis takes no message"))
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

impl Consumer for RedisConsumer {
    async fn next(&mut self, most: usize, mut each: impl FnMut(&[u8]) + Send) -> Done<()> {
        let options = StreamReadOptions::default().group(&self.group, &self.name).count(most).block(BLOCK_MS);
        let mut acknowledging = self.connection.clone();
        let done = std::mem::take(&mut self.done);
        let acknowledge = async {
            if done.is_empty() {
                return Ok(());
            }
            acknowledging.xack(WORK, &self.group, &done).await
        };
        let read = self.connection.xread_options(&[WORK], &[">"], &options);
        let read: (Result<(), RedisError>, Result<Option<StreamReadReply>, RedisError>) = tokio::join!(acknowledge, read);
        read.0.map_err(said("Redis takes no acknowledgement"))?;
        let reply = read.1.map_err(said("Redis delivers nothing"))?.unwrap_or_default();
        for message in reply.keys.into_iter().flat_map(|stream| stream.ids) {
            let body: Vec<u8> = message.get(FIELD).ok_or("a message of Redis has no body")?;
            each(&body);
            self.done.push(message.id);
        }
        Ok(())
    }
}
