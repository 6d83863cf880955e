//! Lessons: an experiment and what to do with it, step by step; each step waits for what it asks and then goes on by itself.

pub mod until;

use gloo_net::http::Request;
use js_sys::{Array, JSON, Reflect};
use leptos::prelude::*;
use shared::wire::{Place, Speed};
use wasm_bindgen::{JsCast, JsValue};

use self::until::{Seen, Until};
use super::model::RunModel;
use super::state::{Lab, use_lab};
use crate::components::html::{escape, in_code, text, wanted};

/// The lessons, beside the page.
const LESSONS: &str = "lessons.json";

/// A lesson.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    pub name: String,
    pub title: String,
    pub about: String,
    pub minutes: u32,
    speed: Speed,
    text: String,
    steps: Vec<Step>,
}

/// What is said, and what is waited for; the last step waits for nothing.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    say: String,
    until: Option<Until>,
}

/// Reads what is in the lessons' file. `None` if it is not as it should be.
fn read(json: &str) -> Option<Vec<Lesson>> {
    let list = |value: &JsValue, name: &str| Reflect::get(value, &name.into()).ok()?.dyn_into::<Array>().ok();
    let lessons: Array = JSON::parse(json).ok()?.dyn_into().ok()?;
    let step = |step: JsValue| {
        let until = text(&step, "until").map(|until| until.parse()).transpose().ok()?;
        Some(Step { say: text(&step, "say")?, until })
    };
    let lesson = |lesson: JsValue| {
        let number = |name: &str| Reflect::get(&lesson, &name.into()).ok()?.as_f64();
        let lines: Vec<String> = list(&lesson, "text")?.iter().filter_map(|line| line.as_string()).collect();
        Some(Lesson {
            name: text(&lesson, "name")?,
            title: text(&lesson, "title")?,
            about: text(&lesson, "about")?,
            minutes: number("minutes")? as u32,
            speed: number("speed").map_or(Speed::Max, Speed::Times),
            text: lines.join("\n"),
            steps: list(&lesson, "steps")?.iter().map(step).collect::<Option<_>>()?,
        })
    };
    lessons.iter().map(lesson).collect()
}

/// A lesson that is under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    lesson: Lesson,
    /// From 0.
    at: usize,
    /// What was seen when the step began.
    then: Seen,
    /// The step was gone back to when it was done already: it is done again by another run.
    again: bool,
}

impl Lab {
    /// Begins a lesson: its experiment is opened, and nothing runs yet.
    pub fn take_lesson(self, lesson: Lesson) {
        self.lesson_left.set(None);
        self.open_text(lesson.text.clone());
        self.choose(Place::Simulate);
        self.choose_speed(lesson.speed);
        self.lesson.set(Some(Taken { lesson, at: 0, then: self.seen_by_lessons(), again: false }));
        self.say_step();
    }

    /// Goes on with the lesson that was under way when the page was left: its experiment is there already, as it was by then.
    fn resume_lesson(self) {
        if self.lesson_left.with_untracked(Option::is_none) {
            return;
        }
        leptos::task::spawn_local(async move {
            // Where the lessons do not load it goes on with the next visit.
            let Ok(lessons) = fetch().await else { return };
            let left = self.lesson_left.try_update(Option::take).flatten();
            let Some((name, at)) = left.filter(|_| self.lesson.with_untracked(Option::is_none)) else { return };
            if let Some(lesson) = lessons.into_iter().find(|lesson| lesson.name == name && at < lesson.steps.len()) {
                self.lesson.set(Some(Taken { lesson, at, then: self.seen_by_lessons(), again: false }));
            }
        });
    }

    /// The name of the lesson that is under way, and its step.
    pub(super) fn lesson_now(self) -> Option<(String, usize)> {
        self.lesson.with_untracked(|taken| taken.as_ref().map(|taken| (taken.lesson.name.clone(), taken.at)))
    }

    /// For those who do not see it.
    fn say_step(self) {
        let step = self.lesson.with_untracked(|taken| {
            let Taken { lesson, at, .. } = taken.as_ref()?;
            Some(format!("Step {} of {}: {}", at + 1, lesson.steps.len(), lesson.steps.get(*at)?.say))
        });
        step.into_iter().for_each(|step| self.spoken.set(step));
    }

    fn seen_by_lessons(self) -> Seen {
        let run = self.run.with_untracked(|run| run.run);
        Seen { run, compared: self.compared.get_untracked(), swept: self.swept.get_untracked() }
    }

    fn go_to_step(self, by: isize) {
        let then = self.seen_by_lessons();
        self.lesson.update(|taken| {
            if let Some(taken) = taken {
                let last = taken.lesson.steps.len().saturating_sub(1);
                taken.at = taken.at.saturating_add_signed(by).min(last);
                (taken.then, taken.again) = (then, false);
                taken.again = by < 0 && self.run.with_untracked(|run| taken.is_done(run, then));
            }
        });
        self.say_step();
    }
}

/// Every lesson. Errors are sentences.
pub async fn fetch() -> Result<Vec<Lesson>, String> {
    let failed = || "The lessons did not load. Close this, and open it again.".to_owned();
    let response = Request::get(&crate::beside(LESSONS)).send().await.map_err(|_| failed())?;
    let text = if response.ok() { response.text().await.ok() } else { None };
    text.and_then(|text| read(&text)).ok_or_else(failed)
}

