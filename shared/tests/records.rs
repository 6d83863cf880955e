//! Records of CSV and JSON lines against a naive reference, which takes them apart a line at a time and reads values by `str::parse`.

#![cfg(not(target_arch = "wasm32"))]
// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use csv_core::ReadFieldResult;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use shared::batch::kernel::sequential;
use shared::batch::{Job, Memory, Plan};
use shared::experiment::check;

/// A value of a column; floats by their bits.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Whole(i64),
    Float(u64),
    Text(String),
}

/// The records as rows; else the number of the first one that is not what its columns say, from 0.
type Rows = Result<Vec<Vec<Value>>, usize>;

/// The columns `a`, `b` and `c`, in this order, of an input in which others may stand between them.
const TYPES: [&str; 3] = ["bigint", "double", "text"];

fn plan(format: &str, keys: [&str; 3]) -> Plan {
    let columns = keys.iter().zip(TYPES).map(|(key, of)| format!("{key}: {of}")).collect::<Vec<_>>().join(", ");
    let names = keys.map(|key| key.replace('.', "_")).join(", ");
    let text = format!(
        "millrace: 1\nbatch:\n  input: {{ file: x }}\n  format: {format}\n  columns: {{ {columns} }}\n  partitions: 1\n  steps:\n    - select: {names}\n"
    );
    check(&text).unwrap().batch.plan
}

/// What the kernels read, in splits of so many bytes, and how many records they counted as bad.
fn read(plan: &Plan, bytes: &[u8], split: u64) -> (Rows, u64) {
    let job = Job::over(Arc::new(plan.clone()), bytes.len() as u64, split);
    let table = match sequential(&job, &mut Memory(Arc::new(bytes.to_vec()))) {
        Ok(table) => table,
        Err(error) => {
            let error = error.to_string();
            let at = error.strip_prefix("the record at byte ").and_then(|rest| rest.split(' ').next()).unwrap();
            let at: usize = at.parse().unwrap();
            return (Err(lines(&bytes[..at]).len()), 0);
        }
    };
    let value = |column: &ArrayRef, row: usize| match column.is_null(row) {
        true => Value::Null,
        false => match column.as_primitive_opt::<Int64Type>() {
            Some(column) => Value::Whole(column.value(row)),
            None => match column.as_primitive_opt::<Float64Type>() {
                Some(column) => Value::Float(column.value(row).to_bits()),
                None => Value::Text(column.as_string::<i32>().value(row).to_owned()),
            },
        },
    };
    let mut rows = Vec::new();
    for some in table.batches(0..table.len()) {
        let some = some.unwrap();
        rows.extend((0..some.len()).map(|row| some.columns().iter().map(|column| value(column, row)).collect()));
    }
    let (_, counters) = common::run_tasks(&job, bytes);
    (Ok(rows), counters.bad_records)
}

/// The lines of some bytes without their endings.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let last = lines.pop().filter(|last| !last.is_empty());
    let lines = lines.into_iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.chain(last).collect()
}

/// Every rule in the plainest way; `record` gives a line's three texts.
fn naive(lines: &[&[u8]], record: impl Fn(&str) -> Option<Vec<Option<String>>>) -> (Rows, u64) {
    let (mut rows, mut bad) = (Vec::new(), 0);
    for (number, line) in lines.iter().enumerate() {
        bad += u64::from(std::str::from_utf8(line).is_err());
        let value = |(text, of): (Option<String>, &str)| match (text, of) {
            (None, _) => Some(Value::Null),
            (Some(text), "bigint") => text.trim().parse().ok().map(Value::Whole),
            (Some(text), "double") => text.trim().parse().ok().map(f64::to_bits).map(Value::Float),
            (Some(text), _) => Some(Value::Text(text)),
        };
        let values = record(&String::from_utf8_lossy(line));
        match values.and_then(|values| values.into_iter().zip(TYPES).map(value).collect::<Option<Vec<_>>>()) {
            Some(row) => rows.push(row),
            None => return (Err(number), 0),
        }
    }
    (Ok(rows), bad)
}

