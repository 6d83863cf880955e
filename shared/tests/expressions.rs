//! What expressions give: `golden/expressions.txt`, a table `expression => type value`, `=> fails sentence` where evaluating fails, or
//! `=> refused start..end sentence (hint)` where it makes no sense. `MILLRACE_REWRITE=1 cargo test -p shared --test expressions` writes what is
//! given now; then read the diff.

#![allow(clippy::unwrap_used)] // A test ends where it is surprised.
#![cfg(not(target_arch = "wasm32"))]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use shared::expr::functions::names;
use shared::expr::text::each_word;
use shared::expr::{Expr, Schema, Type, Value};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/expressions.txt")
}

/// One row with a value and a null of every type.
fn row() -> (Schema, Vec<Value>) {
    let texts = Type::List(Box::new(Type::Utf8));
    let columns = [
        ("s", Type::Utf8, Value::Utf8("Hello, Wörld".into())),
        ("t", Type::Utf8, Value::Null),
        ("i", Type::Int64, Value::Int64(7)),
        ("j", Type::Int64, Value::Int64(-2)),
        ("k", Type::Int64, Value::Null),
        ("most", Type::Int64, Value::Int64(i64::MAX)),
        ("least", Type::Int64, Value::Int64(i64::MIN)),
        ("x", Type::Float64, Value::Float64(2.5)),
        ("y", Type::Float64, Value::Null),
        ("huge", Type::Float64, Value::Float64(1e308)),
        ("yes", Type::Boolean, Value::Boolean(true)),
        ("no", Type::Boolean, Value::Boolean(false)),
        ("maybe", Type::Boolean, Value::Null),
        ("l", texts, Value::List(vec![Value::Utf8("a".into())])),
        ("order", Type::Int64, Value::Int64(3)),
        ("größe", Type::Int64, Value::Int64(5)),
        ("at", Type::Timestamp, Value::Timestamp(1_709_210_096_789_000)),
        ("span", Type::Interval, Value::Interval(90_000_000)),
    ];
    let schema = columns.iter().map(|(name, of, _)| ((*name).to_owned(), of.clone())).collect();
    (Schema(schema), columns.into_iter().map(|(_, _, value)| value).collect())
}

fn given(text: &str) -> String {
    let (schema, row) = row();
    match Expr::parse(text, &schema) {
        Err(error) => {
            let hint = error.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("refused {}..{} {}{hint}", error.start, error.end, error.message)
        }
        Ok(expr) => match expr.eval(&row) {
            Ok(value) => format!("{} {value}", expr.data_type()),
            Err(error) => format!("fails {error}"),
        },
    }
}

#[allow(clippy::disallowed_methods)] // The test reads and writes its table; the core still opens nothing.
#[test]
fn each_gives_its_value() {
    let text = std::fs::read_to_string(golden()).unwrap();
    let rewrite = std::env::var("MILLRACE_REWRITE").is_ok_and(|value| value == "1");
    let mut rewritten = String::new();
    let mut count = 0;
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            rewritten += &format!("{line}\n");
            continue;
        }
        let (expression, wanted) = line.split_once(" =>").unwrap_or_else(|| panic!("no `=>` in {line}"));
        let given = given(expression);
        rewritten += &format!("{expression} => {given}\n");
        count += 1;
        if !rewrite {
            assert_eq!(given, wanted.trim(), "{expression}");
        }
    }
    assert!(count > 150, "{count} lines");
    for name in names() {
        assert!(text.contains(&format!("{name}(")), "`{name}` has no line");
    }
    if rewrite {
        std::fs::write(golden(), rewritten).unwrap();
    }
}

