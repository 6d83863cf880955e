use super::*;

/// Stages by what they do, how many tasks they have, and the stages that they gather from.
fn stages(of: &[(&str, u32, &[u32])]) -> Vec<StageView> {
    let mut next = [0, 0];
    let stage = |(what, tasks, of): &(&str, u32, &[u32])| {
        let phase = if of.is_empty() { Phase::Map } else { Phase::Reduce };
        let first = next[phase as usize];
        next[phase as usize] += tasks;
        StageView { what: (*what).into(), phase, first, tasks: *tasks, of: of.to_vec() }
    };
    of.iter().map(stage).collect()
}

fn one(maps: u32, partitions: u32) -> Vec<StageView> {
    stages(&[("map", maps, &[]), ("reduce", partitions, &[0])])
}

fn map_only() -> Vec<StageView> {
    stages(&[("map", 6, &[]), ("collect", 4, &[0])])
}

fn chain_of_three() -> Vec<StageView> {
    stages(&[("map", 6, &[]), ("reduce", 4, &[0]), ("reduce", 4, &[1])])
}

fn join() -> Vec<StageView> {
    stages(&[("map", 8, &[]), ("map", 2, &[]), ("join", 4, &[0, 1])])
}

fn sort() -> Vec<StageView> {
    stages(&[("map", 6, &[]), ("choose ranges", 1, &[0]), ("split by range", 6, &[1, 0]), ("sort", 4, &[2])])
}

/// Ten rounds of a join with one table and a reduction, as page rank has them.
fn twenty() -> Vec<StageView> {
    let mut of: Vec<(&str, u32, Vec<u32>)> = vec![("map", 8, vec![]), ("map", 8, vec![])];
    for round in 0..10 {
        let before = if round == 0 { 0 } else { of.len() as u32 - 1 };
        of.push(("join", 4, vec![before, 1]));
        of.push(("reduce", 4, vec![of.len() as u32 - 1]));
    }
    stages(&of.iter().map(|(what, tasks, of)| (*what, *tasks, &of[..])).collect::<Vec<_>>())
}

/// A chain without joins: a reduction after the other.
fn twenty_in_a_row() -> Vec<StageView> {
    let of: Vec<u32> = (0..19).collect();
    let mut all: Vec<(&str, u32, &[u32])> = vec![("map", 48, &[])];
    all.extend(of.iter().map(|before| ("reduce", 8, std::slice::from_ref(before))));
    stages(&all)
}

/// Many joined tables above one another.
fn six_tables() -> Vec<StageView> {
    stages(&[
        ("map", 40, &[]),
        ("map", 1, &[]),
        ("map", 3, &[]),
        ("map", 12, &[]),
        ("map", 1, &[]),
        ("map", 2, &[]),
        ("join", 4, &[0, 1]),
        ("join", 4, &[6, 2]),
        ("join", 4, &[7, 3]),
        ("join", 4, &[8, 4]),
        ("join", 4, &[9, 5]),
        ("reduce", 4, &[10]),
    ])
}

/// All of these, by name.
fn all() -> Vec<(&'static str, Vec<StageView>)> {
    vec![
        ("one MapReduce", one(8, 4)),
        ("one big MapReduce", one(700, 64)),
        ("map only", map_only()),
        ("chain of three", chain_of_three()),
        ("join", join()),
        ("sort", sort()),
        ("twenty stages of joins", twenty()),
        ("twenty stages in a row", twenty_in_a_row()),
        ("six tables", six_tables()),
        ("a single stage", stages(&[("map", 3, &[])])),
    ]
}

const SIZES: [(f64, f64); 5] = [(820.0, 216.0), (380.0, 200.0), (1412.0, 400.0), (560.0, 90.0), (240.0, 130.0)];

