//! `millrace run`: one experiment, from its file to its rows.
//!
//! It is a client of the same engine and session that stand behind a socket. Rows go to standard output or a file; progress, news
//! and the summary to standard error; the exit status says how it went.

use std::io::{self, BufWriter};
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use shared::experiment::{self, Checked, Expectation, Experiment, Problem};
use shared::session::SessionSpec;
use shared::wire::{Command, Place, RunCommand};

use crate::bus;
use crate::check::{self, Unreadable};
use crate::config::{self, Run};
use crate::data::{DataError, Input, Library};
use crate::engine::{Engine, EngineInput, TraceSink};
use crate::globs;
use crate::memory;
use crate::output::{self, OutputError, Pending, Rows};
use crate::sessions::cores;
use crate::watch::{Failure, Outcome, Watch};

/// Why a run gave no rows.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the experiment is invalid")]
    Invalid(Vec<Problem>),
    #[error("standard input can be the experiment or the input, not both")]
    TwoInputs,
    #[error("`--trace` and `--seeds` are for `--place simulate`: a real run has neither a trace nor chance")]
    NotSimulated,
    #[error("`{0}` is for experiments with `batch`")]
    OnlyBatch(&'static str),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Input(#[from] DataError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("{message}")]
    Misfit { message: String, problems: Vec<Problem> },
    #[error("{0}")]
    Failed(String),
    #[error("seed {seed} {how}. To see it again: {replay}")]
    Seed { seed: u64, how: String, replay: String },
}

impl RunError {
    fn status(&self) -> u8 {
        match self {
            RunError::Invalid(_) | RunError::Misfit { .. } | RunError::TwoInputs | RunError::NotSimulated => 2,
            RunError::OnlyBatch(_) | RunError::Refused(_) => 2,
            RunError::Output(OutputError::Unknown(_) | OutputError::Number(_) | OutputError::Occupied(_)) => 2,
            _ => 3,
        }
    }
}

/// Exit status 0 ok · 1 an expectation failed · 2 the experiment is invalid · 3 the run failed.
pub fn main(arguments: &Run) -> ExitCode {
    match run(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            match &error {
                RunError::Invalid(problems) => check::tell(&arguments.file, problems),
                RunError::Misfit { message, problems } => {
                    eprintln!("{message}");
                    check::tell(&arguments.file, problems);
                }
                error => eprintln!("{error}"),
            }
            ExitCode::from(error.status())
        }
    }
}

/// Whether every expectation held.
fn run(arguments: &Run) -> Result<bool, RunError> {
    let simulated = arguments.place == config::Place::Simulate;
    if !simulated && (arguments.trace.is_some() || arguments.seeds.is_some()) {
        return Err(RunError::NotSimulated);
    }
    let rows_to = arguments.output.clone().unwrap_or_else(|| PathBuf::from("-"));
    let rows_to = Rows::at(&rows_to)?;
    let experiment = match read(arguments)? {
        Checked::Batch(experiment) => *experiment,
        Checked::Messaging(experiment) => return bus::run(arguments, &experiment, &rows_to),
    };
    let library = library(arguments)?;
    if let Some(seeds) = &arguments.seeds {
        return sweep(arguments, &experiment, library, seeds.0.clone());
    }
    let trace = arguments.trace.as_deref().map(Pending::new).transpose()?;
    let sink = trace.as_ref().map(Pending::sink).transpose()?.map(|file| Box::new(BufWriter::new(file)) as TraceSink);
    let mut engine = engine(arguments, library, sink, Watch::new(true));
    let outcome = one(&mut engine, arguments, 1, experiment, arguments.seed)?;
    trace.map(Pending::keep).transpose()?;
    let table = engine.table(1).expect("a run that has finished has a result");
    rows_to.write(table)?;
    if let Some(path) = &arguments.report {
        output::write(path, |sink| writeln!(sink, "{:#}", outcome.as_json()))?;
    }
    outcome.tell();
    Ok(outcome.held())
}

/// The experiment with everything that the command line changes in it.
fn read(arguments: &Run) -> Result<Checked, RunError> {
    let stdin_twice = output::is_standard(&arguments.file) && arguments.input.as_deref().is_some_and(output::is_standard);
    if stdin_twice {
        return Err(RunError::TwoInputs);
    }
    let text = check::read(&arguments.file)?;
    let overrides: Vec<_> = arguments.sets.iter().map(|set| (set.path.clone(), set.value.clone())).collect();
    let mut experiment = match experiment::check_any(&text, &overrides).map_err(RunError::Invalid)? {
        Checked::Batch(experiment) => experiment,
        messaging => return Ok(messaging),
    };
    if let Some(path) = arguments.input.as_ref().filter(|path| !output::is_standard(path)) {
        let path = globs::absolute(path).unwrap_or_else(|_| path.clone());
        experiment.batch.inputs[0] = experiment::Input::File(path.to_string_lossy().into_owned());
    }
    if arguments.sequential && !experiment.expect.contains(&Expectation::EqualsSequential) {
        experiment.expect.push(Expectation::EqualsSequential);
    }
    Ok(Checked::Batch(experiment))
}

