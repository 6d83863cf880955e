//! Text as HTML has it. Whatever comes from a file goes through here.

/// A text in which nothing is markup any more.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character => escaped.push(character),
        }
    }
    escaped
}

/// A text as code, its line ends kept.
pub fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// Sentences, in which back quotes stand around code. A back quote without a partner is itself.
pub fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    let paired = parts.len() - 1 - (parts.len() - 1) % 2;
    let mut html = String::new();
    for (index, part) in parts.iter().enumerate() {
        if index > paired {
            html.push('`');
        }
        html.push_str(&if index % 2 == 1 && index < paired { code(part) } else { escape(part) });
    }
    html
}

/// A word that an address may have behind its `#`.
pub fn anchor(text: &str) -> String {
    let letters = text.chars().map(|letter| if letter.is_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    let letters: String = letters.collect();
    letters.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(escape("<script>a & \"b\" 'c'</script>"), "&lt;script&gt;a &amp; &quot;b&quot; &#39;c&#39;&lt;/script&gt;");
        assert_eq!(prose("<b> is `<b>`."), "&lt;b&gt; is <code>&lt;b&gt;</code>.");
    }

    #[test]
    fn back_quotes_stand_around_code_if_there_are_two() {
        assert_eq!(prose("`a` and `b`"), "<code>a</code> and <code>b</code>");
        assert_eq!(prose("`a` and ` b"), "<code>a</code> and ` b");
        assert_eq!(prose("` b"), "` b");
        assert_eq!(prose("none"), "none");
    }

    #[test]
    fn an_anchor_has_letters_digits_and_single_dashes() {
        assert_eq!(anchor("messaging.queues.NAME.bind[]"), "messaging-queues-name-bind");
        assert_eq!(anchor("Parts of text"), "parts-of-text");
    }
}
