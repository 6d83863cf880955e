//! The command line. Its names are binding: see the design, §4.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};

use shared::experiment::parse_size;
use shared::limits::WORKERS_MAX;

use crate::limits;

const EXITS: &str = "Exit status: 0 ok · 1 an expectation failed · 2 the experiment is invalid · 3 the run failed";

/// A playground for batch processing: real workers, real data, faults on purpose, and the exact answer.
#[derive(Debug, Parser)]
#[command(name = "millrace", version, after_help = EXITS)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the page, and run its experiments here.
    #[command(after_long_help = limits::table())]
    Serve(Serve),
    /// Run an experiment and write its rows.
    #[command(after_help = EXITS)]
    Run(Box<Run>),
    /// Only check experiments, without running them.
    Check(Check),
    /// List the examples, or print one: `millrace examples word-count > mine.yaml`.
    Examples(Examples),
    /// A worker process of a run with `isolation: process`; started by the engine, not by people.
    #[command(hide = true)]
    Worker,
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen. Port 0 takes any free port.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// The folder whose files experiments may read by `file:`. Without it they may read none.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How long a session without a socket waits for its client, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = limits::SESSION_KEEP.as_secs())]
    pub session_keep: u64,
    /// How long a client may stay behind before it is closed, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = limits::CLIENT_SLOW_MAX.as_secs())]
    pub client_slow: u64,
    /// A live bus: the broker of an experiment with `messaging`, and its clients, for as long as the server runs. Clients anywhere attach
    /// to it by a WebSocket at /api/bus/NAME. May be given again for another bus.
    #[arg(long = "bus", value_name = "NAME=FILE")]
    pub buses: Vec<NamedBus>,
    /// Live buses begin with their brokers alone: none of the experiments' own clients.
    #[arg(long, requires = "buses")]
    pub bus_only: bool,
    /// The folder in which live buses keep the persistent messages of their durable queues, each in a file NAME.redb. It is made if it is
    /// not there.
    #[arg(long, value_name = "DIR", requires = "buses")]
    pub bus_store: Option<PathBuf>,
    /// Memory that one run may take, as in `512 MiB`; what is more waits in temporary files.
    #[arg(long, value_name = "SIZE", default_value = "2 GiB")]
    pub memory: Memory,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Experiment files; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Examples {
    /// The one to print; without it, the names and titles of all.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct Run {
    /// The experiment; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where it runs.
    #[arg(long, value_enum, default_value_t = Place::Server)]
    pub place: Place,
    /// Also compute the result in one plain pass, and compare.
    #[arg(long)]
    pub sequential: bool,
    /// Replaces the experiment's seed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Simulates every seed from A up to, not including, B, and stops at the first that fails or gives another answer.
    #[arg(long, value_name = "A..B", conflicts_with_all = ["seed", "trace"])]
    pub seeds: Option<Seeds>,
    /// Replaces the experiment's number of workers.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(WORKERS_MAX)))]
    pub workers: Option<u32>,
    /// Replaces the experiment's input by a file, or the files that fit a pattern (`'logs/*.csv'`), also .gz and .zst; `-` is
    /// standard input.
    #[arg(long, value_name = "PATH")]
    pub input: Option<PathBuf>,
    /// Replaces a value of the experiment, as in `--set batch.partitions=8`; `null` takes it away.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub sets: Vec<Setting>,
    /// Memory that the run may take, as in `512 MiB`; what is more waits in temporary files (in TMPDIR). Half of the machine's
    /// unless said.
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Memory>,
    /// Where the rows go; standard output as CSV (`-`) unless said.
    ///
    /// A file ends in .csv, .jsonl, .arrow or .parquet, and may be compressed: rows.csv.gz, rows.jsonl.zst. It appears when it is
    /// whole, in place of one that is there.
    ///
    /// `out/part-{n}.parquet` makes a file for each partition, as Hadoop and Spark do: the folder `out` (which is new or empty)
    /// appears with part-00000.parquet, part-00001.parquet, … and an empty _SUCCESS. One after the other they are the rows in
    /// their order. `out/` is short for `out/part-{n}.csv`.
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub output: Option<PathBuf>,
    /// Writes each step of a simulated run, one JSON object a line.
    #[arg(long, value_name = "FILE.jsonl")]
    pub trace: Option<PathBuf>,
    /// Writes what the run counted and measured as JSON.
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
}

/// Where a run runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Place {
    /// Under a virtual clock, from a seed.
    Simulate,
    /// In this process: real threads, or processes of their own.
    Server,
}

/// A range of seeds, the end not included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub std::ops::Range<u64>);

/// One `--set`: the path of a value and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub path: String,
    pub value: String,
}

/// One `--bus`: what it is called and the file of its experiment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedBus {
    pub name: String,
    pub file: PathBuf,
}

/// A number of bytes for runs to work in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(pub u64);

/// Why a flag's value does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    #[error("a range of seeds is written A..B with A below B, as in 1..1000")]
    Seeds,
    #[error("a setting is written PATH=VALUE, as in batch.partitions=8")]
    Setting,
    #[error("a bus is written NAME=FILE, its name of letters, digits, `_` and `-`, as in work=work-queue.yaml")]
    Bus,
    #[error("{0}")]
    Memory(String),
    #[error("a run needs at least {} MiB", limits::MEMORY_BYTES_MIN >> 20)]
    LittleMemory,
}

impl FromStr for Memory {
    type Err = FlagError;

    fn from_str(text: &str) -> Result<Memory, FlagError> {
        match parse_size(text).map_err(FlagError::Memory)? {
            bytes if bytes < limits::MEMORY_BYTES_MIN => Err(FlagError::LittleMemory),
            bytes => Ok(Memory(bytes)),
        }
    }
}

impl FromStr for NamedBus {
    type Err = FlagError;

    fn from_str(text: &str) -> Result<NamedBus, FlagError> {
        let (name, file) = text.split_once('=').ok_or(FlagError::Bus)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        match !name.is_empty() && name.chars().all(plain) && !file.is_empty() {
            true => Ok(NamedBus { name: name.to_owned(), file: file.into() }),
            false => Err(FlagError::Bus),
        }
    }
}

impl FromStr for Seeds {
    type Err = FlagError;

    fn from_str(text: &str) -> Result<Seeds, FlagError> {
        let (from, to) = text.split_once("..").ok_or(FlagError::Seeds)?;
        match (from.trim().parse(), to.trim().parse()) {
            (Ok(from), Ok(to)) if from < to => Ok(Seeds(from..to)),
            _ => Err(FlagError::Seeds),
        }
    }
}

impl FromStr for Setting {
    type Err = FlagError;

    fn from_str(text: &str) -> Result<Setting, FlagError> {
        match text.split_once('=') {
            Some((path, value)) if !path.trim().is_empty() => {
                Ok(Setting { path: path.trim().to_owned(), value: value.to_owned() })
            }
            _ => Err(FlagError::Setting),
        }
    }
}
