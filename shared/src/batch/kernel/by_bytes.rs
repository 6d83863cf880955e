//! Numbers in the order of the bytes of their keys.
//!
//! Eight bytes of each key lie beside its number, so that a comparison is one of two integers that are at hand. Where many keys have
//! the same eight, the next eight take their place and these numbers alone are sorted again (as in the multikey quicksort of Bentley
//! and Sedgewick, 1997, with its keys cached).

use std::ops::Range;

/// Bytes of a key that are compared at once.
const STRIDE: usize = size_of::<u64>();

/// So few numbers are sorted by their whole keys.
const FEW: usize = 16;

/// The numbers below `count` by their keys ascending, those of equal keys by themselves.
pub(super) fn by_bytes<'k>(count: usize, key: impl Fn(u32) -> &'k [u8]) -> Vec<u32> {
    let mut keyed: Vec<(u64, u32)> = (0..count as u32).map(|number| (0, number)).collect();
    let mut open: Vec<(Range<usize>, usize)> = vec![(0..count, 0)];
    while let Some((range, depth)) = open.pop() {
        let start = range.start;
        let part = &mut keyed[range];
        part.iter_mut().for_each(|(bytes, number)| *bytes = prefix(key(*number).get(depth..).unwrap_or_default()));
        part.sort_unstable();
        let mut from = 0;
        while from < part.len() {
            let equal = part[from..].iter().take_while(|entry| entry.0 == part[from].0).count();
            let run = &mut part[from..from + equal];
            if equal > FEW && run.iter().any(|(_, number)| key(*number).len() > depth + STRIDE) {
                open.push((start + from..start + from + equal, depth + STRIDE));
            } else if equal > 1 {
                run.sort_unstable_by(|(_, a), (_, b)| key(*a).cmp(key(*b)).then(a.cmp(b)));
            }
            from += equal;
        }
    }
    keyed.into_iter().map(|(_, number)| number).collect()
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
