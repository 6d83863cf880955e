//! A message as the bytes of a record, and back. Numbers are little-endian, texts and lists are preceded by their length.
//!
//! What comes back is checked as if a stranger had written it: bytes that are no record are `None`, never a panic.

use std::sync::Arc;

use shared::messaging::durable::Record;
use shared::messaging::{Death, Extra, Headers, Message, MessageId, Node, Reason};
use shared::time::{Span, Time};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Bytes of a checksum, with which a record begins.
const CHECKSUM_BYTES: usize = 8;

const REASONS: [Reason; 4] = [Reason::Rejected, Reason::Expired, Reason::MaxLength, Reason::DeliveryLimit];

/// Flags of a message.
const RESENT: u8 = 1;
const HAS_EXTRA: u8 = 2;

/// What is known of all records together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// How often the store was opened.
    pub(super) life: u64,
    /// The number of the last commit.
    pub(super) commit: u64,
    pub(super) count: u64,
    /// The records' checksums, added up.
    pub(super) sum: u64,
}

impl Totals {
    pub(super) fn count_in(&mut self, checksum: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(checksum);
    }

    pub(super) fn count_out(&mut self, checksum: u64) {
        self.count = self.count.wrapping_sub(1);
        self.sum = self.sum.wrapping_sub(checksum);
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let numbers = [self.life, self.commit, self.count, self.sum];
        let mut bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Totals> {
        let mut reader = Reader(bytes);
        let totals = Totals { life: reader.u64()?, commit: reader.u64()?, count: reader.u64()?, sum: reader.u64()? };
        let said = bytes.len() - reader.0.len();
        (reader.u64()? == xxh3_64(&bytes[..said]) && reader.0.is_empty()).then_some(totals)
    }
}

/// The checksum of a record and its bytes, which begin with it.
pub(super) fn encode(queue: &str, record: &Record) -> (u64, Vec<u8>) {
    let Record { position, message, expires, returns, .. } = record;
    let mut bytes = vec![0; CHECKSUM_BYTES];
    number(&mut bytes, expires.map_or(u64::MAX, |expires| expires.0));
    bytes.extend(returns.to_le_bytes());
    bytes.extend(message.id.publisher.0.to_le_bytes());
    number(&mut bytes, message.id.number);
    number(&mut bytes, message.published.0);
    let flags = if message.resent { RESENT } else { 0 } | if message.extra.is_some() { HAS_EXTRA } else { 0 };
    bytes.extend([message.priority, flags]);
    text(&mut bytes, message.exchange.as_bytes());
    text(&mut bytes, message.key.as_bytes());
    if let Some(extra) = &message.extra {
        extras(&mut bytes, extra);
    }
    text(&mut bytes, &message.body);
    let checksum = summed(queue, *position, &bytes[CHECKSUM_BYTES..]);
    bytes[..CHECKSUM_BYTES].copy_from_slice(&checksum.to_le_bytes());
    (checksum, bytes)
}

/// The checksum with which a record begins.
pub(super) fn checksum(bytes: &[u8]) -> Option<u64> {
    Reader(bytes).u64()
}

/// A record whose bytes and whose key are what was written, with its checksum. Its queue's place is for the caller to know.
pub(super) fn decode(queue: &str, position: u64, bytes: &[u8]) -> Option<(u64, Record)> {
    let mut reader = Reader(bytes);
    let checksum = reader.u64()?;
    if checksum != summed(queue, position, reader.0) {
        return None;
    }
    let expires = Some(reader.u64()?).filter(|expires| *expires != u64::MAX).map(Time);
    let returns = reader.u32()?;
    let id = MessageId { publisher: Node(reader.u16()?), number: reader.u64()? };
    let published = Time(reader.u64()?);
    let (priority, flags) = (reader.u8()?, reader.u8()?);
    let (exchange, key) = (reader.name()?, reader.name()?);
    let extra = if flags & HAS_EXTRA == 0 { None } else { Some(Box::new(reader.extra()?)) };
    let (body, resent) = (Arc::from(reader.bytes()?), flags & RESENT != 0);
    let message = Message { id, exchange, key, body, published, priority, resent, persistent: true, extra };
    let record = Record { queue: 0, position, message: Arc::new(message), expires, returns };
    reader.0.is_empty().then_some((checksum, record))
}

fn summed(queue: &str, position: u64, payload: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&(queue.len() as u64).to_le_bytes());
    hash.update(queue.as_bytes());
    hash.update(&position.to_le_bytes());
    hash.update(payload);
    hash.digest()
}

