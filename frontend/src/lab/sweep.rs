//! Many seeds of the experiment, one after the other: under which of them does it not hold what is expected, and with how few of its
//! faults?

use leptos::prelude::*;
use shared::fault::shrink::Shrink;
use shared::fault::text::{with_faults, with_seed};
use shared::wire::{Place, Report};

use super::aside::{Answer, Ask, Sets};
use super::format::of;
use super::later::{Later, Part};
use super::state::{Lab, use_lab};
use crate::components::html::{escape, value_of, wanted};
use crate::components::icon::Icon;
use crate::components::sheet::{Dialog, Sheet};

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

/// Everything of the dialog.
#[derive(Clone, Debug, Default)]
struct State {
    text: String,
    /// The first seed, and how many.
    from: u64,
    count: u64,
    done: u64,
    /// The rows under the first seed.
    rows: Option<String>,
    /// How many expectations there are.
    expected: usize,
    failing: Vec<Failing>,
    /// The run that is under way.
    running: Option<u32>,
    refusal: Option<String>,
}

/// Handles that may be copied anywhere.
#[derive(Clone, Copy)]
struct Sweep {
    lab: Lab,
    state: RwSignal<State>,
}

impl Sweep {
    fn start(self) {
        self.stop();
        let [from, count] = ["seeds-from", "seeds-count"].map(|id| value_of(id).trim().parse::<u64>());
        match (from, count) {
            (Ok(from), Ok(count)) if (1..=SEEDS_MAX).contains(&count) => {
                self.state.set(State { text: self.lab.text.get_untracked(), from, count, ..State::default() });
                self.next();
            }
            _ => {
                let sentence = "Write two whole numbers: the first seed, and 1 to 10,000 of them.".to_owned();
                self.state.update(|state| state.refusal = Some(sentence));
            }
        }
    }

    fn stop(self) {
        let running = self.state.try_update(|state| {
            // A search that is stopped can begin anew.
            let searched = state.failing.iter_mut().filter(|failing| matches!(failing.shrunk, Shrunk::Under(_)));
            searched.for_each(|failing| failing.shrunk = Shrunk::Not);
            state.running.take()
        });
        running.flatten().into_iter().for_each(|run| self.lab.stop_aside(run));
    }

    /// Runs the experiment aside with these values in it; unless somebody stops it, its answer is taken in, and on it goes.
    fn simulate(self, sets: Sets, then: impl Fn(&mut State, Answer) + 'static, next: impl Fn() + 'static) {
        let ask = Ask { text: self.state.with_untracked(|state| state.text.clone()), place: Place::Simulate, sets };
        let run = self.lab.run_aside(ask, move |answer| {
            if self.state.with_untracked(|state| state.running) == Some(answer.run) {
                self.state.update(|state| then(state, answer));
                next();
            }
        });
        self.state.update(|state| state.running = Some(run));
    }

    fn next(self) {
        let seed = self.state.with_untracked(|state| {
            let goes_on = state.done < state.count && state.failing.len() < FAILING_MAX;
            goes_on.then(|| state.from.wrapping_add(state.done))
        });
        let Some(seed) = seed else {
            self.state.update(|state| state.running = None);
            return self.lab.swept.update(|count| *count += 1);
        };
        let take = move |state: &mut State, Answer { started, report, .. }: Answer| {
            let faults = started.map(|started| started.faults).unwrap_or_default();
            if let Some(why) = state.failure(&report) {
                state.failing.push(Failing { seed, why, faults, shrunk: Shrunk::Not });
            }
            state.done += 1;
        };
        self.simulate(vec![("seed".to_owned(), seed.to_string())], take, move || self.next());
    }

    /// Leaves out fault after fault of the failing seed at `index`, as long as it goes on failing.
    fn shrink(self, index: usize) {
        let candidate = self.state.try_update(|state| {
            let failing = state.failing.get_mut(index)?;
            let shrink = match std::mem::replace(&mut failing.shrunk, Shrunk::Not) {
                Shrunk::Not => Shrink::new(failing.faults.clone()),
                Shrunk::Under(shrink) => shrink,
                Shrunk::To(left) => {
                    failing.shrunk = Shrunk::To(left);
                    return None;
                }
            };
            let candidate = shrink.candidate();
            failing.shrunk = if candidate.is_some() { Shrunk::Under(shrink) } else { Shrunk::To(shrink.kept().to_vec()) };
            if candidate.is_none() {
                state.running = None;
            }
            candidate.map(|faults| (failing.seed, faults))
        });
        let Some((seed, faults)) = candidate.flatten() else { return };
        let sets = vec![("seed".to_owned(), seed.to_string()), ("faults".to_owned(), format!("[{}]", faults.join(", ")))];
        let take = move |state: &mut State, answer: Answer| {
            let fails = state.failure(&answer.report).is_some();
            if let Some(Failing { shrunk: Shrunk::Under(shrink), .. }) = state.failing.get_mut(index) {
                shrink.tell(fails);
            }
        };
        self.simulate(sets, take, move || self.shrink(index));
    }

    /// Writes the seed, and the fewest faults if they are wanted, into the text, and runs it.
    fn open(self, index: usize, fewest: bool) {
        let found = self.state.with_untracked(|state| Some((state.text.clone(), state.failing.get(index)?.clone())));
        let Some((text, Failing { seed, shrunk, .. })) = found else { return };
        let seeded = with_seed(&text, seed).and_then(|text| match &shrunk {
            Shrunk::To(left) if fewest => with_faults(&text, left),
            _ => Some(text),
        });
        match seeded {
            Some(text) => {
                self.lab.text.set(text);
                self.lab.choose(Place::Simulate);
                self.lab.run();
            }
            None => {
                let sentence =
                    format!("The text is written in a way that no seed can be put into from here: write seed: {seed}.");
                self.lab.notice.set(Some(sentence));
            }
        }
    }
}

