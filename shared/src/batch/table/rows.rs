//! Some rows of a result, as text, CSV and JSON.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::SchemaRef;

use crate::batch::Column;
use crate::expr::{Type, Value, show};

/// See the module.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    pub(super) names: &'a [Column],
    pub(super) columns: Vec<ArrayRef>,
    pub(super) rows: usize,
}

impl Rows<'_> {
    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The values, a column after the other.
    pub fn columns(&self) -> &[ArrayRef] {
        &self.columns
    }

    /// The same as an Arrow batch of the result's schema.
    pub fn into_arrow(self, schema: SchemaRef) -> RecordBatch {
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(schema, self.columns, &options).expect("each column has its own type")
    }

    /// A value as text, as it is shown and written; `None` for null.
    pub fn text(&self, row: usize, column: usize) -> Option<String> {
        let mut text = String::new();
        self.write_text(row, column, &mut text).then_some(text)
    }

    /// Appends a value as text; `false` for null.
    pub fn write_text(&self, row: usize, column: usize, text: &mut String) -> bool {
        let column = &self.columns[column];
        // A result's values are bounded by the memory that they were made in, not by that of a text function.
        column.is_valid(row) && show(column, row, text).is_ok()
    }

    /// A value as JSON: times as text, and a float that JSON has no number for as null.
    pub fn json(&self, row: usize, column: usize) -> serde_json::Value {
        json(&Value::at(&self.columns[column], row), &|| self.text(row, column))
    }

    /// Appends a row as a line of CSV; `text` is overwritten.
    pub fn push_csv(&self, row: usize, text: &mut String, csv: &mut Vec<u8>) {
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                csv.push(b',');
            }
            if column.is_null(row) {
                continue;
            }
            // The values of most results, each without a detour.
            match self.names[index].data_type {
                Type::Utf8 => push_field(csv, column.as_string::<i32>().value(row)),
                Type::Int64 => {
                    let value = column.as_primitive::<Int64Type>().value(row);
                    csv.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
                }
                _ => {
                    text.clear();
                    if self.write_text(row, index, text) {
                        push_field(csv, text);
                    }
                }
            }
        }
        csv.push(b'\n');
    }
}

/// The names of columns as a line of CSV.
pub(super) fn csv_header(names: &[Column]) -> Vec<u8> {
    let mut csv = Vec::new();
    for (index, column) in names.iter().enumerate() {
        if index > 0 {
            csv.push(b',');
        }
        push_field(&mut csv, &column.name);
    }
    csv.push(b'\n');
    csv
}

fn json(value: &Value, text: &dyn Fn() -> Option<String>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(it) => (*it).into(),
        Value::Int64(it) => (*it).into(),
        Value::Float64(it) => (*it).into(),
        Value::Utf8(it) => (&**it).into(),
        Value::List(parts) => parts.iter().map(|part| json(part, &|| Some(part.to_string()))).collect(),
        Value::Timestamp(_) | Value::Interval(_) => text().into(),
    }
}

fn push_field(csv: &mut Vec<u8>, field: &str) {
    // Every byte is looked at, so that it can be done many at a time.
    let special = field.bytes().fold(false, |found, byte| found | matches!(byte, b'"' | b',' | b'\n' | b'\r'));
    if !field.is_empty() && !special {
        csv.extend_from_slice(field.as_bytes());
        return;
    }
    csv.push(b'"');
    csv.extend_from_slice(field.replace('"', "\"\"").as_bytes());
    csv.push(b'"');
}