fn library(arguments: &Run) -> Result<Library, RunError> {
    let instead = match &arguments.input {
        Some(path) if output::is_standard(path) => Some(Input::drained("standard input", io::stdin().lock())?),
        _ => None,
    };
    Ok(Library { instead, ..Library::of_experiment(&arguments.file) })
}

fn engine(arguments: &Run, library: Library, trace: Option<TraceSink>, watch: Watch) -> Engine<Watch> {
    let spec = SessionSpec { id: "run".to_owned(), build: String::new(), place: Place::Server, cores: cores() };
    let memory = arguments.memory.map_or_else(memory::share, |memory| memory.0);
    Engine::new(spec, library, memory, trace, watch)
}

/// Runs the experiment under a number and waits for its end.
fn one(
    engine: &mut Engine<Watch>,
    arguments: &Run,
    run: u32,
    experiment: Experiment,
    seed: Option<u64>,
) -> Result<Outcome, RunError> {
    let place = match arguments.place {
        config::Place::Simulate => Place::Simulate,
        config::Place::Server => Place::Server,
    };
    let workers = arguments.workers;
    let command = RunCommand {
        run,
        place,
        text: String::new(),
        sets: Vec::new(),
        input: None,
        workers,
        seed,
        pace: None,
        breakpoints: Vec::new(),
        idempotency_key: None,
    };
    engine.post().send(EngineInput::Run(command, Box::new(experiment)));
    loop {
        engine.turn();
        if let Some(outcome) = engine.client.outcome.take() {
            return outcome.map_err(|Failure { message, problems }| match problems.is_empty() {
                true => RunError::Failed(message),
                false => RunError::Misfit { message, problems },
            });
        }
    }
}

/// Simulates seed after seed; all must give the rows that the first one gave. Stops at the first that doesn't.
fn sweep(arguments: &Run, experiment: &Experiment, library: Library, seeds: Range<u64>) -> Result<bool, RunError> {
    let mut engine = engine(arguments, library, None, Watch::new(false));
    let count = seeds.end - seeds.start;
    let mut first: Option<(u64, String)> = None;
    for (run, seed) in (1..).zip(seeds) {
        let failed = |how: String| RunError::Seed { seed, how, replay: replay(arguments, seed) };
        let outcome = match one(&mut engine, arguments, run, experiment.clone(), Some(seed)) {
            Err(RunError::Failed(message)) => return Err(failed(format!("failed: {message}"))),
            outcome => outcome?,
        };
        engine.post().send(EngineInput::Command(Command::Forget { run }, None));
        if let Some(expectation) = outcome.report.expectations.iter().find(|expectation| !expectation.held) {
            outcome.tell();
            eprintln!("{}", failed(format!("does not hold `{}`", expectation.expectation)));
            return Ok(false);
        }
        let hash = outcome.report.output_hash;
        match &first {
            None => first = Some((seed, hash)),
            Some((other, same)) if *same != hash => {
                return Err(failed(format!("gave other rows ({hash}) than seed {other} ({same})")));
            }
            Some(_) => {}
        }
    }
    let rows = first.map(|(_, hash)| hash).unwrap_or_default();
    eprintln!("{count} seeds gave the same rows, hash {rows}");
    Ok(true)
}

/// The command that runs one seed of a sweep again.
pub fn replay(arguments: &Run, seed: u64) -> String {
    let mut words = vec!["millrace run".to_owned(), quoted(&arguments.file.to_string_lossy())];
    words.push(format!("--place simulate --seed {seed}"));
    if arguments.sequential {
        words.push("--sequential".to_owned());
    }
    if let Some(workers) = arguments.workers {
        words.push(format!("--workers {workers}"));
    }
    if let Some(input) = &arguments.input {
        words.push(format!("--input {}", quoted(&input.to_string_lossy())));
    }
    words.extend(arguments.sets.iter().map(|set| format!("--set {}", quoted(&format!("{}={}", set.path, set.value)))));
    words.join(" ")
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-=:,+@%".contains(&byte));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
