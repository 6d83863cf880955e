//! Text made from a seed, for measuring: words drawn by Zipf's law (the k-th most frequent one has a share in proportion to 1/k),
//! in lines, with capitals and punctuation. The same seed gives the same bytes everywhere.

use std::collections::BTreeSet;

use crate::rng::Rng;

/// An endless text, given in whole lines. What comes does not depend on how much is asked for at a time.
#[derive(Clone, Debug)]
pub struct ZipfText {
    words: Vec<String>,
    /// Walker's alias method: stay at the word drawn when the second draw is below its threshold, else take its alias.
    threshold: Vec<u32>,
    alias: Vec<u32>,
    random: Rng,
    sentence_begins: bool,
}

/// Bytes after which a line ends with its current word.
const LINE_BYTES: usize = 74;

impl ZipfText {
    /// A text over `distinct` words (at least 1).
    pub fn new(seed: u64, distinct: u32) -> ZipfText {
        let mut random = Rng::new(seed);
        let words = vocabulary(distinct.max(1), &mut random);
        let (threshold, alias) = alias_table(words.len());
        ZipfText { words, threshold, alias, random, sentence_begins: true }
    }

    /// Appends whole lines until at least `bytes` bytes have been appended.
    pub fn fill(&mut self, text: &mut Vec<u8>, bytes: usize) {
        let until = text.len() + bytes;
        while text.len() < until {
            self.line(text);
        }
    }

    fn line(&mut self, text: &mut Vec<u8>) {
        let start = text.len();
        loop {
            let (place, chance) = (self.random.bits(), self.random.bits());
            let word = &self.words[self.draw(place, chance as u32)];
            let first = text.len();
            text.extend_from_slice(word.as_bytes());
            let ornament = (chance >> 32) as u16;
            if std::mem::take(&mut self.sentence_begins) || ornament.is_multiple_of(64) {
                text[first].make_ascii_uppercase();
            }
            match ornament >> 8 {
                0..=15 => text.push(b','),
                16..=29 => {
                    text.push(if ornament & 0x80 == 0 { b'.' } else { b'?' });
                    self.sentence_begins = true;
                }
                30..=32 => text.push(b';'),
                _ => {}
            }
            if text.len() - start >= LINE_BYTES {
                text.push(b'\n');
                return;
            }
            text.push(b' ');
        }
    }

    fn draw(&self, place: u64, chance: u32) -> usize {
        let index = (((place >> 32) * self.words.len() as u64) >> 32) as usize;
        if chance < self.threshold[index] { index } else { self.alias[index] as usize }
    }
}

/// Distinct pronounceable words; frequent ones are shorter, so that a word of the text has five to six letters on average.
fn vocabulary(distinct: u32, random: &mut Rng) -> Vec<String> {
    const CONSONANTS: &[u8] = b"ttttnnnssshhrrrddllcmmwfgpybvk";
    const VOWELS: &[u8] = b"eeeeeaaaaoooiiiuy";
    let mut known = BTreeSet::new();
    let mut words = Vec::with_capacity(distinct as usize);
    for rank in 1..=distinct {
        let bits = u32::BITS - rank.leading_zeros();
        let mut letters = (2 + bits / 2 + (random.bits() % 3) as u32).saturating_sub(1).max(1);
        loop {
            let mut word = String::new();
            let mut vowel = random.bits().is_multiple_of(3);
            for _ in 0..letters {
                let from = if vowel { VOWELS } else { CONSONANTS };
                word.push(char::from(from[(random.bits() % from.len() as u64) as usize]));
                vowel = !vowel;
            }
            if letters > 4 && random.bits().is_multiple_of(100) {
                word.insert(word.len() - 1, '\'');
            }
            if known.insert(word.clone()) {
                words.push(word);
                break;
            }
            letters += 1;
        }
    }
    words
}

fn alias_table(words: usize) -> (Vec<u32>, Vec<u32>) {
    // Only additions, divisions and comparisons of floats: the same on every platform.
    let total: f64 = (1..=words).map(|rank| 1.0 / rank as f64).sum();
    let mut share: Vec<f64> = (1..=words).map(|rank| words as f64 / rank as f64 / total).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..words).partition(|index| share[*index] < 1.0);
    let (mut threshold, mut alias) = (vec![u32::MAX; words], (0..words as u32).collect::<Vec<u32>>());
    while let (Some(less), Some(more)) = (small.pop(), large.pop()) {
        threshold[less] = (share[less] * f64::from(u32::MAX)) as u32;
        alias[less] = more as u32;
        share[more] -= 1.0 - share[less];
        if share[more] < 1.0 { small.push(more) } else { large.push(more) }
    }
    (threshold, alias)
}
