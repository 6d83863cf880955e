//! Rows put together from several arrays of one type: what `case`, `coalesce`, `greatest` and `[a, b]` give.
//!
//! And rows of one array, in any order. Arrow's own `take` also compares values of every type there is, which weighs 300 KB of wasm. Its
//! `interleave` is there anyway, for the reader of Arrow's files.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMicrosecondType, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, ListArray, NullArray, UInt32Array, make_array, new_null_array};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType};
use arrow_select::interleave::interleave;

use super::Type;

/// Which array, and which of its rows.
pub(crate) type Pick = (u32, u32);

/// The picked rows, of arrays that are all of this type.
///
/// # Errors
/// More than 2 GiB of texts or 2^31 elements in all, for which Arrow's offsets are too narrow.
pub(crate) fn pick(of: &Type, arrays: &[&ArrayRef], picks: &[Pick]) -> Result<ArrayRef, String> {
    Ok(match of {
        Type::Boolean => {
            let values: Vec<_> = arrays.iter().map(|array| array.as_boolean().values()).collect();
            let bit = |index: usize| {
                let (array, row) = picks[index];
                values[array as usize].value(row as usize)
            };
            Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(picks.len(), bit), nulls(arrays, picks)))
        }
        Type::Float64 => {
            let values: Vec<&[f64]> = arrays.iter().map(|array| &**array.as_primitive::<Float64Type>().values()).collect();
            Arc::new(Float64Array::new(numbers(&values, picks).into(), nulls(arrays, picks)))
        }
        Type::Int64 | Type::Timestamp | Type::Interval => {
            let values: Vec<&[i64]> = arrays.iter().map(|array| whole(of, array)).collect();
            of.whole(numbers(&values, picks), nulls(arrays, picks))
        }
        Type::Utf8 => {
            let texts: Vec<_> = arrays.iter().map(|array| array.as_string::<i32>()).collect();
            let text = |(array, row): &Pick| {
                let texts = texts[*array as usize];
                texts.is_valid(*row as usize).then(|| texts.value(*row as usize))
            };
            let bytes: usize = picks.iter().filter_map(text).map(str::len).sum();
            if bytes > i32::MAX as usize {
                return Err(format!("the texts of one batch would have {bytes} bytes; the limit is {}", i32::MAX));
            }
            let mut builder = StringBuilder::with_capacity(picks.len(), bytes);
            picks.iter().for_each(|pick| builder.append_option(text(pick)));
            Arc::new(builder.finish())
        }
        Type::List(of) => {
            let lists: Vec<_> = arrays.iter().map(|array| array.as_list::<i32>()).collect();
            let elements: Vec<&ArrayRef> = lists.iter().map(|lists| lists.values()).collect();
            let (mut inner, mut lengths) = (Vec::new(), Vec::with_capacity(picks.len()));
            for (array, row) in picks {
                let lists = lists[*array as usize];
                let ends = &lists.value_offsets()[*row as usize..][..2];
                let range = if lists.is_valid(*row as usize) { ends[0] as u32..ends[1] as u32 } else { 0..0 };
                lengths.push(range.len());
                inner.extend(range.map(|element| (*array, element)));
            }
            if inner.len() > i32::MAX as usize {
                return Err(format!("the lists of one batch would have {} elements; the limit is {}", inner.len(), i32::MAX));
            }
            let elements = pick(of, &elements, &inner)?;
            Arc::new(ListArray::new(of.element(), OffsetBuffer::from_lengths(lengths), elements, nulls(arrays, picks)))
        }
    })
}

/// Rows of an array, by their numbers; a null gives a null.
///
/// # Errors
/// More than 2 GiB of texts.
pub(crate) fn take(array: &dyn Array, rows: &UInt32Array) -> Result<ArrayRef, ArrowError> {
    if *array.data_type() == DataType::Null {
        return Ok(Arc::new(NullArray::new(rows.len())));
    }
    let place = |row: u32| (0, row as usize);
    match rows.null_count() {
        0 => gather(&[array], &rows.values().iter().map(|row| place(*row)).collect::<Vec<_>>()),
        _ => {
            let none = new_null_array(array.data_type(), 1);
            gather(&[array, &none], &rows.iter().map(|row| row.map_or((1, 0), place)).collect::<Vec<_>>())
        }
    }
}

/// Rows of arrays of one type, each by its array and its place there. A null leaves the bytes behind that it may have hidden, and where
/// there is none nothing tells of nulls: what is sent depends on the values alone.
///
/// # Errors
/// More than 2 GiB of texts.
pub(crate) fn gather(arrays: &[&dyn Array], places: &[(usize, usize)]) -> Result<ArrayRef, ArrowError> {
    let Some(first) = arrays.iter().find(|array| array.null_count() > 0) else { return interleave(arrays, places) };
    let none = new_null_array(first.data_type(), 1);
    let (mut arrays, nulls) = (arrays.to_vec(), arrays.iter().map(|array| array.nulls()).collect::<Vec<_>>());
    let hidden = (arrays.len(), 0);
    let is_null = |(array, row): (usize, usize)| nulls[array].is_some_and(|nulls| nulls.is_null(row));
    let places: Vec<_> = places.iter().map(|place| if is_null(*place) { hidden } else { *place }).collect();
    arrays.push(&none);
    let gathered = interleave(&arrays, &places)?;
    match gathered.null_count() {
        0 => Ok(make_array(gathered.to_data().into_builder().nulls(None).build()?)),
        _ => Ok(gathered),
    }
}

/// The values of an array of Int64s, Timestamps or Intervals.
fn whole<'a>(of: &Type, array: &'a ArrayRef) -> &'a [i64] {
    match of {
        Type::Timestamp => array.as_primitive::<TimestampMicrosecondType>().values(),
        Type::Interval => array.as_primitive::<DurationMicrosecondType>().values(),
        _ => array.as_primitive::<Int64Type>().values(),
    }
}

fn numbers<T: Copy>(values: &[&[T]], picks: &[Pick]) -> Vec<T> {
    picks.iter().map(|(array, row)| values[*array as usize][*row as usize]).collect()
}

fn nulls(arrays: &[&ArrayRef], picks: &[Pick]) -> Option<NullBuffer> {
    if arrays.iter().all(|array| array.null_count() == 0) {
        return None;
    }
    let nulls: Vec<_> = arrays.iter().map(|array| array.nulls()).collect();
    let known = |index: usize| {
        let (array, row) = picks[index];
        nulls[array as usize].is_none_or(|nulls| nulls.is_valid(row as usize))
    };
    Some(NullBuffer::new(BooleanBuffer::collect_bool(picks.len(), known)))
}
