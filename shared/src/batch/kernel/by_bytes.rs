//! Numbers in the order of the bytes of their keys.
//!
//! Eight bytes that stand for each key lie beside its number, so that a comparison is one of two integers that are at hand. They are
//! the first 64 bits in which the keys differ at all: what is the same in all of them, as most of a text that numbers something or the
//! high bytes of small integers, says nothing. Where many keys have the same 64, the next ones take their place and these numbers
//! alone are sorted again (as in the multikey quicksort of Bentley and Sedgewick, 1997, with its keys cached).

use std::ops::Range;

/// Bytes of a key that are compared at once.
const STRIDE: usize = size_of::<u64>();

/// So few numbers are sorted by their whole keys.
const FEW: usize = 16;

/// Words of eight bytes that are looked at for bits that differ.
const WORDS: usize = 16;

/// Keys by which is guessed how many words have enough of them.
const SAMPLE: usize = 256;

/// The numbers below `count` by their keys ascending, those of equal keys by themselves; and whether each has another key than the
/// one before.
pub(super) fn by_bytes<'k>(count: usize, key: impl Fn(u32) -> &'k [u8]) -> impl Iterator<Item = (u32, bool)> {
    let mut keyed: Vec<(u64, u32)> = (0..count as u32).map(|number| (0, number)).collect();
    let mut open: Vec<(Range<usize>, usize)> = vec![(0..count, 0)];
    while let Some((range, depth)) = open.pop() {
        let start = range.start;
        let part = &mut keyed[range];
        let code = Code::of(part, depth, &key);
        part.iter_mut().for_each(|(bits, number)| *bits = code.bits(key(*number)));
        part.sort_unstable();
        let mut from = 0;
        while from < part.len() {
            let equal = part[from..].iter().take_while(|entry| entry.0 == part[from].0).count();
            let run = &mut part[from..from + equal];
            if equal > FEW && run.iter().any(|(_, number)| key(*number).len() > code.end) {
                open.push((start + from..start + from + equal, code.end));
            } else {
                // Their bits have served: they say now whether the key is another.
                if equal > 1 {
                    run.sort_unstable_by(|(_, a), (_, b)| key(*a).cmp(key(*b)).then(a.cmp(b)));
                    (1..equal).for_each(|at| run[at].0 = u64::from(key(run[at].1) != key(run[at - 1].1)));
                }
                run[0].0 = 1;
            }
            from += equal;
        }
    }
    keyed.into_iter().map(|(bits, number)| (number, bits != 0))
}

/// Which bits stand for keys that are the same before some byte.
struct Code {
    /// Each of a word, by where that begins: so many bits, and so many less significant ones behind them.
    pieces: Vec<(usize, u32, u32)>,
    /// Keys with the same bits are the same before this byte, zeros behind their last one.
    end: usize,
}

impl Code {
    fn of<'k>(keyed: &[(u64, u32)], depth: usize, key: impl Fn(u32) -> &'k [u8]) -> Code {
        let first = keyed.first().map(|(_, number)| key(*number)).unwrap_or_default();
        let same: [u64; WORDS] = std::array::from_fn(|index| word(first, depth + index * STRIDE));
        let differing = |words: usize, step: usize| {
            let mut bits = [0; WORDS];
            for (_, number) in keyed.iter().step_by(step) {
                let key = key(*number);
                for (index, bits) in bits[..words].iter_mut().enumerate() {
                    *bits |= word(key, depth + index * STRIDE) ^ same[index];
                }
            }
            bits
        };
        let some = differing(WORDS, (keyed.len() / SAMPLE).max(1));
        let (mut words, mut found) = (WORDS, 0);
        for (index, bits) in some.iter().enumerate().filter(|(_, bits)| **bits != 0) {
            if found < u64::BITS {
                (words, found) = (index + 1, found + bits.count_ones());
            }
        }
        let mut code = Code { pieces: Vec::new(), end: depth };
        let mut left = u64::BITS;
        for mut bits in differing(words, 1).into_iter().take(words) {
            while bits != 0 && left > 0 {
                let before = bits.leading_zeros();
                let count = (bits << before).leading_ones().min(left);
                let behind = u64::BITS - before - count;
                code.pieces.push((code.end, count, behind));
                bits &= (1 << behind) - 1;
                left -= count;
            }
            if bits != 0 {
                break;
            }
            code.end += STRIDE;
        }
        code
    }

    fn bits(&self, key: &[u8]) -> u64 {
        let (mut bits, mut here, mut at) = (0_u64, 0, usize::MAX);
        for (place, count, behind) in &self.pieces {
            if *place != at {
                (here, at) = (word(key, *place), *place);
            }
            bits = bits.checked_shl(*count).unwrap_or(0) | ((here >> behind) & (u64::MAX >> (u64::BITS - count)));
        }
        bits
    }
}

/// Eight bytes from one on as a number that orders like them; there are zeros behind the last.
fn word(bytes: &[u8], at: usize) -> u64 {
    prefix(bytes.get(at..).unwrap_or_default())
}

/// The first eight bytes as a number that orders like them.
pub(super) fn prefix(bytes: &[u8]) -> u64 {
    if let Some(first) = bytes.first_chunk() {
        return u64::from_be_bytes(*first);
    }
    let mut first = [0; STRIDE];
    first[..bytes.len()].copy_from_slice(bytes);
    u64::from_be_bytes(first)
}
