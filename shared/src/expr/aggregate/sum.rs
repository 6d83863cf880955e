//! `sum` and `avg`. Whole numbers add up in 128 bits, so that only a sum that does not fit in the end is an error, in whatever order
//! its parts came.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMicrosecondType, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array};
use arrow_buffer::NullBuffer;

use super::{GroupedAccumulator, check, unfit};
use crate::expr::{RowError, Type};

pub(super) struct Whole {
    of: Type,
    /// Whether the mean is wanted.
    mean: bool,
    sums: Vec<i128>,
    counts: Vec<i64>,
}

impl Whole {
    pub fn new(of: Type, mean: bool) -> Whole {
        Whole { of, mean, sums: Vec::new(), counts: Vec::new() }
    }

    fn resize(&mut self, group_count: usize) {
        self.sums.resize(group_count, 0);
        self.counts.resize(group_count, 0);
    }

    fn nulls(&self) -> NullBuffer {
        self.counts.iter().map(|count| *count > 0).collect()
    }
}

impl GroupedAccumulator for Whole {
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError> {
        self.resize(group_count);
        let array = &check(arguments, std::slice::from_ref(&self.of), groups.len())?[0];
        let values = match self.of {
            Type::Interval => array.as_primitive::<DurationMicrosecondType>().values(),
            _ => array.as_primitive::<Int64Type>().values(),
        };
        match array.nulls() {
            None => {
                for (group, value) in groups.iter().zip(values) {
                    self.sums[*group as usize] += i128::from(*value);
                    self.counts[*group as usize] += 1;
                }
            }
            Some(nulls) => {
                for row in nulls.valid_indices() {
                    self.sums[groups[row] as usize] += i128::from(values[row]);
                    self.counts[groups[row] as usize] += 1;
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError> {
        self.resize(group_count);
        let states = check(states, &[Type::Int64, Type::Int64, Type::Int64], groups.len())?;
        let [high, low, counts] = [0, 1, 2].map(|index| states[index].as_primitive::<Int64Type>().values());
        for (row, group) in groups.iter().enumerate() {
            let sum = i128::from(high[row]) << 64 | i128::from(low[row] as u64);
            let (of_group, count) = (&mut self.sums[*group as usize], &mut self.counts[*group as usize]);
            *of_group = of_group.checked_add(sum).ok_or_else(|| unfit("a partial sum is out of all bounds"))?;
            *count = count.saturating_add(counts[row]);
        }
        Ok(())
    }

    fn state(&self) -> Result<Vec<ArrayRef>, RowError> {
        let high = self.sums.iter().map(|sum| (sum >> 64) as i64).collect();
        let low = self.sums.iter().map(|sum| *sum as i64).collect();
        Ok([high, low, self.counts.clone()].into_iter().map(|values| Type::Int64.whole(values, None)).collect())
    }

    fn finish(&self) -> Result<ArrayRef, RowError> {
        let result = |(group, (sum, count)): (usize, (&i128, &i64))| {
            let result = if self.mean { sum / i128::from(*count).max(1) } else { *sum };
            let message = || format!("the sum {result} does not fit an {}", self.of);
            i64::try_from(result).map_err(|_| RowError { row: group, ..unfit(&message()) })
        };
        let values = self.sums.iter().zip(&self.counts).enumerate().map(result).collect::<Result<Vec<_>, _>>()?;
        Ok(self.of.whole(values, Some(self.nulls())))
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.counts.capacity() * size_of::<i64>()
    }
}

/// Sums of Float64s, added in the order in which they come.
pub(super) struct Floats {
    mean: bool,
    sums: Vec<f64>,
    counts: Vec<i64>,
}

impl Floats {
    pub fn new(mean: bool) -> Floats {
        Floats { mean, sums: Vec::new(), counts: Vec::new() }
    }

    fn resize(&mut self, group_count: usize) {
        self.sums.resize(group_count, 0.0);
        self.counts.resize(group_count, 0);
    }
}

impl GroupedAccumulator for Floats {
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError> {
        self.resize(group_count);
        let array = check(arguments, &[Type::Float64], groups.len())?[0].as_primitive::<Float64Type>();
        let values = array.values();
        match array.nulls() {
            None => {
                for (group, value) in groups.iter().zip(values) {
                    self.sums[*group as usize] += value;
                    self.counts[*group as usize] += 1;
                }
            }
            Some(nulls) => {
                for row in nulls.valid_indices() {
                    self.sums[groups[row] as usize] += values[row];
                    self.counts[groups[row] as usize] += 1;
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError> {
        self.resize(group_count);
        let states = check(states, &[Type::Float64, Type::Int64], groups.len())?;
        let (sums, counts) = (states[0].as_primitive::<Float64Type>(), states[1].as_primitive::<Int64Type>());
        for ((group, sum), more) in groups.iter().zip(sums.values()).zip(counts.values()) {
            self.sums[*group as usize] += sum;
            let count = &mut self.counts[*group as usize];
            *count = count.saturating_add(*more);
        }
        Ok(())
    }

    fn state(&self) -> Result<Vec<ArrayRef>, RowError> {
        let sums: ArrayRef = Arc::new(Float64Array::from(self.sums.clone()));
        Ok(vec![sums, Type::Int64.whole(self.counts.clone(), None)])
    }

    fn finish(&self) -> Result<ArrayRef, RowError> {
        let mut results = Vec::with_capacity(self.sums.len());
        for (group, (sum, count)) in self.sums.iter().zip(&self.counts).enumerate() {
            if !sum.is_finite() {
                return Err(RowError { row: group, ..unfit("the sum does not fit a Float64") });
            }
            let result = if self.mean { sum / *count as f64 } else { *sum };
            results.push((*count > 0).then_some(result));
        }
        Ok(Arc::new(Float64Array::from(results)))
    }

    fn size(&self) -> usize {
        (self.sums.capacity() + self.counts.capacity()) * size_of::<f64>()
    }
}
