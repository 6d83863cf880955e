//! What a page, a socket or a command line says to a session, and what it hears.
//!
//! Control is JSON text with a version and a type, `{"v":1,"type":"run",…}`; 64-bit integers travel as strings, since JavaScript's
//! numbers hold 53 bits. Bulk data (a CSV export) travels as binary frames behind a small header. Every event has a sequence
//! number; a client that reconnects names the last one it saw.
//!
//! Absent on purpose: the engine's own messages between nodes (see `batch::message`), which never leave a run.

mod attempt;
mod breakpoint;
mod bus;
mod codec;
mod messages;
mod pace;
mod tabs;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::attempt::{AttemptState, AttemptView, Phase};
pub use self::breakpoint::{BreakEdge, Breakpoint, Halt};
pub use self::bus::{
    BUS_LANES_MAX, BUS_PARTS, BindingView, BusFrame, BusPart, BusReport, BusTotals, BusView, ClientNow, ExchangeView, Flight,
    GroupView, LATENCY_PARTS, Lane, QueueNow, QueueView, Role,
};
pub use self::codec::{WireError, decode_command, decode_event, encode_command, encode_event};
pub use self::messages::{About, Fate, MessageView, Messages};
pub use self::pace::{Pace, Speed, Stride};
pub use self::tabs::{Bearing, LifeId, TabClient, TabOffer, TabWord, lobby};
use crate::batch::table::{RowsFormat, View, ViewQuery};
use crate::batch::{Column, Counters, Format, Inferred, Records};
use crate::experiment::{Outline, Problem};
use crate::fault::Effect;
use crate::id::{Incarnation, NodeId};
use crate::time::Time;

/// The protocol's version, the `v` of every control message.
pub const VERSION: u32 = 1;

/// Where a run runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// One event queue under a virtual clock.
    Simulate,
    /// Web Workers of this page.
    Browser,
    /// Threads or child processes of the server.
    Server,
}

/// A client's word to its session. On the wire its name is a `type` among its fields (see `codec`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// First on every connection. `build` is the page's build id, so that a stale page is told so. With `resume`, the session
    /// goes on where the client last heard it.
    Hello { build: String, resume: Option<Resume> },
    /// Validate an experiment; answered by [`Event::Checked`] with the same `id`.
    Check { id: u32, text: String },
    /// Start a run under a number of the client's choosing, unused so far in this session.
    Run(RunCommand),
    /// Kill a worker for real; it respawns as the experiment says.
    Kill { run: u32, node: NodeId },
    /// Restart the coordinator from its last checkpoint.
    RestartCoordinator { run: u32 },
    /// Let something go wrong now.
    Fault { run: u32, effect: Effect },
    /// Hold the virtual time of a paced run; nothing happens in it until it goes on.
    Pause { run: u32 },
    /// Let the virtual time of a paced run go on.
    Resume { run: u32 },
    /// Change how fast the virtual time of a paced run goes.
    Speed { run: u32, speed: Speed },
    /// Let one thing happen in a paced run, however long its virtual time; afterwards it is paused.
    Step { run: u32, by: Stride },
    /// Go to a moment of a paced run, back or ahead, also when it has ended; afterwards it is paused.
    Seek { run: u32, to: Time },
    /// From now on a paced run of a bus stands still before messages that these wait for, and at no others.
    Breakpoints { run: u32, breakpoints: Vec<Breakpoint> },
    /// Look at a condition of a breakpoint; answered by [`Event::Condition`] with the same `id`.
    Condition { id: u32, text: String },
    /// End a run; its workers end and its event is [`Event::Failed`].
    Stop { run: u32 },
    /// Look at rows of a finished run's result; answered by [`Event::Rows`] with the same `id`.
    View { run: u32, id: u32, query: ViewQuery },
    /// The whole result, or the trace, as a file of this format in binary frames (see [`DataHeader`]), the last one marked.
    Export {
        run: u32,
        id: u32,
        #[serde(default)]
        format: ExportFormat,
    },
    /// The messages between the nodes in this stretch of time of a paced run, as far as it has come, or of those only what is about this task
    /// or message: [`Messages`], as JSON in one binary frame. Of several questions of either kind only the last is answered.
    Messages { run: u32, id: u32, from: Time, to: Time, about: Option<About> },
    /// Free a finished run's result; of a run that is watched, watch it no longer.
    Forget { run: u32 },
    /// Let whoever knows an id watch this run; answered by [`Event::Invitation`]. For runs of a server, in real time: a simulated one
    /// is the same wherever it runs.
    Invite { run: u32 },
    /// Hear of a run of another session, by the id of its [`Event::Invitation`], as if it were this session's run of that number,
    /// unused so far: what has happened already, then what happens. Its rows can be looked at and exported; all else is for the
    /// session that has started it. It ends for the watcher, also after its end, with an [`Event::Failed`] that says why.
    Watch { run: u32, watch: String },
    /// Look at a file that the page hands over beside the command; answered by [`Event::Looked`] with the same `id`. Local sessions
    /// only.
    Look { id: u32, name: String },
    /// Answered by [`Event::Pong`].
    Ping,
}

