//! The middle of an experiment: `batch` as a [`Plan`](crate::batch::Plan). What it reads is here, its steps are in `steps`.

use super::joins::Tables;
use super::outline;
use super::problem::Place;
use super::reader::{Fields, Reader};
use super::spec::{Batch, Input};
use super::steps::{self, Given};
use super::yaml::{Content, Node};
use crate::batch::{Column, Format, Records};
use crate::expr::{Expr, TYPE_NAMES, Type, Value};
use crate::limits::{COLUMN_NAME_CHARS_MAX, GENERATED_BYTES_MAX, GENERATED_WORDS_MAX, PARTITIONS_MAX};
use crate::nearest::{list, nearest};

/// R unless said.
pub(super) const PARTITIONS_DEFAULT: u32 = 4;

/// Distinct words of a generated text unless said.
const GENERATED_WORDS_DEFAULT: u32 = 50_000;

pub(super) fn batch(reader: &mut Reader<'_>, node: &Node, seed: u64) -> Option<Batch> {
    let mut fields = reader.fields("`batch`", node)?;
    let input = fields.need(reader, "input").and_then(|node| input(reader, node, seed));
    let records = records(reader, node.at, &mut fields);
    let split = fields.take("split").map(|node| reader.size("split", node, 1, u64::MAX));
    let partitions = fields.take("partitions").map(|node| reader.whole("partitions", node, 1, PARTITIONS_MAX.into()));
    let partitions = partitions.unwrap_or(Some(PARTITIONS_DEFAULT.into()));
    let skip = fields.take("skip_bad_records").map_or(Some(false), |node| reader.boolean("skip_bad_records", node));
    let micro_batch = fields.take("micro_batch").map(|node| reader.rows("micro_batch", node));
    let tables = fields.take("tables").map_or(Some(Tables::default()), |node| Tables::read(reader, node));
    reader.outline.input = input.as_ref().map(outline::input).unwrap_or_default();
    reader.outline.partitions = partitions.unwrap_or_default() as u32;
    let steps = fields.need(reader, "steps");
    // Without columns nobody knows what the steps could name.
    let steps = steps.zip(records).zip(tables).and_then(|((node, records), tables)| {
        let given = Given {
            partitions: partitions.unwrap_or(1) as u32,
            skip_bad_records: skip.unwrap_or(false),
            in_batches: micro_batch.is_some(),
        };
        steps::steps(reader, node, input, records, tables, seed, given)
    });
    reader.finish(fields);
    let (plan, inputs, words) = steps?;
    partitions.and(skip)?;
    let split = split.map_or(Some(None), |split| split.map(Some))?;
    let micro_batch = micro_batch.map_or(Some(None), |rows| rows.map(Some))?;
    Some(Batch { inputs, split, micro_batch, plan, steps: words })
}

pub(super) fn input(reader: &mut Reader<'_>, node: &Node, seed: u64) -> Option<Input> {
    let mut fields = reader.fields("`input`", node)?;
    let kinds = ["text", "dataset", "file", "generate"].map(|kind| fields.take(kind));
    let input = match kinds {
        [Some(text), None, None, None] => reader.text("text", text).map(|text| Input::Text(text.to_owned())),
        [None, Some(name), None, None] => reader.text("dataset", name).map(|name| Input::Dataset(name.to_owned())),
        [None, None, Some(path), None] => reader.text("file", path).map(|path| Input::File(path.to_owned())),
        [None, None, None, Some(kind)] => generate(reader, &mut fields, kind, seed),
        _ => {
            let kinds = list(["text", "dataset", "file", "generate"]);
            reader.problem(node.at, format!("`input` has exactly one of {kinds}"));
            None
        }
    };
    reader.finish(fields);
    input
}

fn generate(reader: &mut Reader<'_>, fields: &mut Fields<'_>, kind: &Node, seed: u64) -> Option<Input> {
    let kind = reader.word("generate", kind, &[("zipf", ())]);
    let bytes = fields.need(reader, "bytes").and_then(|node| reader.size("bytes", node, 0, GENERATED_BYTES_MAX));
    let seed = fields.take("seed").map_or(Some(seed), |node| reader.whole("seed", node, 0, u64::MAX));
    let distinct = fields
        .take("distinct")
        .map_or(Some(GENERATED_WORDS_DEFAULT.into()), |node| reader.whole("distinct", node, 1, GENERATED_WORDS_MAX.into()));
    kind?;
    Some(Input::Zipf { bytes: bytes?, seed: seed?, distinct: distinct? as u32 })
}

