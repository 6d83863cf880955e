//! `millrace run` and `millrace check`: exit codes, files, pipes, reports, and inputs that are odd.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::process::{Command, Stdio};

use common::{BINARY, counted, experiment, millrace, rows, word_count};

#[test]
fn rows_go_to_standard_output_and_equal_an_independent_count() {
    let folder = tempfile::tempdir().unwrap();
    let text = "The quick brown fox; the lazy dog.\nDon't stop, the fox said.\n".repeat(500);
    for place in ["server", "simulate"] {
        let (status, stdout, stderr) =
            millrace(&["run", &experiment(folder.path()), "--place", place, "--input", "-"], text.as_bytes());
        assert_eq!(status, 0, "{stderr}");
        assert_eq!(rows(&stdout), counted(&text));
        assert!(stdout.starts_with("word,count\n"));
        assert!(stderr.contains("map_input_records 1000"), "{stderr}");
    }
}

#[test]
fn the_experiment_itself_can_come_through_a_pipe() {
    let (status, stdout, _) =
        millrace(&["run", "-", "--sequential"], fs::read(experiment(tempfile::tempdir().unwrap().path())).unwrap().as_slice());
    assert_eq!((status, stdout.as_str()), (0, "word,count\na,2\nb,1\n"));
    let (status, _, stderr) = millrace(&["run", "-", "--input", "-"], b"");
    assert_eq!(status, 2);
    assert!(stderr.contains("not both"), "{stderr}");
}

#[test]
fn exit_codes_say_how_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let good = experiment(folder.path());
    let bad = folder.path().join("bad.yaml");
    fs::write(&bad, fs::read_to_string(&good).unwrap().replace("flat_map", "flatmap")).unwrap();
    let bad = bad.to_str().unwrap();
    let (status, _, stderr) = millrace(&["check", &good, bad], b"");
    assert_eq!(status, 2);
    assert!(stderr.starts_with(&format!("{bad}:8:")) && stderr.contains("flat_map"), "{stderr}");
    assert_eq!(millrace(&["check", &good], b"").0, 0);
    assert_eq!(millrace(&["run", bad], b"").0, 2);
    let (status, stdout, stderr) = millrace(&["run", &good, "--set", "expect=[ { rows: 3 } ]"], b"");
    assert_eq!((status, stdout.lines().count()), (1, 3), "{stderr}");
    assert!(stderr.contains("FAILED: rows: 3"), "{stderr}");
    let (status, stdout, stderr) = millrace(&["run", &good, "--input", "/nowhere/at/all"], b"");
    assert_eq!((status, stdout.as_str()), (3, ""));
    assert!(stderr.contains("`/nowhere/at/all` cannot be read"), "{stderr}");
    for flags in
        [["--workers", "0"], ["--set", "batch.split=0 B"], ["--output", "rows.xlsx"], ["--seeds", "5..2"], ["--seeds", "1..5"]]
    {
        let (status, _, stderr) = millrace(&["run", &good, flags[0], flags[1]], b"");
        assert!(status == 2 && !stderr.is_empty(), "{flags:?}: {status} {stderr}");
    }
    assert_eq!(millrace(&["run", "/nowhere.yaml"], b"").0, 3);
}

#[test]
fn a_report_and_output_files_are_written_whole() {
    let folder = tempfile::tempdir().unwrap();
    let good = experiment(folder.path());
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(at("rows.jsonl"), "old").unwrap();
    let arguments =
        ["run", &good, "--output", &at("rows.jsonl"), "--report", &at("report.json"), "--seed", "18446744073709551615"];
    let (status, stdout, stderr) = millrace(&arguments, b"");
    assert_eq!((status, stdout.as_str()), (0, ""), "{stderr}");
    assert_eq!(fs::read_to_string(at("rows.jsonl")).unwrap(), "{\"word\":\"a\",\"count\":2}\n{\"word\":\"b\",\"count\":1}\n");
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(at("report.json")).unwrap()).unwrap();
    assert_eq!(report["seed"], u64::MAX);
    assert_eq!((&report["place"], &report["rows"]), (&"server".into(), &2.into()));
    assert_eq!(report["counters"]["map_output_records"], 3);
    assert!(report["attempts"]["done"].as_u64() >= Some(3), "{report}");
    let stages: Vec<&str> = report["stages"].as_array().unwrap().iter().filter_map(|stage| stage["what"].as_str()).collect();
    assert_eq!(stages, ["map", "reduce"]);
    let (status, _, stderr) = millrace(&["run", &good, "--input", "/nowhere", "--output", &at("none.csv")], b"");
    assert_eq!(status, 3, "{stderr}");
    let mut left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["count.yaml", "report.json", "rows.jsonl"]);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = folder.path().join("many.yaml");
    fs::write(&experiment, word_count(2, "")).unwrap();
    let mut child =
        Command::new(BINARY).arg("run").arg(&experiment).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !stderr.contains("panic") && !stderr.contains("pipe"), "{stderr}");
}

