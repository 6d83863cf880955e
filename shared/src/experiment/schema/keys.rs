//! The table of the format: every mapping of an experiment and every key in it.

use super::super::spec::COUNTERS;
use super::super::steps::ROUNDS_MAX;
use super::messaging::{DEPTH, MESSAGING, P99};
use super::{Key, Object, Shape};
use crate::limits::{FAULTS_MAX, GENERATED_ROWS_MAX, GENERATED_WORDS_MAX, PARTITIONS_MAX, WORKERS_MAX};

pub(super) const fn needed(name: &'static str, shape: Shape, example: &'static str, about: &'static str) -> Key {
    Key { name, about, example, needed: true, shape }
}

pub(super) const fn key(name: &'static str, shape: Shape, example: &'static str, about: &'static str) -> Key {
    Key { name, about, example, needed: false, shape }
}

/// A mapping of which no key excludes another.
pub(super) const fn object(about: &'static str, keys: &'static [Key]) -> Object {
    Object { about, keys, one_of: &[] }
}

const SEED: Shape = Shape::Whole { least: 0, most: u64::MAX };

pub(super) static EXPERIMENT: Object = Object {
    about: "What is run, on what, what goes wrong meanwhile, and what must hold at the end.",
    one_of: &["batch", "messaging"],
    keys: &[
        needed("millrace", Shape::Whole { least: 1, most: 1 }, "1", "The version of this format."),
        key("title", Shape::Text, "Word count", "What the experiment is called."),
        key("about", Shape::Text, "What it shows, in a sentence.", "What it shows, for readers."),
        key("seed", SEED, "42", "All chance of a run comes from it: the same seed, the same simulated run. 0 unless said."),
        key(
            "workers",
            Shape::Whole { least: 1, most: WORKERS_MAX as u64 },
            "4",
            "How many workers. Unless said as many as can run at once, but at least those that a fault names.",
        ),
        key("isolation", Shape::Words(ISOLATION), "thread", "What a worker is on the server."),
        key(
            "respawn",
            Shape::Any(&[
                Shape::Words(&[("never", "The others take over for good. When none is left the run fails.")]),
                Shape::Span,
            ]),
            "1 s",
            "When a killed worker comes back, empty, as a new incarnation. After 1 s unless said.",
        ),
        key(
            "compute",
            Shape::Rate,
            "400 KB/s",
            "How fast a simulated worker works through its input. A real one is as fast as it is.",
        ),
        key("batch", Shape::Object(&BATCH), "{ input: { text: a b a }, steps: [ { limit: 1 } ] }", "A MapReduce job."),
        key("messaging", Shape::Object(&MESSAGING), "{ for: 1 s, queues: { tasks: {} } }", "A broker and its clients."),
        key(
            "faults",
            Shape::List { of: &Shape::Object(&FAULT), least: 0 },
            "[ { at: 40%, kill: worker-1 } ]",
            "What goes wrong, when, and to whom.",
        ),
        key(
            "expect",
            Shape::List { of: &Shape::Object(&EXPECTATION), least: 0 },
            "[ { equals_sequential: true } ]",
            "What must hold when the run has ended: the experiment is its own test.",
        ),
    ],
};

const ISOLATION: &[(&str, &str)] =
    &[("thread", "Cheap to start; a kill drops its state. The default."), ("process", "A child process; a kill is SIGKILL.")];

