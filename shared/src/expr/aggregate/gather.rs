//! All values of each group: `list`, `top_k`, `quantile`.
//!
//! The arrays that come are kept as they are, with the group of each value; only where they are asked for are they brought into the
//! order of the groups. `top_k` does so whenever it holds too many, and keeps the greatest.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, ListArray, UInt32Array};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_select::filter::filter;

use super::{GroupedAccumulator, bounded, check, unfit};
use crate::expr::functions::compare::order;
use crate::expr::pick::{Pick, pick, take};
use crate::expr::{RowError, Type};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Purpose {
    List,
    TopK(usize),
    Quantile(f64),
}

pub(super) struct Gather {
    of: Type,
    purpose: Purpose,
    group_count: usize,
    chunks: Vec<ArrayRef>,
    /// The group of each value of all chunks.
    groups: Vec<u32>,
}

/// Values in the order of their groups, within a group as they came.
struct Grouped {
    values: ArrayRef,
    offsets: Vec<usize>,
}

impl Gather {
    pub fn new(of: Type, purpose: Purpose) -> Gather {
        Gather { of, purpose, group_count: 0, chunks: Vec::new(), groups: Vec::new() }
    }

    fn add(&mut self, groups: &[u32], group_count: usize, array: &ArrayRef) -> Result<(), RowError> {
        self.group_count = self.group_count.max(group_count);
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0 && self.purpose != Purpose::List);
        match nulls {
            None => {
                self.chunks.push(array.clone());
                self.groups.extend(groups);
            }
            Some(nulls) => {
                let known = BooleanArray::new(nulls.inner().clone(), None);
                self.chunks.push(filter(array, &known).map_err(|error| unfit(&error.to_string()))?);
                self.groups.extend(nulls.valid_indices().map(|row| groups[row]));
            }
        }
        if let Purpose::TopK(k) = self.purpose
            && self.groups.len() > k.saturating_mul(self.group_count).max(COMPACTED_MIN).saturating_mul(2)
        {
            let Grouped { values, offsets } = self.grouped()?;
            let kept = best(&values, &offsets, k);
            self.groups = kept.iter().zip(0u32..).flat_map(|(rows, group)| rows.iter().map(move |_| group)).collect();
            let rows: UInt32Array = kept.into_iter().flatten().map(|row| row as u32).collect::<Vec<_>>().into();
            self.chunks = vec![take(&values, &rows).map_err(|error| unfit(&error.to_string()))?];
        }
        Ok(())
    }

    fn grouped(&self) -> Result<Grouped, RowError> {
        bounded(self.groups.len())?;
        let mut offsets = vec![0; self.group_count + 1];
        self.groups.iter().for_each(|group| offsets[*group as usize + 1] += 1);
        for group in 0..self.group_count {
            offsets[group + 1] += offsets[group];
        }
        let mut next = offsets.clone();
        let mut picks: Vec<Pick> = vec![(0, 0); self.groups.len()];
        let rows = (0u32..).zip(&self.chunks).flat_map(|(chunk, array)| (0..array.len() as u32).map(move |row| (chunk, row)));
        for (row, group) in rows.zip(&self.groups) {
            picks[next[*group as usize]] = row;
            next[*group as usize] += 1;
        }
        let arrays: Vec<&ArrayRef> = self.chunks.iter().collect();
        let values = pick(&self.of, &arrays, &picks).map_err(|message| unfit(&message))?;
        Ok(Grouped { values, offsets })
    }

    fn lists(&self) -> Result<ArrayRef, RowError> {
        let Grouped { values, offsets } = self.grouped()?;
        Ok(lists(&self.of, values, &offsets))
    }
}

/// Past so many values `top_k` throws away what cannot be among the greatest.
const COMPACTED_MIN: usize = 4096;

