//! A call under way: how a kernel reads its arguments, skips the rows that do not count, and writes its result.

use std::cell::RefCell;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, DurationMicrosecondType, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray, Float64Array, ListArray, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer};

use super::Prepared;
use crate::expr::Type;
use crate::expr::eval::{Column, Context};
use crate::limits::TEXT_BYTES_MAX;

/// A row for which a function has no result, and why.
pub struct Failure {
    pub row: usize,
    pub message: String,
}

/// The arguments of a call for a batch of rows, and which of them count.
pub struct Call<'a> {
    arguments: &'a [Column],
    pub count: usize,
    pub result: &'a Type,
    pub prepared: &'a Prepared,
    pub context: Context,
    /// Where an argument of a strict function is null, so that the result is.
    pub nulls: Option<NullBuffer>,
    /// Rows that count and where no argument of a strict function is null; all if there is none.
    live: Option<BooleanBuffer>,
    failures: Option<&'a RefCell<Vec<usize>>>,
}

/// An argument's values; a constant has one, and steps by 0.
#[derive(Clone, Copy)]
pub struct Values<'a, T> {
    pub values: &'a [T],
    step: usize,
}

/// An argument's texts.
#[derive(Clone, Copy)]
pub struct Texts<'a> {
    pub array: &'a StringArray,
    step: usize,
}

/// An argument's truth values.
#[derive(Clone, Copy)]
pub struct Booleans<'a> {
    array: &'a BooleanArray,
    step: usize,
}

/// An argument's lists.
#[derive(Clone, Copy)]
pub struct Lists<'a> {
    array: &'a ListArray,
    step: usize,
}

impl<T: Copy> Values<'_, T> {
    pub fn at(&self, row: usize) -> T {
        self.values[row * self.step]
    }

    /// Its one value, if it is a constant.
    pub fn constant(&self) -> Option<T> {
        if self.step == 0 { self.values.first().copied() } else { None }
    }
}

impl<'a> Texts<'a> {
    pub fn at(&self, row: usize) -> &'a str {
        self.array.value(row * self.step)
    }

    pub fn constant(&self) -> Option<&'a str> {
        (self.step == 0).then(|| self.array.value(0))
    }
}

impl Booleans<'_> {
    pub fn at(&self, row: usize) -> bool {
        self.array.value(row * self.step)
    }
}

impl<'a> Lists<'a> {
    /// The elements of a row's list: a range of [`Lists::elements`].
    pub fn at(&self, row: usize) -> std::ops::Range<usize> {
        let offsets = self.array.value_offsets();
        let row = row * self.step;
        offsets[row] as usize..offsets[row + 1] as usize
    }

    pub fn elements(&self) -> &'a ArrayRef {
        self.array.values()
    }
}

