//! Where rows go: every format, compressed or not, one file or one a partition, and nothing at all when the run is killed.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use arrow_ipc::reader::FileReader;
use common::{BINARY, PATIENCE, millrace, word_count};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Rows of every type, nulls among them.
const TYPES: &str = "
millrace: 1
workers: 2
batch:
  input: { text: \"1,a,0.5,true,2024-02-29T12:00:00Z\\n,,,,\\n-3,'x,y',1e300,false,1969-12-31T23:59:59Z\\n\" }
  format: { csv: { header: false, quote: \"'\" } }
  columns: { n: bigint, t: text, d: double, b: boolean, at: timestamp }
  split: 16 B
  partitions: 3
  steps:
    - map: { list: \"split(t, ',')\", long: \"at - timestamp '2024-01-01'\" }
";

fn at(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn run(experiment: &str, output: &str) {
    let (status, _, stderr) = millrace(&["run", "-", "--output", output], experiment.as_bytes());
    assert_eq!(status, 0, "{stderr}");
}

#[test]
fn every_format_holds_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| at(folder.path(), name);
    for name in ["a.csv", "a.jsonl", "a.arrow", "a.parquet", "a.csv.gz", "a.jsonl.zst", "a.arrow.zst", "a.parquet.gz"] {
        run(TYPES, &file(name));
    }
    let csv = fs::read_to_string(file("a.csv")).unwrap();
    let first = csv.lines().nth(1).unwrap_or_default();
    assert!(csv.starts_with("n,t,d,b,at,list,long\n") && first.starts_with("1,a,0.5,true,2024-02-29 12:00:00,[a],"), "{csv}");
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(File::open(file("a.csv.gz")).unwrap()).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, csv);
    let json = fs::read(file("a.jsonl")).unwrap();
    assert_eq!(zstd::decode_all(File::open(file("a.jsonl.zst")).unwrap()).unwrap(), json);
    assert_eq!(zstd::decode_all(File::open(file("a.arrow.zst")).unwrap()).unwrap(), fs::read(file("a.arrow")).unwrap());
    let json: Vec<serde_json::Value> = json
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!((json.len(), json[0]["n"].as_i64(), json[2]["t"].as_str()), (3, Some(1), Some("x,y")));
    assert!(json[1]["n"].is_null() && json[1]["t"] == "");
    let arrow: Vec<_> =
        FileReader::try_new(File::open(file("a.arrow")).unwrap(), None).unwrap().map(|batch| batch.unwrap()).collect();
    let parquet = ParquetRecordBatchReaderBuilder::try_new(File::open(file("a.parquet")).unwrap()).unwrap();
    let parquet: Vec<_> = parquet.build().unwrap().map(|batch| batch.unwrap()).collect();
    assert_eq!((arrow.len(), parquet.len(), arrow[0].num_rows()), (1, 1, 3));
    for (one, other) in arrow[0].columns().iter().zip(parquet[0].columns()) {
        assert_eq!(one, other);
    }
    let fields: Vec<_> = arrow[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(fields.join(","), csv.lines().next().unwrap());
}

#[test]
fn a_folder_has_a_file_for_each_partition_and_appears_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let out = at(folder.path(), "out");
    run(TYPES, &format!("{out}/part-{{n}}.jsonl"));
    assert_eq!(names(Path::new(&out)), ["_SUCCESS", "part-00000.jsonl", "part-00001.jsonl", "part-00002.jsonl"]);
    let whole: Vec<u8> = (0..3).flat_map(|n| fs::read(format!("{out}/part-0000{n}.jsonl")).unwrap()).collect();
    let one = at(folder.path(), "one.jsonl");
    run(TYPES, &one);
    assert_eq!(whole, fs::read(&one).unwrap());
    // Sorted rows are shared out evenly, in order.
    let sorted = format!("{TYPES}    - sort: n desc\n");
    run(&sorted, &at(folder.path(), "sorted/"));
    let line = |n: usize| fs::read_to_string(folder.path().join(format!("sorted/part-0000{n}.csv"))).unwrap();
    assert!((0..3).all(|n| line(n).lines().count() == 2 && line(n).starts_with("n,t,d,b,")), "{}", line(0));
    // Null is last in a descending order.
    assert!(
        line(0).lines().nth(1).unwrap().starts_with("1,") && line(2).lines().nth(1).unwrap().starts_with(','),
        "{}",
        line(2)
    );
    // It is not mixed with what is there.
    let (status, stdout, stderr) = millrace(&["run", "-", "--output", &format!("{out}/")], TYPES.as_bytes());
    assert_eq!((status, stdout.as_str()), (2, ""));
    assert!(stderr.contains("out` exists and is not empty"), "{stderr}");
    assert_eq!(names(folder.path()), ["one.jsonl", "out", "sorted"]);
}

#[test]
fn a_name_that_says_no_format_is_refused_before_anything_runs() {
    for name in ["rows", "rows.txt", "rows.gz", "rows.csv.bz2", "a-{n}/part-{n}.csv"] {
        let (status, _, stderr) = millrace(&["run", "-", "--output", name], TYPES.as_bytes());
        assert!(status == 2 && stderr.contains(name), "{name}: {status} {stderr}");
    }
}

/// Whether the process has a file open in this folder that has no name.
fn writes_in(process: u32, folder: &Path) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    files.flatten().filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file.starts_with(folder))
}

#[test]
fn a_run_that_is_killed_while_it_writes_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = word_count(8, "").replace("flat_map: { word: words(lower(line)) }", "map: { n: length(line) }");
    let experiment =
        format!("{}    - map: {{ twice: line || line }}\n", &experiment[..experiment.find("    - reduce").unwrap()]);
    let place = folder.path().canonicalize().unwrap();
    for output in ["rows.csv", "out/"] {
        let mut child = Command::new(BINARY)
            .args(["run", "-", "--output"])
            .arg(format!("{}/{output}", place.display()))
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), experiment.as_bytes()).unwrap();
        let began = std::time::Instant::now();
        while !writes_in(child.id(), &place) {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be killed");
            assert!(began.elapsed() < PATIENCE);
        }
        // SIGKILL.
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        assert_eq!(names(&place), Vec::<String>::new(), "{output}");
    }
}

#[test]
fn examples_are_listed_and_printed_and_run() {
    let (status, list, _) = millrace(&["examples"], b"");
    assert_eq!(status, 0);
    assert!(list.lines().any(|line| line.split_whitespace().eq(["word-count", "Word", "count"])), "{list}");
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples")).unwrap().map(|entry| entry.unwrap().path());
    let known = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).count();
    assert_eq!(list.lines().count(), known);
    let (status, text, _) = millrace(&["examples", "url-count"], b"");
    assert_eq!(status, 0);
    let (status, rows, stderr) = millrace(&["run", "-"], text.as_bytes());
    assert!(status == 0 && rows.starts_with("url,"), "{stderr}");
    let (status, _, stderr) = millrace(&["examples", "url-cuont"], b"");
    assert!(status == 2 && stderr.contains("did you mean `url-count`?"), "{stderr}");
}
