//! Messages as clients say and hear them, and as the broker has them.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::messaging::protocol::{Content, DeathView, DeliverEvent};
use shared::messaging::{Death, Delivery, Extra, Message, MessageId, Node};
use shared::time::{Span, Time};

/// Bytes of a name or a routing key (AMQP 0-9-1 §4.2.5.3, short strings).
const NAME_BYTES_MAX: usize = 255;

/// A message that a client publishes, or a sentence about what is wrong with it.
pub fn message(content: Content, publisher: Node, number: u64, now: Time) -> Result<Message, String> {
    let Content { exchange, key, body, base64, headers, priority, ttl_ms, correlation, reply_to, persistent } = content;
    let names = [("exchange", Some(&exchange)), ("key", Some(&key)), ("reply_to", reply_to.as_ref())];
    if let Some((what, _)) = names.into_iter().find(|(_, name)| name.is_some_and(|name| name.len() > NAME_BYTES_MAX)) {
        return Err(format!("the `{what}` of a message has at most {NAME_BYTES_MAX} bytes"));
    }
    let body: Arc<[u8]> = match (body, base64) {
        (None, None) => Arc::default(),
        (Some(text), None) => text.into_bytes().into(),
        (None, Some(base64)) => {
            STANDARD.decode(base64).map_err(|error| format!("the `base64` of a message is none: {error}"))?.into()
        }
        (Some(_), Some(_)) => return Err("a message has a `body` or a `base64`, not both".to_owned()),
    };
    let extra = Extra {
        headers: (!headers.is_empty()).then(|| Arc::new(headers)),
        ttl: ttl_ms.map(|millis| Span::millis(u64::from(millis))),
        correlation,
        reply_to: reply_to.map(Arc::from),
        ..Extra::default()
    };
    let extra = (extra != Extra::default()).then(|| Box::new(extra));
    let (id, exchange, key) = (MessageId { publisher, number }, exchange.into(), key.into());
    Ok(Message { id, exchange, key, body, published: now, priority, resent: false, persistent, extra })
}

/// The message as a client hears it: its body as text if it is one.
pub fn content(message: &Message) -> Content {
    let (body, base64) = match std::str::from_utf8(&message.body) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(STANDARD.encode(&message.body))),
    };
    let extra = message.extra.as_deref();
    Content {
        exchange: message.exchange.to_string(),
        key: message.key.to_string(),
        body,
        base64,
        headers: extra.and_then(|extra| extra.headers.as_deref()).cloned().unwrap_or_default(),
        priority: message.priority,
        ttl_ms: extra.and_then(|extra| extra.ttl).map(|ttl| (ttl.0 / 1_000) as u32),
        correlation: extra.and_then(|extra| extra.correlation),
        reply_to: extra.and_then(|extra| extra.reply_to.as_deref()).map(str::to_owned),
        persistent: message.persistent,
    }
}

/// A delivery as a client hears it. `acknowledged`: it need not settle it.
pub fn delivery(delivery: &Delivery, queue: String, acknowledged: bool) -> DeliverEvent {
    let Delivery { consumer, tag, redelivered, returns, message, .. } = delivery;
    DeliverEvent {
        consumer: *consumer,
        delivery: if acknowledged { 0 } else { *tag },
        queue,
        redelivered: *redelivered,
        returns: *returns,
        id: message.id.to_string(),
        message: content(message),
        deaths: message.deaths().iter().map(death).collect(),
    }
}

fn death(death: &Death) -> DeathView {
    DeathView { queue: death.queue.to_string(), reason: death.reason.to_string(), count: death.count }
}
