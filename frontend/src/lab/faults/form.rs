//! What somebody has chosen to go wrong, as plain data: the fault that it is, and what can be done with that here and now.

use shared::experiment::{parse_percentage, parse_span};
use shared::fault::{EdgeFault, EdgeKind, Effect, Fault, Moment};
use shared::id::NodeId;
use shared::time::{Span, Time};
use shared::wire::Place;

/// What can go wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Kill,
    Slow,
    Pause,
    Drop,
    Delay,
    Duplicate,
    Partition,
    Restart,
}

/// Every kind, its name in the form and its words.
pub const KINDS: [(Kind, &str, &str); 8] = [
    (Kind::Kill, "kill", "Kill a node"),
    (Kind::Slow, "slow", "Slow a node"),
    (Kind::Pause, "pause", "Pause a node"),
    (Kind::Drop, "drop", "Drop messages"),
    (Kind::Delay, "delay", "Delay messages"),
    (Kind::Duplicate, "duplicate", "Duplicate messages"),
    (Kind::Partition, "partition", "Partition the network"),
    (Kind::Restart, "restart", "Restart the coordinator"),
];

impl Kind {
    pub fn of(name: &str) -> Kind {
        KINDS.iter().find(|(_, known, _)| *known == name).map_or(Kind::Kill, |(kind, ..)| *kind)
    }

    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, ..)| *kind == self).map_or("kill", |(_, name, _)| name)
    }
}

/// The nodes of what is run, the coordinator or the broker first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Nodes {
    pub names: Vec<(NodeId, String)>,
    pub is_bus: bool,
}

impl Nodes {
    pub fn name(&self, node: NodeId) -> String {
        self.names.iter().find(|(known, _)| *known == node).map_or_else(|| node.to_string(), |(_, name)| name.clone())
    }

    /// Those that can be killed: a coordinator is restarted instead.
    pub fn killable(&self) -> impl Iterator<Item = &(NodeId, String)> {
        self.names.iter().filter(|(node, _)| self.is_bus || *node != NodeId::Coordinator)
    }
}

/// When it is to happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    #[default]
    Now,
    Time,
    Share,
}

/// The fields as they stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Form {
    pub kind: Kind,
    pub node: Option<NodeId>,
    /// Ends of an edge; `None` is any node.
    pub from: Option<NodeId>,
    pub to: Option<NodeId>,
    /// The nodes on the one side of a partition.
    pub apart: Vec<NodeId>,
    pub factor: String,
    pub probability: String,
    /// How much later messages come.
    pub by: String,
    /// How long it lasts; for good if it is empty.
    pub lasting: String,
    pub when: When,
    pub time: String,
    pub share: String,
}

impl Form {
    /// The fault, `now` at this moment of the run. Errors are sentences.
    pub fn fault(&self, nodes: &Nodes, now: Time) -> Result<Fault, String> {
        let effect = self.effect(nodes)?;
        effect.check(u32::MAX, Place::Simulate).map_err(|reason| sentence(&reason))?;
        let at = match self.when {
            When::Now => Moment::Time(now),
            When::Time => Moment::Time(Time::ZERO + span("a time", &self.time)?),
            When::Share => Moment::Progress(share("The progress", &self.share)?),
        };
        Ok(Fault { at, effect })
    }