/// The drawing as letters, one for ten pixels across and sixteen down: cells by what they are, bars, headings with `title` alone.
fn drawn(stages: &[StageView], width: f64, height: f64) -> Vec<String> {
    let layout = Layout::new(width, height, stages);
    let (across, down) = ((layout.size.0 / 10.0) as usize + 1, (layout.size.1 / 16.0) as usize + 1);
    let mut sheet = vec![vec![' '; across]; down];
    let mut put = |x: f64, y: f64, letter: char| {
        if let Some(spot) = sheet.get_mut((y / 16.0) as usize).and_then(|row| row.get_mut((x / 10.0) as usize)) {
            *spot = letter;
        }
    };
    for placed in &layout.cells {
        let letter = match placed.role {
            Role::Split => '.',
            Role::Map => 'm',
            Role::Reduce => 'r',
            Role::Output => 'o',
        };
        for cell in 0..placed.grid.count {
            let at = placed.grid.cell(cell);
            let steps = (at.width / 10.0).ceil() as usize;
            (0..steps).for_each(|step| put(at.x + 10.0 * step as f64, at.middle(), letter));
        }
    }
    for bar in &layout.bars {
        let steps = (bar.area.height / 16.0).ceil() as usize;
        (0..steps).for_each(|step| put(bar.area.x, bar.area.y + 16.0 * step as f64, '|'));
    }
    for head in &layout.heads {
        for (index, letter) in super::super::words::title(stages, head.of).chars().enumerate() {
            put(head.area.x + 10.0 * index as f64, head.area.y, letter);
        }
    }
    sheet.into_iter().map(|row| row.into_iter().collect::<String>().trim_end().to_owned()).collect()
}

fn assert_drawn(stages: &[StageView], width: f64, expected: &str) {
    let drawn = drawn(stages, width, 216.0).join("\n");
    assert_eq!(drawn.trim_end(), expected.trim_start_matches('\n'), "drawn:\n{drawn}\n");
}

#[test]
fn one_map_reduce_is_five_columns() {
    let expected = "
 Input               Map              Shuffle         Reduce           Output

 ..............      mmmmmmmmmmmmmmm
                                             |
 ..............      mmmmmmmmmmmmmmm         |        rrrrrrrrrrrrr    ooooooooo
 ..............      mmmmmmmmmmmmmmm         |
 ..............      mmmmmmmmmmmmmmm         |        rrrrrrrrrrrrr    ooooooooo
                                             |
 ..............      mmmmmmmmmmmmmmm         |        rrrrrrrrrrrrr    ooooooooo
 ..............      mmmmmmmmmmmmmmm         |
 ..............      mmmmmmmmmmmmmmm         |        rrrrrrrrrrrrr    ooooooooo

 ..............      mmmmmmmmmmmmmmm";
    assert_drawn(&one(8, 4), 820.0, expected);
}

#[test]
fn without_a_reduce_rows_are_collected_in_the_inputs_order() {
    let expected = "
 Input               Map              Shuffle         Collect          Output


 ..............      mmmmmmmmmmmmmmm         |
 ..............      mmmmmmmmmmmmmmm         |        rrrrrrrrrrrrr    ooooooooo
                                             |
 ..............      mmmmmmmmmmmmmmm         |        rrrrrrrrrrrrr    ooooooooo
                                             |
 ..............      mmmmmmmmmmmmmmm         |        rrrrrrrrrrrrr    ooooooooo
                                             |
 ..............      mmmmmmmmmmmmmmm         |        rrrrrrrrrrrrr    ooooooooo
 ..............      mmmmmmmmmmmmmmm";
    assert_drawn(&map_only(), 820.0, expected);
}

