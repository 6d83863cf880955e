//! Functions over lists. Elements are counted from 1.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray, UInt32Array};
use arrow_buffer::OffsetBuffer;

use super::Kind::{Boolean, Int64, List, Ordered, Same, Utf8};
use super::call::{Call, Failure, bounded};
use super::cast::show;
use super::compare::order;
use super::{Fixed, Function, Many, Run, line};
use crate::expr::pick::{Pick, pick, take};

pub(super) static LISTS: &[Function] = &[
    line("array", Many(Same), List, Run::Nullable(array), "The list of these values.", ("[1, 2, null]", "[1, 2, null]"))
        .form("[value, …]"),
    line(
        "cardinality",
        Fixed(&[List]),
        Int64,
        Run::Strict(cardinality),
        "The number of elements.",
        ("cardinality([7, 8])", "2"),
    ),
    line(
        "element",
        Fixed(&[List, Int64]),
        Same,
        Run::Strict(element),
        "The element at a position, counted from 1; null if there is none there.",
        ("split('a b c', ' ')[2]", "'b'"),
    )
    .form("List[Int64]"),
    line(
        "array_contains",
        Fixed(&[List, Ordered]),
        Boolean,
        Run::Nullable(contains),
        "Whether a value is among the elements; null is looked for like any other value (Flink).",
        ("array_contains([1, 2], 2)", "true"),
    ),
    line(
        "array_distinct",
        Fixed(&[List]),
        List,
        Run::Strict(distinct),
        "The list without the elements that it has had before, null among them (Flink).",
        ("array_distinct([2, 1, 2, null, null])", "[2, 1, null]"),
    ),
    line(
        "array_sort",
        Fixed(&[List]),
        List,
        Run::Strict(sort),
        "The elements in ascending order, nulls first (Flink).",
        ("array_sort([2, 3, null, 1])", "[null, 1, 2, 3]"),
    ),
    line(
        "array_sort",
        Fixed(&[List, Boolean]),
        List,
        Run::Strict(sort),
        "Ascending with nulls first, or, for false, descending with nulls last (Flink).",
        ("array_sort([2, 3, null, 1], false)", "[3, 2, 1, null]"),
    ),
    line(
        "array_sort",
        Fixed(&[List, Boolean, Boolean]),
        List,
        Run::Strict(sort),
        "Ascending or not, nulls first or not (Flink).",
        ("array_sort([2, null, 1], true, false)", "[1, 2, null]"),
    ),
    line(
        "array_join",
        Fixed(&[List, Utf8]),
        Utf8,
        Run::Strict(join),
        "The elements as text with the second text between them; nulls are left out (Flink).",
        ("array_join(['a', null, 'b'], '-')", "'a-b'"),
    ),
    line(
        "array_join",
        Fixed(&[List, Utf8, Utf8]),
        Utf8,
        Run::Strict(join),
        "The same with a text in place of each null.",
        ("array_join([1, null, 2], ', ', '?')", "'1, ?, 2'"),
    ),
];

type Done = Result<ArrayRef, Failure>;

fn array(call: &Call<'_>) -> Done {
    let columns = call.arguments();
    let arrays: Vec<&ArrayRef> = columns.iter().map(|column| &column.array).collect();
    let of_row = |row: u32| (0u32..).zip(columns).map(move |(index, column)| (index, if column.constant { 0 } else { row }));
    let picks: Vec<Pick> = (0..call.count as u32).flat_map(of_row).collect();
    let crate::expr::Type::List(of) = call.result else { unreachable!("an array is a list") };
    let elements = pick(of, &arrays, &picks).map_err(Failure::of_batch)?;
    let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(columns.len(), call.count));
    Ok(Arc::new(ListArray::new(of.element(), offsets, elements, None)))
}

fn cardinality(call: &Call<'_>) -> Done {
    let lists = call.lists(0);
    call.write_whole(|row| Ok(Some(lists.at(row).len() as i64)))
}

