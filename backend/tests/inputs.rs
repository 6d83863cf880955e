//! What a run on the command line can read: pipes, patterns of files, compressed files, files of columns, columns that nobody gave,
//! generated tables.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use common::{BINARY, experiment, millrace};

/// Sums by name, of whatever the input is.
fn sums(folder: &Path, input: &str, format: &str) -> String {
    let path = folder.join("sums.yaml");
    let text = format!(
        "millrace: 1\nworkers: 2\nbatch:\n  input: {input}\n  format: {format}\n  split: 64 B\n  partitions: 2\n  steps:\n    \
         - reduce: {{ key: name, values: {{ sum: sum(n) }} }}\n    - sort: name\nexpect: [ {{ equals_sequential: true }} ]\n"
    );
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn run(arguments: &[&str]) -> String {
    let (status, stdout, stderr) = millrace(arguments, b"");
    assert_eq!(status, 0, "{stderr}");
    stdout
}

const NAMES: [&str; 3] = ["ann", "bob", "eve"];

/// Rows of CSV, and the sums of them.
fn table(rows: u64) -> (String, String) {
    let mut csv = "name,n,more\n".to_owned();
    let mut sums = [0; 3];
    for row in 0..rows {
        csv.push_str(&format!("{},{row},\"x, y\"\n", NAMES[row as usize % 3]));
        sums[row as usize % 3] += row;
    }
    (csv, format!("name,sum\nann,{}\nbob,{}\neve,{}\n", sums[0], sums[1], sums[2]))
}

#[test]
fn a_run_stands_in_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let packed = folder.path().join("access.log.gz");
    fs::write(&packed, gzip("the mill the race\n".repeat(1_000).as_bytes())).unwrap();
    let file = experiment(folder.path());
    let script = format!("zcat '{}' | '{BINARY}' run '{file}' --input - --output - | sort", packed.display());
    let piped = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), "mill,1000\nrace,1000\nthe,2000\nword,count\n");
    // What comes through the pipe may be packed itself.
    let (status, stdout, stderr) = millrace(&["run", &file, "--input", "-"], &fs::read(&packed).unwrap());
    assert_eq!(status, 0, "{stderr}");
    assert!(stdout.contains("the,2000\n"), "{stdout}");
}

#[test]
fn a_pattern_reads_all_files_that_fit_each_with_its_own_header() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs [old]/deep");
    fs::create_dir_all(&logs).unwrap();
    let (csv, sums_of_all) = table(90);
    let (header, rows) = csv.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    for (number, rows) in rows.chunks(30).enumerate() {
        // The last line of a file has no end: the next file's header must not become part of it.
        let text = format!("{header}\n{}", rows.join("\n"));
        let (place, text) = match number {
            0 => (logs.join("../2024-1.csv"), text.into_bytes()),
            1 => (logs.join("2024-2.csv"), zstd::encode_all(text.as_bytes(), 0).unwrap()),
            _ => (logs.join("2024-3.csv"), gzip(text.as_bytes())),
        };
        fs::write(place, text).unwrap();
    }
    fs::write(logs.join("notes.txt"), "no table").unwrap();
    fs::write(logs.join(".2024-4.csv"), "hidden").unwrap();
    let file = sums(folder.path(), "{ file: \"logs [[]old]/**/2024-*.csv\" }", "csv");
    assert_eq!(run(&["run", &file]), sums_of_all);
    let pattern = format!("{}/2024-[23].csv", logs.to_str().unwrap().replace("[old]", "[[]old]"));
    let some = run(&["run", &file, "--input", &pattern]);
    assert!(some != sums_of_all && some.lines().count() == 4, "{some}");
    // Words of several files, one after the other: none runs into the next file's first.
    fs::write(folder.path().join("a.txt"), "one two").unwrap();
    fs::write(folder.path().join("b.txt"), "three").unwrap();
    let words = experiment(folder.path());
    let pattern = folder.path().join("?.txt");
    let counted = run(&["run", &words, "--sequential", "--input", pattern.to_str().unwrap()]);
    assert!(["one,1\n", "two,1\n", "three,1\n"].iter().all(|row| counted.contains(row)), "{counted}");
    let process = run(&["run", &words, "--set", "isolation=process", "--input", pattern.to_str().unwrap()]);
    assert_eq!(process.lines().count(), 4);
    let (status, _, stderr) = millrace(&["run", &words, "--input", "/nowhere/*.csv"], b"");
    assert_eq!(status, 3);
    assert!(stderr.contains("no file fits `/nowhere/*.csv`"), "{stderr}");
}

