//! Many seeds of the experiment, one after the other: under which of them does it not hold what is expected, and with how few of its
//! faults?

use leptos::html;
use leptos::prelude::*;
use shared::fault::shrink::Shrink;
use shared::fault::text::{with_faults, with_seed};
use shared::wire::{Place, Report};

use super::aside::{Answer, Ask, Sets};
use super::format::of;
use super::state::{Lab, use_lab};
use crate::components::icon::Icon;
use crate::components::sheet::{self, Sheet};

/// Most seeds of one sweep.
const SEEDS_MAX: u64 = 10_000;
/// Failing seeds that are listed at most; then the sweep ends.
const FAILING_MAX: usize = 50;

/// A seed under which the run failed.
#[derive(Clone, Debug, PartialEq)]
struct Failing {
    seed: u64,
    why: String,
    /// What went wrong on purpose, as items of `faults`.
    faults: Vec<String>,
    shrunk: Shrunk,
}

#[derive(Clone, Debug, PartialEq)]
enum Shrunk {
    Not,
    Under(Shrink<String>),
    /// With these alone it fails as well.
    To(Vec<String>),
}

/// Handles that may be copied anywhere.
#[derive(Clone, Copy)]
struct Sweep {
    lab: Lab,
    text: StoredValue<String>,
    /// The seeds: the first and how many.
    seeds: StoredValue<(u64, u64)>,
    done: RwSignal<u64>,
    /// The rows under the first seed.
    rows: StoredValue<Option<String>>,
    failing: RwSignal<Vec<Failing>>,
    running: RwSignal<Option<u32>>,
}

impl Sweep {
    fn start(self, from: u64, count: u64) {
        self.stop();
        self.text.set_value(self.lab.text.get_untracked());
        self.seeds.set_value((from, count));
        self.done.set(0);
        self.rows.set_value(None);
        self.failing.set(Vec::new());
        self.next();
    }

    fn stop(self) {
        if let Some(run) = self.running.get_untracked() {
            self.running.set(None);
            self.lab.stop_aside(run);
        }
        // A search that is stopped can begin anew.
        self.failing.update(|failing| {
            let searched = failing.iter_mut().filter(|failing| matches!(failing.shrunk, Shrunk::Under(_)));
            searched.for_each(|failing| failing.shrunk = Shrunk::Not);
        });
    }

    /// Runs the experiment aside with these values in it, unless somebody stops it.
    fn simulate(self, sets: Sets, then: impl Fn(Answer) + 'static) {
        let ask = Ask { text: self.text.get_value(), place: Place::Simulate, sets };
        let run = self.lab.run_aside(ask, move |answer| {
            if self.running.get_untracked() == Some(answer.run) {
                then(answer);
            }
        });
        self.running.set(Some(run));
    }

    fn next(self) {
        let ((from, count), done) = (self.seeds.get_value(), self.done.get_untracked());
        if done >= count || self.failing.with_untracked(Vec::len) >= FAILING_MAX {
            return self.running.set(None);
        }
        let seed = from.wrapping_add(done);
        self.simulate(vec![("seed".to_owned(), seed.to_string())], move |Answer { started, report, .. }| {
            let faults = started.map(|started| started.faults).unwrap_or_default();
            if let Some(why) = self.failure(&report) {
                self.failing.update(|failing| failing.push(Failing { seed, why, faults, shrunk: Shrunk::Not }));
            }
            self.done.set(done + 1);
            self.next();
        });
    }

    /// Why this is no good end. The rows of a batch must not depend on the seed.
    fn failure(self, report: &Result<Report, String>) -> Option<String> {
        let report = match report {
            Ok(report) => report,
            Err(reason) => return Some(reason.clone()),
        };
        if let Some(broken) = report.expectations.iter().find(|it| !it.held) {
            return Some(format!("{} does not hold: {}", broken.expectation, broken.found));
        }
        if report.bus.is_some() {
            return None;
        }
        match self.rows.get_value() {
            None => self.rows.set_value(Some(report.output_hash.clone())),
            Some(rows) if rows != report.output_hash => return Some("it gives other rows than the first seed".to_owned()),
            Some(_) => {}
        }
        None
    }

