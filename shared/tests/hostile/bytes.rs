//! Texts by their bytes: drawn at random, or an experiment with some of them changed.

use shared::rng::Rng;

/// Pieces that mean something to YAML, to an experiment or to an expression.
const PIECES: [&str; 64] = [
    "- ",
    ": ",
    "\n",
    "\n  ",
    "\n    - ",
    "\n      ",
    "{ ",
    " }",
    "[",
    "]",
    ", ",
    "\"",
    "'",
    "|\n",
    ">-\n",
    "|2-\n",
    "# ",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "!!binary ",
    "!x ",
    "? ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "\t",
    "\r",
    "\u{feff}",
    "\0",
    "\u{85}",
    "\u{2028}",
    "\\x41",
    "\\U0010FFFF",
    "~",
    "null",
    "0",
    "-1",
    "0x10",
    "99999999999999999999",
    "1e999",
    ".inf",
    ".nan",
    "40%",
    "3 s",
    "64 KiB",
    "millrace: 1\n",
    "batch:",
    "steps:",
    "kill: worker-1",
    "at: 40%",
    "reduce: ",
    "flat_map: ",
    "count(*)",
    "words(",
    "case when ",
    " and ",
    "(((((((((((",
    "[[[[[[[[[[",
    "{a: {a: {a: ",
    "quantile(x, 0.5)",
    "''",
    "ß\u{301}🙂",
];

/// Up to 400 bytes: any, printable ones, or pieces one after another.
pub fn random(rng: &mut Rng) -> String {
    let most = [20, 80, 400][rng.below(3) as usize];
    let length = rng.below(most);
    let bytes: Vec<u8> = match rng.below(4) {
        0 => (0..length).map(|_| rng.bits() as u8).collect(),
        1 => (0..length).map(|_| 32 + rng.below(95) as u8).collect(),
        2 => (0..length).map(|_| b"-:{}[]\n  ,'\"|>#&*!?%@`\\a1"[rng.below(25) as usize]).collect(),
        _ => (0..length / 6).flat_map(|_| piece(rng).bytes()).collect(),
    };
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One of the texts with up to eight changes.
pub fn changed(rng: &mut Rng, texts: &[String]) -> String {
    let mut bytes = pick(rng, texts).clone().into_bytes();
    for _ in 0..1 + rng.below(8) {
        change(rng, &mut bytes, texts);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A text with a few changes, for a value within an experiment.
pub fn changed_text(rng: &mut Rng, text: &str, texts: &[String]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..1 + rng.below(3) {
        change(rng, &mut bytes, texts);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn change(rng: &mut Rng, bytes: &mut Vec<u8>, texts: &[String]) {
    let at = rng.below(bytes.len() as u64 + 1) as usize;
    let end = (at + rng.below(24) as usize).min(bytes.len());
    match rng.below(8) {
        0 => drop(bytes.drain(at..end)),
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        2 => bytes.insert(at, rng.bits() as u8),
        3 => {
            let again = bytes[at..end].repeat(1 + rng.below(4) as usize);
            drop(bytes.splice(at..at, again));
        }
        4 => {
            let other = pick(rng, texts).as_bytes();
            let from = rng.below(other.len() as u64 + 1) as usize;
            let to = (from + rng.below(60) as usize).min(other.len());
            drop(bytes.splice(at..end, other[from..to].iter().copied()));
        }
        5 => bytes.truncate(bytes.len().max(at) - bytes.len() / 8),
        _ => drop(bytes.splice(at..(if rng.below(2) == 0 { at } else { end }), piece(rng).bytes())),
    }
}

pub fn piece(rng: &mut Rng) -> &'static str {
    PIECES[rng.below(PIECES.len() as u64) as usize]
}

pub fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.below(from.len() as u64) as usize]
}