#[test]
fn compressed_inputs_are_unpacked_and_damaged_ones_told() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, sums_of_all) = table(1_000);
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let file = sums(folder.path(), "{ file: x.csv }", "csv");
    let (one, other) = csv.as_bytes().split_at(5_000);
    fs::write(at("members.gz"), [gzip(one), gzip(other)].concat()).unwrap();
    fs::write(at("frames.zst"), [zstd::encode_all(one, 3).unwrap(), zstd::encode_all(other, 3).unwrap()].concat()).unwrap();
    for name in ["members.gz", "frames.zst"] {
        assert_eq!(run(&["run", &file, "--input", &at(name)]), sums_of_all);
    }
    let packed = gzip(csv.as_bytes());
    fs::write(at("cut.gz"), &packed[..packed.len() - 20]).unwrap();
    let mut turned = packed.clone();
    let last = turned.len() - 6;
    turned[last] ^= 1;
    fs::write(at("turned.gz"), turned).unwrap();
    let packed = zstd::encode_all(csv.as_bytes(), 3).unwrap();
    fs::write(at("cut.zst"), &packed[..packed.len() - 20]).unwrap();
    for name in ["cut.gz", "turned.gz", "cut.zst"] {
        let (status, stdout, stderr) = millrace(&["run", &file, "--input", &at(name)], b"");
        assert_eq!((status, stdout.as_str()), (3, ""));
        assert!(stderr.contains(name) && stderr.contains("is damaged or cut off"), "{stderr}");
    }
}

#[test]
fn what_a_run_has_written_a_run_can_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (csv, sums_of_all) = table(3_000);
    fs::write(at("rows.csv"), csv).unwrap();
    let copy = at("copy.yaml");
    fs::write(&copy, "millrace: 1\nbatch:\n  input: { file: rows.csv }\n  format: csv\n  steps: [ filter: n >= 0 ]\n").unwrap();
    for (name, format) in [
        ("a.arrow", "arrow"),
        ("a.parquet", "parquet"),
        ("a.jsonl", "jsonl"),
        ("a.arrow.zst", "arrow"),
        ("a.parquet.gz", "parquet"),
    ] {
        let file = sums(folder.path(), &format!("{{ file: {name} }}"), format);
        run(&["run", &copy, "--output", &at(name)]);
        for place in ["server", "simulate"] {
            assert_eq!(run(&["run", &file, "--place", place]), sums_of_all, "{name} {place}");
        }
    }
}

#[test]
fn columns_that_are_not_given_are_inferred_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, sums_of_all) = table(100);
    fs::write(folder.path().join("x.csv"), csv).unwrap();
    let file = sums(folder.path(), "{ file: x.csv }", "csv");
    let (status, stdout, stderr) = millrace(&["run", &file], b"");
    assert_eq!((status, stdout), (0, sums_of_all));
    assert!(stderr.contains("columns: { name: text, n: bigint, more: text }"), "{stderr}");
    let (status, _, stderr) = millrace(&["check", &file], b"");
    assert_eq!((status, stderr.as_str()), (0, "columns: { name: text, n: bigint, more: text }\n"));
    // Steps that do not fit them are problems of the experiment, with their places.
    fs::write(folder.path().join("x.csv"), "name,m\na,1\n").unwrap();
    for command in ["check", "run"] {
        let (status, stdout, stderr) = millrace(&[command, &file], b"");
        assert_eq!((status, stdout.as_str()), (2, ""), "{stderr}");
        assert!(stderr.contains("sums.yaml:9:") && stderr.contains("there is no column `n`"), "{stderr}");
    }
    // An input that is not there is no problem of the experiment.
    fs::remove_file(folder.path().join("x.csv")).unwrap();
    let (status, _, stderr) = millrace(&["check", &file], b"");
    assert_eq!(status, 0);
    assert!(stderr.contains("its steps cannot be checked without its input"), "{stderr}");
}

