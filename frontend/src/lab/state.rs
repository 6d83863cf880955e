//! What the page knows and what the user has chosen, as signals that every view shares.
//!
//! [`Lab`] is a handful of signal handles and may be copied anywhere. What it *does* is in `commands` (the user's side) and `hear`
//! (the sessions' side).

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use leptos::prelude::*;
use shared::experiment::{Outline, Problem};
use shared::time::Time;
use shared::wire::{ExportFormat, Place, Speed};

use super::aside::Aside;
use super::breaks::Breaks;
use super::change::Before;
use super::experiment::TEXT_KEY;
use super::faults::again::{Edit, Next};
use super::inspect::Selected;
use super::kept::Runs;
use super::kept::record::Read;
use super::lesson::Taken;
use super::model::RunModel;
use super::preview::Preview;
use super::result::Table;
use super::result::pack::Parcel;
use super::timeline::Window;
use crate::components::store::{keep, recall};
use crate::session::upload::Upload;
use crate::session::{Local, Remote};

/// The experiment that the page opens on. Its simulated workers are slow enough to be watched: at [`OPENING_SPEED`] it takes some
/// twenty seconds.
pub const WORD_COUNT: &str = "\
millrace: 1
title: Word count
about: The first program of the MapReduce paper.
workers: 4
compute: 400 KB/s
batch:
  input: { dataset: glosses }
  format: lines
  split: 256 KiB
  partitions: 4
  steps:
    - flat_map: { word: \"words(lower(line))\" }
    - filter: \"length(word) > 1\"
    - reduce: { key: word, values: { count: \"count(*)\" } }
    - sort: count desc, word
faults:
  - { at: 40%, kill: worker-2 }
expect:
  - equals_sequential: true
";

/// How fast virtual time goes in the run that the page opens on.
pub const OPENING_SPEED: Speed = Speed::Times(0.5);
/// Under which key the last text of the user's own is kept that an example replaced.
pub(super) const OWN_TEXT_KEY: &str = "own-experiment";

/// Longest experiment text, in bytes (DESIGN §9).
pub const TEXT_BYTES_MAX: usize = 256 * 1024;
/// Most workers that a real place starts (DESIGN §9).
pub const WORKERS_MAX: u32 = 64;

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Input {
    /// What the experiment's text says.
    #[default]
    AsWritten,
    /// The bundled text, so many times over: long enough to watch.
    Repeated(u32),
    File(web_sys::File),
    Pasted(String),
}

impl Input {
    /// What is read instead of what the text says, if anything is.
    pub fn instead(&self) -> Option<String> {
        match self {
            Input::AsWritten => None,
            Input::Repeated(times) => Some(format!("the glosses {times} times over")),
            Input::File(file) => Some(file.name()),
            Input::Pasted(_) => Some("the pasted text".to_owned()),
        }
    }
}

/// How it stands with a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Link {
    /// Not tried.
    #[default]
    Unknown,
    Connecting,
    Up {
        cores: u32,
    },
    /// A sentence says why.
    Down(String),
}

impl Link {
    pub fn is_up(&self) -> bool {
        matches!(self, Link::Up { .. })
    }
}

/// Which of the two sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Engine,
    Server,
}

impl Which {
    /// The session that runs experiments at `place`.
    pub fn of(place: Place) -> Which {
        match place {
            Place::Server => Which::Server,
            Place::Browser | Place::Simulate => Which::Engine,
        }
    }
}

/// The page's state.
#[derive(Clone, Copy)]
pub struct Lab {
    // Chosen by the user.
    pub place: RwSignal<Place>,
    /// How fast the virtual time of simulated runs goes.
    pub speed: RwSignal<Speed>,
    pub workers: RwSignal<u32>,
    pub text: RwSignal<String>,
    pub input: RwSignal<Input, LocalStorage>,
    pub preview: Preview,
    // Known from the sessions.
    pub engine: RwSignal<Link>,
    pub server: RwSignal<Link>,
    pub problems: RwSignal<Vec<Problem>>,
    /// What the text would do: the text as it is, or as it was when it last could be read.
    pub outline: RwSignal<Option<Outline>>,
    /// Whether the outline is that of an earlier text.
    pub outline_is_old: RwSignal<bool>,
    pub run: RwSignal<RunModel>,
    /// The moment of the run that somebody is on the way to.
    pub sought: RwSignal<Option<Time>>,
    /// The moment that the pointer is on, in the timeline or in a chart: the others show it too.
    pub pointed: RwSignal<Option<Time>>,
    /// The stretch of the run's time that the timeline and the charts show.
    pub window: RwSignal<Window>,
    /// The timeline shows messages and no bars.
    pub messages_shown: RwSignal<bool>,
    /// What came as the answer to a question of this number that was for no file.
    pub answer: RwSignal<Option<(u32, js_sys::Uint8Array)>, LocalStorage>,
    pub table: Table,
    /// Bytes of the export that is being collected.
    pub exporting: RwSignal<Option<f64>>,
    /// Under which id others can watch a run, by its number: as soon as somebody has asked for it.
    pub invitation: RwSignal<Option<(u32, String)>>,
    /// A refused command or another trouble that concerns the user's last action only.
    pub notice: RwSignal<Option<String>>,
    /// The run as it was without the faults that somebody wished for.
    pub before: RwSignal<Before>,
    /// What was changed about its faults since then, but for what was wished for in it.
    pub edits: RwSignal<Vec<Edit>>,
    /// The text of the user's own that a link took the place of.
    pub set_aside: RwSignal<Option<String>>,
    /// What is looked at closely.
    pub selected: RwSignal<Option<Selected>>,
    /// The live bus that a link wants to be attached to.
    pub to_join: RwSignal<Option<String>>,
    /// Whether this page is attached to a live bus, and how many clients of other tabs' runs live in it.
    pub joined: RwSignal<(bool, usize)>,
    /// What a screen reader says next.
    pub spoken: RwSignal<String>,
    /// The run that is looked at is the one that the page opened on: nobody asked for it, and any other may take its place.
    pub opening: RwSignal<bool>,
    /// The lesson that is under way.
    pub lesson: RwSignal<Option<Taken>>,
    /// The one that was under way when the page was left, by its name, and its step from 0: until it is there again.
    pub lesson_left: RwSignal<Option<(String, usize)>>,
    /// How many comparisons and how many sweeps have come to their end in this page.
    pub compared: RwSignal<u32>,
    pub swept: RwSignal<u32>,
    /// The three sentences beside the first run are still open.
    pub intro: RwSignal<bool>,
    /// What is to be kept of runs that end.
    pub kept: Runs,
    pub breaks: Breaks,
    pub(super) inner: StoredValue<Inner, LocalStorage>,
}

/// What no view looks at.
#[derive(Default)]
pub(super) struct Inner {
    pub build: String,
    pub local: Option<Rc<Local>>,
    pub remote: Option<Rc<Remote>>,
    /// Whether the server ever answered this page.
    pub server_was_there: bool,
    pub last_run: u32,
    pub last_id: u32,
    pub check_id: u32,
    pub upload: Option<Upload>,
    /// What has come of the exports that are being collected.
    pub exports: BTreeMap<u32, Export>,
    /// One that is to be compressed.
    pub parcel: Option<Parcel>,
    /// Runs that no view looks at, by their numbers.
    pub asides: BTreeMap<u32, Aside>,
    pub drawing: Rc<Drawing>,
    /// A simulation is on its way to a moment, since then by the page's clock.
    pub seeking_since_ms: Option<f64>,
    /// The text of the run that is looked at, with the faults that were wished for in it, and how many those are.
    pub ran: (String, usize),
    /// What that run reads.
    pub read: Read,
    /// It is there again after a reload, and was kept when it had ended before.
    pub is_kept: bool,
    /// The run that will take the place of the one that is looked at.
    pub next: Option<Next>,
    /// The moment of the run that a link wants to be seen, as soon as there is one.
    pub land_at: Option<Time>,
    /// The user's own number of workers; before that the experiment's counts.
    pub workers_chosen: bool,
}

/// An export that is being collected.
pub(super) struct Export {
    pub format: ExportFormat,
    /// It is compressed before it is given.
    pub packed: bool,
    pub parts: Vec<js_sys::Uint8Array>,
}

/// When the views look at the run.
#[derive(Default)]
pub(super) struct Drawing {
    pub due: Cell<Redraw>,
    /// The last time, by the page's clock.
    pub last_ms: Cell<f64>,
}

/// What is due, the sooner the greater.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Redraw {
    #[default]
    None,
    /// After a while.
    Later,
    /// With the next animation frame.
    NextFrame,
}

