//! Inputs of every format: the same rows whatever the cuts, the columns that are found in them, and the sentences for those that are
//! not what they should be.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Int16Array,
    LargeStringArray, ListArray, PrimitiveArray, RecordBatch, StringArray, StringViewArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use shared::batch::kernel::sequential;
use shared::batch::recognise::{Packing, recognise};
use shared::batch::{Format, Inferred, Job, Memory, Part, Plan, Table, infer};
use shared::experiment::{Input, Known, check};

const CSV: Format = Format::Csv { header: true, delimiter: b',', quote: b'"' };

/// An experiment whose columns are to be inferred from what it reads.
fn text_of(format: &str, steps: &str) -> String {
    format!("millrace: 1\nbatch:\n  input: {{ file: x }}\n  format: {format}\n  partitions: 2\n  steps: [ {steps} ]\n")
}

fn inferred(format: &Format, bytes: &[u8]) -> Result<Inferred, String> {
    let part = Part { input: 0, start: 0, end: bytes.len() as u64 };
    infer(format, &mut Memory(Arc::new(bytes.to_vec())), part).map_err(|error| error.to_string())
}

/// The plan over an input, its columns inferred.
fn plan(format: &str, steps: &str, bytes: &[u8]) -> Plan {
    let experiment = check(&text_of(format, steps)).unwrap();
    let found = inferred(&experiment.batch.plan.inputs[0].format, bytes).unwrap();
    let known = Known { input: Input::File("x".to_owned()), records: Some(found.records) };
    let draft = experiment.batch.draft.expect("the columns are not given");
    draft.with(&[known]).unwrap_or_else(|problems| panic!("{}", problems[0])).batch.plan
}

fn csv(table: &Table) -> String {
    String::from_utf8(table.to_csv().unwrap()).unwrap()
}

/// The result in splits of many sizes, and in one pass; all are the same.
fn rows(plan: &Plan, bytes: &[u8]) -> String {
    let plan = Arc::new(plan.clone());
    let length = bytes.len() as u64;
    let mut first = None;
    for split in [1 << 30, length / 2 + 1, 4096, 1000, 333, 64, 7].into_iter().filter(|split| length / split < 2_000) {
        let job = Job::over(plan.clone(), length, split);
        let (partitions, counters) = common::run_tasks(&job, bytes);
        let table = Table::new(&plan, partitions).unwrap();
        let one_pass = sequential(&job, &mut Memory(Arc::new(bytes.to_vec()))).unwrap();
        assert_eq!(csv(&table), csv(&one_pass), "splits of {split} bytes");
        let same = (csv(&table), counters.map_input_records);
        assert_eq!(*first.get_or_insert(same.clone()), same, "splits of {split} bytes");
    }
    first.unwrap().0
}

fn columns(inferred: &Inferred) -> String {
    let columns = inferred.records.columns.iter().zip(&inferred.records.keys);
    columns
        .map(|(column, key)| format!("{} {} {key}", column.name, column.data_type.column_name()))
        .collect::<Vec<_>>()
        .join("; ")
}

/// Batches of types that the engine does not have, `count` of so many rows.
fn batches(count: usize, rows: usize) -> Vec<RecordBatch> {
    let batch = |batch: usize| {
        let at = |row: usize| batch * rows + row;
        let numbers = || (0..rows).map(at);
        let sparse = |row: usize| (row % 7 != 3).then_some(row);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(numbers().map(|row| row as u64).collect::<UInt64Array>())),
            ("delay", Arc::new(numbers().map(|row| sparse(row).map(|row| row as i16 - 20)).collect::<Int16Array>())),
            ("share", Arc::new(numbers().map(|row| Some(row as f32 / 4.0)).collect::<Float32Array>())),
            (
                "origin",
                Arc::new(DictionaryArray::new(
                    numbers().map(|row| Some(row as i32 % 3)).collect::<PrimitiveArray<Int32Type>>(),
                    Arc::new(StringArray::from(vec!["SEA", "LAX", "JFK"])),
                )),
            ),
            ("note", Arc::new(numbers().map(|row| sparse(row).map(|row| format!("n{row}"))).collect::<LargeStringArray>())),
            (
                "view",
                Arc::new(
                    numbers()
                        .map(|row| Some(format!("a text that is longer than twelve bytes {row}")))
                        .collect::<StringViewArray>(),
                ),
            ),
            ("day", Arc::new(numbers().map(|row| Some(row as i32)).collect::<Date32Array>())),
            ("at", Arc::new(TimestampNanosecondArray::from_iter_values(numbers().map(|row| row as i64 * 1_500)))),
            (
                "price",
                Arc::new(
                    Decimal128Array::from_iter_values(numbers().map(|row| row as i128 * 5))
                        .with_precision_and_scale(10, 2)
                        .unwrap(),
                ),
            ),
            ("late", Arc::new(numbers().map(|row| Some(row % 2 == 0)).collect::<BooleanArray>())),
            ("raw", Arc::new(numbers().map(|_| Some(b"x")).collect::<BinaryArray>())),
            (
                "list",
                Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(
                    numbers().map(|row| Some(vec![Some(row as i32), None])),
                )),
            ),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
    };
    (0..count).map(batch).collect()
}