/// The fields of a line of CSV, one at a time.
fn fields(line: &str, delimiter: u8, quote: u8) -> Vec<String> {
    if !line.as_bytes().contains(&quote) {
        return line.split(char::from(delimiter)).map(str::to_owned).collect();
    }
    let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).quote(quote).build();
    let (mut input, mut fields, mut field) = (line.as_bytes(), Vec::new(), Vec::new());
    loop {
        let mut buffer = [0; 7];
        let (result, read, written) = reader.read_field(input, &mut buffer);
        input = &input[read..];
        field.extend_from_slice(&buffer[..written]);
        match result {
            ReadFieldResult::InputEmpty | ReadFieldResult::OutputFull => {}
            ReadFieldResult::Field { record_end } => {
                fields.push(String::from_utf8(std::mem::take(&mut field)).unwrap());
                if record_end {
                    return fields;
                }
            }
            ReadFieldResult::End => return fields,
        }
    }
}

/// The header has the columns at fields 2, 0 and 3.
const HEADER: [&str; 5] = ["b", "x", "a", "c", "y"];

fn check_csv(body: &[u8], delimiter: u8, quote: u8, split: u64) {
    let shown = |byte: u8| if byte == b'"' { "'\"'".to_owned() } else { format!("\"{}\"", char::from(byte)) };
    let format = format!("{{ csv: {{ delimiter: {}, quote: {} }} }}", shown(delimiter), shown(quote));
    let header = HEADER.join(&char::from(delimiter).to_string());
    let bytes = [header.as_bytes(), b"\n", body].concat();
    let (rows, bad) = naive(&lines(body), |line| {
        let fields = fields(line, delimiter, quote);
        let field = |name: &str| HEADER.iter().position(|of| *of == name).and_then(|field| fields.get(field).cloned());
        let (a, b, c) = (field("a")?, field("b")?, field("c")?);
        Some(vec![Some(a).filter(|a| !a.is_empty()), Some(b).filter(|b| !b.is_empty()), Some(c)])
    });
    // The header is a line, but no record.
    let rows = rows.map_err(|record| record + 1);
    assert_eq!(read(&plan(&format, ["a", "b", "c"]), &bytes, split), (rows, bad), "{:?}", String::from_utf8_lossy(&bytes));
}

fn at_key<'r>(record: &'r Map<String, Json>, key: &str) -> Option<&'r Json> {
    record.get(key).or_else(|| {
        let (first, rest) = key.split_once('.')?;
        at_key(record.get(first)?.as_object()?, rest)
    })
}

fn check_json(bytes: &[u8], split: u64) {
    let keys = ["a", "n.b", "n.m.c"];
    let expected = naive(&lines(bytes), |line| {
        let Ok(Json::Object(record)) = serde_json::from_str(line) else { return None };
        let text = |key: &&str| match at_key(&record, key) {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        };
        Some(keys.iter().map(text).collect())
    });
    assert_eq!(read(&plan("jsonl", keys), bytes, split), expected, "{:?}", String::from_utf8_lossy(bytes));
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "-?[0-9]{1,20}",
        4 => "-?[0-9]{1,12}\\.[0-9]{1,12}",
        1 => any::<f64>().prop_map(|value| value.to_string()),
        1 => any::<i64>().prop_map(|value| value.to_string()),
        1 => "[-+ ]{0,2}[0-9]{0,3}[.]?[0-9]{0,25}(e-?[0-9]{1,3})?[ \u{a0}]?",
    ]
}

/// Mostly what the columns say, so that whole tables can be read.
fn csv_record() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let bytes = |text: String| text.into_bytes();
    let float = prop_oneof![8 => number(), 1 => Just(String::new())].prop_map(bytes);
    let whole = prop_oneof![20 => "-?[0-9]{1,18}", 2 => "[+ ]?[0-9]{1,19} ?", 2 => Just(String::new()), 1 => number()];
    let text = || {
        prop_oneof![
            6 => "[a-zé ]{0,70}".prop_map(bytes),
            2 => "\"([a-z;,\r]|\"\"){0,9}\"".prop_map(bytes),
            1 => "[a\";,\u{feff}\r\t]{0,5}".prop_map(bytes),
            1 => prop::collection::vec(any::<u8>().prop_filter("a line's end", |byte| *byte != b'\n'), 0..4),
        ]
    };
    (float, text(), whole.prop_map(bytes), text(), text()).prop_map(|(b, x, a, c, y)| vec![b, x, a, c, y])
}

