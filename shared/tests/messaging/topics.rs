//! Topic patterns as the tutorial describes them, by looking at the words one after the other.

pub fn words(key: &str) -> Vec<&str> {
    if key.is_empty() { Vec::new() } else { key.split('.').collect() }
}

/// Whether words fit a pattern: `*` is one word, `#` any number.
pub fn like(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern.split_first(), key.split_first()) {
        (None, None) => true,
        (Some((&"#", rest)), _) => like(rest, key) || !key.is_empty() && like(pattern, &key[1..]),
        (Some((&"*", rest)), Some((_, key))) => like(rest, key),
        (Some((word, rest)), Some((first, key))) => word == first && like(rest, key),
        _ => false,
    }
}