#[test]
fn a_chain_has_a_column_for_each_shuffle() {
    let expected = "
 Input         Map                  Reduce 1            Reduce 2       Output


 ...........   mmmmmmmmmm     |
 ...........   mmmmmmmmmm     |     rrrrrrrrrr     |    rrrrrrrrrrrr   ooooooooo
                              |                    |
 ...........   mmmmmmmmmm     |     rrrrrrrrrr     |    rrrrrrrrrrrr   ooooooooo
                              |                    |
 ...........   mmmmmmmmmm     |     rrrrrrrrrr     |    rrrrrrrrrrrr   ooooooooo
                              |                    |
 ...........   mmmmmmmmmm     |     rrrrrrrrrr          rrrrrrrrrrrr   ooooooooo
 ...........   mmmmmmmmmm";
    assert_drawn(&chain_of_three(), 820.0, expected);
}

#[test]
fn joined_inputs_are_above_one_another() {
    let expected = "
 Input               Map 1                        Join               Output


 ...............     mmmmmmmmmmmmmm
                                          |       rrrrrrrrrrrrrr     oooooooooooo
 ...............     mmmmmmmmmmmmmm       |
                                          |       rrrrrrrrrrrrrr     oooooooooooo
 Input               Map 2                |
                                          |       rrrrrrrrrrrrrr     oooooooooooo
                                          |
 ...............     mmmmmmmmmmmmmmm              rrrrrrrrrrrrrr     oooooooooooo

 ...............     mmmmmmmmmmmmmmm";
    assert_drawn(&join(), 820.0, expected);
}

#[test]
fn rows_pass_the_choice_of_ranges() {
    let expected = "
 Input      Map            Choose ranges     Split by range    Sort      Output


 ........   mmmmmmmm  |                 |    rrrrrrrrrrrr  |
 ........   mmmmmmmm  |                 |    rrrrrrrrrrrr  |   rrrrrrrr  oooooooo
                      |                 |                  |
 ........   mmmmmmmm  |                 |    rrrrrrrrrrrr  |   rrrrrrrr  oooooooo
                      |    rrrrrrrrrrr  |                  |
 ........   mmmmmmmm  |                 |    rrrrrrrrrrrr  |   rrrrrrrr  oooooooo
                      |                 |                  |
 ........   mmmmmmmm                    |    rrrrrrrrrrrr  |   rrrrrrrr  oooooooo
 ........   mmmmmmmm                         rrrrrrrrrrrr";
    assert_drawn(&sort(), 820.0, expected);
}

#[test]
fn a_sort_on_a_phone_leaves_out_the_splits() {
    let expected = "
Map    Choose ranSplit by raSortOutput


mmmm |         | rrrrrrrr |
mmmm |         | rrrrrrrr | rrrrooooo
     |         |          |
mmmm |         | rrrrrrrr | rrrrooooo
     | rrrrrrr |          |
mmmm |         | rrrrrrrr | rrrrooooo
     |         |          |
mmmm           | rrrrrrrr | rrrrooooo
mmmm             rrrrrrrr";
    assert_drawn(&sort(), 384.0, expected);
}

#[test]
fn twenty_stages_are_compact_with_headings_by_turns() {
    let expected = "
Map 1    Reduce 1Reduce Reduce Reduce Reduce Reduce 6Reduce Reduce Reduce Reduce 10

      Join 1 Join 2 Join 3 Join 4  Join 5 Join 6 Join 7 Join 8 Join 9  Join 10 Output


m mm |rr|rr |rr| rr|rr |rr|rr |rr| rr|rr |rr|rr |rr| rr|rr |rr|rr |rr  rr rrrrrooooo
m mm |  |   |  |   |   |  |   |  |   |   |  |   |  |   |   |  |   |  |   |
Map 2|rr|rr |rr| rr|rr |rr|rr |rr| rr|rr |rr|rr |rr| rr|rr |rr|rr |rr| rr|rrrrrooooo
     |  |   |  |   |   |  |   |  |   |   |  |   |  |   |   |  |   |  |   |
     |rr|rr |rr| rr|rr |rr|rr |rr| rr|rr |rr|rr |rr| rr|rr |rr|rr |rr| rr|rrrrrooooo
m mm |rr|rr |rr| rr|rr |rr|rr |rr| rr|rr |rr|rr |rr| rr|rr |rr|rr |rr|   |
m mm                                                                 | rr|rrrrrooooo
m m";
    assert_drawn(&twenty(), 850.0, expected);
}