impl Command {
    /// The run that it is about.
    pub fn run(&self) -> Option<u32> {
        match self {
            Command::Run(command) => Some(command.run),
            Command::Kill { run, .. }
            | Command::RestartCoordinator { run }
            | Command::Fault { run, .. }
            | Command::Pause { run }
            | Command::Resume { run }
            | Command::Speed { run, .. }
            | Command::Step { run, .. }
            | Command::Seek { run, .. }
            | Command::Breakpoints { run, .. }
            | Command::Stop { run }
            | Command::View { run, .. }
            | Command::Export { run, .. }
            | Command::Messages { run, .. }
            | Command::Forget { run }
            | Command::Invite { run }
            | Command::Watch { run, .. } => Some(*run),
            Command::Hello { .. }
            | Command::Check { .. }
            | Command::Condition { .. }
            | Command::Look { .. }
            | Command::Ping => None,
        }
    }
}

/// What is exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    #[default]
    Csv,
    Jsonl,
    Arrow,
    /// What happened in a simulated run that goes by the clock, an event a line, as `--trace` on the command line.
    Trace,
}

impl ExportFormat {
    /// As what the result's rows are written, if it is the result.
    pub fn rows(self) -> Option<RowsFormat> {
        match self {
            ExportFormat::Csv => Some(RowsFormat::Csv),
            ExportFormat::Jsonl => Some(RowsFormat::Jsonl),
            ExportFormat::Arrow => Some(RowsFormat::Arrow),
            ExportFormat::Trace => None,
        }
    }

    /// How such files are called.
    pub fn extension(self) -> &'static str {
        match self {
            ExportFormat::Csv => "csv",
            ExportFormat::Jsonl => "jsonl",
            ExportFormat::Arrow => "arrow",
            ExportFormat::Trace => "trace.jsonl",
        }
    }
}

/// What to run, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunCommand {
    pub run: u32,
    pub place: Place,
    /// The experiment's YAML text.
    pub text: String,
    /// Values instead of the text's, by their paths, as `--set` on the command line: `("batch.partitions", "8")`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<(String, String)>,
    /// Replaces the experiment's input.
    #[serde(default)]
    pub input: Option<InputChoice>,
    /// Replaces the experiment's number of workers. Without it a page runs at most as many as it has cores, but all that the
    /// experiment's faults name.
    #[serde(default)]
    pub workers: Option<u32>,
    /// Replaces the experiment's seed.
    #[serde(default, with = "text64_option")]
    pub seed: Option<u64>,
    /// For `simulate` only: virtual time goes so fast by the clock on the wall, and frames come while it goes. Without it the run
    /// is simulated in one go and told in one frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Speed>,
    /// For a run with a pace: where it stands still from its beginning on. See [`Command::Breakpoints`]; those at edges that the
    /// experiment does not have are passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakpoints: Vec<Breakpoint>,
    /// A second run command under the same key does not run again: it is answered with the first run's events from its start on.
    #[serde(default)]
    pub idempotency_key: Option<String>,
}

/// An input that is not in the experiment's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputChoice {
    /// A `Blob` that the page hands over beside the command. Local sessions only.
    Attached {
        name: String,
        #[serde(with = "text64")]
        bytes: u64,
        /// What it is, if it is not what the experiment says.
        #[serde(default)]
        format: Option<Format>,
    },
    /// A file uploaded before, by the id that `PUT /api/uploads` gave. Server sessions only.
    Upload {
        id: String,
        name: String,
        #[serde(default)]
        format: Option<Format>,
    },
}

impl InputChoice {
    /// What it is, if the client says so.
    pub fn format(&self) -> Option<&Format> {
        match self {
            InputChoice::Attached { format, .. } | InputChoice::Upload { format, .. } => format.as_ref(),
        }
    }
}

/// Where a client left off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    pub session: String,
    /// The last sequence number that the client saw.
    #[serde(with = "text64")]
    pub seen: u64,
}

