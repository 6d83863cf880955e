//! What an experiment would do, in outline: its steps in words and the columns after each. A check tells it beside the problems, as far
//! as the text makes sense, so that who writes it sees what comes of every line.

use serde::{Deserialize, Serialize};

use super::spec::Input;
use crate::expr::Schema;
use crate::wire::BusView;

/// An experiment in outline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    pub title: String,
    /// As the experiment says.
    pub workers: Option<u32>,
    /// What is read, for people: a file's name, a dataset's, "text".
    pub input: String,
    /// The columns of what is read.
    pub columns: Vec<OutlineColumn>,
    pub partitions: u32,
    pub steps: Vec<OutlineStep>,
    /// Of an experiment with `messaging`, which has no steps: its bus, empty as long as that makes no sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bus: Option<Box<BusView>>,
}

/// A step and what comes out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlineStep {
    /// Where it stands in the text, from 1.
    pub line: u32,
    /// Its name as written, which may be none that there is.
    pub name: String,
    /// What it does, as written.
    pub words: String,
    pub phase: OutlinePhase,
    /// Whether nothing is wrong with it.
    pub sound: bool,
    /// The columns after it, as far as they are known: behind a step that is wrong some may be missing.
    pub columns: Vec<OutlineColumn>,
}

/// Where a step runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutlinePhase {
    /// In the map tasks.
    Map,
    /// In the reduce tasks, behind the shuffle.
    Reduce,
    /// Over the result.
    Output,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlineColumn {
    pub name: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub data_type: String,
}

/// The steps that begin with a shuffle, unless they order or cut the result.
pub const SHUFFLES: [&str; 4] = ["reduce", "join", "sort", "limit"];

/// An order and a limit at the end are the result's.
pub(super) fn settle(outline: &mut Outline) {
    let last = outline.steps.iter_mut().rev().take_while(|step| step.name == "sort" || step.name == "limit");
    last.for_each(|step| step.phase = OutlinePhase::Output);
}

/// What an input is called.
pub(super) fn input(input: &Input) -> String {
    match input {
        Input::Text(_) => "text".to_owned(),
        Input::Dataset(name) | Input::File(name) => name.clone(),
        Input::Generated(generator) => generator.name(),
    }
}

/// The columns of a schema.
pub(super) fn columns(schema: &Schema) -> Vec<OutlineColumn> {
    let columns = schema.0.iter();
    columns.map(|(name, of)| OutlineColumn { name: name.clone(), data_type: of.to_string() }).collect()
}
