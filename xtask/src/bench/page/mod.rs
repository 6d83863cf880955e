//! What the page weighs, how soon it can be used, and how fast its workers count, beside the native engine in the same run.

mod bus;
mod tenth;

use super::{Figure, Promise, folder, native, text};
use crate::digest;
use crate::failure::{Done, Failure};
use crate::page::budget::{ENGINE_BYTES_MAX, UI_BYTES_MAX, Weight};
use crate::process::capture;
use crate::project::Project;
use crate::stages::note;
use crate::{page, play, setup};
use serde_json::{Value, json};
use std::path::Path;

pub use bus::measure as measure_bus;
pub use tenth::measure as measure_tenth;

/// How often the page is loaded cold, and how often each number of workers counts the text.
const LOADS: usize = 5;
const ROUNDS: usize = 3;

/// From the start of a cold load to a page that answers, in milliseconds.
const READY_MS_MAX: f64 = 1_000.0;
/// From the start of a cold load to the first result of the bundled text, in milliseconds.
const RESULT_MS_MAX: f64 = 2_000.0;
/// The longest task of the page's main thread while a job runs, in milliseconds.
const TASK_MS_MAX: f64 = 50.0;
/// One worker in the browser, as a multiple of one native worker.
const BROWSER_TO_NATIVE_MIN: f64 = 0.5;
/// Two workers in the browser, as a multiple of one.
const TWO_TO_ONE_MIN: f64 = 1.7;
/// The page's process while it counts the big text, in bytes.
const MEMORY_BYTES_MAX: f64 = 600e6;

/// Builds the page and the server, weighs the page, and has Chromium use it.
pub fn measure(project: &Project) -> Done<Vec<Figure>> {
    built(project)?;
    let weight = Weight::of_page(project)?;
    let mut figures = vec![
        Figure::of("UI bundle, brotli", weight.ui as f64, "bytes").promised(Promise::AtMost(UI_BYTES_MAX as f64)),
        Figure::of("engine, brotli", weight.engine as f64, "bytes").promised(Promise::AtMost(ENGINE_BYTES_MAX as f64)),
    ];
    let text = text::get(project)?;
    let experiment = native::experiment(project)?;
    let before = native::run(project, &experiment, &text, 1)?;
    note("Chromium loads the page and counts the text, some minutes");
    let seen = in_chromium(project, "page", LOADS, &[case("words", &text, &experiment, &[1, 2], ROUNDS)?], &[])?;
    let after = native::run(project, &experiment, &text, 1)?;
    let (native_ms, hashes) = (before.ms.min(after.ms), [before.hash, after.hash]);
    figures.extend(loads(&seen["loads"]));
    let runs = seen["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    if runs.iter().any(|run| !hashes.contains(&run["hash"].to_string())) {
        let what = format!("The page's answers differ from the native one: {hashes:?} natively, {runs:?}");
        return Err(Failure::new(what, "This is a bug of Millrace"));
    }
    figures.extend(big(runs, text::size(&text)? as f64, native_ms));
    Ok(figures)
}

/// Builds the page, and the server with it.
fn built(project: &Project) -> Done {
    setup::for_page(project)?;
    page::build(project)?;
    play::build_server(project)
}

/// An experiment's file over an input, with each number of workers, for `e2e/examples/page_speed.rs`.
fn case(name: &str, file: &Path, experiment: &Path, workers: &[u32], rounds: usize) -> Done<Value> {
    let experiment = String::from_utf8_lossy(&digest::read(experiment)?).into_owned();
    Ok(json!({ "name": name, "file": file, "experiment": experiment, "workers": workers, "rounds": rounds }))
}

/// Has Chromium measure; what it printed.
fn in_chromium(project: &Project, name: &str, loads: usize, files: &[Value], buses: &[Value]) -> Done<Value> {
    let browser = setup::browser(project)?;
    let cases = folder(project).join(format!("{name}-cases.json"));
    digest::write(&cases, json!({ "loads": loads, "files": files, "buses": buses }).to_string().as_bytes())?;
    let mut speed = project.command("cargo");
    speed.args(["run", "--quiet", "--package", "e2e", "--example", "page_speed", "--"]).arg(&cases);
    speed.env("MILLRACE_BIN", play::server_binary(project));
    speed.env("CHROMIUM", browser.chromium).env("CHROMEDRIVER", browser.chromedriver);
    let printed = capture(&mut speed, "Run it by hand to see more")?;
    let not_json = |error| Failure::new(format!("It printed {printed:?}: {error}"), "Correct e2e/examples/page_speed.rs");
    serde_json::from_str(printed.lines().last().unwrap_or_default()).map_err(not_json)
}

/// The median of some loads into browsers that have never seen the page.
fn loads(loads: &Value) -> Vec<Figure> {
    let median = |name: &str| {
        let mut values = numbers(loads, name);
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    vec![
        Figure::of("cold load until the page answers, median", median("ready_ms"), "ms")
            .promised(Promise::AtMost(READY_MS_MAX)),
        Figure::of("cold load until the bundled text's result, median", median("result_ms"), "ms")
            .promised(Promise::AtMost(RESULT_MS_MAX)),
        Figure::of("longest task of the main thread in a cold load", longest(loads), "ms"),
    ]
}

fn big(runs: &[Value], bytes: f64, native_ms: f64) -> Vec<Figure> {
    let rate = |workers: u32| bytes / 1_000.0 / best_ms(runs, "words", workers);
    let native = bytes / 1_000.0 / native_ms;
    let all = Value::Array(runs.to_vec());
    let memory = numbers(&all, "bytes").into_iter().fold(0.0, f64::max);
    vec![
        Figure::of("native, one worker", native, "MB/s"),
        Figure::of("browser, one worker", rate(1), "MB/s"),
        Figure::of("browser, two workers", rate(2), "MB/s"),
        Figure::of("browser to native, one worker", rate(1) / native, "x").promised(Promise::AtLeast(BROWSER_TO_NATIVE_MIN)),
        Figure::of("browser, two workers to one", rate(2) / rate(1), "x").promised(Promise::AtLeast(TWO_TO_ONE_MIN)),
        Figure::of("longest task of the main thread while the text is counted", longest(&all), "ms")
            .promised(Promise::AtMost(TASK_MS_MAX)),
        Figure::of("memory of the page's process at most, PSS", memory, "bytes").promised(Promise::AtMost(MEMORY_BYTES_MAX)),
    ]
}

fn numbers(list: &Value, name: &str) -> Vec<f64> {
    list.as_array().into_iter().flatten().filter_map(|item| item[name].as_f64()).collect()
}

/// The time of the best of a case's runs with so many workers, in milliseconds.
fn best_ms(runs: &[Value], name: &str, workers: u32) -> f64 {
    let of = runs.iter().filter(|run| run["name"] == name && run["workers"] == workers);
    of.filter_map(|run| run["elapsed_ms"].as_f64()).fold(f64::INFINITY, f64::min)
}

/// The longest of all long tasks; 0 if there was none, since tasks of up to 50 ms are not noted.
fn longest(list: &Value) -> f64 {
    let tasks = list.as_array().into_iter().flatten().flat_map(|item| item["long_ms"].as_array().cloned().unwrap_or_default());
    tasks.filter_map(|task| task.as_f64()).fold(0.0, f64::max)
}
