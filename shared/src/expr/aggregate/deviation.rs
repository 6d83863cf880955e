//! `stddev`: the sample standard deviation by Welford's updates (Technometrics, 1962), merged as Chan, Golub and LeVeque do (1979).

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array};

use super::{GroupedAccumulator, check, unfit};
use crate::expr::{RowError, Type};

#[derive(Default)]
pub(super) struct Deviation {
    groups: Vec<Moments>,
}

#[derive(Clone, Copy, Default)]
struct Moments {
    count: i64,
    mean: f64,
    /// The sum of the squares of the differences from the mean.
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    fn merge(&mut self, other: Moments) {
        if self.count == 0 || other.count == 0 {
            *self = if self.count == 0 { other } else { *self };
            return;
        }
        let count = self.count.saturating_add(other.count);
        let (here, there, all) = (self.count as f64, other.count as f64, count as f64);
        let apart = other.mean - self.mean;
        self.squares += other.squares + apart * apart * (here / all) * there;
        self.mean += apart * (there / all);
        self.count = count;
    }
}

impl GroupedAccumulator for Deviation {
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError> {
        self.groups.resize(group_count, Moments::default());
        let array = check(arguments, &[Type::Float64], groups.len())?[0].as_primitive::<Float64Type>();
        for (row, group) in groups.iter().enumerate().filter(|(row, _)| array.is_valid(*row)) {
            self.groups[*group as usize].add(array.value(row));
        }
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError> {
        self.groups.resize(group_count, Moments::default());
        let states = check(states, &[Type::Int64, Type::Float64, Type::Float64], groups.len())?;
        let counts = states[0].as_primitive::<Int64Type>().values();
        let (means, squares) = (states[1].as_primitive::<Float64Type>(), states[2].as_primitive::<Float64Type>());
        for (row, group) in groups.iter().enumerate() {
            let other = Moments { count: counts[row], mean: means.value(row), squares: squares.value(row) };
            self.groups[*group as usize].merge(other);
        }
        Ok(())
    }

    fn state(&self) -> Result<Vec<ArrayRef>, RowError> {
        let float =
            |of: fn(&Moments) -> f64| -> ArrayRef { Arc::new(Float64Array::from_iter_values(self.groups.iter().map(of))) };
        let counts = self.groups.iter().map(|moments| moments.count).collect();
        Ok(vec![Type::Int64.whole(counts, None), float(|moments| moments.mean), float(|moments| moments.squares)])
    }

    fn finish(&self) -> Result<ArrayRef, RowError> {
        let mut results = Vec::with_capacity(self.groups.len());
        for (group, moments) in self.groups.iter().enumerate() {
            if !moments.squares.is_finite() {
                return Err(RowError { row: group, ..unfit("the deviation does not fit a Float64") });
            }
            results.push((moments.count > 1).then(|| (moments.squares / (moments.count - 1) as f64).sqrt()));
        }
        Ok(Arc::new(Float64Array::from(results)))
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Moments>()
    }
}