static BATCH: Object = object(
    "A MapReduce job: what it reads, and its steps.",
    &[
        needed(
            "input",
            Shape::Object(&INPUT),
            "{ dataset: glosses }",
            "What is read: one of `text`, `dataset`, `file`, `generate`.",
        ),
        key(
            "format",
            Shape::Any(&[Shape::Words(FORMATS), Shape::Object(&FORMAT)]),
            "lines",
            "What a record is. `lines` unless said; CSV with options is written `{ csv: { delimiter: \";\" } }`.",
        ),
        key(
            "columns",
            Shape::Named { about: "The type of this column.", value: &Shape::Type },
            "{ url: text, status: bigint }",
            "Names and types of what is read. Left out they are inferred when the input is opened; `lines` have the one column `line`.",
        ),
        key(
            "split",
            Shape::Size,
            "256 KiB",
            "Bytes of a split, the part of the input that one map task reads. By the input's size unless said.",
        ),
        key(
            "partitions",
            Shape::Whole { least: 1, most: PARTITIONS_MAX as u64 },
            "4",
            "Into how many parts the shuffle divides the keys: that many reduce tasks. 4 unless said.",
        ),
        key(
            "skip_bad_records",
            Shape::Boolean,
            "true",
            "Whether a record on which a task has failed twice is passed over and counted. `false` unless said.",
        ),
        key(
            "micro_batch",
            Shape::Rows,
            "10_000 rows",
            "Runs the steps over so many records after the others; each such batch is committed by itself.",
        ),
        key(
            "tables",
            Shape::Named { about: "A table to join with.", value: &Shape::Object(&TABLE) },
            "{ prices: { input: { text: a } } }",
            "Tables that joins name.",
        ),
        needed(
            "steps",
            Shape::List { of: &Shape::Object(&STEP), least: 1 },
            "[ { reduce: { key: line, values: { count: \"count(*)\" } } } ]",
            "What happens to the records, in order.",
        ),
    ],
);

static INPUT: Object = Object {
    about: "What is read.",
    one_of: &["text", "dataset", "file", "generate"],
    keys: &[
        key("text", Shape::Text, "a b a", "The text itself; several lines after `|`."),
        key(
            "dataset",
            Shape::Text,
            "glosses",
            "What comes with Millrace: `glosses`, what a dictionary says of each of its words; `flights`, 20 000 of them as CSV; \
             `flights-3m`, 3 million as Parquet, on the server.",
        ),
        key(
            "file",
            Shape::Text,
            "access.csv",
            "A path on the machine that runs it, or a pattern of several: `logs/**/2024-*.csv`. Also `.gz` and `.zst`.",
        ),
        key("generate", Shape::Words(GENERATORS), "zipf", "A text or table made from a seed."),
        key("bytes", Shape::Size, "1 MiB", "How long a generated text is."),
        key("seed", SEED, "42", "What a generated text comes from. The experiment's unless said."),
        key(
            "distinct",
            Shape::Whole { least: 1, most: GENERATED_WORDS_MAX as u64 },
            "50_000",
            "How many different words a generated text has. 50 000 unless said.",
        ),
        key(
            "rows",
            Shape::Whole { least: 1, most: GENERATED_ROWS_MAX },
            "100_000",
            "How many rows a generated log has. 100 000 unless said.",
        ),
        key(
            "users",
            Shape::Whole { least: 1, most: u32::MAX as u64 },
            "1000",
            "How many users generated clicks come from. 1 000 unless said.",
        ),
        key("disorder", Shape::Span, "3 s", "How much later than its time a generated click may come. 3 s unless said."),
        key("scale", Shape::Real, "0.01", "The scale of a TPC-H table: at 1 it has 6 million line items. 0.01 unless said."),
    ],
};

const GENERATORS: &[(&str, &str)] = &[
    ("zipf", "Words drawn by Zipf's law: few are frequent, most are rare."),
    ("clicks", "Who looked at which page: `ts`, `user`, `page`, with sessions and some disorder."),
    ("web_log", "Lines of a web server's log."),
    ("orders", "The orders of the benchmark TPC-H."),
    ("customer", "Its customers."),
    ("lineitem", "The lines of its orders."),
];

const FORMATS: &[(&str, &str)] = &[
    ("lines", "A record is a line; it has the one column `line`."),
    ("csv", "Comma-separated values with a header (RFC 4180)."),
    ("jsonl", "A record is a line with a JSON object."),
    ("arrow", "Arrow's IPC format, file or stream."),
    ("parquet", "Apache Parquet; not in the page."),
];

static FORMAT: Object =
    object("A format with options.", &[needed("csv", Shape::Object(&CSV), "{ header: false }", "CSV with options.")]);

