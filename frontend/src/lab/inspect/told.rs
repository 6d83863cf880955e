//! What is known of the selected thing, as HTML. Names that a user wrote are escaped.

use std::ops::Range;

use shared::time::Time;
use shared::wire::{AttemptState, AttemptView, BindingView, Phase, Role};

use super::Selected;
use crate::components::html::escape;
use crate::lab::bus::{BusModel, per_second};
use crate::lab::change::reason;
use crate::lab::format::{bytes, circled, duration_ms, grouped, of, virtual_clock};
use crate::lab::graph::cells::state_name;
use crate::lab::graph::columns::sources;
use crate::lab::graph::ending;
use crate::lab::model::{RunModel, TaskState};
use crate::lab::names::{and, stage_name, stage_of, task_name};
use crate::lab::workers::state_name as worker_state;

/// Executions and clients that are listed at most; the rest are counted.
const LISTED_MAX: usize = 40;

/// All that is known of it.
pub fn told(run: &RunModel, selected: Selected) -> String {
    match (selected, &run.bus) {
        (Selected::Task(phase, number), _) => task(run, phase, number),
        (Selected::Shuffle(to), _) => super::shuffle::told(run, to),
        (Selected::Message(id), _) => super::message::told(run, id),
        (Selected::Worker(place), Some(bus)) => client(run, bus, place),
        (Selected::Worker(place), None) => worker(run, place),
        (Selected::Queue(place), Some(bus)) => queue(bus, place),
        (Selected::Exchange(place), Some(bus)) => exchange(bus, place),
        (Selected::Group(place), Some(bus)) => group(run, bus, place),
        _ => String::new(),
    }
}

fn task(run: &RunModel, phase: Phase, number: u32) -> String {
    let (Some(model), stages) = (run.task(phase, number), run.stages()) else { return String::new() };
    let kind = kind_of(phase);
    let head = head(&task_name(stages, phase, number), state_word(model.state), state_name(model.state));
    let mut facts = Vec::new();
    if let (Phase::Map, Some(split)) = (phase, run.started.as_ref().and_then(|started| started.splits.get(number as usize))) {
        facts.push(("Reads", format!("split {number}, {}", sized(split.0))));
        if model.state == TaskState::Running {
            facts.push(("So far", format!("{:.0} %", model.read * 100.0)));
        }
    }
    if let Some((stage, place)) = stage_of(stages, phase, number) {
        if phase == Phase::Reduce {
            let from: Vec<String> = sources(stages, stage).map(|source| stage_name(stages, source)).collect();
            let from = button("shuffle", stage as u64, &and(&from));
            facts.push(("Gathers", format!("partition {place} of {from}")));
        }
        let next = stages.iter().enumerate().filter(|(_, next)| next.of.contains(&(stage as u32)));
        let next: Vec<String> = next.map(|(index, _)| stage_name(stages, index)).collect();
        let next = if next.is_empty() { "the output".to_owned() } else { escape(&and(&next)) };
        facts.push(("Gives to", next));
    }
    if model.records > 0 {
        facts.push(("Records", grouped(model.records)));
    }
    let attempts: Vec<&AttemptView> = run.attempts_of(phase, number).collect();
    let list = if attempts.is_empty() {
        "<p class=\"hint\">Not given to a worker yet.</p>".to_owned()
    } else {
        let item = |attempt: &&AttemptView| {
            let why = (attempt.number > 1 && !attempt.backup)
                .then(|| format!("<span class=\"hint\">Again, because {}</span>", reason(run, attempt)));
            let by = button("worker", attempt.worker.saturating_sub(1).into(), &format!("worker-{}", attempt.worker));
            execution(run, attempt, &by, &why.unwrap_or_default())
        };
        listed("Executions", attempts.iter().map(item))
    };
    let steps = steps(kind, number, run.tasks(phase).len(), |place| task_name(stages, phase, place));
    format!("{head}{steps}{}{list}", facts_of(&facts))
}

