//! The picture of an example in the gallery, and how long it takes: what a simulation of it told when the page was built, laid out as the
//! graph of a run would be, and drawn small.

use std::fmt::Write as _;

use js_sys::JSON;
use serde::Deserialize;
use shared::wire::{BusView, StageView};
use wasm_bindgen::JsValue;

use crate::lab::bus::in_short;
use crate::lab::bus::sketch::{Flow, Of, Sketch};
use crate::lab::format::{duration_ms, of};
use crate::lab::graph::layout::{Layout, Role};

/// The panel that a picture is laid out for, and what is cut off for headings, which have no room. Pixels.
const PANEL_PX: (f64, f64) = (520.0, 190.0);
const HEAD_PX: f64 = 36.0;

/// What is known of an example.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Told {
    virtual_ms: Option<f64>,
    #[serde(default)]
    stages: Vec<StageView>,
    bus: Option<BusView>,
}

impl Told {
    /// From the list of examples. `None` where nothing is told.
    pub fn read(value: &JsValue) -> Option<Told> {
        serde_json::from_str(&JSON::stringify(value).ok()?.as_string()?).ok()
    }

    /// The picture, and a line of words; as HTML.
    pub fn shown(&self) -> String {
        match (&self.bus, self.stages.is_empty()) {
            (Some(bus), _) => format!("{}<p class=\"takes\">{}</p>", self::bus(bus), self.words()),
            (None, false) => format!("{}<p class=\"takes\">{}</p>", job(&self.stages), self.words()),
            (None, true) => String::new(),
        }
    }

    fn words(&self) -> String {
        let what = match &self.bus {
            Some(bus) => in_short(bus),
            None => {
                let tasks = self.stages.iter().map(|stage| u64::from(stage.tasks)).sum();
                format!("{}, {}", of(self.stages.len() as u64, "stage", "stages"), of(tasks, "task", "tasks"))
            }
        };
        match self.virtual_ms.map(duration_ms) {
            Some(takes) => format!("{what} · simulated, it takes {} {} of virtual time", takes.value, takes.unit),
            None => what,
        }
    }
}

fn picture((width, height): (f64, f64), top: f64, inside: &str) -> String {
    format!(
        "<svg class=\"thumb\" viewBox=\"0 {top:.0} {width:.0} {:.0}\" aria-hidden=\"true\" focusable=\"false\">{inside}</svg>",
        height - top
    )
}

fn job(stages: &[StageView]) -> String {
    let layout = Layout::new(PANEL_PX.0, PANEL_PX.1, stages);
    let mut inside = String::new();
    // Writing to a string cannot fail.
    for edge in layout.bundles.iter().flat_map(|bundle| &bundle.edges) {
        let bundled = if edge.bundled { " bundled" } else { "" };
        let _ = write!(inside, "<path class=\"edge{bundled}\" d=\"{}\"/>", edge.path);
    }
    for bar in &layout.bars {
        let at = bar.area;
        let _ = write!(
            inside,
            "<rect class=\"shuffle-bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\"/>",
            at.x, at.y, at.width, at.height
        );
    }
    for placed in &layout.cells {
        let class = match placed.role {
            Role::Split => "split",
            Role::Map | Role::Reduce => "task",
            Role::Output => "output",
        };
        for cell in 0..placed.grid.count {
            let at = placed.grid.cell(cell);
            let _ = write!(
                inside,
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"2\"/>",
                at.x, at.y, at.width, at.height
            );
        }
    }
    picture(layout.size, HEAD_PX, &inside)
}

fn bus(view: &BusView) -> String {
    let sketch = Sketch::new(view, PANEL_PX);
    let mut inside = String::new();
    for edge in &sketch.edges {
        let [from, leaves, arrives, to] = sketch.curve(edge);
        let dead = if matches!(edge.flow, Flow::Dead(_)) { " dead" } else { "" };
        let _ = write!(
            inside,
            "<path class=\"edge{dead}\" d=\"M{:.1} {:.1}C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}\"/>",
            from.0, from.1, leaves.0, leaves.1, arrives.0, arrives.1, to.0, to.1
        );
    }
    for card in &sketch.cards {
        let (class, radius) = match card.of {
            Of::Group(_) => ("task", 6.0),
            Of::Exchange(_) => ("exchange", card.height / 2.0),
            Of::Queue(_) => ("queue", 0.0),
        };
        let _ = write!(
            inside,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{radius:.0}\"/>",
            card.x, card.y, card.width, card.height
        );
    }
    picture(sketch.size, 0.0, &inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = r#"{ "virtual_ms": 1234.5, "stages": [
        { "what": "map", "phase": "map", "first": 0, "tasks": 3, "of": [] },
        { "what": "reduce", "phase": "reduce", "first": 0, "tasks": 2, "of": [0] } ] }"#;
    const QUEUE: &str = r#"{ "virtual_ms": 30000.0, "bus": { "span": "30000000", "exchanges": [{ "name": "jobs", "kind": "direct" }],
        "queues": [{ "name": "tasks", "bindings": [{ "exchange": "jobs", "key": "task" }], "most": null, "overload": "buffer",
            "dead_letter": null }],
        "groups": [] } }"#;

    fn told(json: &str) -> Told {
        serde_json::from_str(json).expect("it is as the gate writes it")
    }

    #[test]
    fn a_job_is_drawn_with_all_its_tasks_and_says_how_long_it_takes() {
        let shown = told(WORDS).shown();
        assert_eq!(shown.matches("class=\"task\"").count(), 5);
        assert_eq!(shown.matches("class=\"shuffle-bar\"").count(), 1);
        assert!(shown.contains("2 stages, 5 tasks · simulated, it takes 1.2"), "{shown}");
        assert!(shown.contains("of virtual time"));
    }

    #[test]
    fn a_bus_is_drawn_with_its_exchanges_and_queues() {
        let shown = told(QUEUE).shown();
        assert!(
            shown.contains("class=\"exchange\"") && shown.contains("class=\"queue\"") && shown.contains("class=\"edge\""),
            "{shown}"
        );
    }

    #[test]
    fn of_what_is_not_known_nothing_is_shown() {
        assert_eq!(Told::default().shown(), "");
    }

    #[test]
    fn every_example_of_the_file_can_be_read() {
        let all: std::collections::BTreeMap<String, Told> =
            serde_json::from_str(include_str!("../../../gallery.json")).expect("it is as the gate writes it");
        assert!(all.values().all(|told| told.virtual_ms.is_some() && !told.shown().is_empty()));
    }
}