static CSV: Object = object(
    "How CSV is written.",
    &[
        key("header", Shape::Boolean, "false", "Whether the first line names the columns. `true` unless said."),
        key("delimiter", Shape::Text, "\";\"", "The character between fields, `\\t` for a tab. A comma unless said."),
        key("quote", Shape::Text, "\"'\"", "The character around fields. `\"` unless said."),
    ],
);

pub(super) static STEP: Object = Object {
    about: "A step: one name, and what it does.",
    one_of: &["map", "flat_map", "filter", "select", "reduce", "join", "sort", "limit", "repeat"],
    keys: &[
        key(
            "map",
            Shape::Named {
                about: "The value of this new column, from the columns before the step.",
                value: &Shape::Expression,
            },
            "{ length: length(line) }",
            "New columns, beside those that are there.",
        ),
        key(
            "flat_map",
            Shape::Named { about: "A list: each of its elements becomes a row.", value: &Shape::Expression },
            "{ word: \"words(lower(line))\" }",
            "Each element of a list becomes a row.",
        ),
        key("filter", Shape::Expression, "length(line) > 1", "Keeps the rows for which the expression is true."),
        key("select", Shape::Columns, "line", "Keeps these columns, in this order."),
        key(
            "reduce",
            Shape::Object(&REDUCE),
            "{ key: line, values: { count: \"count(*)\" } }",
            "Brings rows of equal keys together and makes one of them. Ends a stage: rows go through the shuffle.",
        ),
        key(
            "join",
            Shape::Object(&JOIN),
            "{ with: { input: { text: a } }, key: line }",
            "Puts the columns of another table's rows with equal keys beside each row. Ends a stage: both sides go through a shuffle.",
        ),
        key(
            "sort",
            Shape::Order,
            "line desc",
            "Orders the rows by columns; `desc` puts the largest first. Ends a stage: each task gets a range of the order.",
        ),
        key("limit", Shape::Whole { least: 1, most: u64::MAX }, "100", "Keeps so many rows, the first ones."),
        key(
            "repeat",
            Shape::Object(&REPEAT),
            "{ times: 3, steps: [ { filter: line <> '' } ] }",
            "Does the same steps again and again, each round over the rows of the one before.",
        ),
    ],
};

static REDUCE: Object = object(
    "Rows of equal keys become one.",
    &[
        needed("key", Shape::Columns, "line", "The columns whose equal values belong together."),
        needed(
            "values",
            Shape::Named { about: "What this new column aggregates over the rows of a key.", value: &Shape::Aggregate },
            "{ count: \"count(*)\" }",
            "New columns, each an expression of aggregates over the rows of a key.",
        ),
        key(
            "combine",
            Shape::Boolean,
            "false",
            "Whether map tasks reduce what they have before the shuffle, so that less goes through it. `true` unless said.",
        ),
        key(
            "partition_by",
            Shape::Expression,
            "left(line, 1)",
            "What is hashed to choose a key's partition, over the key's columns. The whole key unless said.",
        ),
    ],
);

static JOIN: Object = object(
    "What is joined, and by which columns.",
    &[
        needed(
            "with",
            Shape::Any(&[Shape::Text, Shape::Object(&TABLE)]),
            "{ input: { text: a } }",
            "A table of the batch's `tables` by its name, or one that is written here.",
        ),
        needed(
            "key",
            Shape::Any(&[Shape::Columns, Shape::Object(&JOIN_KEY)]),
            "line",
            "The columns whose values are equal: names that both sides have, or `{ left: a, right: b }`.",
        ),
        key(
            "kind",
            Shape::Words(&[
                ("inner", "Rows without a partner are dropped. The default."),
                ("left", "A row without a partner stays, with nulls."),
            ]),
            "left",
            "What becomes of rows without a partner.",
        ),
    ],
);

static JOIN_KEY: Object = object(
    "The key where its columns are called differently.",
    &[
        needed("left", Shape::Columns, "line", "The columns of the rows so far."),
        needed("right", Shape::Columns, "line", "The columns of the joined table."),
    ],
);

