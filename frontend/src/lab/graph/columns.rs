//! Which stage stands in which column, and what passes it there: the graph's order, without a measure.
//!
//! A stage stands as many columns to the right as there are shuffles before it. One that gathers from farther back than the column
//! before it has its rows pass the columns between, above or below the stages there, so that no line runs through a stage.

use shared::wire::StageView;

/// Something in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    Stage(usize),
    /// Rows on their way from this stage to those that gather them.
    Pass(usize),
}

/// The columns from left to right, each from top to bottom: the chain that ends in the result first, what is joined to it below.
pub fn columns(stages: &[StageView]) -> Vec<Vec<Item>> {
    let depths = depths(stages);
    let lines = lines(stages);
    let mut keyed = vec![Vec::new(); depths.iter().max().map_or(0, |depth| depth + 1)];
    for (index, depth) in depths.iter().enumerate() {
        keyed[*depth].push((lines[index], 0, Item::Stage(index)));
        for from in sources(stages, index) {
            for column in &mut keyed[depths[from] + 1..*depth] {
                column.push((lines[from], 1, Item::Pass(from)));
            }
        }
    }
    let ordered = |mut column: Vec<(usize, usize, Item)>| {
        column.sort_by_key(|(line, rank, item)| (*line, *rank, *item));
        column.dedup();
        column.into_iter().map(|(_, _, item)| item).collect()
    };
    keyed.into_iter().map(ordered).collect()
}

/// The stages that a stage gathers from; each stands before it.
pub fn sources(stages: &[StageView], stage: usize) -> impl Iterator<Item = usize> {
    stages[stage].of.iter().map(|of| *of as usize).filter(move |of| *of < stage)
}

/// How many shuffles are before each stage.
fn depths(stages: &[StageView]) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::with_capacity(stages.len());
    for index in 0..stages.len() {
        let before = sources(stages, index).map(|of| depths[of] + 1).max();
        depths.push(before.unwrap_or(0));
    }
    depths
}

/// The line that each stage is in: what it gathers from first goes on in its own, everything else in lines below.
fn lines(stages: &[StageView]) -> Vec<usize> {
    let mut lines = vec![None; stages.len()];
    let mut next = 0;
    // From the result back; a stage that does not lead there begins a line of its own.
    for last in (0..stages.len()).rev() {
        let mut open = vec![(last, None)];
        while let Some((stage, line)) = open.pop() {
            if lines[stage].is_some() {
                continue;
            }
            let line = line.unwrap_or_else(|| {
                next += 1;
                next - 1
            });
            lines[stage] = Some(line);
            let found = sources(stages, stage).enumerate().map(|(index, of)| (of, (index == 0).then_some(line)));
            let found: Vec<_> = found.collect();
            open.extend(found.into_iter().rev());
        }
    }
    lines.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use shared::wire::Phase;

    use super::*;

    fn stages(of: &[&[u32]]) -> Vec<StageView> {
        let stage = |of: &&[u32]| {
            let phase = if of.is_empty() { Phase::Map } else { Phase::Reduce };
            StageView { what: "stage".into(), phase, first: 0, tasks: 1, of: of.to_vec() }
        };
        of.iter().map(stage).collect()
    }

    /// `0 1 | 2 1> | 3`: the columns with their stages and what passes.
    fn told(of: &[&[u32]]) -> String {
        let item = |item: &Item| match item {
            Item::Stage(stage) => stage.to_string(),
            Item::Pass(from) => format!("{from}>"),
        };
        let column = |column: &Vec<Item>| column.iter().map(item).collect::<Vec<_>>().join(" ");
        columns(&stages(of)).iter().map(column).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn stages_stand_by_their_depth_and_rows_pass_those_between() {
        let cases: [(&str, &[&[u32]], &str); 8] = [
            ("nothing", &[], ""),
            ("one MapReduce", &[&[], &[0]], "0 | 1"),
            ("a chain", &[&[], &[0], &[1], &[2]], "0 | 1 | 2 | 3"),
            ("a join", &[&[], &[], &[0, 1]], "0 1 | 2"),
            ("a sort", &[&[], &[0], &[1, 0], &[2]], "0 | 1 0> | 2 | 3"),
            ("a reduced table joined with what is read", &[&[], &[0], &[], &[1, 2]], "0 2 | 1 2> | 3"),
            ("three joins with one table", &[&[], &[], &[0, 1], &[2, 1], &[3, 1]], "0 1 | 2 1> | 3 1> | 4"),
            (
                "two joins with one table, a third with another",
                &[&[], &[], &[0, 1], &[2, 1], &[], &[3, 4]],
                "0 1 4 | 2 1> 4> | 3 4> | 5",
            ),
        ];
        for (what, of, expected) in cases {
            assert_eq!(told(of), expected, "{what}");
        }
    }
}