/// A session's word to its client. On the wire its name is a `type` among its fields (see `codec`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The answer to [`Command::Hello`]. `cores` is how many workers can run at once here. `resumed`: what follows continues
    /// from `seen`; otherwise the session is new and earlier runs are gone.
    Welcome {
        session: String,
        build: String,
        places: Vec<Place>,
        cores: u32,
        resumed: bool,
    },
    /// The answer to [`Command::Check`]. The outline tells what the text would do, as far as it makes sense.
    Checked {
        id: u32,
        problems: Vec<Problem>,
        #[serde(default)]
        outline: Option<Outline>,
    },
    /// The answer to [`Command::Condition`]: what is wrong with it, if anything is.
    Condition {
        id: u32,
        problem: Option<Problem>,
    },
    Started(Box<Started>),
    Frame(Box<Frame>),
    Finished {
        run: u32,
        report: Report,
    },
    /// The run ended without a result. The message is a sentence for the user.
    Failed {
        run: u32,
        message: String,
        problems: Vec<Problem>,
    },
    Rows {
        run: u32,
        id: u32,
        view: View,
    },
    /// What a file seems to hold. `problem` is a sentence that says why it cannot be read, if it cannot.
    Looked {
        id: u32,
        format: Format,
        input: Option<InputView>,
        /// The first rows, a text for each column.
        rows: Vec<Vec<String>>,
        problem: Option<String>,
    },
    /// The answer to [`Command::Invite`]: whoever reaches this server and knows the id may watch the run.
    Invitation {
        run: u32,
        watch: String,
    },
    /// A command was refused; nothing else is affected.
    Error {
        message: String,
    },
    Pong,
}

/// A run has begun; what will be drawn is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    pub run: u32,
    pub place: Place,
    pub title: String,
    /// What is read, for people: a file's name, a dataset's, "text".
    pub input: String,
    #[serde(with = "text64")]
    pub input_bytes: u64,
    /// Bytes of each split, one per map task.
    pub splits: Vec<Bytes>,
    /// Tasks behind shuffles, in all stages.
    pub reduces: u32,
    /// What the tasks are of, in the plan's order: each gathers from some before it.
    pub stages: Vec<StageView>,
    pub workers: u32,
    #[serde(with = "text64")]
    pub seed: u64,
    /// The steps in words, as written in the experiment, for the graph.
    pub steps: Vec<String>,
    /// The result's columns.
    pub columns: Vec<String>,
    /// What is read, an input of the plan each.
    #[serde(default)]
    pub inputs: Vec<InputView>,
    /// What will go wrong, as items of the experiment's `faults`; those that the seed draws, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Of an experiment with `messaging`, which has no tasks: what runs instead. Its clients are numbered as `workers`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<Box<BusView>>,
}

/// What the records of an input are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputView {
    /// As an experiment says it: `csv`.
    pub format: String,
    pub columns: Vec<ColumnView>,
    /// Whether the columns were found in the input, and not given.
    pub inferred: bool,
    /// Sentences about what is in the input and in no column.
    pub left_out: Vec<String>,
}

/// A column, with its type as an experiment says it: `bigint`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnView {
    pub name: String,
    #[serde(rename = "type")]
    pub data_type: String,
}

impl InputView {
    /// Of records, and of what is not among them if they were inferred.
    pub fn new(records: &Records, inferred: Option<&Inferred>) -> InputView {
        let column = |column: &Column| ColumnView { name: column.name.clone(), data_type: column.data_type.column_name() };
        InputView {
            format: records.format.name().to_owned(),
            columns: records.columns.iter().map(column).collect(),
            inferred: inferred.is_some(),
            left_out: inferred.map(|inferred| inferred.left_out.clone()).unwrap_or_default(),
        }
    }
}

impl fmt::Display for InputView {
    /// As `columns` of an experiment says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<_> = self.columns.iter().map(|column| format!("{}: {}", column.name, column.data_type)).collect();
        write!(f, "{{ {} }}", columns.join(", "))
    }
}

/// Some tasks of a run that do the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageView {
    /// `map`, `reduce`, `join` and so on, for people.
    pub what: String,
    /// What kind of tasks they are, and the numbers they have among those.
    pub phase: Phase,
    pub first: u32,
    pub tasks: u32,
    /// The stages that it gathers from.
    pub of: Vec<u32>,
}

/// A number of bytes on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Bytes(#[serde(with = "text64")] pub u64);

/// What has changed since the last frame, coalesced: at most one frame in 16 ms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    pub run: u32,
    pub now: Time,
    /// It tells everything, not what has changed: what was known of the run before is not so any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// Done tasks and the read part of running ones over all tasks, 0 to 1.
    pub progress: f64,
    /// Every worker, in order.
    pub workers: Vec<WorkerView>,
    /// Attempts that began, advanced or ended since the last frame; an index seen before replaces what was known.
    pub attempts: Vec<AttemptView>,
    /// Counts of accepted tasks plus the progress of running ones.
    pub counters: Counters,
    pub tally: Tally,
    /// One-line news since the last frame, oldest first: kills, losses, restarts, backups.
    pub news: Vec<News>,
    /// How a paced run goes; `now` is its virtual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pace: Option<Pace>,
    /// Of an experiment with `messaging`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<Box<BusFrame>>,
}