#[test]
fn expressions_travel_as_json() {
    let (schema, row) = row();
    let deep = format!("{}s{}", "lower(".repeat(63), ")".repeat(63));
    for text in [
        "words(lower(s))",
        "x * 0.1 + 1e300 / 3",
        "i between 1 and 9 and t is null or null",
        "case i when 7 then 'a' end",
        &deep,
    ] {
        let expr = Expr::parse(text, &schema).unwrap();
        let json = serde_json::to_string(&expr).unwrap();
        let back: Expr = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{text}: {error}\n{json}"));
        assert_eq!(back, expr, "{text}");
        assert_eq!(back.eval(&row), expr.eval(&row), "{text}");
    }
    for (json, wanted) in [
        (r#"[]"#, "do not add up"),
        (r#"[{"call":["lower",1,0,0]}]"#, "do not add up"),
        (r#"[{"int64":"1"},{"int64":"2"}]"#, "do not add up"),
        (r#"[{"int64":"1"},{"call":["lower",1,0,0]}]"#, "no function `lower`"),
        (r#"[{"int64":"1"},{"float64":"1.0"},{"call":["+",2,0,0]}]"#, "no function `+`"),
        (r#"[{"int64":"one"}]"#, "`one` is not a number"),
        (r#"[{"float64":"inf"}]"#, "`inf` is not a number"),
    ] {
        let error = serde_json::from_str::<Expr>(json).unwrap_err().to_string();
        assert!(error.contains(wanted), "{json}: {error}");
    }
    let deep = format!(r#"[{{"int64":"1"}}{}]"#, r#",{"call":["-",1,0,0]}"#.repeat(64));
    assert!(serde_json::from_str::<Expr>(&deep).unwrap_err().to_string().contains("64 deep"));
    let long = format!(r#"[{{"int64":"1"}}{}]"#, r#",{"call":["-",1,0,0]}"#.repeat(4096));
    assert!(serde_json::from_str::<Expr>(&long).unwrap_err().to_string().contains("4097 terms"));
}

/// A quarter of what a wasm engine gives: whatever the text, parsing and evaluating stay within it, even without optimisation.
#[test]
fn nesting_needs_little_stack() {
    let run = || {
        let (schema, row) = row();
        for (open, inner, close) in [
            ("(", "i", ")"),
            ("-(", "i", ")"),
            ("not (", "yes", ")"),
            ("lower(", "s", ")"),
            ("coalesce(t, ", "s", ")"),
            ("case when yes then ", "1", " else 2 end"),
            ("case ", "1", " when 1 then 1 end"),
            ("i in (", "1", ")"),
            ("1 + (", "1", ")"),
            ("- - ", "1", ""),
            ("not ", "yes", ""),
            ("1 + 2 * -", "1", ""),
        ] {
            for depth in [10, 30, 62, 70, 1000] {
                let text = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
                if let Ok(expr) = Expr::parse(&text, &schema) {
                    expr.eval(&row).unwrap();
                    let _ = serde_json::from_str::<Expr>(&serde_json::to_string(&expr).unwrap()).unwrap();
                }
            }
        }
        for operator in ["+", "-", "*", "||", "and", "or", "=", "<"] {
            let operand = if operator == "||" { "s" } else { "i" };
            let text = vec![operand; 500].join(&format!(" {operator} "));
            let _ = Expr::parse(&text, &schema).map(|expr| expr.eval(&row));
        }
    };
    std::thread::Builder::new().stack_size(256 * 1024).spawn(run).unwrap().join().unwrap();
}

/// `[alnum]+('[alnum]+)*`, leftmost and longest, as a machine that looks at one character at a time.
fn words_by_the_rule(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = text.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let after = chars.get(at + 1).is_some_and(|c| c.is_alphanumeric());
        if c.is_alphanumeric() || (*c == '\'' && !word.is_empty() && after) {
            word.push(*c);
        } else if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn words_are_the_rule(text in "[a-cÄß0-9٣² '’\u{301}_-]{0,40}") {
        prop_assert_eq!(each_word(&text).collect::<Vec<_>>(), words_by_the_rule(&text));
    }

    #[test]
    fn words_of_any_text_are_the_rule(text in any::<String>()) {
        prop_assert_eq!(each_word(&text).collect::<Vec<_>>(), words_by_the_rule(&text));
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        given(&text);
    }

    /// What looks like an expression gets further than noise.
    #[test]
    fn no_mixture_of_tokens_panics(parts in proptest::collection::vec(part(), 0..30)) {
        let text = parts.join(" ");
        let (schema, row) = row();
        match Expr::parse(&text, &schema) {
            Ok(expr) => {
                if let Ok(value) = expr.eval(&row) {
                    prop_assert!(fits(&value, expr.data_type()), "{text}: {value:?} is no {}", expr.data_type());
                }
            }
            Err(error) => {
                prop_assert!(error.start <= error.end && text.get(error.start..error.end).is_some(), "{text}: {error:?}");
            }
        }
    }
}

fn part() -> impl Strategy<Value = String> {
    let words = "( ) ( ) , + - * / % || = <> < <= and or not is null in like between case when then else end true false \
                 s t i j k x y yes no maybe l most least 'a' 'Hello%' '' 0 1 -1 2.5 1e3 9223372036854775807 \"order\"";
    let functions = names().into_iter().map(|name| format!("{name}("));
    proptest::sample::select(words.split_whitespace().map(str::to_owned).chain(functions).collect::<Vec<_>>())
}

fn fits(value: &Value, data_type: &Type) -> bool {
    match (value, data_type) {
        (Value::Null, _)
        | (Value::Boolean(_), Type::Boolean)
        | (Value::Int64(_), Type::Int64)
        | (Value::Float64(_), Type::Float64)
        | (Value::Utf8(_), Type::Utf8)
        | (Value::Timestamp(_), Type::Timestamp)
        | (Value::Interval(_), Type::Interval) => true,
        (Value::List(values), Type::List(of)) => values.iter().all(|value| fits(value, of)),
        _ => false,
    }
}