impl<'a> Call<'a> {
    pub fn new(
        arguments: &'a [Column],
        count: usize,
        result: &'a Type,
        prepared: &'a Prepared,
        context: Context,
        nulls: Option<NullBuffer>,
    ) -> Call<'a> {
        let live = nulls.as_ref().map(|nulls| nulls.inner().clone());
        Call { arguments, count, result, prepared, context, nulls, live, failures: None }
    }

    /// Only the active rows count, and failing ones are noted.
    pub fn within(mut self, active: Option<&BooleanBuffer>, failures: Option<&'a RefCell<Vec<usize>>>) -> Call<'a> {
        if let Some(active) = active {
            self.live = Some(self.live.map_or_else(|| active.clone(), |live| &live & active));
        }
        self.failures = failures;
        self
    }

    /// The same call, whose failures are noted there.
    pub fn noting<'b>(&'b self, failures: &'b RefCell<Vec<usize>>) -> Call<'b> {
        let (nulls, live) = (self.nulls.clone(), self.live.clone());
        Call { failures: Some(failures), nulls, live, ..*self }
    }

    /// Whether the row counts and no argument of a strict function is null there.
    pub fn live(&self, row: usize) -> bool {
        self.live.as_ref().is_none_or(|live| live.value(row))
    }

    /// The row has no result. The kernel goes on, whatever it writes there, unless this is an error.
    pub fn fail(&self, row: usize, message: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.failures {
            None => Err(Failure { row, message: message() }),
            Some(failures) => {
                failures.borrow_mut().push(row);
                Ok(())
            }
        }
    }

    pub fn arguments(&self) -> &'a [Column] {
        self.arguments
    }

    fn primitive<P: ArrowPrimitiveType>(&self, index: usize) -> Values<'a, P::Native> {
        let column = &self.arguments[index];
        Values { values: column.array.as_primitive::<P>().values(), step: usize::from(!column.constant) }
    }

    pub fn floats(&self, index: usize) -> Values<'a, f64> {
        self.primitive::<Float64Type>(index)
    }

    /// Of an argument that is Int64, Timestamp or Interval.
    pub fn whole(&self, index: usize) -> Values<'a, i64> {
        match Type::of(self.arguments[index].array.data_type()) {
            Some(Type::Timestamp) => self.primitive::<TimestampMicrosecondType>(index),
            Some(Type::Interval) => self.primitive::<DurationMicrosecondType>(index),
            _ => self.primitive::<Int64Type>(index),
        }
    }

    pub fn texts(&self, index: usize) -> Texts<'a> {
        let column = &self.arguments[index];
        Texts { array: column.array.as_string(), step: usize::from(!column.constant) }
    }

    pub fn booleans(&self, index: usize) -> Booleans<'a> {
        let column = &self.arguments[index];
        Booleans { array: column.array.as_boolean(), step: usize::from(!column.constant) }
    }

    pub fn lists(&self, index: usize) -> Lists<'a> {
        let column = &self.arguments[index];
        Lists { array: column.array.as_list(), step: usize::from(!column.constant) }
    }

    /// Whether an argument is null in a row, for a kernel that is not strict.
    pub fn is_null(&self, index: usize, row: usize) -> bool {
        let column = &self.arguments[index];
        column.array.is_null(if column.constant { 0 } else { row })
    }

    /// Int64s, Timestamps or Intervals, as the result's type says.
    pub fn write_whole(&self, give: impl Fn(usize) -> Result<Option<i64>, String>) -> Result<ArrayRef, Failure> {
        let (values, nulls) = self.write(0, give)?;
        Ok(self.result.whole(values, nulls))
    }

    pub fn write_floats(&self, give: impl Fn(usize) -> Result<Option<f64>, String>) -> Result<ArrayRef, Failure> {
        let (values, nulls) = self.write(0.0, give)?;
        Ok(Arc::new(Float64Array::new(values.into(), nulls)))
    }

    pub fn write_booleans(&self, give: impl Fn(usize) -> Result<Option<bool>, String>) -> Result<ArrayRef, Failure> {
        let (values, nulls) = self.write(false, give)?;
        Ok(Arc::new(BooleanArray::new(values.into(), nulls)))
    }

    fn write<T: Copy>(
        &self,
        nothing: T,
        give: impl Fn(usize) -> Result<Option<T>, String>,
    ) -> Result<(Vec<T>, Option<NullBuffer>), Failure> {
        let mut values = Vec::with_capacity(self.count);
        let mut nulls: Option<Vec<bool>> = None;
        for row in 0..self.count {
            if !self.live(row) {
                values.push(nothing);
                continue;
            }
            let value = match give(row) {
                Ok(value) => value,
                Err(message) => {
                    self.fail(row, || message)?;
                    None
                }
            };
            if value.is_none() {
                nulls.get_or_insert_with(|| vec![true; self.count])[row] = false;
            }
            values.push(value.unwrap_or(nothing));
        }
        let nulls = nulls.map(NullBuffer::from);
        Ok((values, NullBuffer::union(self.nulls.as_ref(), nulls.as_ref())))
    }

    /// Texts that are a part of an argument's, or any other that lives as long.
    pub fn write_parts(&self, give: impl Fn(usize) -> Option<&'a str>) -> Result<ArrayRef, Failure> {
        let mut texts = TextWriter::new(self);
        for row in 0..self.count {
            match self.live(row).then(|| give(row)).flatten() {
                Some(text) => texts.push(row, text)?,
                None => texts.builder.append_null(),
            }
        }
        Ok(texts.finish())
    }

    /// Texts that are put together in a buffer, which is empty for each row; `false` is null.
    pub fn write_texts(&self, mut give: impl FnMut(usize, &mut String) -> Result<bool, String>) -> Result<ArrayRef, Failure> {
        let mut texts = TextWriter::new(self);
        let mut buffer = String::new();
        for row in 0..self.count {
            if !self.live(row) {
                texts.builder.append_null();
                continue;
            }
            buffer.clear();
            match give(row, &mut buffer) {
                Ok(true) => texts.push(row, &buffer)?,
                Ok(false) => texts.builder.append_null(),
                Err(message) => {
                    self.fail(row, || message)?;
                    texts.builder.append_null();
                }
            }
        }
        Ok(texts.finish())
    }

    /// Lists of texts: `give` hands each element over; `false` is null.
    pub fn write_text_lists(
        &self,
        give: impl Fn(usize, &mut dyn FnMut(Option<&str>)) -> Result<bool, String>,
    ) -> Result<ArrayRef, Failure> {
        let mut lists = ListBuilder::new(StringBuilder::new()).with_field(Type::Utf8.element());
        for row in 0..self.count {
            if !self.live(row) {
                lists.append_null();
                continue;
            }
            let mut bytes = lists.values().values_slice().len();
            let mut overflow = false;
            let mut push = |element: Option<&str>| {
                bytes += element.map_or(0, str::len);
                overflow |= bytes > BATCH_BYTES_MAX;
                lists.values().append_option(element.filter(|_| !overflow));
            };
            let given = match give(row, &mut push) {
                Ok(_) if overflow => Err(too_many_bytes()),
                given => given,
            };
            match given {
                Ok(true) => lists.append(true),
                Ok(false) => lists.append(false),
                Err(message) => {
                    self.fail(row, || message)?;
                    lists.append(false);
                }
            }
        }
        Ok(Arc::new(lists.finish()))
    }
}