    /// Leaves out fault after fault of the failing seed at `index`, as long as it goes on failing.
    fn shrink(self, index: usize) {
        let Some(failing) = self.failing.with_untracked(|failing| failing.get(index).cloned()) else { return };
        let shrink = match failing.shrunk {
            Shrunk::Not => Shrink::new(failing.faults),
            Shrunk::Under(shrink) => shrink,
            Shrunk::To(_) => return,
        };
        let candidate = shrink.candidate();
        let shrunk = if candidate.is_some() { Shrunk::Under(shrink) } else { Shrunk::To(shrink.kept().to_vec()) };
        self.set_shrunk(index, shrunk);
        let Some(candidate) = candidate else { return self.running.set(None) };
        let faults = format!("[{}]", candidate.join(", "));
        let sets = vec![("seed".to_owned(), failing.seed.to_string()), ("faults".to_owned(), faults)];
        self.simulate(sets, move |answer| {
            let fails = self.failure(&answer.report).is_some();
            self.failing.update(|failing| {
                if let Some(Failing { shrunk: Shrunk::Under(shrink), .. }) = failing.get_mut(index) {
                    shrink.tell(fails);
                }
            });
            self.shrink(index);
        });
    }

    fn set_shrunk(self, index: usize, shrunk: Shrunk) {
        self.failing.update(|failing| {
            if let Some(failing) = failing.get_mut(index) {
                failing.shrunk = shrunk;
            }
        });
    }

    /// Writes the seed, and the faults if there are any to be written, into the text, and runs it.
    fn open(self, seed: u64, faults: Option<Vec<String>>) {
        let text = self.text.get_value();
        let seeded = with_seed(&text, seed).and_then(|text| match faults {
            Some(faults) => with_faults(&text, &faults),
            None => Some(text),
        });
        match seeded {
            Some(text) => {
                self.lab.text.set(text);
                self.lab.choose(Place::Simulate);
                self.lab.run();
            }
            None => {
                let sentence = format!("The text is written in a way that no seed can be put into from here: write seed: {seed}.");
                self.lab.notice.set(Some(sentence));
            }
        }
    }

    fn told(self) -> String {
        let ((from, count), done) = (self.seeds.get_value(), self.done.get());
        if count == 0 {
            return String::new();
        }
        let failing = self.failing.with(Vec::len);
        let found = match failing {
            0 if done == count => "every expectation holds under each of them".to_owned(),
            0 => "none fails so far".to_owned(),
            FAILING_MAX => format!("{FAILING_MAX} fail, so it ends here"),
            1 => "1 fails".to_owned(),
            many => format!("{many} fail"),
        };
        let last = from.wrapping_add(count - 1);
        format!("{done} of {} ({from} to {last}): {found}.", of(count, "seed", "seeds"))
    }
}