fn overlap(a: Box, b: Box) -> bool {
    let apart = a.right() <= b.x + 0.01 || b.right() <= a.x + 0.01 || a.bottom() <= b.y + 0.01 || b.bottom() <= a.y + 0.01;
    !apart
}

/// Everything that may not lie on anything else, with what it is.
fn boxes(layout: &Layout) -> Vec<(String, Box)> {
    let cells = layout.cells.iter().map(|placed| (format!("{:?} of {}", placed.role, placed.stage), placed.grid.bounds()));
    let bars = layout.bars.iter().map(|bar| (format!("bar of {}", bar.to), bar.area));
    let heads = layout.heads.iter().map(|head| (format!("head of {:?}", head.of), head.area));
    cells.chain(bars).chain(heads).collect()
}

#[test]
fn everything_is_inside_and_nothing_overlaps() {
    for (name, stages) in all() {
        for (width, height) in SIZES {
            let layout = Layout::new(width, height, &stages);
            assert!(layout.size.0 >= width && layout.size.1 >= height);
            let boxes = boxes(&layout);
            for (index, (what, area)) in boxes.iter().enumerate() {
                let place = format!("{what} of {name} in {width} × {height}: {area:?}");
                let inside = area.x >= 0.0 && area.y >= 0.0 && area.right() <= layout.size.0 && area.bottom() <= layout.size.1;
                assert!(inside, "{place} is out of {:?}", layout.size);
                for (other, with) in &boxes[..index] {
                    assert!(!overlap(*area, *with), "{place} lies on {other}: {with:?}");
                }
            }
        }
    }
}

#[test]
fn every_stage_has_its_cells_large_enough_and_right_of_what_it_gathers_from() {
    for (name, stages) in all() {
        for (width, height) in SIZES {
            let layout = Layout::new(width, height, &stages);
            for (index, stage) in stages.iter().enumerate() {
                let grid = layout.tasks_of(index).expect("every stage is drawn");
                let tasks: usize = (0..grid.count).map(|cell| grid.tasks(cell).len()).sum();
                assert_eq!(tasks, stage.tasks as usize, "{name}");
                let cell = grid.cell(0);
                assert!(cell.width >= 2.0 && cell.height >= 2.0, "{name}: {cell:?}");
                for from in sources(&stages, index) {
                    let before = layout.tasks_of(from).expect("every stage is drawn");
                    let bar = layout.bars.iter().find(|bar| bar.to == index).expect("a shuffle is before it");
                    assert!(before.bounds().right() < bar.area.x && bar.area.right() < grid.bounds().x, "{name}");
                }
            }
            let outputs: Vec<_> = layout.cells.iter().filter(|placed| placed.role == Role::Output).collect();
            assert_eq!(outputs.len(), 1, "{name}");
            assert_eq!(outputs[0].stage, stages.len() - 1, "{name}");
        }
    }
}

/// What is not shortened in a panel of any width, but for the five columns of one MapReduce, whose titles are short.
#[test]
fn headings_have_room_for_their_words() {
    for (name, stages) in all().into_iter().filter(|(_, stages)| !is_one_map_reduce(stages)) {
        for (width, height) in SIZES {
            for head in Layout::new(width, height, &stages).heads {
                let Of::Stage(stage) = head.of else { continue };
                let needed = super::super::tracks::head_px(&stages, stage, head.in_one_line);
                assert!(head.area.width >= needed - 0.01, "{name} in {width}: {head:?} needs {needed}");
            }
        }
    }
}

