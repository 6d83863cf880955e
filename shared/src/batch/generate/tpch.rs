//! Tables of TPC-H by the crate `tpchgen`, with the values that the benchmark's own generator gives, but for the comments: their words
//! come from a pool that is smaller than the benchmark's 300 MiB, and so is quick to make and fits a page.

use std::io::Write;

use serde::{Deserialize, Serialize};
use tpchgen::csv::{CustomerCsv, LineItemCsv, OrderCsv};
use tpchgen::distribution::Distributions;
use tpchgen::generators::{CustomerGenerator, LineItemGenerator, OrderGenerator};
use tpchgen::text::TextPool;

use crate::expr::Type;

/// Bytes of the pool that comments are cut from.
const POOL_BYTES: i32 = 1 << 20;

/// Rows that are made at a time; of line items some four times as many.
const PART_ROWS: u64 = 4_000;

/// Which table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TpchTable {
    Orders,
    Customer,
    LineItem,
}

const ORDERS: [(&str, Type); 9] = [
    ("o_orderkey", Type::Int64),
    ("o_custkey", Type::Int64),
    ("o_orderstatus", Type::Utf8),
    ("o_totalprice", Type::Float64),
    ("o_orderdate", Type::Timestamp),
    ("o_orderpriority", Type::Utf8),
    ("o_clerk", Type::Utf8),
    ("o_shippriority", Type::Int64),
    ("o_comment", Type::Utf8),
];

const CUSTOMER: [(&str, Type); 8] = [
    ("c_custkey", Type::Int64),
    ("c_name", Type::Utf8),
    ("c_address", Type::Utf8),
    ("c_nationkey", Type::Int64),
    ("c_phone", Type::Utf8),
    ("c_acctbal", Type::Float64),
    ("c_mktsegment", Type::Utf8),
    ("c_comment", Type::Utf8),
];

const LINE_ITEM: [(&str, Type); 16] = [
    ("l_orderkey", Type::Int64),
    ("l_partkey", Type::Int64),
    ("l_suppkey", Type::Int64),
    ("l_linenumber", Type::Int64),
    ("l_quantity", Type::Float64),
    ("l_extendedprice", Type::Float64),
    ("l_discount", Type::Float64),
    ("l_tax", Type::Float64),
    ("l_returnflag", Type::Utf8),
    ("l_linestatus", Type::Utf8),
    ("l_shipdate", Type::Timestamp),
    ("l_commitdate", Type::Timestamp),
    ("l_receiptdate", Type::Timestamp),
    ("l_shipinstruct", Type::Utf8),
    ("l_shipmode", Type::Utf8),
    ("l_comment", Type::Utf8),
];

impl TpchTable {
    /// As an experiment says it.
    pub fn name(self) -> &'static str {
        match self {
            TpchTable::Orders => "orders",
            TpchTable::Customer => "customer",
            TpchTable::LineItem => "lineitem",
        }
    }

    pub(super) fn columns(self) -> &'static [(&'static str, Type)] {
        match self {
            TpchTable::Orders => &ORDERS,
            TpchTable::Customer => &CUSTOMER,
            TpchTable::LineItem => &LINE_ITEM,
        }
    }

    pub(super) fn header(self) -> &'static str {
        match self {
            TpchTable::Orders => OrderCsv::header(),
            TpchTable::Customer => CustomerCsv::header(),
            TpchTable::LineItem => LineItemCsv::header(),
        }
    }
}

/// A table, a part at a time.
pub(super) struct Tpch {
    table: TpchTable,
    scale: f64,
    pool: TextPool,
    parts: i32,
    /// The part that comes next, from 1.
    next: i32,
}

impl Tpch {
    pub fn new(table: TpchTable, scale_millionths: u64) -> Tpch {
        let scale = scale_millionths as f64 / 1e6;
        let rows = match table {
            TpchTable::Orders | TpchTable::LineItem => OrderGenerator::calculate_row_count(scale, 1, 1),
            TpchTable::Customer => CustomerGenerator::calculate_row_count(scale, 1, 1),
        };
        let parts = (rows.max(1) as u64).div_ceil(PART_ROWS).min(i32::MAX as u64) as i32;
        let pool = TextPool::new(POOL_BYTES, Distributions::static_default());
        Tpch { table, scale, pool, parts, next: 1 }
    }

    pub fn parts(&self) -> u64 {
        self.parts as u64
    }

    /// Appends the rows of the next part.
    pub fn part(&mut self, text: &mut Vec<u8>) {
        let (scale, part, parts) = (self.scale, self.next, self.parts);
        let distributions = Distributions::static_default();
        self.next += 1;
        // A vector takes everything.
        match self.table {
            TpchTable::Orders => {
                let orders =
                    OrderGenerator::new_with_distributions_and_text_pool(scale, part, parts, distributions, &self.pool);
                orders.iter().for_each(|row| drop(writeln!(text, "{}", OrderCsv::new(row))));
            }
            TpchTable::Customer => {
                let customers =
                    CustomerGenerator::new_with_distributions_and_text_pool(scale, part, parts, distributions, &self.pool);
                customers.iter().for_each(|row| drop(writeln!(text, "{}", CustomerCsv::new(row))));
            }
            TpchTable::LineItem => {
                let items =
                    LineItemGenerator::new_with_distributions_and_text_pool(scale, part, parts, distributions, &self.pool);
                items.iter().for_each(|row| drop(writeln!(text, "{}", LineItemCsv::new(row))));
            }
        }
    }
}