#[test]
fn odd_inputs_give_right_answers() {
    let folder = tempfile::tempdir().unwrap();
    let good = experiment(folder.path());
    let file = folder.path().join("input.txt");
    let long_line = b"word ".repeat(20 << 20);
    let cases: [(&[u8], &str, &str); 5] = [
        (b"", "word,count\n", "map_input_records 0"),
        (b"a\r\nb\r\na\r\n", "word,count\na,2\nb,1\n", "map_input_records 3"),
        (b"caf\xff\xc3\xa9 caf\xff\nx\n", "word,count\ncaf,2\nx,1\n\u{e9},1\n", "bad_records 1"),
        (b"no line end", "word,count\nend,1\nline,1\nno,1\n", "map_input_records 1"),
        (&long_line, "word,count\nword,20971520\n", "map_input_records 1 "),
    ];
    for (bytes, wanted, counter) in cases {
        fs::write(&file, bytes).unwrap();
        for isolation in ["thread", "process"] {
            let isolated = format!("isolation={isolation}");
            let sets = ["--set", &isolated, "--set", "batch.partitions=1", "--set", "batch.split=8 MiB"];
            let (status, stdout, stderr) =
                millrace(&[&["run", &good, "--input", file.to_str().unwrap()], sets.as_slice()].concat(), b"");
            assert_eq!((status, stdout.as_str()), (0, wanted), "{stderr}");
            assert!(stderr.contains(counter), "{stderr}");
        }
    }
}

#[test]
fn a_folder_or_a_file_that_vanishes_is_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let good = experiment(folder.path());
    let (status, _, stderr) = millrace(&["run", &good, "--input", folder.path().to_str().unwrap()], b"");
    assert!(status == 3 && stderr.contains("is not a file"), "{stderr}");
    // The worker is slowed at once and killed half-way, so that its next life opens a file that is gone by then.
    let file = folder.path().join("gone.txt");
    fs::write(&file, "a few words in a line\n".repeat(400_000)).unwrap();
    let mut child = Command::new(BINARY)
        .args([
            "run",
            &good,
            "--workers",
            "1",
            "--input",
            file.to_str().unwrap(),
            "--set",
            "batch.split=1 MiB",
            "--set",
            "respawn=2 s",
        ])
        .args(["--set", "faults=[ { at: 0 %, slow: { node: worker-1, factor: 50 } }, { at: 30 %, kill: worker-1 } ]"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let running = child.try_wait().unwrap().is_none();
    fs::remove_file(&file).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(running, "the run was over too soon for this test: {stderr}");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{stderr}");
    assert!(stderr.contains("gone.txt` cannot be read"), "{stderr}");
}

#[test]
fn a_simulation_with_a_trace_is_the_same_each_time_and_seeds_agree() {
    let folder = tempfile::tempdir().unwrap();
    let experiment = folder.path().join("faults.yaml");
    fs::write(&experiment, word_count(1, "faults: [ { random: 3 } ]\n").replace("split: 1 MiB", "split: 64 KiB")).unwrap();
    let experiment = experiment.to_str().unwrap();
    let trace = |name: &str, seed: &str| {
        let path = folder.path().join(name);
        let arguments = [
            "run",
            experiment,
            "--place",
            "simulate",
            "--seed",
            seed,
            "--trace",
            path.to_str().unwrap(),
            "--output",
            "/dev/null",
        ];
        let (status, _, stderr) = millrace(&arguments, b"");
        assert_eq!(status, 0, "{stderr}");
        fs::read_to_string(path).unwrap()
    };
    let (one, same, other) = (trace("1", "5"), trace("2", "5"), trace("3", "6"));
    assert!(one == same && one != other && one.lines().count() > 50);
    let (status, _, stderr) = millrace(&["run", experiment, "--place", "simulate", "--seeds", "1..20"], b"");
    assert!(status == 0 && stderr.contains("19 seeds gave the same rows"), "{stderr}");
    let (status, _, stderr) = millrace(&["run", experiment], b"");
    assert!(status == 3 && stderr.contains("simulate"), "{stderr}");
}
