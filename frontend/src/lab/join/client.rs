//! A client of a live bus as plain data: what it may say, what it has heard, and what waits for credit or for the user's word.
//!
//! Nothing here knows of sockets or views: words of the bus go in, words for it come out by [`Client::take`]. What it keeps is bounded: of
//! deliveries the last [`DELIVERIES_KEPT`], each with the beginning of its body; messages that wait for credit are a number.

use std::collections::VecDeque;

use shared::messaging::protocol::{BusCommand, BusEvent, CLOSE_CODES, Content, DeliverEvent};

use super::requests::Requests;

/// Deliveries that are kept to be looked at; the oldest that were settled make room.
pub const DELIVERIES_KEPT: usize = 200;
/// Deliveries ahead of their acknowledgement, of all consumers together: fewer than are kept, so that each can be settled.
pub const PREFETCH_MAX: u32 = 100;
/// Characters of a body, and of its headers, that are kept.
const SHOWN_CHARS_MAX: usize = 2_000;
/// Messages of one press of Publish, and how many a second.
pub const COUNT_MAX: u64 = 1_000_000;
pub const RATE_MAX: f64 = 10_000.0;

/// How it stands with the connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Stage {
    #[default]
    Away,
    /// On the way.
    Opening,
    /// Under this name.
    Open(String),
    /// A sentence says why.
    Closed(String),
}

/// See the module.
#[derive(Debug, Default)]
pub struct Client {
    pub bus: String,
    pub stage: Stage,
    /// Messages that may be published before more credit comes.
    pub credit: u32,
    pub tally: Tally,
    pub consumers: Vec<Consumer>,
    pub deliveries: VecDeque<Row>,
    /// Deliveries that are not kept any more.
    pub forgotten: u64,
    pub got: Got,
    pub requests: Requests,
    errand: Option<Errand>,
    last_tag: u32,
    last_row: u64,
    out: Vec<BusCommand>,
}

/// What a `get` came to, of the queue of this name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Got {
    #[default]
    Nothing,
    Asked(String),
    Empty(String),
    One(String),
}

/// What became of what this connection has published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub sent: u64,
    pub confirmed: u64,
    pub refused: u64,
    pub returned: u64,
}

/// What is to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    /// `{n}` in its key and its body is the message's number.
    pub message: Content,
    pub count: u64,
    /// A second; `None`: as fast as there is credit.
    pub rate: Option<f64>,
    pub sent: u64,
    /// When it began, by the page's clock.
    pub since_ms: f64,
}

/// Who acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// The user, each delivery.
    ByHand,
    /// The page, as soon as it is there.
    AtOnce,
    /// Nobody: the bus takes what it has written for acknowledged.
    None,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    pub tag: u32,
    pub queue: String,
    pub prefetch: u32,
    pub acks: Acks,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It waits for the user's word.
    Open,
    Acked,
    Requeued,
    Rejected,
    /// The connection ended before it was settled.
    WentBack,
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number in this page.
    pub number: u64,
    delivery: u64,
    pub queue: String,
    pub id: String,
    pub key: String,
    pub headers: String,
    pub body: String,
    pub redelivered: bool,
    pub returns: u32,
    /// Where it died, in words.
    pub deaths: String,
    pub outcome: Outcome,
}

impl Client {
    /// On the way to a bus. What an earlier connection left open went back to its queues.
    pub fn open(&mut self, bus: &str) {
        let mut deliveries = std::mem::take(&mut self.deliveries);
        deliveries.iter_mut().for_each(Row::lose);
        let mut requests = std::mem::take(&mut self.requests);
        requests.lose();
        if self.bus != bus {
            deliveries.clear();
            requests.list.clear();
        }
        let forgotten = if deliveries.is_empty() { 0 } else { self.forgotten };
        let (bus, last_row) = (bus.to_owned(), self.last_row);
        *self = Client { bus, stage: Stage::Opening, deliveries, forgotten, requests, last_row, ..Client::default() };
        self.out.push(BusCommand::Hello { confirms: true });
    }

    /// The connection is over.
    pub fn close(&mut self, sentence: Option<String>) {
        self.stage = sentence.map_or(Stage::Away, Stage::Closed);
        self.deliveries.iter_mut().for_each(Row::lose);
        self.requests.lose();
        self.consumers.clear();
        self.out.clear();
        (self.errand, self.credit, self.got) = (None, 0, Got::Nothing);
    }