#[test]
fn joined_tables_have_their_columns_inferred_too() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("orders.csv"), "id,who\n1,7\n2,8\n3,7\n").unwrap();
    fs::write(folder.path().join("people.jsonl"), "{\"key\":7,\"name\":\"ann\"}\n{\"key\":8,\"name\":\"bob\"}\n").unwrap();
    let join = "join: { with: people, key: { left: who, right: key } }";
    let text = |tables: &str, steps: &str| {
        format!(
            "millrace: 1\nbatch:\n  input: {{ file: orders.csv }}\n  format: csv\n{tables}  steps: [ {steps} ]\n\
             expect: [ {{ equals_sequential: true }}, {{ always: id > 0 }} ]\n"
        )
    };
    let people = "  tables: { people: { input: { file: people.jsonl }, format: jsonl } }\n";
    let file = folder.path().join("join.yaml");
    let file = file.to_str().unwrap();
    fs::write(file, text(people, &format!("{join}, sort: id"))).unwrap();
    assert_eq!(run(&["run", file]), "id,who,name\n1,7,ann\n2,8,bob\n3,7,ann\n");
    // A table in a repeat is one more input in each round.
    let inline = "join: { with: { input: { file: people.jsonl }, format: jsonl, steps: [ { select: key } ] }, key: { left: who, right: key } }";
    fs::write(file, text("", &format!("repeat: {{ times: 3, steps: [ {inline} ] }}, sort: id"))).unwrap();
    assert_eq!(run(&["run", file]), "id,who\n1,7\n2,8\n3,7\n");
}

#[test]
fn generated_tables_have_their_columns_and_are_the_same_for_a_seed() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("generated.yaml");
    let rows = |input: &str, steps: &str| {
        fs::write(&file, format!("millrace: 1\nbatch:\n  input: {input}\n  steps: [ {steps} ]\n")).unwrap();
        run(&["run", file.to_str().unwrap()])
    };
    let count = |key: &str| {
        format!("reduce: {{ key: {key}, values: {{ n: count(*) }} }}, reduce: {{ key: n, values: {{ keys: count(*) }} }}")
    };
    let clicks = |seed: u32| {
        rows(&format!("{{ generate: clicks, rows: 500, seed: {seed}, disorder: 1 min }}"), "filter: ts is not null")
    };
    assert_eq!(clicks(1), clicks(1));
    assert_ne!(clicks(1), clicks(2));
    assert_eq!(clicks(1).lines().count(), 501);
    let log = rows(
        "{ generate: web_log, rows: 200 }",
        "map: { status: \"regexp_extract(line, '\\\" ([0-9]{3}) ', 1)\" }, reduce: { key: status, values: { n: count(*) } }, sort: n desc, limit: 1",
    );
    assert!(log.starts_with("status,n\n200,1"), "{log}");
    assert_eq!(rows("{ generate: orders, scale: 0.01 }", &count("o_orderkey")), "n,keys\n1,15000\n");
    assert_eq!(rows("{ generate: customer, scale: 0.01 }", &count("c_custkey")), "n,keys\n1,1500\n");
    let items = rows(
        "{ generate: lineitem, scale: 0.001 }",
        "reduce: { key: l_returnflag, values: { n: count(*), q: sum(l_quantity) } }, sort: l_returnflag",
    );
    assert!(items.starts_with("l_returnflag,n,q\nA,") && items.lines().count() == 4, "{items}");
}
