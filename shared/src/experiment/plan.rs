//! The middle of an experiment: `batch` as a [`Plan`](crate::batch::Plan). What it reads is here, its steps are in `steps`.

use super::datasets::{dataset_file, dataset_names};
use super::joins::Tables;
use super::outline;
use super::reader::{Fields, Reader};
use super::spec::{Batch, Input};
use super::steps::{self, Given};
use super::yaml::{Content, Node};
use crate::batch::generate::TpchTable;
use crate::batch::{Column, Format, Generator, Records};
use crate::expr::{Expr, TYPE_NAMES, Type, Value};
use crate::limits::{COLUMN_NAME_CHARS_MAX, GENERATED_BYTES_MAX, GENERATED_ROWS_MAX, GENERATED_WORDS_MAX, PARTITIONS_MAX};
use crate::nearest::{list, nearest};
use crate::time::Span;

/// R unless said.
pub(super) const PARTITIONS_DEFAULT: u32 = 4;

/// Distinct words of a generated text unless said.
const GENERATED_WORDS_DEFAULT: u64 = 50_000;

/// Rows of a generated log unless said, its users, and how late a row comes at most.
const GENERATED_ROWS_DEFAULT: u64 = 100_000;
const GENERATED_USERS_DEFAULT: u64 = 1_000;
const DISORDER_DEFAULT: Span = Span::seconds(3);

/// The scale of a TPC-H table unless said, in millionths, and the greatest.
const SCALE_DEFAULT: u64 = 10_000;
const SCALE_MAX: f64 = 30.0;

pub(super) fn batch(reader: &mut Reader<'_>, node: &Node, seed: u64) -> Option<Batch> {
    let mut fields = reader.fields("`batch`", node)?;
    let input = fields.need(reader, "input").and_then(|node| input(reader, node, seed));
    let records = records(reader, &mut fields, input.as_ref(), Whose::Batch);
    let split = fields.take("split").map(|node| reader.size("split", node, 1, u64::MAX));
    let partitions = fields.take("partitions").map(|node| reader.whole("partitions", node, 1, PARTITIONS_MAX.into()));
    let partitions = partitions.unwrap_or(Some(PARTITIONS_DEFAULT.into()));
    let skip = fields.take("skip_bad_records").map_or(Some(false), |node| reader.boolean("skip_bad_records", node));
    let micro_batch = fields.take("micro_batch").map(|node| reader.rows("micro_batch", node));
    let tables = fields.take("tables").map_or(Some(Tables::default()), |node| Tables::read(reader, node));
    reader.outline.input = input.as_ref().map(outline::input).unwrap_or_default();
    reader.outline.partitions = partitions.unwrap_or_default() as u32;
    let steps = fields.need(reader, "steps");
    if micro_batch.is_some() && records.as_ref().is_some_and(|records| records.format.has_schema()) {
        let message = "`micro_batch` is for inputs of lines: a file of columns has batches of its own";
        reader.problem(fields.key_at("micro_batch"), message);
    }
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
    Some(Batch { inputs, split, micro_batch, plan, steps: words, draft: None })
}

