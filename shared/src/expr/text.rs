//! What a word is: the rule behind `words(text)`, which the word counter's fast path shares.

/// The apostrophe (U+0027) that joins two runs to one word: `don't`.
pub const APOSTROPHE: char = '\'';

/// The words of a text, in order: maximal runs of letters and digits (Unicode's Alphabetic, Nd, Nl and No), and single ASCII
/// apostrophes where both neighbours are such. `[alnum]+('[alnum]+)*`, longest match, from left to right.
///
/// ```
/// let words: Vec<_> = shared::expr::text::each_word("'Tis the rock'n'roll of 1984, isn''t it?").collect();
/// assert_eq!(words, ["Tis", "the", "rock'n'roll", "of", "1984", "isn", "t", "it"]);
/// ```
pub fn each_word(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = &rest[rest.find(char::is_alphanumeric)?..];
        let mut end = 0;
        loop {
            end += rest[end..].find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len() - end);
            let joined = rest[end..].strip_prefix(APOSTROPHE).is_some_and(|after| after.starts_with(char::is_alphanumeric));
            if !joined {
                break;
            }
            end += APOSTROPHE.len_utf8();
        }
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}
