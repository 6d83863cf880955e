//! Finds the words of ASCII text, 64 bytes at a time.
//!
//! Each block becomes a 64-bit mask with a bit per byte that is part of a word: a letter, a digit, or a single apostrophe between
//! two of these. Where the mask changes, a word starts or ends. What straddles two blocks is carried from one to the next.

use wide::i8x16;

const BLOCK: usize = 64;

/// Bytes scanned before their words are counted: their bounds stay in the first-level cache.
pub(super) const STRETCH_BYTES: usize = 8 << 10;

/// Scans a range of text for words and line ends.
pub(super) struct Scanner {
    position: usize,
    end: usize,
    /// Whether the byte before `position` is alphanumeric, or in a word: 0 or 1.
    after_alphanumeric: u64,
    in_word: u64,
    pub newlines: u64,
    bounds: Box<[u32]>,
    bounds_len: usize,
}

impl Scanner {
    pub fn new() -> Scanner {
        // A bound for each byte of a stretch, one carried over, one at the end.
        let bounds = vec![0; STRETCH_BYTES + 2].into_boxed_slice();
        Scanner { position: 0, end: 0, after_alphanumeric: 0, in_word: 0, newlines: 0, bounds, bounds_len: 0 }
    }

    /// Begins a range of bytes that words neither enter nor leave.
    pub fn start(&mut self, range: std::ops::Range<usize>) {
        (self.position, self.end) = (range.start, range.end);
        (self.after_alphanumeric, self.in_word, self.bounds_len) = (0, 0, 0);
    }

    /// The bounds of the next words, start and end alternating; `None` at the end of the range. `padded` has at least
    /// [`PADDING`](super::reader::PADDING) bytes after the range.
    pub fn next(&mut self, padded: &[u8]) -> Option<&[u32]> {
        if self.position >= self.end {
            return None;
        }
        // The start of a word that ends in this stretch.
        if self.bounds_len % 2 == 1 {
            self.bounds[0] = self.bounds[self.bounds_len - 1];
            self.bounds_len = 1;
        } else {
            self.bounds_len = 0;
        }
        let until = self.end.min(self.position + STRETCH_BYTES);
        while self.position < until {
            let block = padded[self.position..].first_chunk().expect("a block is padded");
            let left = self.end - self.position;
            self.scan(block, left, padded);
        }
        if self.position >= self.end && self.in_word == 1 {
            self.bounds[self.bounds_len] = self.end as u32;
            self.bounds_len += 1;
        }
        Some(&self.bounds[..self.bounds_len & !1])
    }

    #[inline(always)]
    fn scan(&mut self, block: &[u8; BLOCK], left: usize, padded: &[u8]) {
        let Masks { mut alphanumeric, apostrophe, mut newline } = classify(block);
        if left < BLOCK {
            let keep = (1 << left) - 1;
            alphanumeric &= keep;
            newline &= keep;
        }
        self.newlines += u64::from(newline.count_ones());
        let mut word = alphanumeric;
        if apostrophe != 0 {
            let next = padded.get(self.position + BLOCK).is_some_and(|byte| left > BLOCK && byte.is_ascii_alphanumeric());
            let before = alphanumeric << 1 | self.after_alphanumeric;
            let after = alphanumeric >> 1 | u64::from(next) << 63;
            word |= apostrophe & before & after;
        }
        let mut changes = word ^ (word << 1 | self.in_word);
        self.after_alphanumeric = alphanumeric >> 63;
        self.in_word = word >> 63;
        let found = &mut self.bounds[self.bounds_len..];
        let mut index = 0;
        while changes != 0 {
            found[index] = self.position as u32 + changes.trailing_zeros();
            changes &= changes - 1;
            index += 1;
        }
        self.bounds_len += index;
        self.position += BLOCK.min(left);
    }
}

/// One bit a byte, lowest first.
struct Masks {
    alphanumeric: u64,
    apostrophe: u64,
    newline: u64,
}

#[inline(always)]
fn classify(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks { alphanumeric: 0, apostrophe: 0, newline: 0 };
    for (index, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = i8x16::new(bytes.map(|byte| byte as i8));
        // Shifted so that the range's end is the greatest signed byte; bytes past ASCII stay below.
        let letter = ((bytes | i8x16::splat(0x20)) + i8x16::splat(i8::MAX - b'z' as i8)).simd_gt(i8x16::splat(i8::MAX - 26));
        let digit = (bytes + i8x16::splat(i8::MAX - b'9' as i8)).simd_gt(i8x16::splat(i8::MAX - 10));
        let shift = 16 * index;
        masks.alphanumeric |= u64::from((letter | digit).to_bitmask()) << shift;
        masks.apostrophe |= u64::from(bytes.simd_eq(i8x16::splat(b'\'' as i8)).to_bitmask()) << shift;
        masks.newline |= u64::from(bytes.simd_eq(i8x16::splat(b'\n' as i8)).to_bitmask()) << shift;
    }
    masks
}