fn csv_body(delimiter: u8) -> impl Strategy<Value = Vec<u8>> {
    let short = (csv_record(), 0..6_usize).prop_map(|(record, fields)| record[..fields.min(record.len())].to_vec());
    let record = prop_oneof![60 => csv_record(), 1 => short];
    let end = prop_oneof![3 => Just("\n"), 1 => Just("\r\n")];
    let records = prop::collection::vec((record, end), 0..12);
    (records, any::<bool>()).prop_map(move |(records, open)| {
        let mut body = Vec::new();
        for (fields, end) in records {
            body.extend(fields.join(&delimiter));
            body.extend(end.bytes());
        }
        if open {
            body.pop();
        }
        body
    })
}

fn json_number() -> impl Strategy<Value = String> {
    number().prop_filter("JSON knows fewer numbers", |text| serde_json::from_str::<Json>(text).is_ok())
}

fn json_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => json_number(),
        4 => "[a-zé\"\\\\\n\u{1f600}]{0,8}".prop_map(|text| json!(text).to_string()),
        2 => "-?[0-9]{1,6}".prop_map(|text| json!(text).to_string()),
        1 => Just("\"\\ud83d\\ude00 \\u0041\"".to_owned()),
        1 => Just("null".to_owned()),
        1 => Just("true".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = || prop_oneof!["b", "m", "m\\.c", "c", "z"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|parts| format!("[{}]", parts.join(", "))),
            prop::collection::vec((key(), inner), 0..4).prop_map(|parts| object(&parts)),
        ]
    })
}

fn object(entries: &[(String, String)]) -> String {
    let entries: Vec<String> = entries.iter().map(|(key, value)| format!("{}: {value}", json!(key))).collect();
    format!("{{{}}}", entries.join(","))
}

fn json_line() -> impl Strategy<Value = Vec<u8>> {
    let nested = || (json_number(), json_value()).prop_map(|(b, c)| format!("{{\"b\": {b}, \"m\": {{\"c\": {c}}}}}"));
    let value = |key: &str| match key {
        "a" => prop_oneof![20 => "-?[0-9]{1,18}", 4 => Just("null".to_owned()), 1 => json_value()].boxed(),
        "n" => prop_oneof![8 => nested(), 1 => json_value()].boxed(),
        "n.b" => prop_oneof![8 => json_number(), 1 => json_value()].boxed(),
        _ => json_value().boxed(),
    };
    let entry = |key: &'static str| value(key).prop_map(move |value| (key.to_owned(), value));
    let entry = prop_oneof![entry("a"), entry("n"), entry("n"), entry("n.b"), entry("n.m.c"), entry("x")];
    let line = prop::collection::vec(entry, 0..6).prop_map(|entries: Vec<_>| object(&entries).into_bytes());
    prop_oneof![
        60 => line,
        1 => json_value().prop_map(String::into_bytes),
        1 => "[{}\\[\\]\":,a0]{0,9}".prop_map(String::into_bytes),
        1 => Just(b"{\"x\": \"\xff\"}".to_vec()),
        1 => Just(b"{\"x\": \"\\ud83d\"}".to_vec()),
        1 => Just(b"{\"x\": 1e999}".to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_csv_is_read_as_a_line_at_a_time(body in csv_body(b','), split in 1u64..400) {
        check_csv(&body, b',', b'"', split);
    }

    #[test]
    fn any_delimiter_and_quote_will_do(body in csv_body(b';'), split in 1u64..400) {
        let body: Vec<u8> = body.iter().map(|byte| if *byte == b'"' { b'\'' } else { *byte }).collect();
        check_csv(&body, b';', b'\'', split);
    }

    #[test]
    fn any_json_is_read_as_a_line_at_a_time(lines in prop::collection::vec(json_line(), 0..8), split in 1u64..400) {
        check_json(&lines.join(&b"\n"[..]), split);
    }

    #[test]
    fn any_number_is_read_as_the_standard_library_reads_it(numbers in prop::collection::vec(number(), 1..200)) {
        let whole = |text: &&String| text.trim().parse::<i64>().is_ok();
        let float = |text: &&String| text.trim().parse::<f64>().is_ok();
        let mut body = String::new();
        numbers.iter().filter(whole).for_each(|number| body.push_str(&format!(",,{number},,\n")));
        numbers.iter().filter(float).for_each(|number| body.push_str(&format!("{number},,,,\n")));
        check_csv(body.as_bytes(), b',', b'"', 1 << 20);
    }
}
