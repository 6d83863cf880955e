//! Spans, counted in buckets that are at most a thirty-second of their value wide: how long most took, without keeping each.

use crate::time::Span;

/// Buckets to each power of two.
const BUCKETS_BITS: u32 = 5;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    max: Span,
}

impl Histogram {
    pub fn add(&mut self, span: Span) {
        let index = index(span.0);
        if index >= self.counts.len() {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
        self.total += 1;
        self.max = self.max.max(span);
    }

    pub fn merge(&mut self, other: &Histogram) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, other)| *count += other);
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    pub fn count(&self) -> u64 {
        self.total
    }

    pub fn max(&self) -> Span {
        self.max
    }

    /// What this share of the spans, 0 to 1, do not exceed, to the width of a bucket; zero if there are none.
    pub fn quantile(&self, share: f64) -> Span {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Span(last_of(index)).min(self.max);
            }
        }
        self.max
    }
}

/// The bucket of a value: small ones have their own, each greater power of two is divided in thirty-two.
fn index(value: u64) -> usize {
    let bits = u64::BITS - value.leading_zeros();
    let shift = bits.saturating_sub(BUCKETS_BITS + 1);
    ((u64::from(shift) << BUCKETS_BITS) + (value >> shift)) as usize
}

/// The greatest value of a bucket.
fn last_of(index: usize) -> u64 {
    let index = index as u64;
    let shift = (index >> BUCKETS_BITS).saturating_sub(1);
    let within = index - (shift << BUCKETS_BITS);
    ((within + 1) << shift) - 1
}