fn worker(run: &RunModel, place: u32) -> String {
    let Some(worker) = run.workers.get(place as usize) else { return String::new() };
    let name = |place: u32| format!("worker-{}", place + 1);
    let mine: Vec<&AttemptView> = run.attempts.iter().filter(|attempt| attempt.worker == place + 1).collect();
    let with = |state| mine.iter().filter(|attempt| attempt.state == state).count() as u64;
    let lost = with(AttemptState::Killed) + with(AttemptState::Lost);
    let busy = covered(mine.iter().map(|attempt| attempt.start.0..attempt.end.unwrap_or(run.now).0).collect());
    let mut facts = vec![
        ("Life", format!("number {}", worker.view.incarnation)),
        ("Executions", format!("{}, {} done", grouped(mine.len() as u64), grouped(with(AttemptState::Done)))),
    ];
    if lost > 0 {
        facts.push(("Lost", format!("{}, with an earlier life", of(lost, "execution", "executions"))));
    }
    facts.push(("Read", sized(worker.bytes)));
    if run.now.0 > 0 {
        facts.push(("Busy", format!("{:.0} % of the time", 100.0 * busy.min(run.now.0) as f64 / run.now.0 as f64)));
    }
    let item = |attempt: &&AttemptView| {
        let task = task_name(run.stages(), attempt.phase, attempt.task);
        execution(run, attempt, &button(kind_of(attempt.phase), attempt.task.into(), &task), "")
    };
    let list = if mine.is_empty() {
        "<p class=\"hint\">It has worked on nothing yet.</p>".to_owned()
    } else {
        listed("Executions, the latest first", mine.iter().rev().map(item))
    };
    let head = head(&name(place), worker_state(worker.view.state), worker_state(worker.view.state));
    format!("{head}{}{}{list}", steps("worker", place, run.workers.len(), name), facts_of(&facts))
}

fn client(run: &RunModel, bus: &BusModel, place: u32) -> String {
    let (Some(worker), Some(now)) = (run.workers.get(place as usize), bus.now.clients.get(place as usize)) else {
        return String::new();
    };
    let mut facts = vec![("Does now", escape(&now.doing)), ("Life", format!("number {}", worker.view.incarnation))];
    if let Some(group) = (0..bus.view.groups.len()).find(|group| bus.members(*group).contains(&(place as usize))) {
        facts.insert(0, ("One of", button("group", group as u64, &bus.view.groups[group].name)));
    }
    facts.push(("Sent", of(now.sent.0, "message", "messages")));
    facts.push(("Worked on", of(now.processed.0, "delivery", "deliveries")));
    let head = head(&bus.name(place as usize), worker_state(worker.view.state), worker_state(worker.view.state));
    format!("{head}{}{}", steps("worker", place, run.workers.len(), |place| bus.name(place as usize)), facts_of(&facts))
}

fn queue(bus: &BusModel, place: u32) -> String {
    let Some(view) = bus.view.queues.get(place as usize) else { return String::new() };
    let now = bus.queue(place as usize);
    let is_full = view.most.is_some_and(|most| now.ready.0 >= most);
    let head = if is_full { head(&view.name, "blocked", "full") } else { head(&view.name, "idle", "queue") };
    let bound = match view.most {
        None => "none: it buffers all".to_owned(),
        Some(most) => format!("{}, then <code>{}</code>", of(most, "message", "messages"), escape(&view.overload)),
    };
    let rate = bus.queue_rate(place as usize).map(per_second).map(|rate| format!(", {} {}", rate.value, rate.unit));
    let most_seen = bus.parts.iter().filter_map(|part| part.depths.get(place as usize)).max();
    let mut facts = vec![
        ("Bound", bound),
        ("Ready", grouped(now.ready.0)),
        ("Most so far", grouped(most_seen.copied().unwrap_or_default().into())),
        ("At consumers", grouped(now.unacked.0)),
        ("Came", format!("{}{}", grouped(now.published.0), rate.unwrap_or_default())),
        ("Delivered", format!("{}, {} of them again", grouped(now.delivered.0), grouped(now.redelivered.0))),
        ("Acknowledged", grouped(now.acked.0)),
        ("Gone", format!("{}: dropped, refused, expired or dead-lettered", grouped(now.gone.0))),
    ];
    if let Some(dead) = &view.dead_letter {
        facts.push(("What dies", format!("goes to {}", bound_to(bus, dead))));
    }
    let bindings = view.bindings.iter().map(|binding| format!("<li>{}</li>", bound_to(bus, binding)));
    let bindings = listed("Bound to", bindings);
    let takers = bus.view.groups.iter().enumerate().filter(|(_, group)| group.takes_from.as_deref() == Some(&view.name));
    let takers =
        takers.map(|(group, view)| format!("<li>{}: {}</li>", button("group", group as u64, &view.name), escape(&view.about)));
    let takers: Vec<String> = takers.collect();
    let takers = if takers.is_empty() {
        "<p class=\"hint\">Nobody takes from it.</p>".to_owned()
    } else {
        listed("Taken from by", takers)
    };
    let name = |place: u32| bus.view.queues.get(place as usize).map(|queue| queue.name.clone()).unwrap_or_default();
    let steps = steps("queue", place, bus.view.queues.len(), name);
    format!("{head}{steps}{}{bindings}{takers}", facts_of(&facts))
}