    /// Words for the bus.
    pub fn take(&mut self) -> Vec<BusCommand> {
        std::mem::take(&mut self.out)
    }

    pub fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    /// A word of the bus.
    pub fn hear(&mut self, event: BusEvent) {
        match event {
            BusEvent::Opened { client, credit, .. } => (self.stage, self.credit) = (Stage::Open(client), credit),
            BusEvent::Credit { more } => self.credit = self.credit.saturating_add(more),
            BusEvent::Confirm { ok: true, .. } => self.tally.confirmed += 1,
            BusEvent::Confirm { ok: false, .. } => self.tally.refused += 1,
            BusEvent::Returned { message } => {
                self.tally.returned += 1;
                self.requests.returned(&message);
            }
            BusEvent::Deliver(delivery) if self.requests.is_desk(delivery.consumer) => {
                let Content { correlation, body, base64, .. } = &delivery.message;
                self.requests.answered(*correlation, body_of(body.as_ref(), base64.as_ref()));
            }
            BusEvent::Deliver(delivery) => self.deliver(*delivery),
            BusEvent::Empty => {
                if let Got::Asked(queue) = std::mem::take(&mut self.got) {
                    self.got = Got::Empty(queue);
                }
            }
            BusEvent::Replies { queue } => {
                self.last_tag += 1;
                let words = self.requests.opened(queue, self.last_tag);
                self.out.extend(words);
            }
            // The socket closes with the same words.
            BusEvent::Closed { .. } | BusEvent::Pong => {}
        }
    }

    fn deliver(&mut self, said: DeliverEvent) {
        let acks = self.consumers.iter().find(|consumer| Some(consumer.tag) == said.consumer).map(|consumer| consumer.acks);
        let delivery = said.delivery;
        let outcome = match acks {
            _ if delivery == 0 => Outcome::Acked,
            Some(Acks::AtOnce) => {
                self.out.push(BusCommand::Ack { delivery, multiple: false });
                Outcome::Acked
            }
            _ => Outcome::Open,
        };
        if said.consumer.is_none() {
            self.got = Got::One(said.queue.clone());
        }
        self.last_row += 1;
        let message = &said.message;
        let headers: Vec<_> = message.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let deaths = said.deaths.iter().map(|death| format!("{} in {} ({})", death.reason, death.queue, death.count));
        self.deliveries.push_back(Row {
            number: self.last_row,
            delivery,
            queue: said.queue,
            id: said.id,
            key: shown(&message.key),
            headers: shown(&headers.join(", ")),
            body: body_of(message.body.as_ref(), message.base64.as_ref()),
            redelivered: said.redelivered,
            returns: said.returns,
            deaths: deaths.collect::<Vec<_>>().join(", "),
            outcome,
        });
        if self.deliveries.len() > DELIVERIES_KEPT
            && let Some(place) = self.deliveries.iter().position(|row| row.outcome != Outcome::Open)
        {
            self.deliveries.remove(place);
            self.forgotten += 1;
        }
    }

    /// Begins to publish, after what is under way was given up.
    pub fn publish(&mut self, errand: Errand) {
        self.errand = Some(errand);
    }

    /// Publishes no more of it.
    pub fn stop(&mut self) {
        self.errand = None;
    }

    /// Says as much as is due and there is credit for. Whether time alone makes more due.
    pub fn pump(&mut self, now_ms: f64) -> bool {
        if !self.is_open() {
            return false;
        }
        let waits = self.requests.tick(now_ms);
        let Some(errand) = &mut self.errand else { return waits };
        let due = errand.due(now_ms);
        while errand.sent < due && self.credit > 0 {
            errand.sent += 1;
            self.credit -= 1;
            self.tally.sent += 1;
            self.out.push(BusCommand::Publish { message: errand.numbered(), mandatory: true });
        }
        let (is_over, by_time) = (errand.sent >= errand.count, due < errand.count);
        if is_over {
            self.errand = None;
        }
        waits || (by_time && !is_over)
    }

    /// Whether there is something to publish.
    pub fn is_publishing(&self) -> bool {
        self.errand.is_some()
    }

    /// How many messages are due and wait for credit.
    pub fn waiting(&self, now_ms: f64) -> u64 {
        self.errand.as_ref().map_or(0, |errand| errand.due(now_ms) - errand.sent)
    }

