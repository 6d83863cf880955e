//! The table of the format, continued: `messaging` and what is in it.

use super::super::spec::TOTAL_COUNTERS;
use super::keys::{key, needed, object};
use super::{Object, Shape};
use crate::limits::{BUS_CLIENTS_MAX, PRIORITY_MAX};

const ANY_NUMBER: Shape = Shape::Whole { least: 0, most: u64::MAX };
const SOME: Shape = Shape::Whole { least: 1, most: u64::MAX };
const COUNT: Shape = Shape::Whole { least: 1, most: BUS_CLIENTS_MAX as u64 };
const PRIORITY: Shape = Shape::Whole { least: 0, most: PRIORITY_MAX as u64 };
const PREFETCH: Shape = Shape::Whole { least: 0, most: u32::MAX as u64 };
const SOME_32: Shape = Shape::Whole { least: 1, most: u32::MAX as u64 };

pub(super) static MESSAGING: Object = object(
    "A broker, its exchanges and queues, and the clients around it.",
    &[
        needed("for", Shape::Span, "30 s", "How long it is watched. Clients make messages until then."),
        key(
            "exchanges",
            Shape::Named { about: "An exchange.", value: &Shape::Object(&EXCHANGE) },
            "{ jobs: { type: direct } }",
            "Where messages are published to. The default exchange is there anyway: it leads to the queue that a key names.",
        ),
        needed(
            "queues",
            Shape::Named { about: "A queue.", value: &Shape::Object(&QUEUE) },
            "{ tasks: { max_messages: 100 } }",
            "Where messages wait.",
        ),
        key(
            "publishers",
            Shape::Named { about: "Clients that send messages.", value: &Shape::Object(&PUBLISHER) },
            "{ web: { key: tasks, rate: 200/s } }",
            "Who sends messages. Their nodes are `web-1`, `web-2` and so on.",
        ),
        key(
            "consumers",
            Shape::Named { about: "Clients that work on messages.", value: &Shape::Object(&CONSUMER) },
            "{ worker: { queue: tasks, service: 20 ms } }",
            "Who works on messages.",
        ),
        key(
            "requesters",
            Shape::Named { about: "Clients that ask and wait for answers.", value: &Shape::Object(&REQUESTER) },
            "{ shop: { queue: quotes, rate: 20/s } }",
            "Who asks, with a queue of its own for the answers.",
        ),
        key(
            "responders",
            Shape::Named { about: "Clients that answer.", value: &Shape::Object(&RESPONDER) },
            "{ prices: { queue: quotes, service: 30 ms } }",
            "Who answers, to the queue that a request names.",
        ),
        key(
            "links",
            Shape::Named { about: "The way between these clients and the broker.", value: &Shape::Object(&LINK) },
            "{ web: { latency: 20 ms, loss: 1% } }",
            "What the ways between clients (a group or one node) and the broker are like. A millisecond and no loss unless said.",
        ),
    ],
);

static EXCHANGE: Object = object(
    "From a message to its queues.",
    &[
        needed("type", Shape::Words(EXCHANGE_KINDS), "direct", "How it chooses among its bindings."),
        key("alternate", Shape::Text, "unrouted", "The exchange that gets what has no queue here."),
    ],
);

const EXCHANGE_KINDS: &[(&str, &str)] = &[
    ("direct", "The binding's key is the message's."),
    ("topic", "The binding's key is a pattern: `*` is one word, `#` any number of words."),
    ("fanout", "All queues that are bound."),
    ("headers", "The binding's headers are the message's: all of them, or any."),
];