impl State {
    /// Why this is no good end. The rows of a batch must not depend on the seed.
    fn failure(&mut self, report: &Result<Report, String>) -> Option<String> {
        let report = match report {
            Ok(report) => report,
            Err(reason) => return Some(reason.clone()),
        };
        self.expected = report.expectations.len();
        if let Some(broken) = report.expectations.iter().find(|it| !it.held) {
            return Some(format!("{} does not hold: {}", broken.expectation, broken.found));
        }
        if report.bus.is_some() {
            return None;
        }
        match &self.rows {
            None => self.rows = Some(report.output_hash.clone()),
            Some(rows) if *rows != report.output_hash => return Some("it gives other rows than the first seed".to_owned()),
            Some(_) => {}
        }
        None
    }

    /// How far it is, in a sentence.
    fn told(&self) -> String {
        let State { from, count, done, .. } = *self;
        if count == 0 {
            return String::new();
        }
        let found = match self.failing.len() {
            0 if self.expected == 0 && self.rows.is_none() && done > 0 => {
                "none fails, but the experiment expects nothing: give it `expect`".to_owned()
            }
            0 if done == count => "every expectation holds under each of them".to_owned(),
            0 if self.running.is_none() => "it was stopped, and none of those fails".to_owned(),
            0 => "none fails so far".to_owned(),
            FAILING_MAX => format!("{FAILING_MAX} fail, so it ends here"),
            1 => "1 fails".to_owned(),
            many => format!("{many} fail"),
        };
        let last = from.wrapping_add(count - 1);
        format!("{done} of {} ({from} to {last}): {found}.", of(count, "seed", "seeds"))
    }

    /// The failing seeds, and what can be done with each.
    fn list(&self) -> String {
        let item = |(index, failing): (usize, &Failing)| {
            let Failing { seed, why, faults, shrunk } = failing;
            let faults = of(faults.len() as u64, "fault", "faults");
            let button = |what: &str, id: String, label: &str| {
                let asleep = if what == "shrink" && self.running.is_some() { " disabled" } else { "" };
                format!(
                    "<button class=\"small\" data-do=\"{what}\" data-of=\"{index}\" data-testid=\"{id}\"{asleep}>{label}</button>"
                )
            };
            let more = match shrunk {
                Shrunk::Not if failing.faults.is_empty() => String::new(),
                Shrunk::Not => button("shrink", format!("shrink-{seed}"), &format!("Fewest of its {faults}")),
                Shrunk::Under(shrink) => {
                    format!("<span class=\"hint\">It fails with {} of them; trying with one less.</span>", shrink.kept().len())
                }
                Shrunk::To(left) => {
                    let items: String = left.iter().map(|item| format!("<li><code>{}</code></li>", escape(item))).collect();
                    let open = button("open-fewest", format!("open-shrunk-{seed}"), "Open with these only");
                    format!(
                        "<div class=\"shrunk\" data-testid=\"shrunk-{seed}\"><p>It fails with {} of its {faults} as well:</p>\
                         <ul>{items}</ul>{open}</div>",
                        left.len()
                    )
                }
            };
            let open = button("open", format!("open-seed-{seed}"), "Open it");
            format!(
                "<li data-testid=\"failing-{seed}\"><p><strong>Seed {seed}</strong>: {}</p><div class=\"sheet-row\">{open}{more}</div></li>",
                escape(why)
            )
        };
        self.failing.iter().enumerate().map(item).collect()
    }
}

/// The button, and the dialog that it opens.
#[component]
pub fn Seeds() -> impl IntoView {
    let dialog = Dialog::new();
    view! {
        <button class="small" data-testid="seeds-open" title="Run many seeds, and see which fail" on:click=move |_| dialog.open()>
            <Icon name="dices" />
            "Seeds"
        </button>
        <Sheet dialog=dialog name="seeds" title="Many seeds" wide=true>
            <Later part=Part::Seeds(dialog) wanted=move || dialog.was_opened() />
        </Sheet>
    }
}

/// What is in the dialog.
#[component]
pub fn Sweeping(dialog: Dialog) -> impl IntoView {
    let sweep = Sweep { lab: use_lab(), state: RwSignal::new(State::default()) };
    let state = sweep.state;
    let press = move |event| {
        let Some((what, Some(index))) = wanted(&event) else { return };
        if what == "shrink" {
            return sweep.shrink(index as usize);
        }
        dialog.close();
        sweep.open(index as usize, what == "open-fewest");
    };
    view! {
        <div class="sheet-inside">
            <p>
                "The experiment in virtual time under one seed after the other. A seed fails if an expectation does not hold under it, or if a batch gives other rows than under the first."
            </p>
            <div class="sheet-row">
                <label>"Seeds from" <input class="num" type="number" min="0" value="1" data-testid="seeds-from" /></label>
                <label>"how many" <input class="num" type="number" min="1" max="10000" value="100" data-testid="seeds-count" /></label>
                <button class="bright" data-testid="seeds-run" on:click=move |_| sweep.start()>
                    <Icon name="play" />
                    "Run the seeds"
                </button>
                <button
                    class:hidden=move || state.with(|state| state.running.is_none())
                    data-testid="seeds-stop"
                    on:click=move |_| sweep.stop()
                >
                    <Icon name="square" />
                    "Stop"
                </button>
            </div>
            <p class="broken" role="alert">{move || state.with(|state| state.refusal.clone())}</p>
            <p data-testid="seeds-told" role="status">{move || state.with(State::told)}</p>
            <ul class="failing" inner_html=move || state.with(State::list) on:click=press></ul>
        </div>
    }
}