static TABLE: Object = object(
    "A table to join with: what it reads, and steps of its own.",
    &[
        needed("input", Shape::Object(&INPUT), "{ text: a }", "What it reads."),
        key("format", Shape::Any(&[Shape::Words(FORMATS), Shape::Object(&FORMAT)]), "lines", "What a record is."),
        key(
            "columns",
            Shape::Named { about: "The type of this column.", value: &Shape::Type },
            "{ url: text, status: bigint }",
            "Names and types of what is read.",
        ),
        key("steps", Shape::Steps, "[ { filter: line <> '' } ]", "What happens to its records before the join."),
    ],
);

static REPEAT: Object = object(
    "How often, and what.",
    &[
        needed("times", Shape::Whole { least: 1, most: ROUNDS_MAX }, "3", "How many rounds."),
        needed("steps", Shape::Steps, "[ { filter: line <> '' } ]", "The steps of each round."),
    ],
);

static FAULT: Object = Object {
    about: "A fault: when, and one thing that goes wrong.",
    one_of: &["kill", "slow", "pause", "restart", "partition", "drop", "delay", "duplicate", "requeue", "edit", "random"],
    keys: &[
        key("at", Shape::Moment, "40%", "When: progress like `40%` or a time like `3 s`."),
        key("for", Shape::Span, "2 s", "How long it lasts."),
        key("kill", Shape::Node, "worker-1", "This worker, client or broker dies, with all that it has."),
        key("slow", Shape::Object(&SLOW), "{ node: worker-1, factor: 4 }", "A node takes longer over everything."),
        key(
            "pause",
            Shape::Object(&PAUSE),
            "{ node: worker-1, for: 2 s }",
            "A node stands still for a while, then goes on where it was.",
        ),
        key(
            "restart",
            Shape::Words(&[("coordinator", "The coordinator ends and goes on from its last checkpoint.")]),
            "coordinator",
            "The coordinator is restarted.",
        ),
        key(
            "partition",
            Shape::List { of: &Shape::List { of: &Shape::Node, least: 1 }, least: 2 },
            "[[worker-1], [coordinator]]",
            "Groups of nodes that hear nothing of each other. Needs `for`.",
        ),
        key(
            "drop",
            Shape::Object(&DROP),
            "{ probability: 0.1 }",
            "Messages are lost: some of them, or a single one that is named.",
        ),
        key("delay", Shape::Object(&DELAY), "{ by: 100 ms }", "Messages come later."),
        key("duplicate", Shape::Object(&DUPLICATE), "{ probability: 0.1 }", "Messages come twice."),
        key(
            "requeue",
            Shape::Object(&REQUEUE),
            "{ message: web-1/17, to: worker-1 }",
            "One delivery of a messaging experiment goes back to its queue instead of reaching its consumer. In the simulator only.",
        ),
        key(
            "edit",
            Shape::Object(&EDIT),
            "{ message: web-1/17, key: late }",
            "Who gets one message of a messaging experiment sees something else in it. In the simulator only.",
        ),
        key(
            "random",
            Shape::Whole { least: 1, most: FAULTS_MAX as u64 },
            "3",
            "So many faults that the seed chooses. In the simulator only.",
        ),
    ],
};

static SLOW: Object = object(
    "Which node, and how slow.",
    &[
        needed("node", Shape::Node, "worker-1", "The node that is slow."),
        needed("factor", Shape::Real, "4", "How many times as long everything takes it."),
    ],
);

static PAUSE: Object = object(
    "Which node, and how long.",
    &[
        needed("node", Shape::Node, "worker-1", "The node that stands still."),
        needed("for", Shape::Span, "2 s", "How long it stands still."),
    ],
);

const FROM: Key = key("from", Shape::NodeOrAny, "coordinator", "Who sends. Any node unless said.");
const TO: Key = key("to", Shape::NodeOrAny, "worker-1", "Who receives. Any node unless said.");

static DROP: Object = Object {
    about: "Which messages, and how likely; or which one.",
    one_of: &["probability", "message"],
    keys: &[
        FROM,
        TO,
        key("probability", Shape::Probability, "0.1", "How likely it happens to a message: `0.1` or `10%`."),
        key(
            "message",
            Shape::Text,
            "web-1/17",
            "Only this message of a messaging experiment: its publisher and its number there. It is lost the first time that it arrives, `to` says where. In the simulator only.",
        ),
    ],
};