/// Bytes of all texts of one batch: Arrow's offsets are 32 bits wide.
const BATCH_BYTES_MAX: usize = i32::MAX as usize;

fn too_many_bytes() -> String {
    format!("the texts of one batch would have more than {BATCH_BYTES_MAX} bytes")
}

struct TextWriter<'c, 'a> {
    call: &'c Call<'a>,
    builder: StringBuilder,
    bytes: usize,
}

impl<'c, 'a> TextWriter<'c, 'a> {
    fn new(call: &'c Call<'a>) -> TextWriter<'c, 'a> {
        TextWriter { call, builder: StringBuilder::with_capacity(call.count, 0), bytes: 0 }
    }

    fn push(&mut self, row: usize, text: &str) -> Result<(), Failure> {
        let too_many = self.bytes + text.len() > BATCH_BYTES_MAX;
        if too_many || text.len() > TEXT_BYTES_MAX {
            let message = || match too_many {
                true => too_many_bytes(),
                false => too_long(text.len()),
            };
            self.call.fail(row, message)?;
            self.builder.append_null();
            return Ok(());
        }
        self.bytes += text.len();
        self.builder.append_value(text);
        Ok(())
    }

    fn finish(mut self) -> ArrayRef {
        Arc::new(self.builder.finish())
    }
}

fn too_long(bytes: usize) -> String {
    format!("the result would have {bytes} bytes; the limit of a text is {TEXT_BYTES_MAX}")
}

/// Refuses a text of so many bytes before it is made.
pub(super) fn bounded(bytes: usize) -> Result<(), String> {
    if bytes <= TEXT_BYTES_MAX { Ok(()) } else { Err(too_long(bytes)) }
}

/// Enough of a text to recognise it in a sentence.
pub(super) fn excerpt(text: &str) -> String {
    const CHARS: usize = 60;
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
