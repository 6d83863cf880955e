//! What there is to be seen of a run at a moment, as one number: whoever sees the same has the same.

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3;

use crate::batch::Counters;
use crate::id::NodeId;
use crate::wire::{AttemptView, Frame, News, Tally, WorkerView};

/// The hash of a frame that tells everything: 16 hexadecimal digits. How fast virtual time goes, and the run's number, are no part of
/// what is seen.
pub fn state_hash(whole: &Frame) -> String {
    let Frame { run: _, now, whole: _, progress, workers, attempts, counters, tally, news, pace: _, bus } = whole;
    let mut hasher = Hasher(Xxh3::new());
    hasher.numbers([now.0, progress.to_bits(), workers.len() as u64, attempts.len() as u64, news.len() as u64]);
    workers.iter().for_each(|worker| hasher.worker(worker));
    attempts.iter().for_each(|attempt| hasher.attempt(attempt));
    hasher.counters(counters, tally);
    news.iter().for_each(|news| hasher.news(news));
    if let Some(bus) = bus {
        hasher.told(bus);
    }
    format!("{:016x}", hasher.0.digest())
}

struct Hasher(Xxh3);

impl Hasher {
    fn numbers<const N: usize>(&mut self, numbers: [u64; N]) {
        for number in numbers {
            self.0.update(&number.to_le_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        self.numbers([text.len() as u64]);
        self.0.update(text.as_bytes());
    }

    fn worker(&mut self, worker: &WorkerView) {
        let WorkerView { node, incarnation, state } = worker;
        let place = match node {
            NodeId::Coordinator => 0,
            NodeId::Worker(number) => *number,
        };
        self.numbers([place.into(), (*incarnation).into(), *state as u64]);
    }

    fn attempt(&mut self, attempt: &AttemptView) {
        // What it made of each partition follows from the input, which is the same in all moments.
        let AttemptView {
            index,
            phase,
            task,
            number,
            backup,
            worker,
            incarnation,
            start,
            end,
            state,
            records,
            bytes,
            sizes: _,
        } = attempt;
        self.numbers([(*index).into(), *phase as u64, (*task).into(), (*number).into(), (*backup).into(), (*worker).into()]);
        let end = end.map_or(u64::MAX, |end| end.0);
        self.numbers([(*incarnation).into(), start.0, end, *state as u64, records.0, bytes.0]);
    }

    /// By their names, so that another counter makes another state.
    fn counters(&mut self, counters: &Counters, tally: &Tally) {
        self.told(&(counters, tally));
    }

    fn told(&mut self, what: &impl Serialize) {
        let told = serde_json::to_string(what).expect("wire types have string keys and no failing serializers");
        self.text(&told);
    }

    fn news(&mut self, news: &News) {
        let News { at, text, fault } = news;
        self.numbers([at.0, fault.is_some().into()]);
        self.text(text);
        self.text(fault.as_deref().unwrap_or_default());
    }
}
