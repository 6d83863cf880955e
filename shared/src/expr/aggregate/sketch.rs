//! `approx_distinct`: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier, 2007) with 2^12 registers and Ertl's estimator ("New cardinality
//! estimation algorithms for HyperLogLog sketches", 2017), which needs no tables. The registers are maxima, so the result is the same
//! however the rows were split.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Int64Array};
use xxhash_rust::xxh3::xxh3_64;

use super::distinct::each_key;
use super::gather::{lists, unpack};
use super::{GroupedAccumulator, bounded, check, unfit};
use crate::expr::{RowError, Type};

/// The bits of a hash that choose a register, so that there are 4,096 and the standard error is 1.04 / √4096.
const PRECISION: u32 = 12;
const REGISTERS: usize = 1 << PRECISION;

/// The greatest value of a register: one more than the bits that are left.
const RANK_MAX: usize = 64 - PRECISION as usize + 1;

/// A group with more registers in use has them all.
const SPARSE_MAX: usize = 512;

pub(super) struct Sketch {
    of: Type,
    groups: Vec<Registers>,
}

enum Registers {
    /// The ones that are not 0, by index.
    Sparse(Vec<(u16, u8)>),
    Dense(Box<[u8; REGISTERS]>),
}

impl Registers {
    fn raise(&mut self, index: u16, rank: u8) {
        match self {
            Registers::Dense(registers) => {
                let register = &mut registers[usize::from(index)];
                *register = rank.max(*register);
            }
            Registers::Sparse(registers) => match registers.binary_search_by_key(&index, |(index, _)| *index) {
                Ok(place) => registers[place].1 = rank.max(registers[place].1),
                Err(place) if registers.len() < SPARSE_MAX => registers.insert(place, (index, rank)),
                Err(_) => {
                    let mut dense = Box::new([0; REGISTERS]);
                    registers.iter().for_each(|(index, rank)| dense[usize::from(*index)] = *rank);
                    dense[usize::from(index)] = rank;
                    *self = Registers::Dense(dense);
                }
            },
        }
    }

    fn each(&self, take: &mut dyn FnMut(u16, u8)) {
        match self {
            Registers::Sparse(registers) => registers.iter().for_each(|(index, rank)| take(*index, *rank)),
            Registers::Dense(registers) => {
                (0u16..).zip(registers.iter()).filter(|(_, rank)| **rank > 0).for_each(|(index, rank)| take(index, *rank));
            }
        }
    }

    fn estimate(&self) -> i64 {
        // How many registers have each rank.
        let mut counts = [0u32; RANK_MAX + 1];
        let mut used = 0;
        self.each(&mut |_, rank| {
            counts[usize::from(rank)] += 1;
            used += 1;
        });
        counts[0] = REGISTERS as u32 - used;
        if used == 0 {
            return 0;
        }
        let registers = REGISTERS as f64;
        let mut z = registers * tau(1.0 - f64::from(counts[RANK_MAX]) / registers);
        for rank in (1..RANK_MAX).rev() {
            z = 0.5 * (z + f64::from(counts[rank]));
        }
        z += registers * sigma(f64::from(counts[0]) / registers);
        // 1 / (2 ln 2).
        const ALPHA: f64 = 0.721_347_520_444_481_7;
        (ALPHA * registers * registers / z).round() as i64
    }
}

/// x + Σ x^(2^k) 2^(k-1), of which the terms that no longer change the sum are left out; x is below 1.
fn sigma(mut x: f64) -> f64 {
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before || !z.is_finite() {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

impl Sketch {
    pub fn new(of: Type) -> Sketch {
        Sketch { of, groups: Vec::new() }
    }

    fn resize(&mut self, group_count: usize) {
        self.groups.resize_with(group_count.max(self.groups.len()), || Registers::Sparse(Vec::new()));
    }
}

impl GroupedAccumulator for Sketch {
    fn update(&mut self, groups: &[u32], group_count: usize, arguments: &[ArrayRef]) -> Result<(), RowError> {
        self.resize(group_count);
        let array = &check(arguments, std::slice::from_ref(&self.of), groups.len())?[0];
        each_key(&self.of, array, |row, key| {
            let hash = xxh3_64(key);
            let index = (hash >> (64 - PRECISION)) as u16;
            // The bit after the last ends the search for the first that is set.
            let rank = (hash << PRECISION | 1 << (PRECISION - 1)).leading_zeros() as u8 + 1;
            self.groups[groups[row] as usize].raise(index, rank);
        });
        Ok(())
    }

    fn merge(&mut self, groups: &[u32], group_count: usize, states: &[ArrayRef]) -> Result<(), RowError> {
        self.resize(group_count);
        let states = check(states, &[Type::Int64.list()], groups.len())?;
        let (values, groups) = unpack(states[0].as_list(), groups);
        let values = values.as_primitive::<Int64Type>();
        for (group, value) in groups.into_iter().zip(values.values()) {
            let (index, rank) = (value >> 8, value & 0xFF);
            if !(0..REGISTERS as i64).contains(&index) || !(1..=RANK_MAX as i64).contains(&rank) {
                return Err(unfit("a state of `approx_distinct` has no such register"));
            }
            self.groups[group as usize].raise(index as u16, rank as u8);
        }
        Ok(())
    }

    /// A register in use is a number: its index times 256, and its value.
    fn state(&self) -> Result<Vec<ArrayRef>, RowError> {
        let (mut values, mut offsets) = (Vec::new(), vec![0]);
        for group in &self.groups {
            group.each(&mut |index, rank| values.push(i64::from(index) << 8 | i64::from(rank)));
            offsets.push(values.len());
        }
        bounded(values.len())?;
        Ok(vec![lists(&Type::Int64, std::sync::Arc::new(Int64Array::from(values)), &offsets)])
    }

    fn finish(&self) -> Result<ArrayRef, RowError> {
        Ok(Type::Int64.whole(self.groups.iter().map(Registers::estimate).collect(), None))
    }

    fn size(&self) -> usize {
        let held = |registers: &Registers| match registers {
            Registers::Sparse(registers) => registers.capacity() * size_of::<(u16, u8)>(),
            Registers::Dense(_) => REGISTERS,
        };
        self.groups.capacity() * size_of::<Registers>() + self.groups.iter().map(held).sum::<usize>()
    }
}
