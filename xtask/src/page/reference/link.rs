//! Links that open an experiment in the bench. The format is that of `shared/src/link.rs`, which reads them; `shared` is too much to compile
//! for these lines, so `shared/tests/golden/links.txt` keeps the two together: it is what comes of this, and a test there reads it.

use std::io::Write as _;

/// How this version's links begin.
const PREFIX: &str = "x=1.";

/// What stands before the text: the simulator, the number of workers that the experiment says, no moment.
const HEAD: &str = "s - -\n";

/// The letters of base64url (RFC 4648 §5), by their values.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The address, beside the page, that opens and simulates an experiment.
pub fn to_bench(text: &str) -> String {
    format!("./#{}", fragment(text))
}

fn fragment(text: &str) -> String {
    let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    // It writes into memory, which can't fail.
    writer.write_all(format!("{HEAD}{text}").as_bytes()).expect("a Vec takes every byte");
    format!("{PREFIX}{}", letters(&writer.finish().expect("a Vec takes every byte")))
}

fn letters(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(LETTERS[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    #[test]
    fn a_link_is_the_one_that_the_bench_reads() {
        let path = Project::here().unwrap().root.join("shared/tests/golden/links.txt");
        let golden = std::fs::read_to_string(&path).unwrap();
        let mut pairs = 0;
        for line in golden.lines() {
            let (text, expected) = line.split_once('\t').unwrap();
            let text: String = serde_json::from_str(text).unwrap();
            assert_eq!(fragment(&text), expected, "{text}");
            pairs += 1;
        }
        assert_eq!(pairs, 3, "lengths with every remainder by 3");
    }

    #[test]
    fn letters_are_those_of_the_rfc() {
        // RFC 4648 §10, without the padding.
        for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
            assert_eq!(letters(bytes.as_bytes()), text);
        }
        assert_eq!(letters(&[0xfb, 0xff]), "-_8");
    }
}
