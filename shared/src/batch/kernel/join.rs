//! A join of two sides by equal keys: a table of the smaller side's keys is built, and the larger side looks its rows up.
//!
//! Whichever side is built, the rows come out in the same order: by the left side's rows, and for each by the right side's.

use arrow_array::{ArrayRef, UInt32Array};

use super::batch::{Batch, taken};
use super::groups::Groups;
use crate::batch::Join;

/// Where each row's partners are.
struct Built {
    groups: Groups,
    /// The rows by their groups: those of group `g` are `rows[starts[g]..starts[g + 1]]`, in order.
    rows: Vec<u32>,
    starts: Vec<u32>,
}

/// Pairs of rows, in the order of the result; a right row of `None` is nobody's partner.
pub(super) struct Pairs {
    left: Batch,
    right: Batch,
    right_columns: Vec<usize>,
    pairs: Vec<(u32, Option<u32>)>,
}

impl Pairs {
    pub fn new(join: &Join, left: Batch, right: Batch) -> Pairs {
        let keys = |batch: &Batch, of: &[usize]| of.iter().map(|key| batch.columns[*key].clone()).collect::<Vec<ArrayRef>>();
        let (left_keys, right_keys) = (keys(&left, &join.left_keys), keys(&right, &join.right_keys));
        let mut pairs = Vec::new();
        if right.rows <= left.rows {
            let mut built = Built::new(join, &right_keys);
            built.each_match(&left_keys, |row, partners| match partners {
                [] if join.left_outer => pairs.push((row, None)),
                partners => pairs.extend(partners.iter().map(|partner| (row, Some(*partner)))),
            });
        } else {
            let mut built = Built::new(join, &left_keys);
            let mut single = vec![join.left_outer; left.rows];
            built.each_match(&right_keys, |row, partners| {
                for partner in partners {
                    single[*partner as usize] = false;
                    pairs.push((*partner, Some(row)));
                }
            });
            pairs.extend((0..left.rows as u32).filter(|row| single[*row as usize]).map(|row| (row, None)));
            pairs.sort_unstable();
        }
        Pairs { left, right, right_columns: join.right_columns.clone(), pairs }
    }

    /// The result's rows in pieces of at most so many.
    pub fn pieces(&self, rows: usize) -> impl Iterator<Item = Batch> {
        self.pairs.chunks(rows).map(|pairs| {
            let left = UInt32Array::from_iter_values(pairs.iter().map(|(left, _)| *left));
            let right: UInt32Array = pairs.iter().map(|(_, right)| *right).collect();
            let of_left = self.left.columns.iter().map(|column| taken(column, &left));
            let of_right = self.right_columns.iter().map(|column| taken(&self.right.columns[*column], &right));
            Batch::new(of_left.chain(of_right).collect(), pairs.len())
        })
    }
}

impl Built {
    fn new(join: &Join, keys: &[ArrayRef]) -> Built {
        let (mut groups, mut of_rows) = (Groups::new(&join.key_types), Vec::new());
        groups.assign(keys, &mut of_rows);
        let mut starts = vec![0; groups.len() + 1];
        of_rows.iter().for_each(|group| starts[*group as usize + 1] += 1);
        for group in 0..groups.len() {
            starts[group + 1] += starts[group];
        }
        let (mut next, mut rows) = (starts.clone(), vec![0; of_rows.len()]);
        for (row, group) in of_rows.iter().enumerate() {
            let place = &mut next[*group as usize];
            rows[*place as usize] = row as u32;
            *place += 1;
        }
        Built { groups, rows, starts }
    }

    /// Each row with these keys, and the rows that were built with an equal key.
    fn each_match(&mut self, keys: &[ArrayRef], mut each: impl FnMut(u32, &[u32])) {
        let mut found = Vec::new();
        self.groups.find(keys, &mut found);
        for (row, group) in found.into_iter().enumerate() {
            let partners = group.map(|group| self.starts[group as usize] as usize..self.starts[group as usize + 1] as usize);
            each(row as u32, partners.map_or(&[], |partners| &self.rows[partners]));
        }
    }
}