    /// Asks for a queue's messages; a sentence if that may not be.
    pub fn subscribe(&mut self, queue: &str, prefetch: u32, acks: Acks) -> Result<(), String> {
        let ahead: u32 = self.consumers.iter().map(|consumer| consumer.prefetch).sum();
        if prefetch == 0 || prefetch > PREFETCH_MAX.saturating_sub(ahead) {
            return Err(format!("The prefetch of this page's consumers is 1 to {PREFETCH_MAX} together; {ahead} are taken."));
        }
        self.last_tag += 1;
        let (tag, queue) = (self.last_tag, queue.to_owned());
        let auto_ack = acks == Acks::None;
        self.out.push(BusCommand::Consume { tag, queue: queue.clone(), prefetch, auto_ack });
        self.consumers.push(Consumer { tag, queue, prefetch, acks });
        Ok(())
    }

    /// Asks for one message of a queue, if it has one; a sentence if that may not be.
    pub fn get(&mut self, queue: &str) -> Result<(), String> {
        if matches!(self.got, Got::Asked(_)) {
            return Err("One message is asked for already.".to_owned());
        }
        let ahead: u32 = self.consumers.iter().map(|consumer| consumer.prefetch).sum();
        // Whatever waits for a word is kept.
        if self.unsettled().count() + ahead as usize >= DELIVERIES_KEPT {
            return Err("So many deliveries wait for your word that no more are kept: settle some first.".to_owned());
        }
        self.out.push(BusCommand::Get { queue: queue.to_owned(), wait_ms: 0, auto_ack: false });
        self.got = Got::Asked(queue.to_owned());
        Ok(())
    }

    /// Sends a request, and waits so long for its answer; a sentence if that may not be.
    pub fn request(&mut self, message: Content, timeout_ms: u32, now_ms: f64) -> Result<(), String> {
        if self.credit == 0 {
            return Err("The broker gives no credit now: ask again when it does.".to_owned());
        }
        let words = self.requests.ask(message, timeout_ms, now_ms)?;
        self.credit -= 1;
        self.tally.sent += 1;
        self.out.extend(words);
        Ok(())
    }

    /// Wants no more of it.
    pub fn cancel(&mut self, tag: u32) {
        self.consumers.retain(|consumer| consumer.tag != tag);
        self.out.push(BusCommand::Cancel { tag });
    }

    /// Settles the delivery with this number in the page.
    pub fn settle(&mut self, number: u64, how: Outcome) {
        let Ok(place) = self.deliveries.binary_search_by_key(&number, |row| row.number) else { return };
        let row = &mut self.deliveries[place];
        if row.outcome != Outcome::Open {
            return;
        }
        let (delivery, multiple) = (row.delivery, false);
        self.out.push(match how {
            Outcome::Acked => BusCommand::Ack { delivery, multiple },
            Outcome::Requeued => BusCommand::Requeue { delivery, multiple },
            Outcome::Rejected => BusCommand::Reject { delivery, multiple },
            Outcome::Open | Outcome::WentBack => return,
        });
        row.outcome = how;
    }

    /// The deliveries that wait for the user's word.
    pub fn unsettled(&self) -> impl Iterator<Item = u64> {
        self.deliveries.iter().filter(|row| row.outcome == Outcome::Open).map(|row| row.number)
    }

    pub fn row(&self, number: u64) -> Option<&Row> {
        let place = self.deliveries.binary_search_by_key(&number, |row| row.number).ok()?;
        self.deliveries.get(place)
    }
}

impl Errand {
    /// How many messages it should have published by now.
    fn due(&self, now_ms: f64) -> u64 {
        match self.rate {
            None => self.count,
            Some(rate) => ((((now_ms - self.since_ms).max(0.0) * rate / 1e3) as u64) + 1).min(self.count).max(self.sent),
        }
    }

    fn numbered(&self) -> Content {
        let number = self.sent.to_string();
        let with = |text: &str| text.replace("{n}", &number);
        Content { key: with(&self.message.key), body: self.message.body.as_deref().map(with), ..self.message.clone() }
    }
}

impl Row {
    fn lose(&mut self) {
        if self.outcome == Outcome::Open {
            self.outcome = Outcome::WentBack;
        }
    }
}

/// Headers as they are written in a field: `format: pdf, pages: 3`. A sentence if one has no name.
pub fn headers(text: &str) -> Result<std::collections::BTreeMap<String, String>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let named = parts.map(|part| match part.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.trim().to_owned())),
        _ => Err(format!("`{part}` is no header: write a name and a value, as in `format: pdf, pages: 3`.")),
    });
    named.collect()
}

