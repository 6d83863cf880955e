//! `cargo xtask test`: the whole gate, in the order in which a failure costs least to find. CI runs exactly this.
//!
//! What a stage needs it gets by itself, so that each can be run alone: `cargo xtask test STAGE…`. The first failure
//! ends the gate; nothing is run again.

mod bans;
mod examples;
mod room;

use crate::failure::{Done, Failure};
use crate::process;
use crate::project::Project;
use crate::setup::{self, Browser};
use crate::stages::{Stages, note};
use crate::{digest, page, planted, play};
use std::path::PathBuf;
use std::process::Command;

/// How long one wasm test binary may run in the browser, in seconds. It holds all tests of a crate.
const WASM_TESTS_SECONDS_MAX: u32 = 600;

/// What Chromium is started with for the wasm tests: no window, no sandbox (root in a container has none), nothing that
/// asks the network.
const CHROMIUM_FLAGS: [&str; 8] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// The page is only ever wasm, so it is linted for that target alone.
const NOT_THE_PAGE: [&str; 3] = ["--workspace", "--exclude", "frontend"];
const WASM: [&str; 6] = ["--package", "shared", "--package", "frontend", "--target", "wasm32-unknown-unknown"];

/// A part of the gate: the name by which it is run alone, what it shows, and how.
struct Stage {
    name: &'static str,
    about: &'static str,
    run: fn(&Project) -> Done,
}

const STAGES: [Stage; 17] = [
    Stage { name: "room", about: "the disk has room for what is built", run: room::make },
    Stage { name: "tools", about: "tools, npm packages, Chromium", run: tools },
    Stage {
        name: "crates",
        about: "every crate that Cargo.lock names, and no other",
        run: |project| setup::crates(project, true),
    },
    Stage { name: "fmt", about: "the code is formatted", run: fmt },
    Stage { name: "bans", about: "shared/clippy.toml bans what the core must not use", run: bans::check },
    Stage { name: "planted", about: "the planted bugs can still be planted", run: planted::check },
    Stage { name: "clippy", about: "no warning, native", run: clippy },
    Stage { name: "clippy-wasm", about: "no warning, wasm", run: clippy_wasm },
    Stage { name: "docs", about: "the documentation builds without a warning", run: docs },
    Stage { name: "native", about: "tests of core, server, page and xtask", run: native },
    Stage { name: "editor", about: "tests of the editor's scripts in Node", run: editor },
    Stage { name: "wasm", about: "tests of the core in Chromium", run: wasm },
    Stage {
        name: "page",
        about: "the page builds",
        run: |project| setup::for_page(project).and_then(|()| page::build(project)),
    },
    Stage { name: "budget", about: "the page is small enough", run: page::budget::check },
    Stage { name: "server", about: "the server builds, with the page in it", run: play::build_server },
    Stage { name: "examples", about: "the gallery's rows are those that plain scripts compute", run: examples::check },
    Stage { name: "browser", about: "tests of the whole product in Chromium", run: browser },
];

/// Runs the stages that are named, or all; in the gate's order either way.
pub fn run(project: &Project, names: &[String]) -> Done {
    let chosen = choose(names)?;
    let mut stages = Stages::new(chosen.len());
    for stage in chosen {
        let result = stages.run(&format!("{}: {}", stage.name, stage.about), || (stage.run)(project));
        if let Err(failure) = result {
            eprintln!("\n{}", stages.summary());
            return Err(failure.of_stage(stage.name));
        }
    }
    eprintln!("\n{}\n\nAll is well.", stages.summary());
    Ok(())
}

fn choose(names: &[String]) -> Done<Vec<&'static Stage>> {
    if let Some(unknown) = names.iter().find(|name| STAGES.iter().all(|stage| stage.name != *name)) {
        let known = STAGES.map(|stage| stage.name).join(", ");
        return Err(Failure::new(format!("The gate has no stage `{unknown}`"), format!("Its stages are: {known}")));
    }
    Ok(STAGES.iter().filter(|stage| names.is_empty() || names.iter().any(|name| name == stage.name)).collect())
}

/// `cargo xtask tools` as a stage of the gate.
pub fn tools(project: &Project) -> Done {
    setup::for_page(project)?;
    setup::browser(project).map(|_| ())
}

fn cargo<'a>(project: &Project, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut cargo = project.command("cargo");
    cargo.args(arguments);
    cargo
}

fn fmt(project: &Project) -> Done {
    process::run(&mut cargo(project, ["fmt", "--all", "--check"]))
        .map_err(|failure| Failure::new(failure.to_string(), "Run `cargo fmt --all`"))
}

fn clippy(project: &Project) -> Done {
    let command = ["clippy", "--locked", "--all-targets"].into_iter().chain(NOT_THE_PAGE);
    process::run(&mut cargo(project, command.chain(["--", "--deny", "warnings"])))
}

fn clippy_wasm(project: &Project) -> Done {
    let command = ["clippy", "--locked", "--lib", "--bins", "--tests", "--features", "frontend/split"].into_iter().chain(WASM);
    process::run(&mut cargo(project, command.chain(["--", "--deny", "warnings"])))
}

fn native(project: &Project) -> Done {
    run_tests(&mut cargo(project, ["test", "--locked", "--package", "shared", "--package", "backend", "--package", "xtask"]))?;
    // What the page's views make of a run needs no browser.
    run_tests(&mut cargo(project, ["test", "--locked", "--package", "frontend", "--lib"]))
}

