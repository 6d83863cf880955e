//! Requests of a client of a live bus: each with a correlation id and the queue for its answer, and what became of it.
//!
//! The queue for answers is asked for with the first request, and lives as long as the connection. A request is answered, comes back since
//! no queue takes it, or waits no longer than its user wishes; an answer that comes after that is told as late. What is kept is bounded.

use std::collections::VecDeque;

use shared::messaging::protocol::{BusCommand, Content};

/// Requests that are kept to be looked at, and that may wait at once.
pub const REQUESTS_KEPT: usize = 20;
/// The longest wait for an answer. Milliseconds.
pub const TIMEOUT_MS_MAX: u32 = 600_000;
/// Answers ahead of the page, of all its requests together.
const ANSWERS_AHEAD: u32 = 20;

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    Waits,
    /// So long after it was sent, by the page's clock, and perhaps after nobody waited any more.
    Answered {
        body: String,
        after_ms: f64,
        is_late: bool,
    },
    TimedOut,
    /// There is no queue that takes it.
    Returned,
    /// The connection ended before an answer came.
    Lost,
}

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Its correlation id, which its answer bears.
    pub number: u64,
    pub to: String,
    pub timeout_ms: u32,
    since_ms: f64,
    pub fate: Fate,
}

/// Where answers come to.
#[derive(Debug, Default, PartialEq)]
enum Desk {
    #[default]
    None,
    /// It was asked for; these requests go out when it is there.
    Opening(Vec<Content>),
    Open {
        queue: String,
        tag: u32,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub struct Requests {
    /// The oldest first.
    pub list: VecDeque<Asked>,
    desk: Desk,
    last: u64,
    now_ms: f64,
}

impl Requests {
    /// One more request; what is to be said for it. A sentence if there are too many.
    pub fn ask(&mut self, mut message: Content, timeout_ms: u32, now_ms: f64) -> Result<Vec<BusCommand>, String> {
        self.tick(now_ms);
        if self.list.len() >= REQUESTS_KEPT {
            let settled = self.list.iter().position(|asked| asked.fate != Fate::Waits);
            let settled =
                settled.ok_or_else(|| format!("{REQUESTS_KEPT} requests wait for their answers: that is the most."))?;
            self.list.remove(settled);
        }
        self.last += 1;
        let (number, to) = (self.last, message.key.clone());
        message.correlation = Some(number);
        self.list.push_back(Asked { number, to, timeout_ms, since_ms: now_ms, fate: Fate::Waits });
        Ok(match &mut self.desk {
            Desk::Open { queue, .. } => vec![sent(message, queue)],
            Desk::Opening(waiting) => {
                waiting.push(message);
                Vec::new()
            }
            Desk::None => {
                self.desk = Desk::Opening(vec![message]);
                vec![BusCommand::Replies]
            }
        })
    }

    /// The queue for answers is there, and is taken from under this tag; what is to be said now.
    pub fn opened(&mut self, queue: String, tag: u32) -> Vec<BusCommand> {
        let Desk::Opening(waiting) = &mut self.desk else { return Vec::new() };
        let consume = BusCommand::Consume { tag, queue: queue.clone(), prefetch: ANSWERS_AHEAD, auto_ack: true };
        let requests = std::mem::take(waiting).into_iter().map(|message| sent(message, &queue));
        let words = [consume].into_iter().chain(requests).collect();
        self.desk = Desk::Open { queue, tag };
        words
    }

    /// Whether what comes under this tag is an answer.
    pub fn is_desk(&self, consumer: Option<u32>) -> bool {
        matches!(&self.desk, Desk::Open { tag, .. } if Some(*tag) == consumer)
    }

    /// An answer came.
    pub fn answered(&mut self, correlation: Option<u64>, body: String) {
        let now_ms = self.now_ms;
        if let Some(asked) = self.list.iter_mut().find(|asked| Some(asked.number) == correlation)
            && matches!(asked.fate, Fate::Waits | Fate::TimedOut)
        {
            let is_late = asked.fate == Fate::TimedOut;
            asked.fate = Fate::Answered { body, after_ms: now_ms - asked.since_ms, is_late };
        }
    }

    /// A request, or another message, came back. Whether it was a request.
    pub fn returned(&mut self, message: &Content) -> bool {
        let waits = |asked: &&mut Asked| Some(asked.number) == message.correlation && asked.fate == Fate::Waits;
        let asked = self.list.iter_mut().find(waits).filter(|_| message.reply_to.is_some());
        asked.map(|asked| asked.fate = Fate::Returned).is_some()
    }

    /// Time goes on. Whether anything waits for an answer.
    pub fn tick(&mut self, now_ms: f64) -> bool {
        self.now_ms = now_ms;
        let mut waits = false;
        for asked in self.list.iter_mut().filter(|asked| asked.fate == Fate::Waits) {
            match now_ms - asked.since_ms >= f64::from(asked.timeout_ms) {
                true => asked.fate = Fate::TimedOut,
                false => waits = true,
            }
        }
        waits
    }

    /// The connection is over, and the queue for answers with it.
    pub fn lose(&mut self) {
        self.desk = Desk::None;
        self.list.iter_mut().filter(|asked| asked.fate == Fate::Waits).for_each(|asked| asked.fate = Fate::Lost);
    }
}

fn sent(message: Content, queue: &str) -> BusCommand {
    BusCommand::Publish { message: Content { reply_to: Some(queue.to_owned()), ..message }, mandatory: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Content {
        Content { key: "quotes".to_owned(), body: Some(body.to_owned()), ..Content::default() }
    }

    fn request(body: &str, correlation: u64) -> BusCommand {
        let (correlation, reply_to) = (Some(correlation), Some("replies-5".to_owned()));
        BusCommand::Publish { message: Content { correlation, reply_to, ..message(body) }, mandatory: true }
    }

    fn fates(requests: &Requests) -> Vec<Fate> {
        requests.list.iter().map(|asked| asked.fate.clone()).collect()
    }

    #[test]
    fn the_first_requests_wait_for_their_desk_and_later_ones_go_at_once() {
        let mut requests = Requests::default();
        assert_eq!(requests.ask(message("a"), 100, 0.0), Ok(vec![BusCommand::Replies]));
        assert_eq!(requests.ask(message("b"), 100, 1.0), Ok(Vec::new()));
        let words = requests.opened("replies-5".to_owned(), 7);
        let consume = BusCommand::Consume { tag: 7, queue: "replies-5".to_owned(), prefetch: ANSWERS_AHEAD, auto_ack: true };
        assert_eq!(words, [consume, request("a", 1), request("b", 2)]);
        assert_eq!(requests.ask(message("c"), 100, 2.0), Ok(vec![request("c", 3)]));
        assert!(requests.is_desk(Some(7)) && !requests.is_desk(Some(1)) && !requests.is_desk(None));
    }

    #[test]
    fn a_request_is_answered_in_time_or_late_or_not_at_all() {
        let mut requests = Requests::default();
        (0..4).for_each(|_| drop(requests.ask(message("a"), 100, 0.0)));
        requests.opened("replies-5".to_owned(), 7);
        requests.tick(40.0);
        requests.answered(Some(2), "two".to_owned());
        requests.answered(Some(9), "to nobody".to_owned());
        requests.answered(None, "to nobody".to_owned());
        let back = Content { correlation: Some(3), reply_to: Some("replies-5".to_owned()), ..message("a") };
        assert!(requests.returned(&back) && !requests.returned(&message("a")));
        assert!(requests.tick(99.0) && !requests.tick(100.0));
        requests.tick(150.0);
        requests.answered(Some(1), "one".to_owned());
        let answered = |body: &str, after_ms, is_late| Fate::Answered { body: body.to_owned(), after_ms, is_late };
        let wanted = [answered("one", 150.0, true), answered("two", 40.0, false), Fate::Returned, Fate::TimedOut];
        assert_eq!(fates(&requests), wanted);
        // What has its answer keeps it.
        requests.answered(Some(2), "again".to_owned());
        assert_eq!(fates(&requests), wanted);
    }

    #[test]
    fn no_more_wait_than_are_kept_and_none_when_the_connection_is_over() {
        let mut requests = Requests::default();
        (0..REQUESTS_KEPT).for_each(|_| drop(requests.ask(message("a"), 100, 0.0)));
        assert!(requests.ask(message("a"), 100, 1.0).unwrap_err().starts_with("20 requests wait"));
        requests.lose();
        assert!(fates(&requests).iter().all(|fate| *fate == Fate::Lost));
        assert_eq!(requests.ask(message("a"), 100, 2.0), Ok(vec![BusCommand::Replies]), "another connection, another desk");
        assert_eq!(requests.list.len(), REQUESTS_KEPT);
    }
}