fn exchange(bus: &BusModel, place: u32) -> String {
    let Some(view) = bus.view.exchanges.get(place as usize) else { return String::new() };
    let bound = bus.view.queues.iter().enumerate().flat_map(|(queue, of_queue)| {
        let mine = of_queue.bindings.iter().filter(|binding| binding.exchange == view.name);
        mine.map(move |binding| {
            let key =
                if binding.key.is_empty() { String::new() } else { format!(" for <code>{}</code>", escape(&binding.key)) };
            format!("<li>{}{key}</li>", button("queue", queue as u64, &of_queue.name))
        })
    });
    let bound: Vec<String> = bound.collect();
    let bound = if bound.is_empty() {
        "<p class=\"hint\">No queue is bound to it: what comes is not routed.</p>".to_owned()
    } else {
        listed("Gives to", bound)
    };
    let publishes = |group: &shared::wire::GroupView| group.publishes_to.as_ref().is_some_and(|to| to.exchange == view.name);
    let from = bus.view.groups.iter().enumerate().filter(|(_, group)| publishes(group));
    let from: Vec<String> =
        from.map(|(group, view)| format!("<li>{}</li>", button("group", group as u64, &view.name))).collect();
    let from = if from.is_empty() { String::new() } else { listed("Gets from", from) };
    let name = |place: u32| bus.view.exchanges.get(place as usize).map(|exchange| exchange.name.clone()).unwrap_or_default();
    let steps = steps("exchange", place, bus.view.exchanges.len(), name);
    format!("{}{steps}{bound}{from}", head(&view.name, "idle", &format!("{} exchange", view.kind)))
}

fn group(run: &RunModel, bus: &BusModel, place: u32) -> String {
    let Some(view) = bus.view.groups.get(place as usize) else { return String::new() };
    let role = match view.role {
        Role::Publisher => "publishers",
        Role::Consumer => "consumers",
        Role::Responder => "responders",
        Role::Requester => "requesters",
    };
    let mut facts = vec![("Does", escape(&view.about))];
    if let Some(to) = &view.publishes_to {
        facts.push(("Publishes to", bound_to(bus, to)));
    }
    if let Some(from) = &view.takes_from {
        facts.push(("Takes from", queue_button(bus, from)));
    }
    if let Some(rate) = bus.group_rate(place as usize).map(per_second) {
        facts.push(("Now", format!("{} {}", rate.value, rate.unit)));
    }
    let members: Range<usize> = bus.members(place as usize);
    let member = |client: usize| {
        let now = bus.now.clients.get(client).cloned().unwrap_or_default();
        let state = run.workers.get(client).map_or("starting", |worker| worker_state(worker.view.state));
        format!(
            "<li>{} <span class=\"inspect-state\" data-state=\"{state}\">{state}</span><span class=\"hint\">{}; {} sent, {} worked on</span></li>",
            button("worker", client as u64, &bus.name(client)),
            escape(&now.doing),
            grouped(now.sent.0),
            grouped(now.processed.0)
        )
    };
    let list = listed("Clients", members.map(member));
    let name = |place: u32| bus.view.groups.get(place as usize).map(|group| group.name.clone()).unwrap_or_default();
    format!(
        "{}{}{}{list}",
        head(&view.name, "idle", role),
        steps("group", place, bus.view.groups.len(), name),
        facts_of(&facts)
    )
}

