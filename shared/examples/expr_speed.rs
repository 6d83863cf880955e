//! How fast expressions and aggregates are on one core, in million rows a second: `cargo run --release -p shared --example expr_speed`.
//! 10,000,000 rows in batches of 8,192, the best of five rounds. An argument is the text that the lines to measure contain.

#![allow(clippy::unwrap_used)]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "an example measures; only the core does not")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, StringArray};
use shared::expr::{Aggregate, Context, Expr, Schema, Type};
use shared::rng::Rng;

const ROWS: usize = 10_000_000;
const BATCH: usize = 8_192;
const ROUNDS: usize = 5;

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let wanted = |text: &str| text.contains(&only);
    let schema = Schema(
        [
            ("i", Type::Int64),
            ("j", Type::Int64),
            ("n", Type::Int64),
            ("x", Type::Float64),
            ("y", Type::Float64),
            ("s", Type::Utf8),
        ]
        .into_iter()
        .map(|(name, of)| (name.to_owned(), of))
        .collect(),
    );
    let mut rng = Rng::new(1);
    // Texts are dear to make: the batches share 64 of each column.
    let distinct: Vec<Vec<ArrayRef>> = (0..64).map(|_| batch(&mut rng)).collect();
    let batches = || (0..ROWS / BATCH).map(|index| &distinct[index % distinct.len()]);

    println!("{:<70} {:>10}", "evaluate", "M rows/s");
    for text in [
        "i + j",
        "i * 3 + j",
        "n + 1",
        "i / 7",
        "x * y + 1.5",
        "i > 500",
        "i * 2 + j > 1000 and x < 0.25",
        "x * (1.0 - y) > 0.5",
        "case when i > 500 then x else y end",
        "coalesce(n, i)",
        "i in (1, 2, 3, 500)",
        "try(i / (j - 7))",
        "round(x, 2)",
        "ln(x + 1.0)",
        "length(s) > 12",
        "lower(s)",
        "s like '%mill%'",
        "regexp_like(s, 'm.ll [0-9]+')",
        "regexp_extract(s, '([a-z]+) ([0-9]+)', 2)",
        "substr(s, 3, 4)",
        "split(s, ' ')",
        "cast(substr(s, 11, 3) as bigint)",
        "hash(s)",
    ]
    .into_iter()
    .filter(|text| wanted(text))
    {
        let expr = Expr::parse(text, &schema).unwrap();
        let best = best(|| {
            for columns in batches() {
                std::hint::black_box(expr.evaluate(columns, BATCH, Context::default()).unwrap());
            }
        });
        show(text, best);
    }

    println!("\n{:<70} {:>10}", "arithmetic, a filter, and the rows that it keeps", "M rows/s");
    let (map, filter) = (Expr::parse("i * 2 + j", &schema).unwrap(), Expr::parse("x * 2.0 > 1.0", &schema).unwrap());
    let both = || {
        for columns in batches() {
            let value = map.evaluate(columns, BATCH, Context::default()).unwrap();
            let kept = filter.select(columns, BATCH, Context::default()).unwrap();
            let kept = arrow_array::BooleanArray::new(kept, None);
            std::hint::black_box(arrow_select::filter::filter(&value, &kept).unwrap());
        }
    };
    let text = "map i * 2 + j, filter x * 2.0 > 1.0";
    if wanted(text) {
        show(text, best(both));
    }

    println!("\n{:<70} {:>10}", "aggregates, 100 groups", "M rows/s");
    let groups: Vec<u32> = (0..BATCH).map(|_| rng.below(100) as u32).collect();
    for text in [
        "count(*)",
        "count(n)",
        "sum(i)",
        "sum(x)",
        "avg(x)",
        "min(i)",
        "max(x)",
        "stddev(x)",
        "min(s)",
        "first(s)",
        "count(distinct i)",
        "approx_distinct(i)",
        "top_k(x, 3)",
        "list(i)",
        "quantile(x, 0.5)",
    ]
    .into_iter()
    .filter(|text| wanted(text))
    {
        let aggregate = Aggregate::parse(text, &schema).unwrap();
        let best = best(|| {
            let mut accumulator = aggregate.accumulator();
            for columns in batches() {
                let argument = aggregate.argument().map(|of| of.evaluate(columns, BATCH, Context::default()).unwrap());
                accumulator.update(&groups, 100, argument.as_slice()).unwrap();
            }
            std::hint::black_box(accumulator.finish().unwrap().len());
        });
        show(text, best);
    }
}

fn batch(rng: &mut Rng) -> Vec<ArrayRef> {
    let whole = |rng: &mut Rng| (0..BATCH).map(|_| rng.below(1000) as i64).collect::<Vec<_>>();
    let float = |rng: &mut Rng| (0..BATCH).map(|_| rng.unit()).collect::<Vec<_>>();
    let (i, j) = (whole(rng), whole(rng).into_iter().map(|j| j + 8).collect::<Vec<_>>());
    let n: Int64Array = (0..BATCH).map(|_| (rng.below(10) > 0).then(|| rng.below(1000) as i64)).collect();
    let s = StringArray::from_iter_values(
        (0..BATCH).map(|_| format!("{} mill {:03}", ["race", "corn"][rng.below(2) as usize], rng.below(1000))),
    );
    let (x, y) = (float(rng), float(rng));
    vec![
        Arc::new(Int64Array::from(i)),
        Arc::new(Int64Array::from(j)),
        Arc::new(n),
        Arc::new(Float64Array::from(x)),
        Arc::new(Float64Array::from(y)),
        Arc::new(s),
    ]
}

fn best(mut run: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .min()
        .unwrap()
}

fn show(text: &str, time: Duration) {
    println!("{text:<70} {:>10.1}", ROWS as f64 / time.as_secs_f64() / 1e6);
}