static DUPLICATE: Object = object(
    "Which messages, and how likely.",
    &[FROM, TO, needed("probability", Shape::Probability, "0.1", "How likely it happens to a message: `0.1` or `10%`.")],
);

const MESSAGE: Key = needed("message", Shape::Text, "web-1/17", "Which message: its publisher and its number there, from 1.");

static REQUEUE: Object = object(
    "Which delivery.",
    &[MESSAGE, key("to", Shape::NodeOrAny, "worker-1", "To whom it is delivered. The first one unless said.")],
);

static EDIT: Object = object(
    "Which message, and what it has instead of its own.",
    &[
        MESSAGE,
        key(
            "to",
            Shape::NodeOrAny,
            "broker",
            "Where it arrives: at the broker, or at a consumer. Wherever it does first unless said.",
        ),
        key("key", Shape::Text, "late", "Another routing key."),
        key("headers", Shape::Texts, "{ kind: late }", "Other headers, all of them."),
        key("body", Shape::Text, "hello", "Another body."),
    ],
);

static DELAY: Object = object(
    "Which messages, and how late.",
    &[
        FROM,
        TO,
        key(
            "probability",
            Shape::Probability,
            "0.1",
            "How likely it happens to a message: `0.1` or `10%`. To every one unless said.",
        ),
        needed("by", Shape::Span, "100 ms", "How much later they come."),
    ],
);

static EXPECTATION: Object = Object {
    about: "One thing that must hold.",
    one_of: &[
        "rows",
        "equals_sequential",
        "always",
        "counter",
        "no_loss",
        "in_order",
        "duplicates_at_most",
        "p99",
        "depth_at_most",
        "conserved",
    ],
    keys: &[
        key("rows", Shape::Whole { least: 0, most: u64::MAX }, "100", "The result has so many rows."),
        key("equals_sequential", Shape::True, "true", "The result is, byte for byte, that of a sequential run without faults."),
        key("always", Shape::Expression, "line <> ''", "The expression is true for every row of the result."),
        key(
            "counter",
            Shape::Object(&COUNTER),
            "{ name: workers_lost, at_least: 1 }",
            "A counter of the run lies within a bound.",
        ),
        key("no_loss", Shape::True, "true", "Of messaging: no message that a publisher may count on is lost."),
        key(
            "in_order",
            Shape::Words(&[
                ("per_publisher", "Those of each publisher, in each queue."),
                ("per_key", "Those of each publisher with the same routing key, in each queue."),
            ]),
            "per_publisher",
            "Of messaging: the work on messages ends in the order in which they were made.",
        ),
        key(
            "duplicates_at_most",
            Shape::Whole { least: 0, most: u64::MAX },
            "0",
            "Of messaging: so many deliveries at most are worked on though their message had been.",
        ),
        key("p99", Shape::Object(&P99), "{ metric: latency, at_most: 50 ms }", "Of messaging: how long 99 of 100 may take."),
        key(
            "depth_at_most",
            Shape::Any(&[Shape::Whole { least: 0, most: u64::MAX }, Shape::Object(&DEPTH)]),
            "100",
            "Of messaging: so many messages at most are ever ready, in each queue or in one.",
        ),
        key("conserved", Shape::True, "true", "Of messaging: every message of every queue is accounted for."),
    ],
};

static COUNTER: Object = Object {
    about: "A counter and its bound.",
    one_of: &["equals", "at_least", "at_most"],
    keys: &[
        needed("name", Shape::Any(&[Shape::Names(&COUNTERS), Shape::BusCounter]), "workers_lost", "Which counter."),
        key("equals", Shape::Whole { least: 0, most: u64::MAX }, "1", "It is exactly this."),
        key("at_least", Shape::Whole { least: 0, most: u64::MAX }, "1", "It is this or more."),
        key("at_most", Shape::Whole { least: 0, most: u64::MAX }, "1", "It is this or less."),
    ],
};