/// An exchange and a key, or the queue that the default exchange takes it to.
fn bound_to(bus: &BusModel, binding: &BindingView) -> String {
    if binding.exchange.is_empty() {
        return queue_button(bus, &binding.key);
    }
    let place = bus.view.exchanges.iter().position(|exchange| exchange.name == binding.exchange);
    let exchange = place.map_or_else(|| escape(&binding.exchange), |place| button("exchange", place as u64, &binding.exchange));
    if binding.key.is_empty() { exchange } else { format!("{exchange} for <code>{}</code>", escape(&binding.key)) }
}

fn queue_button(bus: &BusModel, name: &str) -> String {
    let place = bus.view.queues.iter().position(|queue| queue.name == name);
    place.map_or_else(|| escape(name), |place| button("queue", place as u64, name))
}

/// One execution: by whom or of what, when, how it went.
fn execution(run: &RunModel, attempt: &AttemptView, whose: &str, more: &str) -> String {
    let at = virtual_clock(attempt.start.0 as f64 / 1e3);
    let at = format!("{} {}", at.value, at.unit);
    let at = if run.can_be_sought() { seek(attempt.start, &at) } else { at };
    let length = duration_ms(attempt.end.unwrap_or(run.now).since(attempt.start).0 as f64 / 1e3);
    let backup = if attempt.backup { ", a backup" } else { "" };
    let amount = if attempt.records.0 > 0 {
        let read = if attempt.bytes.0 > 0 { format!(", {}", sized(attempt.bytes.0)) } else { String::new() };
        format!(", {}{read}", of(attempt.records.0, "record", "records"))
    } else {
        String::new()
    };
    format!(
        "<li>{} {whose}{backup} <span class=\"num\">at {at} for {} {}</span><span class=\"hint\">{}{amount}</span>{more}</li>",
        circled(attempt.number),
        length.value,
        length.unit,
        ending(attempt.state),
    )
}

/// How long at least one of these stretches goes on: a worker is given a task before it has ended the one before.
fn covered(mut stretches: Vec<Range<u64>>) -> u64 {
    stretches.sort_unstable_by_key(|stretch| stretch.start);
    let mut reached = 0;
    let mut covered = 0;
    for Range { start, end } in stretches {
        covered += end.saturating_sub(start.max(reached));
        reached = reached.max(end);
    }
    covered
}

pub(super) fn kind_of(phase: Phase) -> &'static str {
    match phase {
        Phase::Map => "map",
        Phase::Reduce => "reduce",
    }
}

/// The word that colours go by.
fn state_word(state: TaskState) -> &'static str {
    match state {
        TaskState::Waiting => "idle",
        TaskState::Requeued | TaskState::Failed => "down",
        TaskState::Running => "busy",
        TaskState::Done => "done",
    }
}

pub(super) fn sized(number: u64) -> String {
    let size = bytes(number);
    format!("<span title=\"{}\">{} {}</span>", size.exact, size.value, size.unit)
}

/// The name, and how it stands.
pub(super) fn head(name: &str, state: &str, words: &str) -> String {
    format!(
        "<div class=\"inspect-head\"><h3 data-testid=\"inspected-name\">{}</h3><span class=\"inspect-state\" data-state=\"{state}\">{words}</span>\
         <button class=\"quiet small\" data-do=\"none\" data-testid=\"select-none\">Let go</button></div>",
        escape(name)
    )
}