impl Default for Lab {
    fn default() -> Lab {
        Lab::new()
    }
}

impl Lab {
    /// Whether what is looked at is a bus: the run, or before there is one the text.
    pub fn is_bus(self) -> bool {
        match self.run.with(|run| run.started.as_ref().map(|started| started.bus.is_some())) {
            Some(is_bus) => is_bus,
            None => self.text_is_bus(),
        }
    }

    /// Whether the text is an experiment with `messaging`.
    pub fn text_is_bus(self) -> bool {
        self.outline.with(|outline| outline.as_ref().is_some_and(|outline| outline.bus.is_some()))
    }

    pub fn new() -> Lab {
        Lab {
            place: RwSignal::new(Place::Browser),
            speed: RwSignal::new(Speed::Max),
            workers: RwSignal::new(cores()),
            text: RwSignal::new(recall(TEXT_KEY).unwrap_or_else(|| WORD_COUNT.to_owned())),
            input: RwSignal::new_local(Input::AsWritten),
            preview: Preview::new(),
            engine: RwSignal::new(Link::Connecting),
            server: RwSignal::new(Link::Unknown),
            problems: RwSignal::new(Vec::new()),
            outline: RwSignal::new(None),
            outline_is_old: RwSignal::new(false),
            run: RwSignal::new(RunModel::default()),
            sought: RwSignal::new(None),
            pointed: RwSignal::new(None),
            window: RwSignal::new(None),
            messages_shown: RwSignal::new(false),
            answer: RwSignal::new_local(None),
            table: Table::new(),
            exporting: RwSignal::new(None),
            invitation: RwSignal::new(None),
            notice: RwSignal::new(None),
            before: RwSignal::new(Before::None),
            edits: RwSignal::new(Vec::new()),
            set_aside: RwSignal::new(None),
            selected: RwSignal::new(None),
            to_join: RwSignal::new(None),
            joined: RwSignal::new((false, 0)),
            spoken: RwSignal::new(String::new()),
            opening: RwSignal::new(false),
            lesson: RwSignal::new(None),
            lesson_left: RwSignal::new(None),
            compared: RwSignal::new(0),
            swept: RwSignal::new(0),
            intro: RwSignal::new(false),
            kept: Runs::new(),
            breaks: Breaks::new(),
            inner: StoredValue::new_local(Inner::default()),
        }
    }