impl Taken {
    /// The step that the lesson is at. Its texts are ours.
    fn shown(&self, missed: bool) -> String {
        let Taken { lesson: Lesson { title, steps, .. }, at, .. } = self;
        let Some(Step { say, until }) = steps.get(*at) else { return String::new() };
        let number = at + 1;
        let waits = until.is_some();
        let asleep = if *at == 0 { " disabled" } else { "" };
        let button = |what: &str, label: &str, asleep: &str| {
            format!("<button class=\"quiet small\" data-do=\"{what}\" data-testid=\"lesson-{what}\"{asleep}>{label}</button>")
        };
        let (back, end) = (button("back", "Back", asleep), button("end", "End the lesson", ""));
        let missed = match (missed, self.again) {
            (true, _) => {
                "<p class=\"missed\" data-testid=\"lesson-missed\">The run has ended before that. Press Run to begin it again, or go back a step.</p>"
            }
            (false, true) => "<p class=\"missed\">That is done already in this run. Press Run to begin it again, or Skip.</p>",
            (false, false) => "",
        };
        let skip = if waits { button("skip", "Skip", "") } else { String::new() };
        format!(
            "<section class=\"intro lesson\" aria-label=\"A lesson\" data-testid=\"lesson\" data-step=\"{number}\"><h2>{}</h2>\
             <p data-testid=\"lesson-step\">{}</p>{missed}<div class=\"sheet-row\"><span class=\"hint\">Step {number} of {}</span>{back}{skip}{end}</div></section>",
            escape(title),
            in_code(&escape(say)),
            steps.len()
        )
    }

    fn until(&self) -> Option<Until> {
        self.lesson.steps.get(self.at).and_then(|step| step.until)
    }

    /// Whether it has come to what the step waits for.
    fn is_done(&self, run: &RunModel, now: Seen) -> bool {
        let is_new = !self.again || now.run > self.then.run;
        is_new && self.until().is_some_and(|until| until.is_so(run, now, self.then))
    }

    /// Whether the run has ended before what the step waits for.
    fn is_missed(&self, run: &RunModel) -> bool {
        self.until().is_some_and(|until| until.is_missed(run))
    }
}

#[component]
pub fn LessonView() -> impl IntoView {
    let lab = use_lab();
    lab.resume_lesson();
    Effect::new(move |_| {
        let (compared, swept) = (lab.compared.get(), lab.swept.get());
        let is_done = lab.lesson.with(|taken| {
            let now = |run: &RunModel| Seen { run: run.run, compared, swept };
            lab.run.with(|run| taken.as_ref().is_some_and(|taken| taken.is_done(run, now(run))))
        });
        if is_done {
            lab.go_to_step(1);
        }
    });
    let press = move |event| match wanted(&event).as_ref().map(|(what, _)| what.as_str()) {
        Some("back") => lab.go_to_step(-1),
        Some("skip") => lab.go_to_step(1),
        Some("end") => lab.lesson.set(None),
        _ => {}
    };
    let missed = Memo::new(move |_| {
        lab.lesson.with(|taken| lab.run.with(|run| taken.as_ref().is_some_and(|taken| taken.is_missed(run))))
    });
    let shown = move || lab.lesson.with(|taken| taken.as_ref().map(|taken| taken.shown(missed.get())).unwrap_or_default());
    let place = NodeRef::<leptos::html::Div>::new();
    let taken = Memo::new(move |_| lab.lesson.with(|taken| taken.as_ref().map(|taken| taken.lesson.name.clone())));
    // It is to be seen where it begins, however far down the page is.
    Effect::new(move |_| {
        if let (Some(place), true) = (place.get(), taken.with(Option::is_some)) {
            place.scroll_into_view_with_bool(true);
        }
    });
    view! { <div class="lesson-place" node_ref=place inner_html=shown on:click=press></div> }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use shared::experiment::check_any;

    use super::*;

    #[test]
    fn every_lesson_has_a_sound_experiment_and_steps_that_can_be_waited_for() {
        let lessons: Vec<Value> = serde_json::from_str(include_str!("../../../lessons.json")).unwrap();
        assert!(lessons.len() >= 8);
        for lesson in lessons {
            let name = lesson["name"].as_str().unwrap();
            assert!(lesson["title"].is_string() && lesson["about"].is_string() && lesson["minutes"].is_u64(), "{name}");
            let lines: Vec<&str> = lesson["text"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
            if let Err(problems) = check_any(&lines.join("\n"), &[]) {
                panic!("{name}: {}", problems[0]);
            }
            let steps = lesson["steps"].as_array().unwrap();
            assert!(steps.iter().all(|step| step["say"].is_string()), "{name}");
            let waits = |step: &Value| step["until"].as_str().map(|until| until.parse::<Until>().is_ok());
            let (last, steps) = steps.split_last().unwrap();
            assert_eq!(waits(last), None, "{name}");
            assert!(steps.iter().all(|step| waits(step) == Some(true)), "{name}");
        }
    }
}