impl Frame {
    /// Takes up a later frame of the same run, as if both had been one: for a client that is slower than the run.
    pub fn merge(&mut self, later: Frame) {
        if later.whole {
            return *self = later;
        }
        let Frame { run: _, now, whole: _, progress, workers, attempts, counters, tally, news, pace, bus } = later;
        let mut known: BTreeMap<u32, AttemptView> =
            std::mem::take(&mut self.attempts).into_iter().map(|attempt| (attempt.index, attempt)).collect();
        known.extend(attempts.into_iter().map(|attempt| (attempt.index, attempt)));
        self.attempts = known.into_values().collect();
        self.news.extend(news);
        (self.now, self.progress, self.workers, self.counters, self.tally) = (now, progress, workers, counters, tally);
        self.pace = pace;
        match (&mut self.bus, bus) {
            (Some(known), Some(later)) => known.merge(*later),
            (known, later) => *known = later,
        }
    }
}

/// How often tasks ran, over the whole job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Executions given out, repeated and backup ones included.
    pub tasks_run: u32,
    /// Executions that were needed because an earlier one, or its output, was lost.
    pub tasks_repeated: u32,
    /// Executions begun beside one still running (MapReduce, OSDI'04 §3.6).
    pub backup_tasks: u32,
    pub workers_lost: u32,
}

/// A sentence about something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    pub at: Time,
    pub text: String,
    /// Something went wrong on purpose: what, in two or three words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A worker as its coordinator and its driver see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerView {
    pub node: NodeId,
    pub incarnation: Incarnation,
    pub state: WorkerState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// Spawned, not heard from yet.
    Starting,
    Idle,
    Busy,
    /// Killed or lost; comes back after `respawn`.
    Down,
    /// It would go on if others let it: a publisher without credit.
    Blocked,
}

/// What a run came to. Also the `--report` file of the command line, where 64-bit integers are plain numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub place: Place,
    #[serde(with = "text64")]
    pub seed: u64,
    /// Rows of the result.
    #[serde(with = "text64")]
    pub rows: u64,
    /// Real time from start to result, milliseconds.
    pub wall_ms: f64,
    /// Virtual time, milliseconds; in `simulate` only.
    pub virtual_ms: Option<f64>,
    /// Hash of the simulated trace, 16 hexadecimal digits; in `simulate` only.
    pub trace_hash: Option<String>,
    /// Hash of the result, 16 hexadecimal digits: equal hashes, equal rows.
    pub output_hash: String,
    pub counters: Counters,
    pub tally: Tally,
    pub expectations: Vec<ExpectationResult>,
    /// Of an experiment with `messaging`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<Box<BusReport>>,
}

/// How one line of `expect` went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectationResult {
    /// The expectation as written.
    pub expectation: String,
    pub held: bool,
    /// What was found, in a sentence.
    pub found: String,
}

/// The head of a binary frame: 16 bytes, little-endian. The rest is the data: here, CSV bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataHeader {
    pub run: u32,
    /// The `id` of the export that it answers.
    pub id: u32,
    /// 0 for the first frame of an export.
    pub index: u32,
    pub last: bool,
}

impl DataHeader {
    pub const LENGTH: usize = 16;

    pub fn to_bytes(self) -> [u8; DataHeader::LENGTH] {
        let mut bytes = [0; DataHeader::LENGTH];
        bytes[0..4].copy_from_slice(&self.run.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.index.to_le_bytes());
        bytes[12] = u8::from(self.last);
        bytes
    }

    /// The header at the front of a frame; `None` if it is too short.
    pub fn from_bytes(frame: &[u8]) -> Option<DataHeader> {
        let word = |at: usize| Some(u32::from_le_bytes(frame.get(at..at + 4)?.try_into().ok()?));
        Some(DataHeader { run: word(0)?, id: word(4)?, index: word(8)?, last: word(12)? & 1 == 1 })
    }
}

/// 64-bit integers as decimal strings.
pub mod text64 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom(format!("`{text}` is not a 64-bit integer in a string")))
    }
}

/// The same, or null.
pub mod text64_option {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(value: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        let text = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(|_| D::Error::custom(format!("`{text}` is not a 64-bit integer in a string"))))
            .transpose()
    }
}