/// What the end of a connection says, in a sentence.
pub fn farewell(code: u16, reason: &str) -> String {
    let reason = reason.trim_end_matches('.');
    match (code, reason) {
        (1000, _) => "Detached.".to_owned(),
        (_, "") if code < CLOSE_CODES => {
            "The connection broke without a word: the server is gone, or the way to it.".to_owned()
        }
        (_, _) if code > CLOSE_CODES => {
            format!("The bus closed the connection: {reason} (close code {code}, AMQP's {}).", code - CLOSE_CODES)
        }
        _ => format!("The connection ended: {reason} (close code {code})."),
    }
}

/// A body as it is shown.
fn body_of(text: Option<&String>, bytes: Option<&String>) -> String {
    match (text, bytes) {
        (Some(text), _) => shown(text),
        (None, Some(bytes)) => format!("Base64: {}", shown(bytes)),
        (None, None) => String::new(),
    }
}

/// The beginning of a text.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}… ({} bytes in all)", &text[..at], text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(credit: u32) -> Client {
        let mut client = Client::default();
        client.open("work");
        client.hear(BusEvent::Opened { bus: "work".to_owned(), client: "client-5".to_owned(), credit });
        assert_eq!(client.take(), [BusCommand::Hello { confirms: true }]);
        client
    }

    fn errand(count: u64, rate: Option<f64>) -> Errand {
        let message = Content { key: "tasks".to_owned(), body: Some("task {n}".to_owned()), ..Content::default() };
        Errand { message, count, rate, sent: 0, since_ms: 1_000.0 }
    }

    fn delivery(consumer: u32, delivery: u64) -> BusEvent {
        let message = Content { key: "tasks".to_owned(), body: Some("x".repeat(5_000)), ..Content::default() };
        BusEvent::Deliver(Box::new(DeliverEvent {
            consumer: Some(consumer),
            delivery,
            queue: "tasks".to_owned(),
            redelivered: delivery == 1,
            returns: 0,
            id: format!("5/{delivery}"),
            message,
            deaths: Vec::new(),
        }))
    }

    #[test]
    fn no_more_is_published_than_there_is_credit_for_and_the_rest_waits_here() {
        let mut client = open(3);
        client.publish(errand(5, None));
        assert!(!client.pump(1_000.0), "credit, not time, makes it go on");
        let bodies = client.take().into_iter().map(|word| match word {
            BusCommand::Publish { message, .. } => message.body.unwrap_or_default(),
            other => panic!("{other:?}"),
        });
        assert_eq!(bodies.collect::<Vec<_>>(), ["task 1", "task 2", "task 3"]);
        assert_eq!((client.credit, client.waiting(1_000.0), client.is_publishing()), (0, 2, true));
        client.hear(BusEvent::Credit { more: 10 });
        client.pump(1_000.0);
        assert_eq!((client.take().len(), client.credit, client.is_publishing()), (2, 8, false));
        (1..=4).for_each(|number| client.hear(BusEvent::Confirm { number, ok: true }));
        client.hear(BusEvent::Confirm { number: 5, ok: false });
        assert_eq!(client.tally, Tally { sent: 5, confirmed: 4, refused: 1, returned: 0 });
    }

    #[test]
    fn a_rate_makes_messages_due_as_time_goes() {
        let mut client = open(100);
        client.publish(errand(10, Some(10.0)));
        assert!(client.pump(1_000.0));
        assert_eq!(client.take().len(), 1);
        assert!(client.pump(1_350.0));
        assert_eq!((client.take().len(), client.waiting(1_350.0)), (3, 0));
        assert!(!client.pump(9_000.0), "all of it was due by then");
        assert_eq!((client.take().len(), client.is_publishing()), (6, false));
    }

    #[test]
    fn what_waits_for_a_word_is_kept_and_of_the_rest_the_last() {
        let mut client = open(1);
        assert!(client.subscribe("tasks", 101, Acks::ByHand).is_err());
        assert_eq!(client.subscribe("tasks", 90, Acks::ByHand), Ok(()));
        assert!(client.subscribe("tasks", u32::MAX, Acks::ByHand).is_err());
        let refusal = client.subscribe("tasks", 20, Acks::AtOnce).unwrap_err();
        assert!(refusal.contains("90 are taken"), "{refusal}");
        assert_eq!(client.subscribe("tasks", 10, Acks::AtOnce), Ok(()));
        client.take();
        client.hear(delivery(1, 1));
        assert!(client.take().is_empty());
        for number in 2..=500 {
            client.hear(delivery(2, number));
            assert_eq!(client.take(), [BusCommand::Ack { delivery: number, multiple: false }]);
        }
        assert_eq!((client.deliveries.len(), client.forgotten), (DELIVERIES_KEPT, 300));
        let first = client.deliveries[0].clone();
        assert_eq!((first.number, first.outcome, first.redelivered), (1, Outcome::Open, true));
        assert!(first.body.len() < 2_100 && first.body.ends_with("(5000 bytes in all)"));
        client.settle(1, Outcome::Requeued);
        client.settle(1, Outcome::Acked);
        assert_eq!(client.take(), [BusCommand::Requeue { delivery: 1, multiple: false }], "each is settled once");
    }

    #[test]
    fn what_was_not_settled_when_a_connection_ends_went_back() {
        let mut client = open(1);
        client.subscribe("tasks", 10, Acks::ByHand).unwrap();
        client.hear(delivery(1, 1));
        assert_eq!(client.unsettled().collect::<Vec<_>>(), [1]);
        client.close(Some(farewell(1001, "the bus has ended")));
        assert_eq!(client.stage, Stage::Closed("The connection ended: the bus has ended (close code 1001).".to_owned()));
        assert_eq!((client.deliveries[0].outcome, client.credit), (Outcome::WentBack, 0));
        assert!(client.consumers.is_empty());
        client.open("work");
        assert_eq!(client.deliveries.len(), 1);
        client.open("other");
        assert_eq!(client.deliveries.len(), 0);
    }

    #[test]
    fn one_message_is_asked_for_at_a_time_and_an_empty_queue_is_told_of() {
        let mut client = open(1);
        assert_eq!(client.get("tasks"), Ok(()));
        assert_eq!(client.take(), [BusCommand::Get { queue: "tasks".to_owned(), wait_ms: 0, auto_ack: false }]);
        assert!(client.get("tasks").is_err());
        let BusEvent::Deliver(one) = delivery(1, 7) else { unreachable!() };
        client.hear(BusEvent::Deliver(Box::new(DeliverEvent { consumer: None, ..*one })));
        assert_eq!((client.got.clone(), client.deliveries[0].outcome), (Got::One("tasks".to_owned()), Outcome::Open));
        assert_eq!(client.get("late"), Ok(()));
        client.hear(BusEvent::Empty);
        assert_eq!(client.got, Got::Empty("late".to_owned()));
    }

    #[test]
    fn an_answer_is_no_delivery_and_a_request_costs_credit() {
        let mut client = open(1);
        client.subscribe("tasks", 10, Acks::ByHand).unwrap();
        client.take();
        let message = || Content { key: "quotes".to_owned(), ..Content::default() };
        assert_eq!(client.request(message(), 100, 0.0), Ok(()));
        assert_eq!(client.take(), [BusCommand::Replies]);
        assert_eq!((client.credit, client.tally.sent), (0, 1));
        assert!(client.request(message(), 100, 0.0).unwrap_err().contains("no credit"));
        client.hear(BusEvent::Replies { queue: "replies-5".to_owned() });
        assert_eq!(client.take().len(), 2, "it takes from the queue, and asks");
        assert!(client.pump(10.0), "time alone may end its wait");
        let BusEvent::Deliver(one) = delivery(2, 0) else { unreachable!() };
        let message = Content { correlation: Some(1), body: Some("42".to_owned()), ..Content::default() };
        client.hear(BusEvent::Deliver(Box::new(DeliverEvent { message, ..*one })));
        assert!(client.deliveries.is_empty() && !client.pump(20.0));
        let answer = client.requests.list[0].fate.clone();
        assert_eq!(
            answer,
            crate::lab::join::requests::Fate::Answered { body: "42".to_owned(), after_ms: 10.0, is_late: false }
        );
    }

    #[test]
    fn each_end_has_a_sentence() {
        assert_eq!(farewell(1000, "as the client wished"), "Detached.");
        assert!(farewell(1006, "").contains("without a word"));
        assert_eq!(
            farewell(4404, "there is no queue `x`"),
            "The bus closed the connection: there is no queue `x` (close code 4404, AMQP's 404)."
        );
    }

    #[test]
    fn headers_are_names_and_values() {
        let read = headers(" format: pdf, pages:3,").unwrap();
        assert_eq!(read.into_iter().collect::<Vec<_>>(), [("format".into(), "pdf".into()), ("pages".into(), "3".into())]);
        assert!(headers("pdf").unwrap_err().contains("`pdf` is no header"));
    }
}
