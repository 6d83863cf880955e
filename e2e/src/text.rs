//! Texts to count, and their counts by the plainest means.

use std::io::{BufWriter, Write};
use std::path::Path;

use crate::Counts;

/// An experiment that is not done before somebody ends it: both workers are a thousand times slower than they could be.
pub const ENDLESS: &str = "\
millrace: 1
title: Endless
workers: 2
batch:
  input: { dataset: glosses }
  format: lines
  split: 64 KiB
  partitions: 4
  steps:
    - flat_map: { word: \"words(lower(line))\" }
    - reduce: { key: word, values: { count: \"count(*)\" } }
faults:
  - { at: 0 s, slow: { node: worker-1, factor: 1000 } }
  - { at: 0 s, slow: { node: worker-2, factor: 1000 } }
";

/// A worker is killed while it has work, so that tasks run again.
pub const WORDS: &str = "\
millrace: 1
title: Words
seed: 7
workers: 3
respawn: 100 ms
compute: 1 KB/s
batch:
  input: { text: 'the mill turns and the river turns the mill and no river runs back to where it came from the mill turns and the river turns the mill and no river runs back' }
  split: 20 B
  partitions: 2
  steps:
    - flat_map: { word: words(line) }
    - reduce: { key: word, values: { count: count(*) } }
faults:
  - { at: 30%, kill: worker-2 }
expect:
  - equals_sequential: true
";

/// A queue that runs over.
pub const FRAMES: &str = "\
millrace: 1
title: Frames
seed: 7
messaging:
  for: 2 s
  queues:
    frames: { max_messages: 20, overload: drop_oldest }
  publishers:
    camera: { key: frames, rate: 100/s }
  consumers:
    viewer: { queue: frames, prefetch: 1, service: 25 ms }
";

/// A file of words, and how often each is in it.
pub struct Text {
    file: tempfile::NamedTempFile,
    pub counts: Counts,
}

impl Text {
    /// A text of so many megabytes and 977 words, in lines of twelve.
    pub fn of_megabytes(megabytes: usize) -> Text {
        Text::of(megabytes << 20, 977, 12)
    }

    /// Words without end `w0` to `w<distinct - 1>` from a small generator, until the text has `bytes`.
    pub fn of(bytes: usize, distinct: u64, words_a_line: usize) -> Text {
        let mut numbers = vec![0_u64; distinct as usize];
        let mut state: u64 = 7;
        let mut written = 0;
        let text = Text::written(|file| {
            let mut line = String::new();
            while written < bytes {
                line.clear();
                for _ in 0..words_a_line {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let word = (state >> 33) % distinct;
                    numbers[word as usize] += 1;
                    line.push_str(&format!("w{word} "));
                }
                line.push('\n');
                written += line.len();
                file.write_all(line.as_bytes())?;
            }
            Ok(())
        });
        let counts = numbers.into_iter().enumerate().filter(|(_, count)| *count > 0);
        Text { counts: counts.map(|(word, count)| (format!("w{word}"), count)).collect(), ..text }
    }

    /// Each of the words `w0` to `w<distinct - 1>` once, a line each, and `w0` once more.
    pub fn of_distinct(distinct: u64) -> Text {
        let text = Text::written(|file| {
            (0..distinct).try_for_each(|word| writeln!(file, "w{word}"))?;
            writeln!(file, "w0")
        });
        let counts = (0..distinct).map(|word| (format!("w{word}"), if word == 0 { 2 } else { 1 }));
        Text { counts: counts.collect(), ..text }
    }

    /// These bytes, with the counts that they are known to have.
    pub fn known(bytes: &[u8], counts: &[(&str, u64)]) -> Text {
        let text = Text::written(|file| file.write_all(bytes));
        Text { counts: counts.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect(), ..text }
    }

    /// A file that a closure writes.
    pub fn written(write: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Text {
        let mut file =
            tempfile::Builder::new().prefix("text-").suffix(".txt").tempfile().expect("a temporary file can be made");
        let mut buffered = BufWriter::new(file.as_file_mut());
        write(&mut buffered).and_then(|()| buffered.flush()).expect("the text can be written");
        drop(buffered);
        Text { file, counts: Counts::new() }
    }

    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Its last bytes go, as when another program rewrites a file.
    pub fn truncate(&self, bytes: u64) {
        self.file.as_file().set_len(bytes).expect("the text can be cut");
    }

    /// The file goes, as when somebody deletes it.
    pub fn delete(&self) {
        std::fs::remove_file(self.path()).expect("the text can be deleted");
    }
}
