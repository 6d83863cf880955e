//! Breakpoints at the edges of a simulated bus: before a message arrives that one of them waits for, virtual time stands still.
//!
//! Here is what the page keeps of them and says to the simulation; [`mod@view`] is the dialog with the list, [`held`] the message that the run
//! stands before, and what can be done with it. Both are loaded when they are wanted.
//!
//! They are the user's, and no part of an experiment: those whose edge an experiment does not have wait for one that has it. What is done
//! to a message becomes a line of the text, as every other fault.

pub mod held;
pub mod view;

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use shared::experiment::Problem;
use shared::wire::{BreakEdge, Breakpoint, BusView, Command, Place, Role};

use super::later::{Later, Part};
use super::model::RunModel;
use super::state::{Lab, Which};
use crate::components::sheet::{Dialog, Sheet};
use crate::components::store::{keep, recall};

/// Under which key they are kept.
const KEY: &str = "breakpoints";

/// A breakpoint as the user has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub breakpoint: Breakpoint,
    pub on: bool,
}

/// All of them, and what was heard last of a condition: the number of the question, and what is wrong with it.
#[derive(Clone, Copy)]
pub struct Breaks {
    pub list: RwSignal<Vec<Kept>>,
    pub heard: RwSignal<Option<(u32, Option<Problem>)>>,
}

impl Breaks {
    pub fn new() -> Breaks {
        let kept = recall(KEY).and_then(|kept| serde_json::from_str(&kept).ok()).unwrap_or_default();
        Breaks { list: RwSignal::new(kept), heard: RwSignal::new(None) }
    }
}

impl Default for Breaks {
    fn default() -> Breaks {
        Breaks::new()
    }
}

impl Lab {
    /// Changes them, keeps them, and tells a simulation that is there.
    pub fn change_breakpoints(self, change: impl FnOnce(&mut Vec<Kept>)) {
        self.breaks.list.update(change);
        let kept = self.breaks.list.with_untracked(serde_json::to_string);
        keep(KEY, &kept.unwrap_or_default());
        self.tell_breakpoints();
    }

    /// Those that came by a link are on from now on, beside the user's own.
    pub(super) fn add_breakpoints(self, came: Vec<Breakpoint>) {
        if !came.is_empty() {
            self.change_breakpoints(|list| add(list, came));
        }
    }

    /// Those that stop a run of the text that stands there.
    pub(super) fn breakpoints_of_text(self) -> Vec<Breakpoint> {
        let view = self.outline.with_untracked(|outline| outline.as_ref().and_then(|outline| outline.bus.clone()));
        view.map(|view| self.active(|edge| fits(&view, edge))).unwrap_or_default()
    }

    /// The simulation that is looked at hears where it is to stand still.
    pub(super) fn tell_breakpoints(self) {
        let told = self.run.with_untracked(|run| {
            let view = run.bus.as_ref().map(|bus| &bus.view).filter(|_| run.can_be_sought())?;
            Some((run.run, run.place?, self.active(|edge| fits(view, edge))))
        });
        if let Some((run, place, breakpoints)) = told {
            self.send(Which::of(place), &Command::Breakpoints { run, breakpoints });
        }
    }

    /// Those of a new run at this place. It passes over those whose edge it does not have.
    pub(super) fn breakpoints_of(self, place: Place) -> Vec<Breakpoint> {
        if place == Place::Simulate { self.active(|_| true) } else { Vec::new() }
    }

    fn active(self, fits: impl Fn(&BreakEdge) -> bool) -> Vec<Breakpoint> {
        let is_active = |kept: &&Kept| kept.on && fits(&kept.breakpoint.edge);
        self.breaks.list.with_untracked(|list| list.iter().filter(is_active).map(|kept| kept.breakpoint.clone()).collect())
    }
}

/// Adds breakpoints, or turns on those that are there already.
fn add(list: &mut Vec<Kept>, came: Vec<Breakpoint>) {
    for Breakpoint { edge, when, .. } in came {
        let same = |kept: &&mut Kept| kept.breakpoint.edge == edge && kept.breakpoint.when == when;
        if let Some(known) = list.iter_mut().find(same) {
            known.on = true;
            continue;
        }
        let id = next_id(list);
        list.push(Kept { breakpoint: Breakpoint { id, edge, when }, on: true });
    }
}

/// A number that no breakpoint has.
pub(super) fn next_id(list: &[Kept]) -> u32 {
    list.iter().map(|kept| kept.breakpoint.id.saturating_add(1)).max().unwrap_or(1)
}

/// Where messages of a bus can be stopped.
pub fn edges(view: &BusView) -> Vec<BreakEdge> {
    let some = |name: &String| Some(name.clone());
    let of_group = |group: &shared::wire::GroupView| {
        let client = some(&group.name);
        let exchange = group.publishes_to.as_ref().map(|to| to.exchange.clone());
        let publishes = exchange.is_some() || group.role == Role::Responder;
        let takes = group.takes_from.is_some() || group.role == Role::Requester;
        let publish = publishes.then(|| BreakEdge::Publish { client: client.clone(), exchange });
        let deliver = takes.then(|| BreakEdge::Deliver { queue: group.takes_from.clone(), client: client.clone() });
        [deliver, publish].into_iter().flatten().collect::<Vec<_>>()
    };
    view.groups.iter().flat_map(of_group).collect()
}

