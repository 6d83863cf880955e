//! `min` and `max`, by the order of the comparisons.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMicrosecondType, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, StringArray};
use arrow_buffer::NullBuffer;

use super::{GroupedAccumulator, bounded, check};
use crate::expr::functions::compare::order_floats;
use crate::expr::{RowError, Type};

/// Of Int64s, Timestamps, Intervals and Booleans, which are 0 and 1.
pub(super) struct Whole {
    of: Type,
    greatest: bool,
    best: Vec<i64>,
    seen: Vec<bool>,
}

impl Whole {
    pub fn new(of: Type, greatest: bool) -> Whole {
        Whole { of, greatest, best: Vec::new(), seen: Vec::new() }
    }

    fn add(&mut self, group: u32, value: i64) {
        let (best, seen) = (&mut self.best[group as usize], &mut self.seen[group as usize]);
        let better = if self.greatest { value > *best } else { value < *best };
        if better || !*seen {
            (*best, *seen) = (value, true);
        }
    }
}

impl GroupedAccumulator for Whole {
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError> {
        self.best.resize(group_count, 0);
        self.seen.resize(group_count, false);
        let array = &check(arguments, std::slice::from_ref(&self.of), groups.len())?[0];
        let values = match self.of {
            Type::Boolean => {
                let values = array.as_boolean();
                for (row, group) in groups.iter().enumerate().filter(|(row, _)| values.is_valid(*row)) {
                    self.add(*group, values.value(row).into());
                }
                return Ok(());
            }
            Type::Timestamp => array.as_primitive::<TimestampMicrosecondType>().values(),
            Type::Interval => array.as_primitive::<DurationMicrosecondType>().values(),
            _ => array.as_primitive::<Int64Type>().values(),
        };
        match array.nulls() {
            None => groups.iter().zip(values).for_each(|(group, value)| self.add(*group, *value)),
            Some(nulls) => nulls.valid_indices().for_each(|row| self.add(groups[row], values[row])),
        }
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError> {
        self.update(groups, group_count, states)
    }

    fn state(&self) -> Result<Vec<ArrayRef>, RowError> {
        let nulls = Some(NullBuffer::from(self.seen.clone()));
        Ok(vec![match self.of {
            Type::Boolean => Arc::new(BooleanArray::new(self.best.iter().map(|value| *value != 0).collect(), nulls)),
            _ => self.of.whole(self.best.clone(), nulls),
        }])
    }

    fn finish(&self) -> Result<ArrayRef, RowError> {
        Ok(self.state()?.remove(0))
    }

    fn size(&self) -> usize {
        self.best.capacity() * size_of::<i64>() + self.seen.capacity()
    }
}

pub(super) struct Floats {
    greatest: bool,
    best: Vec<Option<f64>>,
}

impl Floats {
    pub fn new(greatest: bool) -> Floats {
        Floats { greatest, best: Vec::new() }
    }
}

impl GroupedAccumulator for Floats {
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError> {
        self.best.resize(group_count, None);
        let array = check(arguments, &[Type::Float64], groups.len())?[0].as_primitive::<Float64Type>();
        for (row, group) in groups.iter().enumerate().filter(|(row, _)| array.is_valid(*row)) {
            // One zero, so that which of them comes first does not matter.
            let value = array.value(row) + 0.0;
            let best = &mut self.best[*group as usize];
            let better = best.is_none_or(|best| match order_floats(value, best) {
                order if self.greatest => order.is_gt(),
                order => order.is_lt(),
            });
            if better {
                *best = Some(value);
            }
        }
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError> {
        self.update(groups, group_count, states)
    }

    fn state(&self) -> Result<Vec<ArrayRef>, RowError> {
        Ok(vec![Arc::new(Float64Array::from(self.best.clone()))])
    }

    fn finish(&self) -> Result<ArrayRef, RowError> {
        Ok(self.state()?.remove(0))
    }

    fn size(&self) -> usize {
        self.best.capacity() * size_of::<Option<f64>>()
    }
}

pub(super) struct Texts {
    greatest: bool,
    best: Vec<Option<String>>,
    bytes: usize,
}

impl Texts {
    pub fn new(greatest: bool) -> Texts {
        Texts { greatest, best: Vec::new(), bytes: 0 }
    }
}

impl GroupedAccumulator for Texts {
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError> {
        self.best.resize(group_count, None);
        let array = check(arguments, &[Type::Utf8], groups.len())?[0].as_string::<i32>();
        for (row, group) in groups.iter().enumerate().filter(|(row, _)| array.is_valid(*row)) {
            let value = array.value(row);
            match &mut self.best[*group as usize] {
                Some(best) if if self.greatest { value > best.as_str() } else { value < best.as_str() } => {
                    self.bytes = (self.bytes + value.len()).saturating_sub(best.len());
                    best.clear();
                    best.push_str(value);
                }
                Some(_) => {}
                none => {
                    self.bytes += value.len();
                    *none = Some(value.to_owned());
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError> {
        self.update(groups, group_count, states)
    }

    fn state(&self) -> Result<Vec<ArrayRef>, RowError> {
        bounded(self.bytes)?;
        Ok(vec![Arc::new(StringArray::from_iter(self.best.iter()))])
    }

    fn finish(&self) -> Result<ArrayRef, RowError> {
        Ok(self.state()?.remove(0))
    }

    fn size(&self) -> usize {
        self.best.capacity() * size_of::<Option<String>>() + self.bytes
    }
}
