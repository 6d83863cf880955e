//! What a reduction keeps for each key: partial states that rows are added to, that travel, merge, and become values.

use arrow_array::{ArrayRef, UInt32Array};

use super::batch::{Batch, StepError, taken};
use super::groups::{Groups, KeyHasher, Keys};
use super::hash::partition_of;
use crate::batch::Reduce;
use crate::expr::{Aggregate, AggregateExpr, Context, Expr, GroupedAccumulator, RowError, Type};

/// See the module.
pub(super) struct Aggregation {
    reduce: Reduce,
    groups: Groups,
    accumulators: Accumulators,
    /// The group of each row at hand.
    scratch: Vec<u32>,
}

/// The states of groups, by their numbers.
pub(super) struct Accumulators(Vec<(Aggregate, Box<dyn GroupedAccumulator>)>);

impl Accumulators {
    pub fn new(reduce: &Reduce) -> Accumulators {
        Accumulators(aggregates(reduce).map(|aggregate| (aggregate.clone(), aggregate.accumulator())).collect())
    }

    /// Adds to the groups, of which there are so many, a row each: partial states, or the arguments of the aggregates.
    pub fn take(&mut self, groups: &[u32], count: usize, mut columns: &[ArrayRef], are_states: bool) -> Result<(), Failed> {
        for (aggregate, accumulator) in &mut self.0 {
            let width = if are_states { aggregate.state_types().len() } else { usize::from(aggregate.argument().is_some()) };
            let (own, rest) = columns.split_at(width);
            columns = rest;
            let taken = if are_states { accumulator.merge(groups, count, own) } else { accumulator.update(groups, count, own) };
            taken.map_err(|error| (aggregate.kind().line().name, error))?;
        }
        Ok(())
    }

    /// All groups' states.
    fn states(&self) -> Result<Vec<ArrayRef>, Failed> {
        let mut states = Vec::new();
        for (aggregate, accumulator) in &self.0 {
            states.extend(accumulator.state().map_err(|error| (aggregate.kind().line().name, error))?);
        }
        Ok(states)
    }

    /// The values of a reduction for all groups.
    pub fn finish(&self, reduce: &Reduce, count: usize) -> Result<Vec<ArrayRef>, StepError> {
        let mut results = Vec::new();
        for (aggregate, accumulator) in &self.0 {
            results.push(accumulator.finish().map_err(|error| failed(aggregate.kind().line().name, error))?);
        }
        let mut results = &results[..];
        let value = |value: &AggregateExpr| {
            let (own, rest) = results.split_at(value.aggregates.len());
            results = rest;
            value.finish(own, count, Context::default()).map_err(|error| failed("the value", error))
        };
        reduce.values.iter().map(value).collect()
    }
}