/// The ways to what stands before and behind it among its kind.
fn steps(kind: &str, place: u32, count: usize, name: impl Fn(u32) -> String) -> String {
    let step = |to: Option<u32>, word: &str| match to.filter(|to| (*to as usize) < count) {
        Some(to) => format!(
            "<button class=\"quiet small\" data-do=\"{kind}\" data-of=\"{to}\" data-testid=\"select-{word}\" title=\"{}\">{word}</button>",
            escape(&name(to))
        ),
        None => format!("<button class=\"quiet small\" disabled>{word}</button>"),
    };
    if count < 2 {
        return String::new();
    }
    format!(
        "<div class=\"inspect-steps\"><span class=\"hint\">{} of {}</span>{}{}</div>",
        grouped(u64::from(place) + 1),
        grouped(count as u64),
        step(place.checked_sub(1), "previous"),
        step(place.checked_add(1), "next")
    )
}

pub fn facts_of(facts: &[(&str, String)]) -> String {
    let fact =
        |(name, value): &(&str, String)| format!("<div class=\"counter\"><dt>{name}</dt><dd class=\"num\">{value}</dd></div>");
    format!("<dl class=\"facts\">{}</dl>", facts.iter().map(fact).collect::<String>())
}

pub(super) fn listed(title: &str, items: impl IntoIterator<Item = String>) -> String {
    let mut items = items.into_iter();
    let shown: String = items.by_ref().take(LISTED_MAX).collect();
    let more = match items.count() {
        0 => String::new(),
        more => format!("<li class=\"hint\">and {} more</li>", grouped(more as u64)),
    };
    format!("<h4>{title}</h4><ul class=\"inspect-list\">{shown}{more}</ul>")
}

pub(super) fn button(kind: &str, place: u64, name: &str) -> String {
    format!("<button class=\"link\" data-do=\"{kind}\" data-of=\"{place}\">{}</button>", escape(name))
}

pub(super) fn seek(at: Time, words: &str) -> String {
    format!("<button class=\"link\" data-do=\"seek\" data-of=\"{}\" title=\"Go to this moment\">{words}</button>", at.0)
}

#[cfg(test)]
mod tests {
    use shared::wire::{BusFrame, BusView, Bytes, ClientNow, ExchangeView, GroupView, QueueNow, QueueView, StageView};

    use super::*;
    use crate::lab::model::story;

    /// The text between the tags.
    fn words(html: &str) -> String {
        let mut words = String::new();
        for part in html.split('<') {
            let text = part.split_once('>').map_or(part, |(_, text)| text);
            if !text.trim().is_empty() {
                words.push_str(text.trim());
                words.push('|');
            }
        }
        words
    }

    fn stages() -> Vec<StageView> {
        vec![story::stage("map", Phase::Map, 0, 2, &[]), story::stage("reduce", Phase::Reduce, 0, 2, &[0])]
    }

    #[test]
    fn a_task_is_told_with_why_it_ran_again_and_by_whom() {
        let lost = story::attempt(0, Phase::Map, 0, AttemptState::Lost);
        let again = AttemptView { index: 1, number: 2, ..story::attempt(1, Phase::Map, 0, AttemptState::Running) };
        let run = story::run(stages(), vec![lost, again], &[]);
        let html = told(&run, Selected::Task(Phase::Map, 0));
        let words = words(&html);
        assert!(words.starts_with("map-0|running|Let go|1 of 2|previous|next|Reads|split 0,|1.00 kB|So far|"), "{words}");
        assert!(words.contains("Gives to|reduce|"), "{words}");
        assert!(words.contains("①|worker-1|at 0.001 s for 1 ms|done, but its output was lost with its worker|"), "{words}");
        assert!(words.contains("②|worker-1|at 0.001 s for 2 ms|running|Again, because it was done, but what it had made was lost with worker-1|"), "{words}");
        // A run in real time has no moments to go to.
        assert!(!html.contains("data-do=\"seek\""), "{html}");
    }

    #[test]
    fn a_task_that_gathers_says_of_what_and_that_it_waits() {
        let run = story::run(stages(), Vec::new(), &[]);
        let words = words(&told(&run, Selected::Task(Phase::Reduce, 1)));
        assert!(
            words.contains("reduce-1|waiting|") && words.contains("Gathers|partition 1 of|map|Gives to|the output|"),
            "{words}"
        );
        assert!(words.ends_with("Not given to a worker yet.|"), "{words}");
    }

