//! What files that hold columns have in common: which of their columns are read, and how they become those of the plan.

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};

use super::KernelError;
use super::batch::{Batch, gone};
use super::convert::{converted, type_of};
use super::records::cast;
use crate::batch::{Column, Records};
use crate::expr::{Context, Expr, Type};
use crate::nearest::{list, nearest};

/// The columns of a file that are read.
pub(super) struct Projection {
    /// The file's columns, ascending.
    pub fields: Vec<usize>,
    /// For each column of the plan where it is among them; `None`: nothing looks at it.
    columns: Vec<Option<Place>>,
}

struct Place {
    name: String,
    field: usize,
    /// What makes it the type that the plan has.
    cast: Option<Expr>,
}

/// A value that is none of the plan: which row of its batch it is in, and what is wrong.
pub(super) struct Unfit {
    pub row: usize,
    pub message: String,
}

impl Projection {
    /// Finds the needed columns of a plan in a file.
    pub fn new(records: &Records, needed: &[bool], schema: &Schema) -> Result<Projection, KernelError> {
        let wrong = |problem: String| KernelError::Format { format: records.format.name(), problem };
        let mut places = Vec::new();
        for (index, (column, key)) in records.columns.iter().zip(&records.keys).enumerate() {
            let found = needed[index].then(|| find(column, key, schema)).transpose().map_err(wrong)?;
            places.push(found);
        }
        let mut fields: Vec<usize> = places.iter().flatten().map(|(field, _)| *field).collect();
        fields.sort_unstable();
        fields.dedup();
        let place = |(column, found): (&Column, Option<(usize, Option<Expr>)>)| {
            let (field, cast) = found?;
            let field = fields.binary_search(&field).ok()?;
            Some(Place { name: column.name.clone(), field, cast })
        };
        let columns = records.columns.iter().zip(places).map(place).collect();
        Ok(Projection { fields, columns })
    }

    /// Rows of the file, of which only [`Projection::fields`] were read, as the plan's.
    pub fn batch(&self, rows: &RecordBatch) -> Result<Batch, Unfit> {
        let count = rows.num_rows();
        let column = |place: &Option<Place>| {
            let Some(Place { name, field, cast }) = place else { return Ok(gone()) };
            let unfit = |row: usize, message: &str| Unfit { row, message: format!("`{name}`: {message}") };
            let array = converted(rows.column(*field)).map_err(|message| unfit(0, &message))?;
            match cast {
                None => Ok(array),
                Some(cast) => {
                    cast.evaluate(&[array], count, Context::default()).map_err(|error| unfit(error.row, &error.message))
                }
            }
        };
        Ok(Batch::new(self.columns.iter().map(column).collect::<Result<_, _>>()?, count))
    }
}

/// Where a column is in a file, and what makes it the type that it should have.
fn find(column: &Column, key: &str, schema: &Schema) -> Result<(usize, Option<Expr>), String> {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let field = names().position(|name| name == key).ok_or_else(|| match nearest(key, names()) {
        Some(near) => format!("it has no column `{key}`; did you mean `{near}`?"),
        None => format!("it has no column `{key}`; it has {}", list(names())),
    })?;
    let of = schema.field(field).data_type();
    let found = type_of(of).ok_or_else(|| unread(key, of))?;
    if found == column.data_type {
        return Ok((field, None));
    }
    let castable = !matches!((&found, &column.data_type), (Type::List(_), to) if !matches!(to, Type::List(_)));
    match cast(&found, &column.data_type).filter(|_| castable) {
        Some(cast) => Ok((field, Some(cast))),
        None => Err(format!("its column `{key}` is {found}, and `columns` says {}", column.data_type)),
    }
}

/// Says that a column of a file is of a type that no column here can have.
pub(super) fn unread(name: &str, of: &DataType) -> String {
    format!("its column `{name}` is {of}, a type that is not read: leave it out, or write it as another")
}