/// Whether a bus has this edge.
pub fn fits(view: &BusView, edge: &BreakEdge) -> bool {
    let group = |name: &Option<String>| name.as_ref().is_none_or(|name| view.groups.iter().any(|group| group.name == *name));
    match edge {
        BreakEdge::Publish { client, exchange } => {
            let known = |name: &str| name.is_empty() || view.exchanges.iter().any(|exchange| exchange.name == name);
            group(client) && exchange.as_deref().is_none_or(known)
        }
        BreakEdge::Deliver { queue, client } => {
            group(client) && queue.as_ref().is_none_or(|name| view.queues.iter().any(|queue| queue.name == *name))
        }
    }
}

/// Whether what somebody breaks at is this edge, or it is one of those that are meant.
pub fn covers(broken: &BreakEdge, edge: &BreakEdge) -> bool {
    let same = |wanted: &Option<String>, name: &Option<String>| wanted.is_none() || wanted == name;
    match (broken, edge) {
        (BreakEdge::Publish { client, exchange }, BreakEdge::Publish { client: group, exchange: to }) => {
            same(client, group) && same(exchange, to)
        }
        (BreakEdge::Deliver { queue, client }, BreakEdge::Deliver { queue: from, client: group }) => {
            same(queue, from) && same(client, group)
        }
        _ => false,
    }
}

/// What the run stands before, in a sentence.
pub fn stopped(run: &RunModel) -> Option<String> {
    let halt = run.halt()?;
    let to = super::timeline::messages::node_name(run, halt.to);
    Some(format!("Stopped at a breakpoint: message {} is about to arrive at {to}.", halt.name))
}

/// The dialog's handle.
#[derive(Clone, Copy)]
pub struct Breaker {
    dialog: Dialog,
    /// The edge that it opens for.
    pub(super) preset: RwSignal<Option<BreakEdge>>,
}

impl Breaker {
    pub fn new() -> Breaker {
        Breaker { dialog: Dialog::new(), preset: RwSignal::new(None) }
    }

    pub fn open(self, edge: Option<BreakEdge>) {
        self.preset.set(edge);
        self.dialog.open();
    }
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker::new()
    }
}

/// The dialog.
#[component]
pub fn BreaksDialog() -> impl IntoView {
    let dialog = expect_context::<Breaker>().dialog;
    view! {
        <Sheet dialog=dialog name="breaks" title="Breakpoints">
            <Later part=Part::Breaks(dialog) wanted=move || dialog.was_opened() />
        </Sheet>
    }
}

#[cfg(test)]
mod tests {
    use shared::wire::{BindingView, ExchangeView, GroupView, QueueView};

    use super::*;

    fn group(name: &str, role: Role, publishes_to: Option<&str>, takes_from: Option<&str>) -> GroupView {
        let publishes_to = publishes_to.map(|to| BindingView { exchange: to.to_owned(), key: String::new() });
        let (takes_from, about) = (takes_from.map(str::to_owned), String::new());
        GroupView { name: name.to_owned(), count: 2, role, publishes_to, takes_from, about }
    }

    fn view() -> BusView {
        let queue = |name: &str| QueueView {
            name: name.to_owned(),
            bindings: Vec::new(),
            most: None,
            overload: String::new(),
            dead_letter: None,
        };
        BusView {
            exchanges: vec![ExchangeView { name: "jobs".to_owned(), kind: "direct".to_owned() }],
            queues: vec![queue("tasks")],
            groups: vec![
                group("web", Role::Publisher, Some("jobs"), None),
                group("worker", Role::Consumer, None, Some("tasks")),
                group("shop", Role::Requester, Some(""), None),
                group("prices", Role::Responder, None, Some("tasks")),
            ],
            ..BusView::default()
        }
    }

    #[test]
    fn every_way_of_a_message_between_a_client_and_the_broker_is_an_edge_that_fits() {
        let named: Vec<String> = edges(&view()).iter().map(BreakEdge::to_string).collect();
        let wanted = [
            "web → jobs",
            "tasks → worker",
            "any queue → shop",
            "shop → the default exchange",
            "tasks → prices",
            "prices → any exchange",
        ];
        assert_eq!(named, wanted);
        assert!(edges(&view()).iter().all(|edge| fits(&view(), edge)));
        assert!(!fits(&BusView::default(), &edges(&view())[0]));
    }

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        let list: Vec<Kept> = (0..)
            .zip(edges(&view()))
            .map(|(id, edge)| Kept { breakpoint: Breakpoint { id, edge, when: Some("key = 'a'".to_owned()) }, on: id % 2 == 0 })
            .collect();
        let text = serde_json::to_string(&list).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Kept>>(&text).unwrap(), list);
    }

    #[test]
    fn what_comes_by_a_link_is_added_once_and_is_on() {
        let edges = edges(&view());
        let (first, second) = (&edges[0], &edges[1]);
        let of =
            |id, edge: &BreakEdge, when: Option<&str>| Breakpoint { id, edge: edge.clone(), when: when.map(str::to_owned) };
        let mut list = vec![Kept { breakpoint: of(4, first, None), on: false }];
        let came = vec![of(1, first, None), of(2, first, Some("n = 5")), of(3, second, None)];
        add(&mut list, came.clone());
        add(&mut list, came);
        let told: Vec<_> = list.iter().map(|kept| (kept.breakpoint.id, kept.breakpoint.when.as_deref(), kept.on)).collect();
        assert_eq!(told, [(4, None, true), (5, Some("n = 5"), true), (6, None, true)]);
    }

    #[test]
    fn an_edge_is_marked_by_what_is_broken_at_for_it_or_for_all() {
        let all = BreakEdge::Publish { client: None, exchange: Some("jobs".to_owned()) };
        assert!(covers(&all, &edges(&view())[0]));
        assert!(!covers(&all, &edges(&view())[1]) && !covers(&all, &edges(&view())[3]));
    }
}
