//! Stages as steps make them: a chain is the stage that is open, to which record-wise steps are added, until a step that needs a
//! shuffle closes it and opens the next.

use super::steps::Given;
use crate::batch::{Column, Emit, Gather, Join, Plan, Records, Reduce, SortKey, Stage, Step};
use crate::expr::{Schema, Type};

/// All stages closed so far, and what those that read do read.
#[derive(Default)]
pub(super) struct Stages {
    pub inputs: Vec<Records>,
    pub stages: Vec<Stage>,
}

/// The stage that is open.
pub(super) struct Chain {
    /// The columns that the next step sees.
    pub schema: Schema,
    /// Whether a step that should have made columns was wrong, or nobody knows the input's: a column that is missing then is no
    /// new problem.
    pub unsure: bool,
    gather: Gather,
    /// How many columns it gathers.
    width: usize,
    steps: Vec<Step>,
    /// An order and a limit that are not made yet: the result's, if nothing comes after them.
    pub sort: Vec<SortKey>,
    pub limit: Option<u64>,
}

impl Stages {
    /// Whether the columns of an input are not known, so that no step can be typed.
    pub fn is_open(&self) -> bool {
        self.inputs.iter().any(|records| records.columns.is_empty())
    }

    /// Begins with the records of one more input.
    pub fn read(&mut self, records: Records) -> Chain {
        let columns = records.columns.iter().map(|column| (column.name.clone(), column.data_type.clone()));
        let (schema, width) = (Schema(columns.collect()), records.columns.len());
        let gather = Gather::Read(self.inputs.len());
        let unsure = records.columns.is_empty();
        self.inputs.push(records);
        Chain { schema, unsure, gather, width, steps: Vec::new(), sort: Vec::new(), limit: None }
    }

    /// Adds a record-wise step; `schema` are the columns behind it.
    pub fn push(&mut self, chain: &mut Chain, step: Step, schema: Schema) {
        self.settle(chain);
        chain.steps.push(step);
        chain.schema = schema;
    }

    /// Closes the stage with a reduction, whose rows have these columns.
    pub fn reduce(&mut self, chain: &mut Chain, reduce: Reduce, schema: Schema) {
        self.settle(chain);
        let of = self.close(chain, Emit::Reduced(reduce.clone()));
        self.open(chain, Gather::Reduce { of, reduce }, schema);
    }

    /// Closes the stage by the keys of a join with one that is closed already, whose rows have these columns.
    pub fn join(&mut self, chain: &mut Chain, right: usize, join: Join, schema: Schema) {
        self.settle(chain);
        let left = self.close(chain, Emit::Keyed(join.left_keys.clone()));
        self.open(chain, Gather::Join { left, right, join }, schema);
    }

    /// Closes a chain as the right side of a join.
    pub fn keyed(&mut self, chain: &mut Chain, keys: Vec<usize>) -> usize {
        self.settle(chain);
        self.close(chain, Emit::Keyed(keys))
    }

    /// Closes the last chain: its rows are the result.
    pub fn finish(mut self, mut chain: Chain, given: &Given) -> Plan {
        // Each micro-batch has its own order and limit, and stays as it is when the next one comes.
        if chain.limit.is_none() || given.in_batches {
            self.settle(&mut chain);
        }
        let (sort, limit) = (std::mem::take(&mut chain.sort), chain.limit.take());
        if matches!(chain.gather, Gather::Read(_)) {
            let of = self.close(&mut chain, Emit::InOrder);
            let schema = chain.schema.clone();
            self.open(&mut chain, Gather::Rows { of, sort: Vec::new(), limit: None }, schema);
        }
        self.close(&mut chain, Emit::Result);
        let columns = chain.schema.0.into_iter().map(|(name, data_type)| Column { name, data_type }).collect();
        let Stages { inputs, stages } = self;
        let Given { partitions, skip_bad_records, .. } = *given;
        Plan { inputs, stages, columns, sort, limit, partitions, skip_bad_records }
    }

    /// What there is of a plan as long as steps cannot be typed: what it reads.
    pub fn unfinished(self, given: &Given) -> Plan {
        let (stages, columns, sort) = (Vec::new(), Vec::new(), Vec::new());
        let (partitions, skip_bad_records) = (given.partitions, given.skip_bad_records);
        Plan { inputs: self.inputs, stages, columns, sort, limit: None, partitions, skip_bad_records }
    }

    /// Makes the order and the limit that stand, for what comes after them.
    pub fn settle(&mut self, chain: &mut Chain) {
        let (sort, limit) = (std::mem::take(&mut chain.sort), chain.limit.take());
        let schema = chain.schema.clone();
        if limit.is_some() {
            let of = self.close(chain, Emit::Whole { sort: sort.clone(), limit });
            self.open(chain, Gather::Rows { of, sort, limit }, schema);
        } else if !sort.is_empty() {
            let of = self.close(chain, Emit::Sampled { sort: sort.clone() });
            self.open(chain, Gather::Samples { of, sort: sort.clone() }, schema.clone());
            let ranges = self.close(chain, Emit::Whole { sort: Vec::new(), limit: None });
            self.open(chain, Gather::Sampled { of, ranges }, schema.clone());
            let of = self.close(chain, Emit::Ranged { sort: sort.clone() });
            self.open(chain, Gather::Rows { of, sort, limit: None }, schema);
        }
    }

    fn close(&mut self, chain: &mut Chain, emit: Emit) -> usize {
        let steps = std::mem::take(&mut chain.steps);
        let types: Vec<Type> = chain.schema.0.iter().map(|(_, of)| of.clone()).collect();
        self.stages.push(Stage { gather: chain.gather.clone(), width: chain.width, steps, types, emit, batch: 0 });
        self.stages.len() - 1
    }

    fn open(&mut self, chain: &mut Chain, gather: Gather, schema: Schema) {
        chain.gather = gather;
        chain.width = schema.0.len();
        chain.schema = schema;
    }
}
