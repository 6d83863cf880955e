//! `count(*)` and `count(x)`.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef};

use super::{GroupedAccumulator, check, unfit};
use crate::expr::{RowError, Type};

pub(super) struct Count {
    counts: Vec<i64>,
    /// Whether only values that are not null count.
    known: bool,
}

impl Count {
    pub fn new(known: bool) -> Count {
        Count { counts: Vec::new(), known }
    }
}

impl GroupedAccumulator for Count {
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError> {
        self.counts.resize(group_count, 0);
        let nulls = match (self.known, arguments) {
            (false, _) => None,
            (true, [argument]) if argument.len() == groups.len() => argument.logical_nulls(),
            _ => return Err(unfit("`count` got no array of its argument")),
        };
        match nulls {
            None => groups.iter().for_each(|group| self.counts[*group as usize] += 1),
            Some(nulls) => {
                groups.iter().zip(&nulls).for_each(|(group, known)| self.counts[*group as usize] += i64::from(known));
            }
        }
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError> {
        self.counts.resize(group_count, 0);
        let counts = check(states, &[Type::Int64], groups.len())?[0].as_primitive::<Int64Type>();
        // Counts of rows that exist do not overflow; those of a message that lies do not wrap.
        for (group, count) in groups.iter().zip(counts.values()) {
            let sum = &mut self.counts[*group as usize];
            *sum = sum.saturating_add(*count);
        }
        Ok(())
    }

    fn state(&self) -> Result<Vec<ArrayRef>, RowError> {
        Ok(vec![Type::Int64.whole(self.counts.clone(), None)])
    }

    fn finish(&self) -> Result<ArrayRef, RowError> {
        Ok(Type::Int64.whole(self.counts.clone(), None))
    }

    fn size(&self) -> usize {
        self.counts.capacity() * size_of::<i64>()
    }
}
