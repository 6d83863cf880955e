//! Every bound of the core: a constant, its unit, and what it protects. Past a bound the user gets a sentence that names it.

/// Nodes of a bus that runs in real time, each a thread or a Web Worker of its own.
pub const REAL_NODES_MAX: usize = 64;

/// Bytes that the messages of a bus's broker may take while it runs in real time.
pub const BUS_RUN_BYTES_MAX: u64 = 512 << 20;

/// Bytes of an experiment's text. A longer one is refused before it is parsed.
pub const EXPERIMENT_BYTES_MAX: usize = 256 * 1024;

/// Levels of nesting in an experiment's YAML, so that reading one never needs a deep stack.
pub const YAML_DEPTH_MAX: usize = 24;

/// Values in an experiment's YAML after its aliases are replaced, so that a few anchors never become a million values.
pub const YAML_NODES_MAX: usize = 20_000;

/// Bytes of one expression's text.
pub const EXPRESSION_BYTES_MAX: usize = 4 * 1024;

/// Levels of nesting in one expression: parentheses in its text, and calls within calls in its tree.
pub const EXPRESSION_DEPTH_MAX: usize = 64;

/// Columns, literals and calls in one expression, those that bring a value to another type among them.
pub const EXPRESSION_NODES_MAX: usize = 4096;

/// Bytes of a text that an expression makes, so that `replace` within `replace` never eats the memory.
pub const TEXT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Workers of a run on real threads, processes or Web Workers.
pub const WORKERS_MAX: u32 = 64;

/// Partitions of a shuffle, so R reduce tasks.
pub const PARTITIONS_MAX: u32 = 256;

/// Steps of one batch, those of each round of a `repeat` counted.
pub const STEPS_MAX: usize = 256;

/// Stages that the steps of one batch come to.
pub const STAGES_MAX: usize = 256;

/// Tasks of one job behind its shuffles, in all stages.
pub const REDUCES_MAX: usize = 10_000;

/// Faults of one experiment, the random ones counted.
pub const FAULTS_MAX: usize = 1024;

/// How many times slower a fault makes a node, at most.
pub const SLOW_FACTOR_MAX: f64 = 1_000_000.0;

/// Microseconds of any span in an experiment: a thousand hours.
pub const SPAN_MICROS_MAX: u64 = 3_600_000_000_000;

/// Problems that one check reports; it stops looking after these.
pub const PROBLEMS_MAX: usize = 100;

/// Characters of a column's name.
pub const COLUMN_NAME_CHARS_MAX: usize = 64;

/// Bytes of a generated input: 64 GiB.
pub const GENERATED_BYTES_MAX: u64 = 64 << 30;

/// Distinct words of a generated input.
pub const GENERATED_WORDS_MAX: u32 = 10_000_000;

/// Rows of a generated log.
pub const GENERATED_ROWS_MAX: u64 = 500_000_000;

/// Map tasks of one job.
pub const SPLITS_MAX: u64 = 100_000;

/// Micro-batches of one job.
pub const MICRO_BATCHES_MAX: usize = 1_000;

/// Runs under way at once in one session.
pub const RUNS_AT_ONCE: usize = 4;

/// Runs that a session keeps, finished ones with their results included; past it the oldest finished one is forgotten.
pub const RUNS_KEPT: usize = 8;

/// Bytes of a file in one binary frame of an export.
pub const EXPORT_FRAME_BYTES: usize = 1 << 20;

/// Bytes of input that one step of a map task reads: a millisecond of work, and it stays in the second-level cache beside the
/// counts. A source for which a read is dear reads more at a time and keeps it.
pub const SLICE_BYTES: usize = 256 << 10;

/// Bytes of the longest line, or of the longest stretch without a space when a plan only counts words. It is held whole, and what
/// is longer would not fit into a page's memory beside the rest.
pub const LINE_BYTES_MAX: usize = 256 << 20;

/// Bytes of one record batch of an Arrow file, and of the columns of it that are looked at once they are unpacked: a task holds one.
pub const ARROW_BATCH_BYTES_MAX: usize = if cfg!(target_arch = "wasm32") { 256 << 20 } else { 1 << 30 };