static QUEUE: Object = object(
    "Messages that wait, in order.",
    &[
        key(
            "bind",
            Shape::List { of: &Shape::Object(&BINDING), least: 0 },
            "[ { exchange: jobs, key: task } ]",
            "What comes here from exchanges.",
        ),
        key("max_messages", SOME, "100", "How many messages may be ready; what consumers have does not count."),
        key("max_bytes", Shape::Size, "1 MiB", "How many bytes of bodies may be ready."),
        key(
            "overload",
            Shape::Any(&[Shape::Words(OVERLOADS), Shape::Object(&SAMPLE)]),
            "drop_oldest",
            "What happens to one more message when it is full. `drop_oldest` unless said, and `buffer` without a bound.",
        ),
        key("message_ttl", Shape::Span, "5 s", "How long a message may wait. A message's own time counts if it is shorter."),
        key(
            "dead_letter",
            Shape::Object(&DEAD_LETTER),
            "{ exchange: dlx, key: failed }",
            "Where messages go that expire, are rejected, come back too often or have no room.",
        ),
        key("max_priority", PRIORITY, "9", "Priorities from 0 to this; the highest come first. 0 unless said."),
        key(
            "balance",
            Shape::Words(BALANCES),
            "least_loaded",
            "Which consumer gets the next message. `round_robin` unless said.",
        ),
        key("single_active_consumer", Shape::Boolean, "true", "Only one consumer at a time gets messages; another follows it."),
        key(
            "delivery_limit",
            Shape::Whole { least: 0, most: u32::MAX as u64 },
            "3",
            "A message that comes back more often than this is dead-lettered, or gone.",
        ),
        key(
            "durable",
            Shape::Boolean,
            "true",
            "Its persistent messages outlive the broker: in a run when that is killed, at a live bus with `--bus-store` the server, too.",
        ),
    ],
);

const BALANCES: &[(&str, &str)] = &[
    ("round_robin", "They take turns, those that have room. The default."),
    ("least_loaded", "The one that has the fewest messages that it has not settled."),
    ("consistent_hash", "Messages with one key go to one consumer as long as it is there; while that has no room, all wait."),
];

const OVERLOADS: &[(&str, &str)] = &[
    ("drop_oldest", "The oldest goes: what is left is fresh, and what was confirmed may be lost."),
    ("drop_newest", "The newcomer goes, to the dead-letter exchange if there is one: what is left is old."),
    ("reject", "The newcomer is refused, and its publisher hears of it if it has confirms."),
    ("buffer", "There is no bound: nothing is lost, delays and memory grow."),
    ("block", "Publishers get no more credit: nothing is lost, and everything before the queue slows down."),
];

static SAMPLE: Object = object(
    "A newcomer takes the place of the oldest by chance.",
    &[needed("sample", Shape::Probability, "0.2", "How likely: `0.2` or `20%`. Else the newcomer goes itself.")],
);

static BINDING: Object = object(
    "Which messages of an exchange come here.",
    &[
        needed("exchange", Shape::Text, "jobs", "The exchange."),
        key("key", Shape::Text, "task", "The routing key; for a topic exchange a pattern like `*.error` or `orders.#`."),
        key("headers", Shape::Texts, "{ format: pdf }", "For a headers exchange: what a message must have."),
        key(
            "match",
            Shape::Words(&[("all", "All of the headers. The default."), ("any", "One of the headers.")]),
            "all",
            "How many of the headers.",
        ),
    ],
);

static DEAD_LETTER: Object = object(
    "Where what dies goes.",
    &[
        key("exchange", Shape::Text, "dlx", "The exchange. The default exchange unless said: then the key names a queue."),
        key("key", Shape::Text, "failed", "The routing key. The message's own unless said."),
    ],
);

static PUBLISHER: Object = object(
    "A source of messages. Without credit it makes none.",
    &[
        key("count", COUNT, "3", "How many of them. 1 unless said."),
        key(
            "exchange",
            Shape::Text,
            "jobs",
            "Where it publishes. The default exchange unless said: then the key names a queue.",
        ),
        key("key", Shape::Any(&[Shape::Text, Shape::Object(&KEY)]), "task", "The routing key, or an expression that makes it."),
        needed("rate", Shape::Any(&[Shape::Frequency, Shape::Object(&RATE)]), "200/s", "How often."),
        key("size", Shape::Size, "1 KiB", "Bytes of a message's body. 256 unless said."),
        key(
            "confirms",
            Shape::Boolean,
            "true",
            "Whether the broker says what became of each message. What it has not said is sent again when a connection is lost.",
        ),
        key("window", SOME_32, "192", "How many messages may be without a confirm; then it waits."),
        key("mandatory", Shape::Boolean, "true", "Whether messages without a queue come back."),
        key("priority", PRIORITY, "5", "Of its messages. 0 unless said."),
        key("ttl", Shape::Span, "2 s", "How long its messages may wait in a queue."),
        key("headers", Shape::Texts, "{ format: pdf }", "Headers of its messages."),
        key(
            "persistent",
            Shape::Boolean,
            "true",
            "Whether durable queues keep its messages. A confirm then comes once that is done.",
        ),
        key(
            "batch",
            Shape::Object(&BATCH),
            "{ count: 10, linger: 50 ms }",
            "Sends several messages at once. With `confirms` a batch is confirmed before the next is begun.",
        ),
        key("messages", ANY_NUMBER, "10", "After so many it is done."),
    ],
);