/// Lists of a type from values and where each list begins; an empty one is null.
pub(super) fn lists(of: &Type, values: ArrayRef, offsets: &[usize]) -> ArrayRef {
    let lengths = offsets.windows(2).map(|ends| ends[1] - ends[0]);
    let nulls: NullBuffer = lengths.clone().map(|length| length > 0).collect();
    std::sync::Arc::new(ListArray::new(of.element(), OffsetBuffer::from_lengths(lengths), values, Some(nulls)))
}

/// The values of a column of lists, and the group of each.
pub(super) fn unpack(lists: &ListArray, groups: &[u32]) -> (ArrayRef, Vec<u32>) {
    let offsets = lists.value_offsets();
    let (first, last) = (offsets[0] as usize, offsets[lists.len()] as usize);
    let mut of_values = Vec::with_capacity(last - first);
    for (ends, group) in offsets.windows(2).zip(groups) {
        of_values.extend(std::iter::repeat_n(*group, (ends[1] - ends[0]) as usize));
    }
    (lists.values().slice(first, last - first), of_values)
}

/// The rows of each group's k greatest values, the greatest first.
fn best(values: &ArrayRef, offsets: &[usize], k: usize) -> Vec<Vec<usize>> {
    let of_group = |ends: &[usize]| {
        let mut rows: Vec<usize> = (ends[0]..ends[1]).collect();
        let descending = |a: &usize, b: &usize| order(values, *b, values, *a).then(a.cmp(b));
        if rows.len() > k {
            rows.select_nth_unstable_by(k - 1, descending);
            rows.truncate(k);
        }
        rows.sort_unstable_by(descending);
        rows
    };
    offsets.windows(2).map(of_group).collect()
}

impl GroupedAccumulator for Gather {
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError> {
        let array = &check(arguments, std::slice::from_ref(&self.of), groups.len())?[0];
        self.add(groups, group_count, array)
    }

    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError> {
        let states = check(states, &[self.of.clone().list()], groups.len())?;
        let (values, groups) = unpack(states[0].as_list(), groups);
        self.add(&groups, group_count, &values)
    }

    fn state(&self) -> Result<Vec<ArrayRef>, RowError> {
        Ok(vec![match self.purpose {
            Purpose::TopK(_) => self.finish()?,
            _ => self.lists()?,
        }])
    }

    fn finish(&self) -> Result<ArrayRef, RowError> {
        let gather = |values: &ArrayRef, rows: &UInt32Array| take(values, rows).map_err(|error| unfit(&error.to_string()));
        match self.purpose {
            Purpose::List => self.lists(),
            Purpose::TopK(k) => {
                let Grouped { values, offsets } = self.grouped()?;
                let kept = best(&values, &offsets, k);
                let mut ends = vec![0];
                ends.extend(kept.iter().scan(0, |end, rows| {
                    *end += rows.len();
                    Some(*end)
                }));
                let rows: UInt32Array = kept.into_iter().flatten().map(|row| row as u32).collect::<Vec<_>>().into();
                Ok(lists(&self.of, gather(&values, &rows)?, &ends))
            }
            Purpose::Quantile(q) => {
                let Grouped { values, offsets } = self.grouped()?;
                let row = |ends: &[usize]| {
                    let mut rows: Vec<usize> = (ends[0]..ends[1]).collect();
                    // The share of the rows, rounded up, and one row at least.
                    let rank = (q * rows.len() as f64).ceil() as usize;
                    let place = rank.clamp(1, rows.len().max(1)) - 1;
                    (!rows.is_empty()).then(|| {
                        let (_, chosen, _) =
                            rows.select_nth_unstable_by(place, |a, b| order(&values, *a, &values, *b).then(a.cmp(b)));
                        *chosen as u32
                    })
                };
                gather(&values, &offsets.windows(2).map(row).collect())
            }
        }
    }

    fn size(&self) -> usize {
        let arrays: usize = self.chunks.iter().map(|chunk| chunk.get_array_memory_size()).sum();
        arrays + self.groups.capacity() * size_of::<u32>()
    }
}