fn editor(project: &Project) -> Done {
    setup::npm_packages(project)?;
    let tests = ["place", "schema", "edit", "form"].map(|name| format!("frontend/editor/{name}.test.js"));
    let mut node = project.command("node");
    // The parser that the editor has, and another one to compare it with.
    node.env("NODE_PATH", project.npm.join("node_modules"));
    run_tests(node.args(["--test", "--test-reporter=tap"]).args(tests))
}

fn wasm(project: &Project) -> Done {
    setup::for_page(project)?;
    let browser = setup::browser(project)?;
    let runner = project.find("wasm-bindgen-test-runner").ok_or_else(|| process::missing("wasm-bindgen-test-runner"))?;
    // Not the examples in the documentation: they have run natively.
    let mut tests =
        cargo(project, ["test", "--locked", "--lib", "--tests", "--package", "shared", "--target", "wasm32-unknown-unknown"]);
    tests.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner);
    tests.env("CHROMEDRIVER", &browser.chromedriver);
    tests.env("WASM_BINDGEN_USE_BROWSER", "1");
    tests.env("WASM_BINDGEN_TEST_TIMEOUT", WASM_TESTS_SECONDS_MAX.to_string());
    tests.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", webdriver_settings(project, &browser)?);
    run_tests(&mut tests)
}

/// What wasm-bindgen's test runner asks of the driver, as a file: the flags and this very Chromium.
fn webdriver_settings(project: &Project, browser: &Browser) -> Done<PathBuf> {
    let settings = serde_json::json!({ "goog:chromeOptions": { "args": CHROMIUM_FLAGS, "binary": browser.chromium } });
    let path = project.target.join("webdriver.json");
    digest::write(&path, settings.to_string().as_bytes())?;
    Ok(path)
}

fn docs(project: &Project) -> Done {
    let native = ["doc", "--locked", "--no-deps"].into_iter().chain(NOT_THE_PAGE);
    let page = ["doc", "--locked", "--no-deps", "--package", "frontend", "--target", "wasm32-unknown-unknown"];
    process::run(cargo(project, native).env("RUSTDOCFLAGS", "-D warnings"))?;
    process::run(cargo(project, page).env("RUSTDOCFLAGS", "-D warnings"))
}

fn browser(project: &Project) -> Done {
    // One test at a time: each has a browser and a server, and some measure. All of them, whatever fails: it takes long to come here.
    let tests = ["test", "--locked", "--package", "e2e", "--no-fail-fast", "--", "--test-threads", "1"];
    let tests = cargo(project, tests);
    run_tests(&mut with_browser(project, tests)?)
}

/// Pictures of the page, in `target/shots`.
pub fn shots(project: &Project) -> Done {
    let mut pictures = cargo(project, ["run", "--locked", "--quiet", "--package", "e2e", "--example", "shots", "--"]);
    pictures.arg(project.target.join("shots"));
    process::run(&mut with_browser(project, pictures)?)
}

/// Tells a command of the e2e crate where Chromium, its driver and the server are.
fn with_browser(project: &Project, mut command: Command) -> Done<Command> {
    let browser = setup::browser(project)?;
    let binary = play::server_binary(project);
    if !binary.is_file() {
        return Err(Failure::new("There is no server to test", "Run `cargo xtask test page server browser`"));
    }
    command.env("MILLRACE_BIN", binary).env("CHROMIUM", browser.chromium).env("CHROMEDRIVER", browser.chromedriver);
    Ok(command)
}

/// Runs tests by a command and counts those that passed: a command that ran none has shown nothing, and fails.
fn run_tests(tests: &mut Command) -> Done {
    let mut passed = 0;
    process::run_watched(tests, |line| passed += tests_passed(line))?;
    if passed == 0 {
        let what = format!("`{}` ran no test", process::line(tests));
        return Err(Failure::new(what, "Check that the tests are still found: their folder, their attributes, their features"));
    }
    note(format!("{passed} tests passed"));
    Ok(())
}

/// The number in `test result: ok. 29 passed; 0 failed; …`, as cargo's and wasm-bindgen's test runners print it, or in Node's `# pass 29`.
fn tests_passed(line: &str) -> u64 {
    let counted =
        line.strip_prefix("test result: ok. ").or(line.strip_prefix("# pass ")).and_then(|rest| rest.split(' ').next());
    counted.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_chosen_by_name_and_run_in_the_gates_order() {
        let names = |names: &[&str]| {
            let chosen = choose(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
            chosen.map(|stages| stages.iter().map(|stage| stage.name).collect::<Vec<_>>())
        };
        assert_eq!(names(&["docs", "fmt"]), Ok(vec!["fmt", "docs"]));
        assert_eq!(names(&[]).unwrap().len(), STAGES.len());
        assert!(names(&["nope"]).unwrap_err().to_string().contains("no stage `nope`"));
    }

    #[test]
    fn passed_tests_are_counted_from_what_the_runners_print() {
        assert_eq!(
            tests_passed("test result: ok. 29 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.77s"),
            29
        );
        assert_eq!(tests_passed("test result: ok. 3 passed; 0 failed; 0 ignored; 0 filtered out; finished in 0.01s"), 3);
        assert_eq!(tests_passed("# pass 33"), 33);
        assert_eq!(tests_passed("no tests to run!"), 0);
    }
}