static KEY: Object = object(
    "A routing key that is made for each message.",
    &[needed(
        "expr",
        Shape::Expression,
        "concat('user.', cast(n % 10 as text))",
        "An expression over `n`, the message's number from 1, and `publisher`, the name of its node; where a message is forwarded, over \
         `n`, `key`, `size` and `returns`, as in `fails`.",
    )],
);

static RATE: Object = Object {
    about: "How often, by chance or many at once.",
    one_of: &["poisson", "burst", "times"],
    keys: &[
        key("poisson", Shape::Frequency, "200/s", "So often on the average, each whenever it likes."),
        key("burst", Shape::Whole { least: 1, most: 1 << 32 }, "50", "So many at once. Needs `every`."),
        key("every", Shape::Span, "1 s", "How long from burst to burst."),
        key(
            "times",
            Shape::List { of: &Shape::Span, least: 0 },
            "[ 0 s, 10 ms, 2 s ]",
            "One at each of these times since the run began, the earliest first.",
        ),
    ],
};

static CONSUMER: Object = object(
    "Takes messages of a queue and works on them, one after the other.",
    &[
        key("count", COUNT, "3", "How many of them; they take turns. 1 unless said."),
        needed("queue", Shape::Text, "tasks", "The queue."),
        key(
            "prefetch",
            PREFETCH,
            "1",
            "How many messages it may have without having settled them. 0, any number, unless said.",
        ),
        key("service", Shape::Any(&[Shape::Span, Shape::Object(&SERVICE)]), "20 ms", "How long the work on a message takes."),
        key("ack", Shape::Words(ACKS), "after", "When it acknowledges a message. `after` unless said."),
        key("fails", Shape::Object(&FAILS), "{ when: n % 10 = 0, then: reject }", "Work that fails."),
        key(
            "receive",
            Shape::Any(&[Shape::Words(&[("push", "The broker sends them. The default.")]), Shape::Object(&RECEIVE)]),
            "{ poll: 100 ms }",
            "How messages come to it.",
        ),
        key(
            "remembers",
            SOME_32,
            "1_000",
            "An idempotent receiver: of so many messages it knows that it has worked on them, and does not do it again.",
        ),
        key("batch", Shape::Object(&BATCH), "{ count: 10, linger: 50 ms }", "Works on several messages at once."),
        key(
            "forward",
            Shape::Object(&FORWARD),
            "{ key: next }",
            "Publishes what it has worked on. The work is done once the broker has confirmed that; without credit it waits.",
        ),
    ],
);

static FORWARD: Object = object(
    "Where a message goes on to.",
    &[
        key(
            "exchange",
            Shape::Text,
            "jobs",
            "Where it publishes. The default exchange unless said: then the key names a queue.",
        ),
        key(
            "key",
            Shape::Any(&[Shape::Text, Shape::Object(&KEY)]),
            "next",
            "The routing key, or an expression that makes it. The message's own unless said.",
        ),
    ],
);

const ACKS: &[(&str, &str)] = &[
    ("before", "As soon as it is there: what a consumer dies with is lost."),
    ("after", "When the work is done: what a consumer dies with is delivered again. The default."),
    ("never", "Not at all: nothing more comes once the prefetch is used up."),
    ("auto", "The broker takes it for acknowledged when it sends it: what is on its way may be lost too."),
];

static SERVICE: Object = Object {
    about: "A time that is drawn for each message.",
    one_of: &["exponential", "heavy_tailed"],
    keys: &[
        key("exponential", Shape::Span, "20 ms", "With this mean: many are short, few long."),
        key("heavy_tailed", Shape::Span, "20 ms", "With this mean: most are much shorter, few very much longer."),
    ],
};