/// `lines`, `csv`, `jsonl`, or `csv` with options: `{ csv: { header: false, delimiter: ";" } }`.
fn format(reader: &mut Reader<'_>, node: &Node) -> Option<Format> {
    const KNOWN: [&str; 3] = ["lines", "csv", "jsonl"];
    let csv = Format::Csv { header: true, delimiter: b',', quote: b'"' };
    if let Content::Map(_) = node.content {
        let mut fields = reader.fields("`format`", node)?;
        let options = fields.need(reader, "csv").and_then(|node| reader.fields("`csv`", node));
        reader.finish(fields);
        let mut options = options?;
        let header = options.take("header").map_or(Some(true), |node| reader.boolean("header", node));
        let delimiter = options.take("delimiter").map_or(Some(b','), |node| byte(reader, "delimiter", node));
        let quote = options.take("quote").map_or(Some(b'"'), |node| byte(reader, "quote", node));
        reader.finish(options);
        return Some(Format::Csv { header: header?, delimiter: delimiter?, quote: quote? });
    }
    match reader.text("format", node)? {
        "lines" => Some(Format::Lines),
        "csv" => Some(csv),
        "jsonl" => Some(Format::JsonLines),
        other => {
            let message = match other {
                "arrow" | "parquet" => format!("the format `{other}` comes later"),
                _ => format!("`format` cannot be `{other}`"),
            };
            reader.problem_with(node.at, message, format!("so far there are {}", list(KNOWN)));
            None
        }
    }
}

/// One ASCII character.
fn byte(reader: &mut Reader<'_>, name: &str, node: &Node) -> Option<u8> {
    let text = match reader.text(name, node)? {
        "\\t" => "\t",
        text => text,
    };
    match text.as_bytes() {
        [byte] if byte.is_ascii() && *byte != b'\n' && *byte != b'\r' => Some(*byte),
        _ => {
            let message = format!("`{name}` is one ASCII character, not `{text}`");
            reader.problem_with(node.at, message, "for example `\";\"`, or `\"\\t\"` for a tab");
            None
        }
    }
}

/// `{ name: type, … }`: the columns of a record whose format does not say them.
fn columns(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Column>> {
    let fields = reader.fields("`columns`", node)?;
    let mut columns = Vec::new();
    if fields.entries().is_empty() {
        reader.problem_with(node.at, "`columns` names at least one column", "for example `{ origin: text, delay: bigint }`");
    }
    for (key, value) in fields.entries() {
        let name = column_name(&key.name).map_err(|message| reader.problem(key.at, message)).ok();
        let Some(text) = reader.text(&key.name, value) else { continue };
        let known = TYPE_NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
        if known.is_none() {
            let hint = match nearest(text, TYPE_NAMES.iter().map(|(name, _)| *name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the types are {}", list(["boolean", "bigint", "double", "text", "timestamp", "interval"])),
            };
            reader.problem_with(value.at, format!("there is no type `{text}`"), hint);
        }
        if let (Some(()), Some((_, data_type))) = (name, known) {
            columns.push(Column { name: key.name.clone(), data_type: data_type.clone() });
        }
    }
    (columns.len() == fields.entries().len() && !columns.is_empty()).then_some(columns)
}

/// What a record is: its format, and its columns.
pub(super) fn records(reader: &mut Reader<'_>, at: Place, fields: &mut Fields<'_>) -> Option<Records> {
    let format = fields.take("format").map_or(Some(Format::Lines), |node| format(reader, node));
    let given = fields.take("columns").map(|node| (fields.key_at("columns"), columns(reader, node)));
    match (format?, given) {
        (Format::Lines, None) => {
            let columns = vec![Column { name: "line".to_owned(), data_type: Type::Utf8 }];
            Some(Records { format: Format::Lines, columns })
        }
        (Format::Lines, Some((at, _))) => {
            reader.problem_with(at, "a record of `lines` has the one column `line`", "leave `columns` out");
            None
        }
        (format, Some((_, columns))) => Some(Records { format, columns: columns? }),
        (_, None) => {
            let hint = "for example `columns: { origin: text, delay: bigint }`";
            reader.problem_with(at, "this format needs the key `columns`, the names and types of what is read", hint);
            None
        }
    }
}

/// Says that an expression is not a Boolean.
pub(super) fn boolean(reader: &mut Reader<'_>, name: &str, node: &Node, expr: &Expr) -> Option<()> {
    if *expr.data_type() == Type::Boolean || expr.literal() == Some(&Value::Null) {
        return Some(());
    }
    let message = format!("`{name}` needs a Boolean, and this is {}", expr.data_type());
    reader.problem_with(node.at, message, "compare it with something: `length(word) > 1`");
    None
}

/// Whether a name can be a column's: so that an expression can name it without quotes.
pub(super) fn column_name(name: &str) -> Result<(), String> {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    if !first || !chars.all(|c| c.is_alphanumeric() || c == '_') {
        return Err(format!("`{name}` is no name for a column: it has letters, digits and `_`, and no digit first"));
    }
    if name.chars().count() > COLUMN_NAME_CHARS_MAX {
        return Err(format!("a column's name has at most {COLUMN_NAME_CHARS_MAX} characters"));
    }
    if crate::expr::is_reserved(name) {
        return Err(format!("`{name}` is a word of the expression language: give the column another name"));
    }
    Ok(())
}
