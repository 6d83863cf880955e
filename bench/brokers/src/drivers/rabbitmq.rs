//! RabbitMQ by `lapin`: classic queues; transient, or durable with persistent messages. Publisher confirms, and an acknowledgement for each
//! delivery.

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};

use super::{COPIES, Consumer, Driver, Publisher, Unconfirmed, WORK, said};
use crate::Done;
use crate::load::{Load, PREFETCH};

/// AMQP: `delivery-mode`.
const TRANSIENT: u8 = 1;
const PERSISTENT: u8 = 2;

pub struct RabbitMq {
    url: String,
    load: Load,
}

pub struct RabbitPublisher {
    /// It ends with this.
    _connection: Connection,
    channel: Channel,
    exchange: &'static str,
    key: &'static str,
    properties: BasicProperties,
    unconfirmed: Unconfirmed,
}

pub struct RabbitConsumer {
    _connection: Connection,
    channel: Channel,
    deliveries: lapin::Consumer,
}

impl Driver for RabbitMq {
    type Publisher = RabbitPublisher;
    type Consumer = RabbitConsumer;

    async fn connect(url: &str, load: &Load) -> Done<RabbitMq> {
        let rabbit = RabbitMq { url: url.to_owned(), load: load.clone() };
        let (_connection, channel) = rabbit.open().await?;
        let durable = load.persistent;
        let failed = "RabbitMQ makes no queues";
        for queue in rabbit.queues() {
            channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.map_err(said(failed))?;
            let options = QueueDeclareOptions { durable, ..QueueDeclareOptions::default() };
            channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await.map_err(said(failed))?;
        }
        channel.exchange_delete(COPIES.into(), ExchangeDeleteOptions::default()).await.map_err(said(failed))?;
        if load.copied {
            let options = ExchangeDeclareOptions { durable, ..ExchangeDeclareOptions::default() };
            let table = FieldTable::default();
            channel.exchange_declare(COPIES.into(), ExchangeKind::Fanout, options, table).await.map_err(said(failed))?;
            for queue in rabbit.queues() {
                let (options, table) = (QueueBindOptions::default(), FieldTable::default());
                channel
                    .queue_bind(queue.as_str().into(), COPIES.into(), "".into(), options, table)
                    .await
                    .map_err(said(failed))?;
            }
        }
        Ok(rabbit)
    }

    async fn publisher(&self, _: usize) -> Done<RabbitPublisher> {
        let (connection, channel) = self.open().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(said("RabbitMQ confirms nothing"))?;
        let (exchange, key) = if self.load.copied { (COPIES, "") } else { ("", WORK) };
        let mode = if self.load.persistent { PERSISTENT } else { TRANSIENT };
        let properties = BasicProperties::default().with_delivery_mode(mode);
        Ok(RabbitPublisher { _connection: connection, channel, exchange, key, properties, unconfirmed: Unconfirmed::default() })
    }

    async fn consumer(&self, number: usize) -> Done<RabbitConsumer> {
        let (connection, channel) = self.open().await?;
        let failed = "RabbitMQ does not let one consume";
        channel.basic_qos(PREFETCH as u16, BasicQosOptions::default()).await.map_err(said(failed))?;
        let queues = self.queues();
        let queue = queues[number % queues.len()].as_str().into();
        let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
        let deliveries = channel.basic_consume(queue, "".into(), options, table).await.map_err(said(failed))?;
        Ok(RabbitConsumer { _connection: connection, channel, deliveries })
    }
}

impl RabbitMq {
    async fn open(&self) -> Done<(Connection, Channel)> {
        let connection = Connection::connect(&self.url, ConnectionProperties::default());
        let connection = connection.await.map_err(said("RabbitMQ is not reached"))?;
        let channel = connection.create_channel().await.map_err(said("RabbitMQ opens no channel"))?;
        Ok((connection, channel))
    }

    fn queues(&self) -> Vec<String> {
        match self.load.copied {
            true => (0..self.load.consumers).map(|number| format!("{COPIES}-{number}")).collect(),
            false => vec![WORK.to_owned()],
        }
    }
}

impl Publisher for RabbitPublisher {
    async fn publish(&mut self, body: Bytes) -> Done<()> {
        let (channel, exchange, key) = (self.channel.clone(), self.exchange.into(), self.key.into());
        let properties = self.properties.clone();
        let publish = async move {
            let options = BasicPublishOptions::default();
            let sent = channel.basic_publish(exchange, key, options, &body, properties).await;
            let confirm = sent.map_err(said("RabbitMQ takes no message"))?.await;
            confirm.map(|confirm| confirm.is_ack()).map_err(said("RabbitMQ confirms nothing"))
        };
        self.unconfirmed.push(publish).await
    }

    async fn flush(&mut self) -> Done<()> {
        self.unconfirmed.go_on()
    }

    async fn settle(&mut self) -> Done<()> {
        self.unconfirmed.settle().await
    }

    fn refused(&self) -> u64 {
        self.unconfirmed.refused
    }
}

impl Consumer for RabbitConsumer {
    async fn next(&mut self, most: usize, mut each: impl FnMut(&[u8]) + Send) -> Done<()> {
        let mut next = self.deliveries.next().await;
        for taken in 1.. {
            let delivery = next.ok_or("RabbitMQ delivers no more")?.map_err(said("RabbitMQ delivers nothing"))?;
            each(&delivery.data);
            // It is on its way when it was polled once: who waited until it is written would wait for each.
            if let Some(acked) = self.channel.basic_ack(delivery.delivery_tag, BasicAckOptions::default()).now_or_never() {
                acked.map_err(said("RabbitMQ takes no acknowledgement"))?;
            }
            if taken == most {
                break;
            }
            let Some(more) = self.deliveries.next().now_or_never() else { break };
            next = more;
        }
        Ok(())
    }
}