    fn effect(&self, nodes: &Nodes) -> Result<Effect, String> {
        let node = || self.node.ok_or_else(|| "Choose the node that it happens to.".to_owned());
        let lasting = || match self.lasting.trim() {
            "" => Ok(None),
            lasting => span("how long it lasts", lasting).map(Some),
        };
        let needed = |what: &str| lasting()?.ok_or_else(|| format!("Say how long {what} lasts, like `2 s`."));
        let edge = |kind| {
            let probability = share("The probability", &self.probability)?;
            Ok(Effect::Edge(EdgeFault { from: self.from, to: self.to, kind, probability, span: lasting()? }))
        };
        match self.kind {
            Kind::Kill if node()? == NodeId::Coordinator && !nodes.is_bus => {
                Err("A coordinator is not killed but restarted: choose Restart the coordinator.".to_owned())
            }
            Kind::Kill => Ok(Effect::Kill(node()?)),
            Kind::Restart => Ok(Effect::RestartCoordinator),
            Kind::Slow => {
                let factor = self.factor.trim().parse::<f64>().ok().filter(|factor| factor.is_finite());
                let factor = factor.ok_or("Write how many times slower as a number, like `4`.")?;
                Ok(Effect::Slow { node: node()?, factor, span: lasting()? })
            }
            Kind::Pause => Ok(Effect::Pause { node: node()?, span: needed("the pause")? }),
            Kind::Drop => edge(EdgeKind::Drop),
            Kind::Duplicate => edge(EdgeKind::Duplicate),
            Kind::Delay => edge(EdgeKind::Delay(span("how much later messages come", &self.by)?)),
            Kind::Partition => {
                let (apart, rest): (Vec<_>, Vec<_>) =
                    nodes.names.iter().map(|(node, _)| *node).partition(|node| self.apart.contains(node));
                if apart.is_empty() || rest.is_empty() {
                    return Err("Choose the nodes on the one side; at least one stays on the other.".to_owned());
                }
                Ok(Effect::Partition { groups: vec![apart, rest], span: Some(needed("the partition")?) })
            }
        }
    }
}

fn span(what: &str, written: &str) -> Result<Span, String> {
    parse_span(written.trim()).map_err(|_| format!("Write {what} like `250 ms` or `3 s`."))
}

/// `20%`, or `20`.
fn share(what: &str, written: &str) -> Result<f64, String> {
    let written = written.trim().trim_end_matches('%').trim_end();
    parse_percentage(&format!("{written}%")).map_err(|_| format!("{what} lies between 0% and 100%, like `20%`."))
}

fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// What there is for a fault to happen to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Situation {
    /// The place of the run that is looked at; `None` if there is none.
    pub run: Option<Place>,
    /// Something can still happen in it.
    pub is_live: bool,
    /// Any of its moments can be gone to.
    pub can_be_sought: bool,
    /// The text is the one that runs.
    pub same_text: bool,
    /// Where the next run goes.
    pub place: Place,
}

/// What is done with a fault.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    /// It happens to the run that goes on.
    Wish,
    /// It becomes a line, and the run is simulated again up to the moment that is looked at.
    Again,
    /// It becomes a line, for the next run.
    Write,
    /// A sentence why not; whether a simulation could.
    Refused(String, bool),
}

/// What can be done with this effect at that moment.
pub fn way(effect: &Effect, when: When, situation: Situation) -> Way {
    let Situation { run, is_live, can_be_sought, same_text, place } = situation;
    let refusal = |place| {
        let mut reason = effect.check(u32::MAX, place).err()?;
        // The button beside it says what can be done instead.
        reason.truncate(reason.find(": choose").unwrap_or(reason.len()));
        Some(Way::Refused(sentence(&reason), true))
    };
    match (when, run) {
        (When::Now, Some(place)) if is_live => refusal(place).unwrap_or(Way::Wish),
        (When::Now, _) => {
            let sentence = "Nothing goes on at this moment: choose a time or a share of the progress.";
            Way::Refused(sentence.to_owned(), false)
        }
        (_, Some(Place::Simulate)) if can_be_sought && same_text => Way::Again,
        _ => refusal(place).unwrap_or(Way::Write),
    }
}