fn arrow_file(batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let mut writer = FileWriter::try_new_with_options(Vec::new(), &batches[0].schema(), options).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

fn arrow_stream(batches: &[RecordBatch]) -> Vec<u8> {
    let mut writer = StreamWriter::try_new(Vec::new(), &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

#[cfg(feature = "parquet")]
fn parquet_file(batches: &[RecordBatch]) -> Vec<u8> {
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_max_row_group_row_count(Some(batches[0].num_rows().max(1)))
        .set_compression(parquet::basic::Compression::SNAPPY)
        .build();
    let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), batches[0].schema(), Some(properties)).unwrap();
    batches.iter().for_each(|batch| writer.write(batch).unwrap());
    writer.into_inner().unwrap()
}

const ALL: &str = "select: 'id, delay, share, origin, note, view, day, at, price, late, list'";

/// The same batches as each format that holds columns.
fn files(batches: &[RecordBatch]) -> Vec<(&'static str, Vec<u8>)> {
    let lz4 = IpcWriteOptions::default().try_with_compression(Some(CompressionType::LZ4_FRAME)).unwrap();
    vec![
        ("arrow", arrow_file(batches, IpcWriteOptions::default())),
        ("arrow", arrow_file(batches, lz4)),
        ("arrow", arrow_stream(batches)),
        #[cfg(feature = "parquet")]
        ("parquet", parquet_file(batches)),
    ]
}

#[test]
fn files_of_columns_give_the_same_rows_in_any_splits() {
    let batches = batches(5, 40);
    let mut all = Vec::new();
    for (format, bytes) in files(&batches) {
        let plan = plan(format, ALL, &bytes);
        all.push(rows(&plan, &bytes));
    }
    assert_eq!(all[0].lines().count(), 201);
    let row = all[0].lines().nth(5).unwrap();
    assert_eq!(
        row,
        "4,-16,1.0,LAX,n4,a text that is longer than twelve bytes 4,1970-01-05 00:00:00,1970-01-01 00:00:00.000006,0.2,true,\"[4, null]\""
    );
    assert!(all.iter().all(|rows| rows == &all[0]));
}

#[test]
fn columns_are_those_of_the_file_and_what_cannot_be_read_is_left_out_with_a_sentence() {
    for (format, bytes) in files(&batches(2, 3)) {
        let found = inferred(if format == "arrow" { &Format::Arrow } else { &Format::Parquet }, &bytes).unwrap();
        assert_eq!(
            columns(&found),
            "id bigint id; delay bigint delay; share double share; origin text origin; note text note; view text view; \
             day timestamp day; at timestamp at; price double price; late boolean late; list list of bigint list"
        );
        assert_eq!(found.left_out.len(), 1, "{:?}", found.left_out);
        assert!(found.left_out[0].starts_with("its column `raw` is Binary"), "{}", found.left_out[0]);
    }
}

#[test]
fn only_what_the_plan_looks_at_is_read_and_given_columns_are_brought_to_their_types() {
    let steps = "reduce: { key: origin, values: { n: count(*), sum: sum(delay) } }, sort: origin";
    for (format, bytes) in files(&batches(3, 10)) {
        let inferred = rows(&plan(format, steps, &bytes), &bytes);
        let given = "columns: { origin: text, delay: double }\n  format";
        let experiment = check(&text_of(format, steps).replacen("format", given, 1)).unwrap();
        assert!(experiment.batch.draft.is_none());
        let as_double = rows(&experiment.batch.plan, &bytes);
        assert_eq!(
            inferred,
            "origin,n,sum\nJFK,10,-42\nLAX,10,-31\nSEA,10,-53\n"
                .replace("-42", &sum(2))
                .replace("-31", &sum(1))
                .replace("-53", &sum(0))
        );
        assert_eq!(
            as_double,
            inferred
                .lines()
                .enumerate()
                .map(|(at, line)| if at == 0 { format!("{line}\n") } else { format!("{line}.0\n") })
                .collect::<String>()
        );
    }
}

/// The delays of one origin.
fn sum(origin: usize) -> String {
    (0..30).filter(|row| row % 3 == origin && row % 7 != 3).map(|row| row as i64 - 20).sum::<i64>().to_string()
}

#[test]
fn files_without_batches_or_rows_have_no_rows() {
    let whole = batches(1, 3);
    let empty = vec![whole[0].slice(0, 0)];
    for (format, bytes) in files(&empty) {
        assert_eq!(rows(&plan(format, "filter: delay > 0, select: delay", &bytes), &bytes), "delay\n", "{format}");
    }
    // Not even a file: nothing is read, as nothing is of an empty text.
    let given = text_of("arrow", "select: delay").replacen("format", "columns: { delay: bigint }\n  format", 1);
    assert_eq!(rows(&check(&given).unwrap().batch.plan, b""), "delay\n");
    assert!(inferred(&Format::Arrow, b"").unwrap_err().contains("name them by `columns`"));
}

#[test]
fn what_is_no_file_of_its_format_is_told_in_a_sentence() {
    for (format, bytes) in files(&batches(3, 20)) {
        let of = if format == "arrow" { Format::Arrow } else { Format::Parquet };
        assert!(inferred(&of, b"id,delay\n1,2\n").unwrap_err().contains(&format!("cannot be read as {format}")));
        let plan = plan(format, ALL, &bytes);
        // Cut off anywhere, or with any byte turned: a sentence or other rows, never a panic.
        for at in (0..bytes.len()).step_by(bytes.len() / 300 + 1) {
            let _ = run(&plan, &bytes[..at]);
            let mut turned = bytes.clone();
            turned[at] ^= 0x41;
            if format == "arrow" {
                let _ = run(&plan, &turned);
            }
        }
    }
}

fn run(plan: &Plan, bytes: &[u8]) -> Result<Table, String> {
    let job = Job::over(Arc::new(plan.clone()), bytes.len() as u64, 1 << 20);
    sequential(&job, &mut Memory(Arc::new(bytes.to_vec()))).map_err(|error| error.to_string())
}

#[test]
fn columns_that_are_not_there_are_named_with_what_is_near() {
    for (format, bytes) in files(&batches(1, 3)) {
        let wrong = |columns: &str, step: &str| {
            let given = text_of(format, step).replacen("format", &format!("columns: {{ {columns} }}\n  format"), 1);
            run(&check(&given).unwrap().batch.plan, &bytes).unwrap_err()
        };
        assert!(wrong("delai: bigint", "filter: delai > 1").contains("no column `delai`; did you mean `delay`?"));
        assert!(wrong("raw: text", "select: raw").contains("`raw` is Binary, a type that is not read"));
        assert!(wrong("list: bigint", "select: list").contains("`list` is List of Int64, and `columns` says Int64"));
    }
    let huge: ArrayRef = Arc::new(UInt64Array::from(vec![1, u64::MAX]));
    let batch = RecordBatch::try_from_iter([("id", huge)]).unwrap();
    let bytes = arrow_stream(&[batch]);
    let error = run(&plan("arrow", "select: id", &bytes), &bytes).unwrap_err();
    assert!(
        error.contains("`id`: 18446744073709551615 does not fit a bigint") && error.contains("record batch at byte"),
        "{error}"
    );
}

#[test]
fn csv_columns_are_what_all_values_of_the_sample_are() {
    let text = "id,When, Flight No.,zip,ok,share,nothing,mixed,,id\n\
                1,2024-01-02 03:04:05,7,01234,true,1e3,,1,x,9\n\
                -2,2024-01-03,,99999,FALSE,2,,a,x,9\n";
    let found = inferred(&CSV, text.as_bytes()).unwrap();
    assert_eq!(
        columns(&found),
        "id bigint id; When_ timestamp When; Flight_No bigint Flight No.; zip text zip; ok boolean ok; share double share; \
         nothing text nothing; mixed text mixed"
    );
    assert_eq!(found.left_out, ["a column has no name (``)", "a column has the name of one before it (`id`)"]);
    let bytes = text.as_bytes();
    assert_eq!(
        rows(&plan("csv", "filter: ok, select: 'id, When_, Flight_No, zip'", bytes), bytes),
        "id,When_,Flight_No,zip\n1,2024-01-02 03:04:05,7,01234\n"
    );
    let bare = inferred(&Format::Csv { header: false, delimiter: b';', quote: b'\'' }, b"1;'a;b'\n2;c\n").unwrap();
    assert_eq!(columns(&bare), "column_1 bigint column_1; column_2 text column_2");
    assert!(inferred(&CSV, b"").unwrap_err().contains("no record from which its columns could be inferred"));
    assert_eq!(columns(&inferred(&CSV, b"a,b\n").unwrap()), "a text a; b text b");
}

#[test]
fn a_later_value_that_is_something_else_ends_the_run_only_if_somebody_looks_at_it() {
    let mut text = "a,b\n".to_owned();
    (0..1_500).for_each(|row| text.push_str(&if row == 1_400 { "x,1\n".to_owned() } else { format!("{row},1\n") }));
    let reads = plan("csv", "filter: a > 1490", text.as_bytes());
    let error = run(&reads, text.as_bytes()).unwrap_err();
    assert!(error.contains("`a` is `x`, which is no Int64"), "{error}");
    let other = plan("csv", "reduce: { key: b, values: { n: count(*) } }", text.as_bytes());
    assert_eq!(rows(&other, text.as_bytes()), "b,n\n1,1500\n");
}

#[test]
fn json_columns_are_keys_and_those_of_nested_objects_paths() {
    let text = "{\"z\":1,\"user\":{\"name\":\"ann\",\"address\":{\"city\":\"Ulm\"}},\"tags\":[1,2],\"at\":\"2024-01-02T03:04:05Z\"}\n\
                {\"z\":2.5,\"user\":{\"name\":null},\"extra\":true,\"none\":null}\n";
    let found = inferred(&Format::JsonLines, text.as_bytes()).unwrap();
    assert_eq!(
        columns(&found),
        "z double z; user_name text user.name; user_address_city text user.address.city; tags text tags; at timestamp at; \
         extra boolean extra; none text none"
    );
    let bytes = text.as_bytes();
    let steps = "map: { first: \"json_value(tags, '$[0]')\" }, select: 'z, user_name, user_address_city, at, first'";
    assert_eq!(
        rows(&plan("jsonl", steps, bytes), bytes),
        "z,user_name,user_address_city,at,first\n1.0,ann,Ulm,2024-01-02 03:04:05,1\n2.5,,,,\n"
    );
    let given =
        text_of("jsonl", "select: user_address_city").replacen("format", "columns: { user.address.city: text }\n  format", 1);
    assert_eq!(rows(&check(&given).unwrap().batch.plan, bytes), "user_address_city\nUlm\n\"\"\n".replace("\"\"", ""));
    assert!(inferred(&Format::JsonLines, b"[1]\n").unwrap_err().contains("it is not a JSON object"));
}

#[test]
fn an_experiment_without_columns_is_checked_as_far_as_it_can_be_and_again_when_they_are_known() {
    let experiment = check(&text_of("csv", "filter: delay > 1, limit: 5")).unwrap();
    assert_eq!(experiment.batch.steps, ["columns are inferred when the input is opened"]);
    assert_eq!(experiment.batch.to_infer(), [Some(CSV)]);
    // What does not depend on columns is told at once.
    let problems = check(&text_of("csv", "fliter: delay > 1, limit: 0")).unwrap_err();
    assert_eq!(problems.len(), 2, "{problems:?}");
    let found = inferred(&CSV, b"dely,b\n1,2\n").unwrap();
    let known = Known { input: Input::File("x".to_owned()), records: Some(found.records) };
    let problems = experiment.batch.draft.unwrap().with(&[known]).unwrap_err();
    assert_eq!(
        problems[0].to_string(),
        "6:20: there is no column `delay`: the columns here are `dely` and `b` (did you mean `dely`?)"
    );
}

#[test]
fn formats_are_recognised_by_name_and_content() {
    let semicolons = Format::Csv { header: false, delimiter: b';', quote: b'"' };
    let tabs = Format::Csv { header: true, delimiter: b'\t', quote: b'"' };
    for (name, head, format) in [
        ("a.csv", "a,b\n1,2\n", CSV),
        ("a.CSV.gz", "a;b\n", Format::Csv { header: true, delimiter: b';', quote: b'"' }),
        ("a.csv", "1;\"x;y\"\n2;z\n", semicolons),
        ("a.tsv", "a\tb\n", tabs.clone()),
        ("data", "a\tb\n1\t2\n3\t4\n", tabs),
        ("a.jsonl", "", Format::JsonLines),
        ("a.txt", "{\"a\":1}\n{\"a\":2}\n{\"a", Format::JsonLines),
        ("a.txt", "It was, as they say, a mill.\nIt turned, and turned.\nNothing else.\n", Format::Lines),
        ("access.log", "a,b\na,b\na,b\n", Format::Lines),
        ("a", "PAR1....", Format::Parquet),
        ("a.feather", "ARROW1\0\0", Format::Arrow),
    ] {
        assert_eq!(recognise(name, head.as_bytes()), format, "{name} {head}");
    }
    assert_eq!(Packing::of(&[0x1f, 0x8b, 8, 0]), Some(Packing::Gzip));
    assert_eq!(Packing::of(&[0x28, 0xb5, 0x2f, 0xfd]), Some(Packing::Zstd));
    assert_eq!(Packing::of(b"text"), None);
}