/// An aggregate that failed, and on which row.
pub(super) type Failed = (&'static str, RowError);

impl Aggregation {
    pub fn new(reduce: &Reduce) -> Aggregation {
        let (groups, accumulators) = (Groups::new(&reduce.key_types), Accumulators::new(reduce));
        Aggregation { reduce: reduce.clone(), groups, accumulators, scratch: Vec::new() }
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Adds the rows that the steps have left.
    pub fn update(&mut self, batch: &Batch) -> Result<(), StepError> {
        let rows = mapped(&self.reduce, batch)?;
        self.add(&rows).map_err(|(aggregate, row)| batch.error(format!("`{aggregate}`"), row))
    }

    /// Adds rows as [`mapped`] gives them.
    pub fn add(&mut self, columns: &[ArrayRef]) -> Result<(), Failed> {
        self.take(columns, false)
    }

    /// Adds partial states as [`Aggregation::states`] gives them.
    pub fn merge(&mut self, columns: &[ArrayRef]) -> Result<(), Failed> {
        self.take(columns, true)
    }

    fn take(&mut self, columns: &[ArrayRef], are_states: bool) -> Result<(), Failed> {
        let (keys, columns) = columns.split_at(self.reduce.keys.len());
        self.groups.assign(keys, &mut self.scratch);
        self.accumulators.take(&self.scratch, self.groups.len(), columns, are_states)
    }

    /// The groups of each partition, in the order in which their keys came.
    pub fn partitions(&self, count: u32) -> Result<Vec<Vec<u32>>, StepError> {
        let mut partitions = vec![Vec::new(); count.max(1) as usize];
        let all: Vec<u32> = (0..self.len() as u32).collect();
        let hashes = match &self.reduce.partition_by {
            Some(_) => Some(Partitioner::new(&self.reduce).hashes(&Batch::new(self.groups.columns(&all), self.len()))?),
            None => None,
        };
        for group in all {
            let hash = hashes.as_ref().map_or_else(|| self.groups.hash(group as usize), |hashes| hashes[group as usize]);
            partitions[partition_of(hash, count)].push(group);
        }
        Ok(partitions)
    }

    /// All keys' states, for [`Aggregation::states`].
    pub fn all_states(&self) -> Result<Vec<ArrayRef>, StepError> {
        self.accumulators.states().map_err(|(what, error)| failed(what, error))
    }

    /// The keys and the partial states of some groups; `all` is what [`Aggregation::all_states`] gave.
    pub fn states(&self, groups: &[u32], all: &[ArrayRef]) -> Vec<ArrayRef> {
        let mut columns = self.groups.columns(groups);
        let rows = UInt32Array::from(groups.to_vec());
        columns.extend(all.iter().map(|state| taken(state, &rows)));
        columns
    }

    /// The groups by their keys ascending.
    pub fn ascending(&self) -> Vec<u32> {
        self.groups.ascending()
    }

    /// The reduction's rows, its keys and its values, for some groups in their order.
    pub fn finish(&self, order: &[u32]) -> Result<Batch, StepError> {
        let mut columns = self.groups.columns(order);
        columns.extend(self.values(order)?);
        Ok(Batch::new(columns, order.len()))
    }

    /// All keys, and the values of some groups in their order.
    pub fn into_values(self, order: &[u32]) -> Result<(Keys, Vec<ArrayRef>), StepError> {
        let values = self.values(order)?;
        Ok((self.groups.into_keys(), values))
    }

    fn values(&self, order: &[u32]) -> Result<Vec<ArrayRef>, StepError> {
        let (values, order) = (self.accumulators.finish(&self.reduce, self.len())?, UInt32Array::from(order.to_vec()));
        Ok(values.iter().map(|value| taken(value, &order)).collect())
    }
}

/// Chooses the partitions of keys: by their hash, or by that of what `partition_by` makes of them.
pub(super) struct Partitioner {
    by: Option<Expr>,
    keys: usize,
    hasher: KeyHasher,
}

impl Partitioner {
    pub fn new(reduce: &Reduce) -> Partitioner {
        let types = match &reduce.partition_by {
            Some(by) => vec![by.data_type().clone()],
            None => reduce.key_types.clone(),
        };
        Partitioner { by: reduce.partition_by.clone(), keys: reduce.keys.len(), hasher: KeyHasher::new(&types) }
    }

    /// What decides of each row's partition; the columns begin with the key's.
    pub fn hashes(&mut self, rows: &Batch) -> Result<Vec<u64>, StepError> {
        match &self.by {
            Some(by) => Ok(self.hasher.hashes(&[rows.evaluate(by, || "`partition_by`".to_owned())?])),
            None => Ok(self.hasher.hashes(&rows.columns[..self.keys])),
        }
    }
}

fn failed(what: &str, error: RowError) -> StepError {
    StepError { what: format!("`{what}`"), record: error.row, message: error.message }
}

/// The partial states that rows as [`mapped`] gives them come to if each row is a group by itself, with their keys.
pub(super) fn single_states(reduce: &Reduce, rows: &Batch) -> Result<Vec<ArrayRef>, Failed> {
    let (keys, arguments) = rows.columns.split_at(reduce.keys.len());
    let groups: Vec<u32> = (0..rows.rows as u32).collect();
    let mut accumulators = Accumulators::new(reduce);
    accumulators.take(&groups, rows.rows, arguments, false)?;
    Ok(keys.iter().cloned().chain(accumulators.states()?).collect())
}

/// The key columns and the arguments of the aggregates: what a row needs to carry.
pub(super) fn mapped(reduce: &Reduce, batch: &Batch) -> Result<Vec<ArrayRef>, StepError> {
    let mut columns: Vec<ArrayRef> = reduce.keys.iter().map(|key| batch.columns[*key].clone()).collect();
    for aggregate in aggregates(reduce) {
        if let Some(argument) = aggregate.argument() {
            columns.push(batch.evaluate(argument, || format!("`{}`", aggregate.kind().line().name))?);
        }
    }
    Ok(columns)
}

/// The types of [`mapped`].
pub(super) fn mapped_types(reduce: &Reduce) -> Vec<Type> {
    let arguments = aggregates(reduce).filter_map(|aggregate| aggregate.argument());
    reduce.key_types.iter().cloned().chain(arguments.map(|argument| argument.data_type().clone())).collect()
}

/// The types of what travels to a reduction.
pub(in crate::batch) fn reduced_types(reduce: &Reduce) -> Vec<Type> {
    if reduce.combine { state_types(reduce) } else { mapped_types(reduce) }
}

/// The types of [`Aggregation::states`].
pub(super) fn state_types(reduce: &Reduce) -> Vec<Type> {
    reduce.key_types.iter().cloned().chain(aggregates(reduce).flat_map(Aggregate::state_types)).collect()
}

/// The columns that a reduction looks at.
pub(super) fn wanted(reduce: &Reduce) -> Vec<usize> {
    let mut wanted = reduce.keys.clone();
    for argument in aggregates(reduce).filter_map(Aggregate::argument) {
        argument.each_column(&mut |column, _| wanted.push(column));
    }
    wanted
}

fn aggregates(reduce: &Reduce) -> impl Iterator<Item = &Aggregate> {
    reduce.values.iter().flat_map(|value| &value.aggregates)
}