/// The button, and the dialog that it opens.
#[component]
pub fn Seeds() -> impl IntoView {
    let lab = use_lab();
    let dialog = NodeRef::<html::Dialog>::new();
    let sweep = Sweep {
        lab,
        text: StoredValue::new(String::new()),
        seeds: StoredValue::new((0, 0)),
        done: RwSignal::new(0),
        rows: StoredValue::new(None),
        failing: RwSignal::new(Vec::new()),
        running: RwSignal::new(None),
    };
    let from = RwSignal::new("1".to_owned());
    let count = RwSignal::new("100".to_owned());
    let asked = Memo::new(move |_| {
        let from = from.get().trim().parse::<u64>().ok()?;
        let count = count.get().trim().parse::<u64>().ok().filter(|count| (1..=SEEDS_MAX).contains(count))?;
        Some((from, count))
    });
    let is_running = move || sweep.running.get().is_some();
    let start = move |_| {
        if let Some((from, count)) = asked.get_untracked() {
            sweep.start(from, count);
        }
    };
    let go_to = move |seed: u64, faults: Option<Vec<String>>| {
        sheet::close(dialog);
        sweep.open(seed, faults);
    };
    let list = move || {
        let failing = sweep.failing.get().into_iter().enumerate();
        failing.map(|(index, failing)| row(sweep, index, failing, go_to)).collect_view()
    };
    view! {
        <button class="small" data-testid="seeds-open" title="Run many seeds, and see which fail" on:click=move |_| sheet::show(dialog)>
            <Icon name="dices" />
            "Seeds"
        </button>
        <Sheet dialog=dialog name="seeds" title="Many seeds" wide=true>
            <p>
                "The experiment in virtual time under one seed after the other. A seed fails if an expectation does not hold under it, or if a batch gives other rows than under the first."
            </p>
            <div class="sheet-row">
                <label>"Seeds from " {number(from, "seeds-from")}</label>
                <label>"how many " {number(count, "seeds-count")}</label>
                <button
                    class="bright"
                    data-testid="seeds-run"
                    disabled=move || is_running() || asked.get().is_none()
                    title=move || if asked.get().is_none() { "Two whole numbers: the first seed, and 1 to 10,000 of them" } else { "Run them" }
                    on:click=start
                >
                    <Icon name="play" />
                    "Run the seeds"
                </button>
                <button class:hidden=move || !is_running() data-testid="seeds-stop" on:click=move |_| sweep.stop()>
                    <Icon name="square" />
                    "Stop"
                </button>
            </div>
            <p class="num" data-testid="seeds-told" role="status">{move || sweep.told()}</p>
            <ul class="failing">{list}</ul>
        </Sheet>
    }
}

fn number(value: RwSignal<String>, testid: &'static str) -> impl IntoView {
    view! {
        <input
            class="num"
            type="number"
            min="0"
            data-testid=testid
            prop:value=value
            on:input=move |event| value.set(event_target_value(&event))
        />
    }
}

/// A failing seed, and what can be done with it.
fn row(
    sweep: Sweep,
    index: usize,
    failing: Failing,
    go_to: impl Fn(u64, Option<Vec<String>>) + Copy + 'static,
) -> impl IntoView {
    let Failing { seed, why, faults, shrunk } = failing;
    let count = faults.len();
    let is_running = move || sweep.running.get().is_some();
    let more = match shrunk {
        Shrunk::Not if count == 0 => None,
        Shrunk::Not => Some(
            view! {
                <button
                    class="small"
                    data-testid=format!("shrink-{seed}")
                    disabled=is_running
                    title="Leave out fault after fault, as long as it goes on failing"
                    on:click=move |_| sweep.shrink(index)
                >
                    {format!("Fewest of its {}", of(count as u64, "fault", "faults"))}
                </button>
            }
            .into_any(),
        ),
        Shrunk::Under(shrink) => {
            Some(view! { <span class="hint">{format!("It fails with {} of them; trying with one less.", shrink.kept().len())}</span> }.into_any())
        }
        Shrunk::To(left) => {
            let told = format!("It fails with {} of its {} as well:", left.len(), of(count as u64, "fault", "faults"));
            let exact = left.len().to_string();
            let items = left.iter().map(|item| view! { <li><code>{item.clone()}</code></li> }).collect_view();
            Some(
                view! {
                    <div class="shrunk" data-testid=format!("shrunk-{seed}") data-exact=exact>
                        <p>{told}</p>
                        <ul>{items}</ul>
                        <button class="small" data-testid=format!("open-shrunk-{seed}") on:click=move |_| go_to(seed, Some(left.clone()))>
                            "Open with these only"
                        </button>
                    </div>
                }
                .into_any(),
            )
        }
    };
    view! {
        <li data-testid=format!("failing-{seed}")>
            <p>
                <strong>{format!("Seed {seed}")}</strong>
                ": "
                {why}
            </p>
            <div class="sheet-row">
                <button class="small" data-testid=format!("open-seed-{seed}") on:click=move |_| go_to(seed, None)>
                    "Open it"
                </button>
                {more}
            </div>
        </li>
    }
}