fn number(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend(number.to_le_bytes());
}

fn text(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend((text.len() as u32).to_le_bytes());
    bytes.extend(text);
}

/// What may be there or not: a length of 0 or 1 and the thing itself.
fn option<T>(bytes: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    bytes.push(u8::from(value.is_some()));
    if let Some(value) = value {
        write(bytes, value);
    }
}

fn extras(bytes: &mut Vec<u8>, extra: &Extra) {
    option(bytes, extra.headers.as_ref(), |bytes, headers| {
        bytes.extend((headers.len() as u32).to_le_bytes());
        for (name, value) in headers.iter() {
            text(bytes, name.as_bytes());
            text(bytes, value.as_bytes());
        }
    });
    option(bytes, extra.ttl, |bytes, ttl| number(bytes, ttl.0));
    option(bytes, extra.correlation, number);
    option(bytes, extra.reply_to.as_ref(), |bytes, queue| text(bytes, queue.as_bytes()));
    bytes.extend((extra.deaths.len() as u32).to_le_bytes());
    for Death { queue, reason, count } in &extra.deaths {
        text(bytes, queue.as_bytes());
        let reason = REASONS.iter().position(|known| known == reason).unwrap_or(REASONS.len());
        bytes.push(reason as u8);
        bytes.extend(count.to_le_bytes());
    }
}

/// What is still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn name(&mut self) -> Option<Arc<str>> {
        self.text().map(Arc::from)
    }

    /// `None`: unreadable. `Some(None)`: not there.
    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.u8()? == 0 { Some(None) } else { read(self).map(Some) }
    }

    fn extra(&mut self) -> Option<Extra> {
        let headers = self.option(|reader| {
            let mut headers = Headers::new();
            for _ in 0..reader.u32()? {
                headers.insert(reader.text()?.to_owned(), reader.text()?.to_owned());
            }
            Some(Arc::new(headers))
        })?;
        let ttl = self.option(Self::u64)?.map(Span);
        let correlation = self.option(Self::u64)?;
        let reply_to = self.option(Self::name)?;
        let mut deaths = Vec::new();
        for _ in 0..self.u32()? {
            let (queue, reason) = (self.name()?, *REASONS.get(usize::from(self.u8()?))?);
            deaths.push(Death { queue, reason, count: self.u32()? });
        }
        // What a store keeps was published by clients of a live bus, and nobody forwards there.
        Some(Extra { headers, ttl, correlation, reply_to, deaths, origin: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> [Record; 2] {
        let id = MessageId { publisher: Node(7), number: 1 << 40 };
        let plain = Message {
            id,
            exchange: "".into(),
            key: "tasks".into(),
            body: (*b"grain \xff").into(),
            published: Time(5),
            priority: 3,
            resent: true,
            persistent: true,
            extra: None,
        };
        let extra = Extra {
            headers: Some(Arc::new([("format".to_owned(), "pdf".to_owned())].into())),
            ttl: Some(Span::millis(9)),
            correlation: Some(u64::MAX),
            reply_to: Some("answers".into()),
            deaths: vec![Death { queue: "tasks".into(), reason: Reason::DeliveryLimit, count: 2 }],
            origin: None,
        };
        let full = Message { extra: Some(Box::new(extra)), resent: false, ..plain.clone() };
        [
            Record { queue: 0, position: 1, message: Arc::new(plain), expires: None, returns: 0 },
            Record { queue: 0, position: u64::MAX, message: Arc::new(full), expires: Some(Time(77)), returns: 4 },
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for record in records() {
            let (checksum, bytes) = encode("tasks", &record);
            assert_eq!(decode("tasks", record.position, &bytes), Some((checksum, record)));
        }
    }

    #[test]
    fn a_bit_that_has_changed_anywhere_is_found_and_so_is_another_key() {
        for record in records() {
            let (_, mut bytes) = encode("tasks", &record);
            for bit in 0..bytes.len() * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(decode("tasks", record.position, &bytes), None, "bit {bit}");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            (0..bytes.len()).for_each(|length| assert_eq!(decode("tasks", record.position, &bytes[..length]), None));
            assert_eq!(decode("other", record.position, &bytes), None);
            assert_eq!(decode("tasks", record.position - 1, &bytes), None);
        }
        let mut bytes = Totals { life: 1, commit: 2, count: 3, sum: 4 }.encode();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Totals::decode(&bytes), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(Totals::decode(&bytes[1..]), None);
    }
}