/// Bytes of what an Arrow file says of itself at its end, and of the head of each of its messages: a million batches, or columns.
pub const ARROW_HEAD_BYTES_MAX: u64 = 64 << 20;

/// Values of one record batch in a column of the type Null, which take no bytes of the file.
pub const ARROW_NULLS_MAX: u64 = 1 << 24;

/// Bytes of a record batch that nobody looks at and that are read nevertheless, since one long read takes less time than two.
pub const ARROW_GAP_BYTES: u64 = 64 << 10;

/// Bytes at an input's start, and records in them, from which its columns are inferred.
pub const SAMPLE_BYTES: usize = 1 << 20;
pub const SAMPLE_RECORDS: usize = 1_000;

/// Columns that are inferred of an input; what comes after them is left out.
pub const INFERRED_COLUMNS_MAX: usize = 1_000;

/// Levels of JSON objects within objects whose values become columns; what lies deeper is text.
pub const INFERRED_DEPTH_MAX: usize = 4;

/// Bytes of a result that is held as columns; a longer one is read from where its tasks left it.
pub const TABLE_BYTES_MAX: usize = 1 << 30;

/// Bytes that a task may take in a page, whose whole memory is 4 GiB and which has no disk.
pub const PAGE_TASK_BYTES: u64 = 2 << 30;

/// Rows of one view of a result: several screens.
pub const VIEW_ROWS_MAX: u32 = 1_000;

/// Bytes of one compiled regular expression, and of the cache that matching one may use.
pub const REGEX_BYTES_MAX: usize = 1 << 20;

/// The greatest k of `top_k`.
pub const TOP_K_MAX: usize = 10_000;

/// Characters of a text in a view of a result; a longer one ends with `…`, and the export has it whole.
pub const VIEW_TEXT_CHARS_MAX: usize = 1_000;

/// The slowest pace of a simulation: a second of virtual time in a little more than a quarter of an hour.
pub const SPEED_MIN: f64 = 0.001;

/// The fastest pace that is kept by the clock; what is to be faster goes as fast as it can.
pub const SPEED_MAX: f64 = 1_000.0;

/// Bytes a second that a simulated kernel may be said to work through, at least: a task still ends.
pub const COMPUTE_MIN: u64 = 1_000;

/// And at most: beyond it, reading costs nothing.
pub const COMPUTE_MAX: u64 = 1 << 40;

/// Moments of a paced run that it can go back to without all that came before; past it every second one is dropped.
pub const KEYFRAMES_MAX: usize = 64;

/// Done tasks, outputs and messages in all keyframes of a run together, some tens of bytes each; past it every second one is dropped.
pub const KEYFRAME_SIZES_MAX: usize = 4_000_000;

/// Messages between nodes that are told of a stretch of a run's time: as many as can be told apart on a screen. Of more there is a sample.
pub const MESSAGES_SEEN_MAX: usize = 2_000;

/// Characters of a link that carries an experiment: the longest text fits, however little it can be compressed.
pub const LINK_BYTES_MAX: usize = 384 * 1024;

/// Bytes of the breakpoints in a link, as JSON; those beyond stay behind.
pub const LINK_BREAKPOINTS_BYTES_MAX: usize = 16 << 10;

/// Clients of a messaging experiment.
pub const BUS_CLIENTS_MAX: usize = 255;

/// Exchanges of a messaging experiment.
pub const BUS_EXCHANGES_MAX: usize = 1_000;

/// Queues of a messaging experiment.
pub const BUS_QUEUES_MAX: usize = 1_000;

/// Characters of the name of a group of clients.
pub const NAME_CHARS_MAX: usize = 64;

/// Breakpoints of a run.
pub const BREAKPOINTS_MAX: usize = 64;

/// Bytes of the body that is told of a message at a breakpoint; a longer one is not.
pub const HALT_BODY_BYTES_MAX: usize = 16 << 10;

/// Bytes of a message's body.
pub const MESSAGE_BYTES_MAX: u64 = 16 << 20;

/// The greatest priority of a message, as RabbitMQ has it.
pub const PRIORITY_MAX: u8 = 255;

/// Messages a second of one publisher.
pub const FREQUENCY_MAX: f64 = 1e6;
