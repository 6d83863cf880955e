//! `first` and `last`: the value of a group's first or last row, null or not.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};

use super::{GroupedAccumulator, bounded, check};
use crate::expr::{RowError, Type, Value};

pub(super) struct Ends {
    of: Type,
    last: bool,
    /// `None` for a group without rows.
    values: Vec<Option<Value>>,
}

impl Ends {
    pub fn new(of: Type, last: bool) -> Ends {
        Ends { of, last, values: Vec::new() }
    }

    /// Takes the rows that count, of which those of a group come in order.
    fn add(&mut self, groups: &[u32], group_count: usize, array: &ArrayRef, counts: impl Fn(usize) -> bool) {
        self.values.resize(group_count, None);
        // Which row of the batch each group takes; most rows are none, and make no value.
        let mut rows = vec![usize::MAX; group_count];
        for (row, group) in groups.iter().enumerate().filter(|(row, _)| counts(*row)) {
            let taken = &mut rows[*group as usize];
            if self.last || *taken == usize::MAX {
                *taken = row;
            }
        }
        for (value, row) in self.values.iter_mut().zip(rows).filter(|(_, row)| *row != usize::MAX) {
            if self.last || value.is_none() {
                *value = Some(Value::at(array, row));
            }
        }
    }

    fn array(&self) -> Result<ArrayRef, RowError> {
        bounded(self.text_bytes())?;
        let values: Vec<Value> = self.values.iter().map(|value| value.clone().unwrap_or(Value::Null)).collect();
        Ok(self.of.array(&values))
    }

    fn text_bytes(&self) -> usize {
        self.values.iter().flatten().map(text_bytes).sum()
    }
}

impl GroupedAccumulator for Ends {
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError> {
        let array = &check(arguments, std::slice::from_ref(&self.of), groups.len())?[0];
        self.add(groups, group_count, array, |_| true);
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError> {
        let states = check(states, &[self.of.clone(), Type::Boolean], groups.len())?;
        let seen = states[1].as_boolean();
        self.add(groups, group_count, &states[0], |row| seen.is_valid(row) && seen.value(row));
        Ok(())
    }

    fn state(&self) -> Result<Vec<ArrayRef>, RowError> {
        let seen: BooleanArray = self.values.iter().map(|value| Some(value.is_some())).collect();
        Ok(vec![self.array()?, std::sync::Arc::new(seen)])
    }

    fn finish(&self) -> Result<ArrayRef, RowError> {
        self.array()
    }

    fn size(&self) -> usize {
        self.values.capacity() * size_of::<Option<Value>>() + self.text_bytes()
    }
}

/// Bytes of the texts of a value, or of its elements, one for each that is no text.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::Utf8(text) => text.len(),
        Value::List(parts) => parts.iter().map(|part| text_bytes(part).max(1)).sum(),
        _ => 0,
    }
}