fn element(call: &Call<'_>) -> Done {
    let (lists, places) = (call.lists(0), call.whole(1));
    let index = |row: usize| {
        let range = lists.at(row);
        let place = usize::try_from(places.at(row)).ok()?.checked_sub(1)?;
        (place < range.len()).then(|| (range.start + place) as u32)
    };
    let indices: UInt32Array = (0..call.count).map(|row| call.live(row).then(|| index(row)).flatten()).collect();
    gather(lists.elements(), &indices)
}

fn gather(elements: &ArrayRef, indices: &UInt32Array) -> Done {
    take(elements, indices).map_err(|error| Failure { row: 0, message: error.to_string() })
}

fn contains(call: &Call<'_>) -> Done {
    let (lists, column) = (call.lists(0), &call.arguments()[1]);
    let elements = lists.elements();
    let known = call.arguments()[0].known(call.count);
    call.write_booleans(|row| {
        let at = if column.constant { 0 } else { row };
        let found = || lists.at(row).any(|element| order(elements, element, &column.array, at).is_eq());
        Ok(known.value(row).then(found))
    })
}

/// Lists of chosen elements: `choose` gives those of each row, as indices of the elements of all.
fn choose(call: &Call<'_>, choose: impl Fn(usize, std::ops::Range<usize>) -> Vec<usize>) -> Done {
    let lists = call.lists(0);
    let list = call.arguments()[0].array.as_list::<i32>();
    let mut indices: Vec<u32> = Vec::with_capacity(list.values().len());
    let mut lengths = Vec::with_capacity(call.count);
    for row in 0..call.count {
        let chosen = if call.live(row) { choose(row, lists.at(row)) } else { Vec::new() };
        lengths.push(chosen.len());
        indices.extend(chosen.into_iter().map(|index| index as u32));
    }
    let elements = gather(lists.elements(), &indices.into())?;
    let field = match list.data_type() {
        arrow_schema::DataType::List(field) => field.clone(),
        _ => unreachable!("a list's type is a list"),
    };
    Ok(Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), elements, call.nulls.clone())))
}

fn distinct(call: &Call<'_>) -> Done {
    let elements = call.lists(0).elements();
    choose(call, |_, range| {
        // Equal elements are neighbours when sorted; the first of each run is the first in the list, since the sort is stable.
        let mut sorted: Vec<usize> = range.collect();
        sorted.sort_by(|a, b| order(elements, *a, elements, *b));
        sorted.dedup_by(|b, a| order(elements, *a, elements, *b).is_eq());
        sorted.sort_unstable();
        sorted
    })
}

fn sort(call: &Call<'_>) -> Done {
    let elements = call.lists(0).elements();
    let flag = |index: usize| (call.arguments().len() > index).then(|| call.booleans(index));
    let (ascending, nulls_first) = (flag(1), flag(2));
    choose(call, |row, range| {
        let ascending = ascending.is_none_or(|flags| flags.at(row));
        let nulls_first = nulls_first.map_or(ascending, |flags| flags.at(row));
        let mut sorted: Vec<usize> = range.collect();
        sorted.sort_by(|a, b| match (elements.is_null(*a), elements.is_null(*b)) {
            (false, false) if ascending => order(elements, *a, elements, *b),
            (false, false) => order(elements, *b, elements, *a),
            (true, true) => Ordering::Equal,
            (a, _) if a == nulls_first => Ordering::Less,
            _ => Ordering::Greater,
        });
        sorted
    })
}

fn join(call: &Call<'_>) -> Done {
    let (lists, between) = (call.lists(0), call.texts(1));
    let for_null = (call.arguments().len() == 3).then(|| call.texts(2));
    let elements = lists.elements();
    call.write_texts(|row, out| {
        let mut first = true;
        for element in lists.at(row) {
            let null = elements.is_null(element);
            if null && for_null.is_none() {
                continue;
            }
            if !first {
                out.push_str(between.at(row));
            }
            first = false;
            match for_null.filter(|_| null) {
                Some(text) => out.push_str(text.at(row)),
                None => show(elements, element, out)?,
            }
            bounded(out.len())?;
        }
        Ok(true)
    })
}