impl Way {
    /// What the button says.
    pub fn verb(&self) -> &'static str {
        match self {
            Way::Wish | Way::Refused(..) => "Let it happen",
            Way::Again => "Let it happen then",
            Way::Write => "Write it into the text",
        }
    }

    /// What will come of it, in a sentence.
    pub fn told(&self, is_real: bool) -> String {
        match self {
            Way::Wish if is_real => "It happens at once to the real nodes, and becomes a line of the text.".to_owned(),
            Way::Wish => "It happens at the moment that you look at, and becomes a line of the text.".to_owned(),
            Way::Again => {
                "It becomes a line of the text, and the run is simulated again up to the moment that you look at.".to_owned()
            }
            Way::Write => "It becomes a line of the text, for the next run.".to_owned(),
            Way::Refused(sentence, _) => sentence.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::fault::text::item;

    use super::*;

    fn batch() -> Nodes {
        let nodes = [NodeId::Coordinator, NodeId::Worker(1), NodeId::Worker(2)];
        Nodes { names: nodes.into_iter().map(|node| (node, node.to_string())).collect(), is_bus: false }
    }

    fn form(kind: Kind) -> Form {
        let text = str::to_owned;
        Form {
            kind,
            node: Some(NodeId::Worker(2)),
            from: Some(NodeId::Worker(1)),
            apart: vec![NodeId::Worker(1)],
            factor: text("4"),
            probability: text("20%"),
            by: text("50 ms"),
            lasting: text("2 s"),
            when: When::Share,
            share: text("40"),
            ..Form::default()
        }
    }

    #[test]
    fn every_kind_becomes_the_line_that_says_it() {
        let lines: Vec<_> = KINDS.iter().map(|(kind, ..)| item(&form(*kind).fault(&batch(), Time::ZERO).unwrap())).collect();
        let wanted = [
            "{ at: 40%, kill: worker-2 }",
            "{ at: 40%, slow: { node: worker-2, factor: 4 }, for: 2 s }",
            "{ at: 40%, pause: { node: worker-2, for: 2 s } }",
            "{ at: 40%, drop: { from: worker-1, probability: 0.2 }, for: 2 s }",
            "{ at: 40%, delay: { from: worker-1, by: 50 ms, probability: 0.2 }, for: 2 s }",
            "{ at: 40%, duplicate: { from: worker-1, probability: 0.2 }, for: 2 s }",
            "{ at: 40%, partition: [[worker-1], [coordinator, worker-2]], for: 2 s }",
            "{ at: 40%, restart: coordinator }",
        ];
        assert_eq!(lines, wanted);
        let now = Form { when: When::Now, ..form(Kind::Kill) };
        assert_eq!(item(&now.fault(&batch(), Time(1_500_000)).unwrap()), "{ at: 1.5 s, kill: worker-2 }");
    }

    #[test]
    fn what_is_missing_is_said() {
        let refused = |form: Form| form.fault(&batch(), Time::ZERO).unwrap_err();
        assert_eq!(refused(Form { node: None, ..form(Kind::Kill) }), "Choose the node that it happens to.");
        assert!(refused(Form { node: Some(NodeId::Coordinator), ..form(Kind::Kill) }).contains("restarted"));
        assert!(refused(Form { lasting: String::new(), ..form(Kind::Pause) }).contains("how long the pause lasts"));
        assert!(refused(Form { apart: Vec::new(), ..form(Kind::Partition) }).contains("one side"));
        assert!(refused(Form { probability: "120%".to_owned(), ..form(Kind::Drop) }).contains("between 0% and 100%"));
        assert!(refused(Form { factor: "0.5".to_owned(), ..form(Kind::Slow) }).contains("times slower"));
        assert!(refused(Form { when: When::Time, time: "soon".to_owned(), ..form(Kind::Kill) }).contains("like `250 ms`"));
    }

    #[test]
    fn what_a_place_cannot_do_is_said_and_simulation_is_offered() {
        let live = Situation {
            run: Some(Place::Browser),
            is_live: true,
            can_be_sought: false,
            same_text: true,
            place: Place::Browser,
        };
        let kill = Effect::Kill(NodeId::Worker(1));
        let edge = form(Kind::Drop).effect(&batch()).unwrap();
        assert_eq!(way(&kill, When::Now, live), Way::Wish);
        let Way::Refused(sentence, true) = way(&edge, When::Now, live) else { panic!("it is refused") };
        assert!(sentence.starts_with("Messages between real workers") && sentence.ends_with("partitioned."), "{sentence}");
        assert!(matches!(way(&edge, When::Share, live), Way::Refused(_, true)));
        assert_eq!(way(&kill, When::Share, live), Way::Write);
        let simulated = Situation { run: Some(Place::Simulate), can_be_sought: true, place: Place::Simulate, ..live };
        assert_eq!(way(&edge, When::Now, simulated), Way::Wish);
        assert_eq!(way(&edge, When::Time, simulated), Way::Again);
        assert_eq!(way(&edge, When::Time, Situation { same_text: false, ..simulated }), Way::Write);
        assert!(matches!(way(&kill, When::Now, Situation { is_live: false, ..simulated }), Way::Refused(_, false)));
    }
}