static FAILS: Object = Object {
    about: "Which work fails, and what becomes of the message.",
    one_of: &["when", "chance"],
    keys: &[
        key(
            "when",
            Shape::Expression,
            "n % 10 = 0",
            "An expression over `n` (the message's number at its publisher), `key`, `size` and `returns` (how often it came back).",
        ),
        key("chance", Shape::Probability, "10%", "How likely."),
        needed(
            "then",
            Shape::Words(&[
                ("requeue", "The message goes back to its queue, to its place."),
                ("reject", "The message is dead-lettered, or gone."),
                ("crash", "The consumer dies and comes back after `respawn`; what it had goes back."),
            ]),
            "reject",
            "What happens then.",
        ),
    ],
};

static RECEIVE: Object = Object {
    about: "It asks for each message.",
    one_of: &["poll", "long_poll"],
    keys: &[
        key("poll", Shape::Span, "100 ms", "It asks again after this time if there was none."),
        key("long_poll", Shape::Span, "5 s", "The broker answers when there is one, or after this time."),
    ],
};

static BATCH: Object = object(
    "How many messages are taken together.",
    &[
        needed("count", SOME_32, "10", "So many at most."),
        needed("linger", Shape::Span, "50 ms", "How long the first one waits for the others."),
    ],
);

static REQUESTER: Object = object(
    "Asks, and waits for the answer.",
    &[
        key("count", COUNT, "3", "How many of them. 1 unless said."),
        needed("queue", Shape::Text, "quotes", "The queue of the responders."),
        needed("rate", Shape::Any(&[Shape::Frequency, Shape::Object(&RATE)]), "20/s", "How often."),
        key("size", Shape::Size, "1 KiB", "Bytes of a request's body. 256 unless said."),
        key("timeout", Shape::Span, "500 ms", "How long it waits for an answer. 1 s unless said."),
        key(
            "retries",
            Shape::Object(&RETRIES),
            "{ times: 3, backoff: 100 ms }",
            "What it does without an answer. Nothing unless said.",
        ),
        key("messages", ANY_NUMBER, "10", "After so many requests it is done."),
    ],
);

static RETRIES: Object = object(
    "It asks again.",
    &[
        needed("times", Shape::Whole { least: 0, most: 100 }, "3", "How often."),
        key("backoff", Shape::Span, "100 ms", "How long it waits before the first time; then each time twice as long."),
    ],
);

static RESPONDER: Object = object(
    "Takes requests of a queue, works on them and answers.",
    &[
        key("count", COUNT, "3", "How many of them. 1 unless said."),
        needed("queue", Shape::Text, "quotes", "The queue."),
        key(
            "prefetch",
            PREFETCH,
            "1",
            "How many requests it may have without having settled them. 0, any number, unless said.",
        ),
        key("service", Shape::Any(&[Shape::Span, Shape::Object(&SERVICE)]), "30 ms", "How long the work on a request takes."),
        key("ack", Shape::Words(ACKS), "after", "When it acknowledges a request. `after` unless said."),
        key("fails", Shape::Object(&FAILS), "{ when: n % 10 = 0, then: reject }", "Work that fails."),
    ],
);

static LINK: Object = object(
    "The way between a client and the broker, in both directions.",
    &[
        key("latency", Shape::Span, "20 ms", "How long a frame is on its way, beside its bytes."),
        key("loss", Shape::Probability, "1%", "How many are lost on the way. They are sent again, and all behind them wait."),
    ],
);

pub(super) static P99: Object = object(
    "How long 99 of 100 may take.",
    &[
        needed(
            "metric",
            Shape::Text,
            "latency",
            "`latency` and `queue/QUEUE/latency`, from publishing to the end of the work; `response` and `client/CLIENTS/response`.",
        ),
        needed("at_most", Shape::Span, "50 ms", "At most this long."),
    ],
);

pub(super) static DEPTH: Object = object(
    "How deep one queue may become.",
    &[
        needed("queue", Shape::Text, "tasks", "The queue."),
        needed("messages", ANY_NUMBER, "100", "At most so many messages are ever ready."),
    ],
);

/// What the counters of a bus are called, as a pattern.
pub(super) fn counter_pattern() -> String {
    format!("^(total/({})|(queue|client)/.+/[a-z_]+)$", TOTAL_COUNTERS.join("|"))
}