    #[test]
    fn a_worker_is_told_with_what_it_has_done_and_lost() {
        let done =
            AttemptView { records: Bytes(12), bytes: Bytes(2_000), ..story::attempt(0, Phase::Map, 0, AttemptState::Done) };
        let killed = story::attempt(1, Phase::Map, 1, AttemptState::Killed);
        let run = story::run(stages(), vec![done, killed], &[]);
        let words = words(&told(&run, Selected::Worker(0)));
        assert!(words.starts_with("worker-1|busy|"), "{words}");
        assert!(words.contains("Executions|2, 1 done|Lost|1 execution, with an earlier life|"), "{words}");
        assert!(words.contains("Busy|33 % of the time|"), "{words}");
        assert!(
            words.contains("①|map-1|at 0.001 s for 1 ms|its worker was lost while it ran|①|map-0|"),
            "the latest first: {words}"
        );
        assert!(words.contains("done, 12 records,|2.00 kB|"), "{words}");
    }

    #[test]
    fn time_that_two_executions_share_is_busy_once() {
        assert_eq!(covered(vec![5..9, 0..4, 2..6, 20..21]), 9 + 1);
        assert_eq!(covered(Vec::new()), 0);
    }

    #[test]
    fn names_of_a_bus_are_the_users_and_become_no_tags() {
        let binding = BindingView { exchange: "<x>".into(), key: "a&b".into() };
        let group = |name: &str, role, publishes_to, takes_from| GroupView {
            name: name.into(),
            count: 1,
            role,
            publishes_to,
            takes_from,
            about: "<i>".into(),
        };
        let view = BusView {
            exchanges: vec![ExchangeView { name: "<x>".into(), kind: "topic".into() }],
            queues: vec![QueueView {
                name: "<q>".into(),
                bindings: vec![binding.clone()],
                most: Some(10),
                overload: "drop_oldest".into(),
                dead_letter: Some(BindingView { exchange: String::new(), key: "<q>".into() }),
            }],
            groups: vec![
                group("<p>", Role::Publisher, Some(binding), None),
                group("<c>", Role::Consumer, None, Some("<q>".into())),
            ],
            ..BusView::default()
        };
        let mut bus = BusModel::new(view);
        let full = QueueNow { ready: Bytes(10), published: Bytes(12), gone: Bytes(2), ..QueueNow::default() };
        let client = ClientNow { doing: "waits for <credit>".into(), sent: Bytes(12), processed: Bytes(0) };
        bus.take(Time(1), BusFrame { queues: vec![full], clients: vec![client; 2], ..BusFrame::default() });
        let mut run = story::run(Vec::new(), Vec::new(), &[]);
        run.bus = Some(Box::new(bus));
        let html: String = [Selected::Queue(0), Selected::Exchange(0), Selected::Group(0), Selected::Group(1)]
            .map(|what| told(&run, what))
            .concat();
        for name in ["<x>", "<q>", "<p>", "<c>", "<i>", "<credit>"] {
            assert!(!html.contains(name), "{name} is a tag in {html}");
        }
        let words = words(&html);
        assert!(words.contains("&lt;q&gt;|full|Let go|Bound|10 messages, then|drop_oldest|Ready|10|"), "{words}");
        assert!(words.contains("What dies|goes to|&lt;q&gt;|"), "{words}");
        assert!(words.contains("Taken from by|&lt;c&gt;|"), "{words}");
        assert!(words.contains("Gets from|&lt;p&gt;|"), "{words}");
    }

    #[test]
    fn what_another_run_does_not_have_is_not_selected_in_it() {
        let run = story::run(stages(), Vec::new(), &[]);
        for (selected, is_there) in [
            (Selected::Task(Phase::Map, 1), true),
            (Selected::Task(Phase::Map, 2), false),
            (Selected::Worker(0), true),
            (Selected::Worker(1), false),
            (Selected::Queue(0), false),
            (Selected::Group(0), false),
        ] {
            assert_eq!(selected.is_in(&run), is_there, "{selected:?}");
        }
    }
}