#[test]
fn short_jobs_fit_a_phone_and_twenty_stages_fit_a_screen() {
    for stages in [one(8, 4), one(700, 64), map_only(), chain_of_three(), join(), sort()] {
        assert_eq!(Layout::new(380.0, 200.0, &stages).size, (380.0, 200.0), "{stages:?}");
    }
    assert_eq!(Layout::new(850.0, 216.0, &twenty_in_a_row()).size, (850.0, 216.0));
    // There it scrolls.
    let phone = Layout::new(380.0, 200.0, &twenty_in_a_row());
    assert!(phone.size.0 > 700.0 && phone.size.0 < 1_000.0, "{:?}", phone.size);
}

#[test]
fn any_number_of_tasks_stays_inside() {
    for (width, height) in [(820.0, 250.0), (370.0, 220.0), (1600.0, 400.0), (300.0, 130.0)] {
        for maps in [0, 1, 2, 8, 12, 13, 48, 120, 700, 4_000, 100_000] {
            for partitions in [1, 4, 13, 64, 256] {
                for placed in Layout::new(width, height, &one(maps, partitions)).cells {
                    for index in 0..placed.grid.count {
                        let cell = placed.grid.cell(index);
                        assert!(cell.x >= 0.0 && cell.right() <= width, "{cell:?} of {} is out of {width}", placed.grid.count);
                        assert!(cell.y >= HEAD_PX - 0.01 && cell.bottom() <= height, "{cell:?} is out of {height}");
                        assert!(cell.width >= 2.0 && cell.height >= 2.0, "{cell:?} of {} is too small", placed.grid.count);
                    }
                }
            }
        }
    }
}

#[test]
fn every_task_has_its_cell_and_every_point_its_tasks() {
    for (maps, partitions) in [(3, 4), (48, 4), (700, 4), (4_000, 13), (100_000, 4)] {
        let layout =
            Layout::new(820.0, 250.0, &stages(&[("map", maps, &[]), ("reduce", partitions, &[0]), ("reduce", 4, &[1])]));
        for placed in &layout.cells {
            let tasks = placed.tasks(0).start..placed.tasks(placed.grid.count - 1).end;
            for task in [tasks.start, (tasks.start + tasks.end) / 2, tasks.end - 1] {
                let cell = placed.cell_of(task).expect("the task is one of these");
                assert!(placed.tasks(cell).contains(&task));
                let at = placed.grid.cell(cell);
                assert_eq!(placed.grid.at(at.x + at.width / 2.0, at.middle()), Some(cell));
            }
            assert_eq!(placed.cell_of(tasks.end), None);
            assert_eq!(placed.grid.at(0.0, HEAD_PX), None);
        }
        let last = layout.cells.iter().find(|placed| placed.role == Role::Output).expect("outputs are drawn");
        assert_eq!(last.tasks(0).start, partitions as usize, "tasks behind shuffles are numbered through all stages");
    }
}

#[test]
fn few_tasks_have_an_edge_each_and_many_have_a_band() {
    let edges = |layout: &Layout| layout.bundles.iter().flat_map(|bundle| bundle.edges.clone()).collect::<Vec<_>>();
    let few = edges(&Layout::new(820.0, 250.0, &one(6, 4)));
    assert_eq!(few.len(), 6 + 6 + 4 + 4);
    assert!(few.iter().all(|edge| !edge.bundled));
    let many = edges(&Layout::new(820.0, 250.0, &one(700, 4)));
    assert_eq!(many.iter().filter(|edge| edge.bundled).count(), 2);
    // What passes a column is a band, however few they are.
    let sorted = Layout::new(820.0, 250.0, &sort());
    let passing = sorted.bundles.iter().find(|bundle| (bundle.from, bundle.to) == (0, 2)).expect("the rows pass the ranges");
    assert_eq!(passing.edges.iter().filter(|edge| edge.bundled).count(), 1);
}

#[test]
fn cells_do_not_overlap() {
    let layout = Layout::new(820.0, 250.0, &one(700, 4));
    let grid = layout.tasks_of(0).expect("map tasks are drawn");
    for cell in 1..grid.count {
        assert!(!overlap(grid.cell(cell - 1), grid.cell(cell)));
    }
}