pub(super) fn input(reader: &mut Reader<'_>, node: &Node, seed: u64) -> Option<Input> {
    let mut fields = reader.fields("`input`", node)?;
    let kinds = ["text", "dataset", "file", "generate"].map(|kind| fields.take(kind));
    let input = match kinds {
        [Some(text), None, None, None] => reader.text("text", text).map(|text| Input::Text(text.to_owned())),
        [None, Some(name), None, None] => dataset(reader, name),
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

fn dataset(reader: &mut Reader<'_>, node: &Node) -> Option<Input> {
    let name = reader.text("dataset", node)?;
    if dataset_file(name).is_some() {
        return Some(Input::Dataset(name.to_owned()));
    }
    let hint = match nearest(name, dataset_names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the datasets are {}", list(dataset_names())),
    };
    reader.problem_with(node.at, format!("there is no dataset `{name}`"), hint);
    None
}

fn generate(reader: &mut Reader<'_>, fields: &mut Fields<'_>, kind: &Node, seed: u64) -> Option<Input> {
    #[derive(Clone)]
    enum Kind {
        Zipf,
        Clicks,
        WebLog,
        Tpch(TpchTable),
    }
    let tpch = [TpchTable::Orders, TpchTable::Customer, TpchTable::LineItem].map(|table| (table.name(), Kind::Tpch(table)));
    let others = [("zipf", Kind::Zipf), ("clicks", Kind::Clicks), ("web_log", Kind::WebLog)];
    let Some(kind) = reader.word("generate", kind, &others.into_iter().chain(tpch).collect::<Vec<_>>()) else {
        // Each generator has keys of its own: as it is not known, none of them is wrong.
        for name in ["bytes", "seed", "distinct", "rows", "users", "disorder", "scale"] {
            fields.take(name);
        }
        return None;
    };
    if let Kind::Tpch(table) = kind {
        let scale_millionths = fields.take("scale").map_or(Some(SCALE_DEFAULT), |node| scale(reader, node))?;
        return Some(Input::Generated(Generator::Tpch { table, scale_millionths }));
    }
    let seed = fields.take("seed").map_or(Some(seed), |node| reader.whole("seed", node, 0, u64::MAX));
    let mut count = |name: &'static str, otherwise: u64, most: u64| {
        fields.take(name).map_or(Some(otherwise), |node| reader.whole(name, node, 1, most))
    };
    let generator = match kind {
        Kind::Zipf => {
            let distinct = count("distinct", GENERATED_WORDS_DEFAULT, GENERATED_WORDS_MAX.into());
            let bytes = fields.need(reader, "bytes").and_then(|node| reader.size("bytes", node, 0, GENERATED_BYTES_MAX));
            Generator::Zipf { bytes: bytes?, seed: seed?, distinct: distinct? as u32 }
        }
        Kind::Clicks => {
            let rows = count("rows", GENERATED_ROWS_DEFAULT, GENERATED_ROWS_MAX);
            let users = count("users", GENERATED_USERS_DEFAULT, u32::MAX.into());
            let disorder = fields.take("disorder").map_or(Some(DISORDER_DEFAULT), |node| reader.span("disorder", node));
            Generator::Clicks { rows: rows?, seed: seed?, users: users? as u32, disorder_micros: disorder?.0 }
        }
        Kind::WebLog => Generator::WebLog { rows: count("rows", GENERATED_ROWS_DEFAULT, GENERATED_ROWS_MAX)?, seed: seed? },
        Kind::Tpch(_) => return None,
    };
    Some(Input::Generated(generator))
}

/// A scale of TPC-H in millionths.
fn scale(reader: &mut Reader<'_>, node: &Node) -> Option<u64> {
    let scale = reader.real("scale", node)?;
    if (0.001..=SCALE_MAX).contains(&scale) {
        return Some((scale * 1e6).round() as u64);
    }
    reader.problem_with(node.at, format!("`scale` is between 0.001 and {SCALE_MAX}, not {scale}"), "0.01 is 60,000 line items");
    None
}

/// `lines`, `csv`, `jsonl`, `arrow`, `parquet`, or `csv` with options: `{ csv: { header: false, delimiter: ";" } }`.
fn format(reader: &mut Reader<'_>, node: &Node) -> Option<Format> {
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
    let formats = [Format::Lines, csv, Format::JsonLines, Format::Arrow, Format::Parquet];
    reader.word("format", node, &formats.map(|format| (format.name(), format)))
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

/// `{ name: type, … }`: the columns of a record whose format does not say them, and what each is called in the input. In JSON a name
/// with points is the path to a nested value, whose column has `_` in their place.
fn columns(reader: &mut Reader<'_>, node: &Node, format: &Format) -> Option<(Vec<Column>, Vec<String>)> {
    let fields = reader.fields("`columns`", node)?;
    let (mut columns, mut keys) = (Vec::<Column>::new(), Vec::new());
    if fields.entries().is_empty() {
        reader.problem_with(node.at, "`columns` names at least one column", "for example `{ origin: text, delay: bigint }`");
    }
    for (key, value) in fields.entries() {
        let name = if *format == Format::JsonLines { key.name.replace('.', "_") } else { key.name.clone() };
        let sound = match column_name(&name) {
            Ok(()) if columns.iter().any(|column| column.name == name) => Err(format!("there is a column `{name}` already")),
            sound => sound,
        };
        let sound = sound.map_err(|message| reader.problem(key.at, message)).is_ok();
        let Some(text) = reader.text(&key.name, value) else { continue };
        let known = TYPE_NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim()));
        if known.is_none() {
            let hint = match nearest(text, TYPE_NAMES.iter().map(|(name, _)| *name)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the types are {}", list(["boolean", "bigint", "double", "text", "timestamp", "interval"])),
            };
            reader.problem_with(value.at, format!("there is no type `{text}`"), hint);
        }
        if let (true, Some((_, data_type))) = (sound, known) {
            columns.push(Column { name, data_type: data_type.clone() });
            keys.push(key.name.clone());
        }
    }
    (columns.len() == fields.entries().len() && !columns.is_empty()).then_some((columns, keys))
}

/// Whose records they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The batch's own.
    Batch,
    /// Those of a joined table.
    Table,
}

/// What a record is: its format, and its columns, if they are given, or known from the input; else none.
pub(super) fn records(
    reader: &mut Reader<'_>,
    fields: &mut Fields<'_>,
    input: Option<&Input>,
    whose: Whose,
) -> Option<Records> {
    let implied = input.and_then(Input::records);
    let otherwise = implied.as_ref().map_or(Format::Lines, |records| records.format.clone());
    let format = fields.take("format").map_or(Some(otherwise), |node| format(reader, node));
    let given = fields.take("columns").map(|node| (fields.key_at("columns"), node));
    match (format?, given) {
        (Format::Lines, None) => {
            let columns = vec![Column { name: "line".to_owned(), data_type: Type::Utf8 }];
            Some(Records::new(Format::Lines, columns))
        }
        (Format::Lines, Some((at, _))) => {
            reader.problem_with(at, "a record of `lines` has the one column `line`", "leave `columns` out");
            None
        }
        (format, Some((_, node))) => {
            let (columns, keys) = columns(reader, node, &format)?;
            Some(Records { format, columns, keys })
        }
        (format, None) => match implied.filter(|records| records.format == format) {
            Some(records) => Some(records),
            None => Some(reader.inferred(input, &format, whose).unwrap_or_else(|| Records::new(format, Vec::new()))),
        },
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