    /// Whether the text is the one that the page comes with.
    pub fn text_is_ours(self) -> bool {
        self.text.with_untracked(|text| text == WORD_COUNT)
    }

    /// Keeps the text, which something is about to replace.
    pub fn keep_own_text(self) {
        if !self.text_is_ours() {
            self.text.with_untracked(|text| keep(OWN_TEXT_KEY, text));
        }
    }

    /// The link to the session of the chosen place.
    pub fn link(self, place: Place) -> RwSignal<Link> {
        match Which::of(place) {
            Which::Engine => self.engine,
            Which::Server => self.server,
        }
    }

    /// How long the views have not looked at the run, in milliseconds.
    pub fn undrawn_ms(self) -> f64 {
        wall_ms() - self.inner.with_value(|inner| inner.drawing.last_ms.get())
    }

    /// How many workers can run at once at the chosen place.
    pub fn cores(self) -> u32 {
        match self.link(self.place.get()).get() {
            Link::Up { cores } => cores.clamp(1, WORKERS_MAX),
            _ => cores(),
        }
    }
}

/// The lab of this page.
pub fn use_lab() -> Lab {
    expect_context::<Lab>()
}

/// The page's clock, milliseconds.
pub fn wall_ms() -> f64 {
    window().performance().map_or(0.0, |performance| performance.now())
}

fn cores() -> u32 {
    (window().navigator().hardware_concurrency() as u32).clamp(1, WORKERS_MAX)
}
