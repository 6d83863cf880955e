//! Between a client and its session: `>` what the client says, `<` what it hears, as on the wire.

use shared::batch::table::ViewQuery;
use shared::fault::Effect;
use shared::id::NodeId;
use shared::time::Time;
use shared::wire::{
    Command, DataHeader, Event, ExportFormat, Place, Resume, RunCommand, Speed, Stride, decode_command, encode_command,
    encode_event,
};

use crate::check;
use crate::common::driver::Driver;

const EXPERIMENT: &str = "\
millrace: 1
title: Words
workers: 2
respawn: 5 ms
batch:
  input: { text: \"the mill turns\\nthe river turns the mill\\nno river no mill\\n\" }
  split: 20 B
  partitions: 2
  steps:
    - flat_map: { word: \"words(lower(line))\" }
    - reduce: { key: word, values: { count: \"count(*)\" } }
    - sort: count desc, word
expect:
  - equals_sequential: true
  - rows: 5
";

/// A client, and the transport between it and a session: decoding, numbering and telling again is all that a page's engine and a
/// server's socket add to what the session itself does.
struct Client {
    driver: Driver,
    /// Events sent so far, with their numbers.
    sent: Vec<String>,
    connected: bool,
    transcript: String,
}

impl Client {
    fn new(about: &str) -> Client {
        Client { driver: Driver::new(), sent: Vec::new(), connected: true, transcript: format!("# {about}\n\n") }
    }

    /// The same, after the first word of every connection.
    fn greeted(about: &str) -> Client {
        let mut client = Client::new(about);
        client.say(&Command::Hello { build: "b".into(), resume: None });
        client
    }

    fn say(&mut self, command: &Command) {
        self.say_text(&encode_command(command));
    }

    fn say_text(&mut self, text: &str) {
        self.transcript += &format!("> {text}\n");
        match decode_command(text) {
            Ok(Command::Hello { resume, .. }) => self.greet(resume),
            Ok(Command::Ping) => self.tell(&Event::Pong),
            Ok(command) => self.driver.command(command),
            Err(error) => self.tell(&Event::Error { message: error.to_string() }),
        }
        self.listen();
    }

    fn greet(&mut self, resume: Option<Resume>) {
        self.connected = true;
        let seen = resume.filter(|resume| resume.session == "s").map(|resume| resume.seen as usize);
        let welcome = encode_event(0, &self.driver.session.welcome(seen.is_some()));
        self.transcript += &format!("< {welcome}\n");
        for text in self.sent.iter().skip(seen.unwrap_or(self.sent.len())) {
            self.transcript += &format!("< {text}\n");
        }
    }

    fn breaks(&mut self) {
        self.connected = false;
        self.transcript += "-- the connection breaks\n";
    }

    fn wait(&mut self, millis: u64) {
        self.transcript += &format!("-- {millis} ms pass\n");
        self.driver.go(millis);
        self.listen();
    }

    /// Everything that the session has said since.
    fn listen(&mut self) {
        for event in std::mem::take(&mut self.driver.events) {
            self.tell(&event);
        }
        for frame in std::mem::take(&mut self.driver.frames) {
            let (head, csv) = frame.split_at(DataHeader::LENGTH);
            let head: Vec<String> = head.iter().map(|byte| format!("{byte:02x}")).collect();
            self.transcript += &format!("< binary: {} {:?}\n", head.join(" "), String::from_utf8_lossy(csv));
        }
    }

    fn tell(&mut self, event: &Event) {
        let text = encode_event(self.sent.len() as u64 + 1, event);
        if self.connected {
            self.transcript += &format!("< {text}\n");
        }
        self.sent.push(text);
    }

    fn check(&self, name: &str) {
        check(&format!("client_{name}"), &self.transcript);
    }
}

fn run(run: u32, place: Place) -> RunCommand {
    RunCommand {
        run,
        place,
        text: EXPERIMENT.into(),
        sets: Vec::new(),
        input: None,
        workers: None,
        seed: None,
        pace: None,
        breakpoints: Vec::new(),
        idempotency_key: None,
    }
}

#[test]
fn an_experiment_is_checked() {
    let mut client = Client::greeted("Experiments are checked: a sound one, one with problems, and what is no YAML at all.");
    client.say(&Command::Check { id: 1, text: EXPERIMENT.into() });
    client.say(&Command::Check { id: 2, text: EXPERIMENT.replace("words(", "wrods(").replace("rows: 5", "rows: five") });
    client.say(&Command::Check { id: 3, text: "batch: [".into() });
    client.say(&Command::Run(RunCommand { text: "millrace: 2".into(), ..run(1, Place::Browser) }));
    client.check("check");
}

#[test]
fn a_run_goes_to_its_end_and_its_result_is_looked_at() {
    let mut client = Client::greeted("A run from its start to its result, which is looked at, saved and forgotten.");
    client.say(&Command::Run(run(1, Place::Browser)));
    client.say(&Command::View { run: 1, id: 1, query: ViewQuery::default() });
    client.wait(20);
    client.say(&Command::View { run: 1, id: 2, query: ViewQuery { limit: 2, offset: 1, ..ViewQuery::default() } });
    let query = ViewQuery { sort: Some((0, true)), search: "R".into(), limit: 10, offset: 0 };
    client.say(&Command::View { run: 1, id: 3, query });
    client.say(&Command::Export { run: 1, id: 4, format: ExportFormat::Csv });
    client.say(&Command::Forget { run: 1 });
    client.say(&Command::Export { run: 1, id: 5, format: ExportFormat::Csv });
    client.check("run_and_result");
}

#[test]
fn a_worker_is_killed() {
    let mut client = Client::greeted("worker-2 is killed while it runs; the run goes on, and the result is the same.");
    client.driver.kill_after = Some((1, NodeId::Worker(2)));
    // The driver kills after its fifth kernel; here that is the run's second.
    client.driver.kernels = 3;
    client.say(&Command::Run(run(1, Place::Browser)));
    let kill = encode_command(&Command::Kill { run: 1, node: NodeId::Worker(2) });
    client.transcript += &format!("> {kill}\n-- which arrives when two kernels have run\n");
    client.wait(40);
    client.say(&Command::Kill { run: 1, node: NodeId::Worker(1) });
    client.check("kill");
}

#[test]
fn a_run_is_stopped() {
    let mut client = Client::greeted("A run is stopped; stopping it again is refused.");
    client.say(&Command::Run(run(1, Place::Browser)));
    client.say(&Command::Stop { run: 1 });
    client.wait(20);
    client.say(&Command::Stop { run: 1 });
    client.check("stop");
}

#[test]
fn a_simulated_run_brings_its_trace_hash() {
    let mut client = Client::greeted("A simulated run: everything in one frame, and the hash of its trace.");
    client.say(&Command::Run(RunCommand { seed: Some(u64::MAX), ..run(1, Place::Simulate) }));
    client.check("simulated");
}

#[test]
fn a_paced_simulation_is_watched_and_touched() {
    let mut client = Client::greeted(
        "A simulation at a pace: frames come as virtual time goes; it is paused, stepped, killed in, and at last let go.",
    );
    let paced = |speed| RunCommand {
        text: EXPERIMENT.replace("workers: 2", "workers: 2\ncompute: 1 KB/s"),
        pace: Some(speed),
        ..run(1, Place::Simulate)
    };
    client.say(&Command::Run(RunCommand { place: Place::Browser, ..paced(Speed::Max) }));
    client.say(&Command::Run(paced(Speed::Times(0.0))));
    client.say(&Command::Run(paced(Speed::Times(0.5))));
    client.wait(60);
    client.say(&Command::Pause { run: 1 });
    client.wait(1_000);
    client.say(&Command::Step { run: 1, by: Stride::Event });
    client.wait(20);
    client.say(&Command::Step { run: 1, by: Stride::Task });
    client.wait(20);
    client.say(&Command::Kill { run: 1, node: NodeId::Worker(2) });
    client.wait(20);
    client.say(&Command::Speed { run: 1, speed: Speed::Times(-1.0) });
    client.say(&Command::Speed { run: 1, speed: Speed::Max });
    client.say(&Command::Resume { run: 1 });
    client.wait(200);
    client.say(&Command::Pause { run: 1 });
    client.say(&Command::Step { run: 9, by: Stride::Task });
    client.check("paced");
}

#[test]
fn a_paced_simulation_is_gone_back_in() {
    let mut client = Client::greeted(
        "A simulation at a pace is gone back in when it has ended. What goes wrong there makes another end; another one at a pace takes its place.",
    );
    let text = EXPERIMENT.replace("workers: 2", "workers: 2\ncompute: 1 KB/s");
    client.say(&Command::Run(RunCommand { text, pace: Some(Speed::Max), ..run(1, Place::Simulate) }));
    client.wait(100);
    client.say(&Command::Seek { run: 1, to: Time(43_000) });
    client.wait(20);
    client.say(&Command::Fault { run: 1, effect: Effect::Slow { node: NodeId::Worker(3), factor: 2.0, span: None } });
    client.say(&Command::Fault { run: 1, effect: Effect::Slow { node: NodeId::Worker(1), factor: 2.0, span: None } });
    client.wait(20);
    client.say(&Command::View { run: 1, id: 1, query: ViewQuery::default() });
    client.say(&Command::Resume { run: 1 });
    client.wait(100);
    client.say(&Command::Run(run(2, Place::Simulate)));
    client.say(&Command::Seek { run: 1, to: Time(44_000) });
    client.say(&Command::Run(RunCommand { pace: Some(Speed::Max), ..run(3, Place::Simulate) }));
    client.say(&Command::Seek { run: 1, to: Time(0) });
    client.check("gone_back");
}

#[test]
fn a_run_that_is_asked_for_twice_under_one_key_runs_once() {
    let mut client = Client::greeted("Two run commands under one idempotency key: one run, told twice.");
    let keyed = |number| RunCommand { idempotency_key: Some("monday".into()), ..run(number, Place::Browser) };
    client.say(&Command::Run(keyed(1)));
    client.wait(20);
    client.say(&Command::Run(keyed(2)));
    client.check("idempotency_key");
}

#[test]
fn a_client_comes_back() {
    let mut client =
        Client::greeted("The connection breaks while a run runs; the client comes back and names the last event it saw.");
    client.say(&Command::Run(run(1, Place::Browser)));
    client.breaks();
    client.wait(20);
    client.say(&Command::Hello { build: "b".into(), resume: Some(Resume { session: "s".into(), seen: 2 }) });
    client.say(&Command::Ping);
    client.breaks();
    client.say(&Command::Hello { build: "b".into(), resume: Some(Resume { session: "gone".into(), seen: 2 }) });
    client.check("resume");
}

#[test]
fn what_is_not_understood_is_answered_with_a_sentence() {
    let mut client = Client::greeted(
        "Garbage, other versions, unknown types and what is wrong in a command: a sentence each, and the session goes on.",
    );
    for text in [
        "",
        "hello",
        "[1, 2]",
        "{\"type\":\"ping\"}",
        "{\"v\":2,\"type\":\"ping\"}",
        "{\"v\":\"1\",\"type\":\"ping\"}",
        "{\"v\":1}",
        "{\"v\":1,\"type\":\"dance\"}",
        "{\"v\":1,\"type\":\"stop\"}",
        "{\"v\":1,\"type\":\"stop\",\"run\":-1}",
        "{\"v\":1,\"type\":\"kill\",\"run\":1,\"node\":\"worker-0\"}",
        "{\"v\":1,\"type\":\"run\",\"run\":1,\"place\":\"moon\",\"text\":\"\"}",
        "{\"v\":1,\"type\":\"run\",\"run\":1,\"place\":\"browser\",\"text\":\"\",\"seed\":7}",
        "{\"v\":1,\"type\":\"run\",\"run\":1,\"place\":\"server\",\"text\":\"millrace: 1\"}",
    ] {
        client.say_text(text);
    }
    client.say(&Command::Run(run(1, Place::Server)));
    client.say(&Command::Run(RunCommand { workers: Some(65), ..run(1, Place::Browser) }));
    client.say(&Command::Kill { run: 9, node: NodeId::Worker(1) });
    client.say(&Command::View { run: 9, id: 1, query: ViewQuery::default() });
    client.say(&Command::Invite { run: 9 });
    client.say(&Command::Watch { run: 10, watch: "0".repeat(32) });
    client.say(&Command::Ping);
    client.check("refusals");
}
