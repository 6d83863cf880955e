//! Types and single values, and how each stands in Arrow.

use std::fmt;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{DurationMicrosecondType, Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, DurationMicrosecondArray, Float64Array, Int64Array, ListArray, TimestampMicrosecondArray, new_empty_array,
    new_null_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, TimeUnit};
use serde::{Deserialize, Serialize};

use super::time;

/// A column's or an expression's type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Type {
    Boolean,
    Int64,
    Float64,
    Utf8,
    /// A moment: microseconds since 1970-01-01 00:00:00 UTC.
    Timestamp,
    /// A length of time in microseconds. It has no months: they have no length of their own, and without them any two intervals
    /// have an order. A day is 24 hours, as it is in UTC.
    Interval,
    List(Box<Type>),
}

/// A value, null included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Null,
    Boolean(bool),
    Int64(i64),
    Float64(f64),
    Utf8(Arc<str>),
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    Timestamp(i64),
    /// Microseconds.
    Interval(i64),
    List(Vec<Value>),
}

/// The names of types that a cast knows, in lower case.
pub const TYPE_NAMES: [(&str, Type); 17] = [
    ("boolean", Type::Boolean),
    ("bool", Type::Boolean),
    ("int64", Type::Int64),
    ("bigint", Type::Int64),
    ("int", Type::Int64),
    ("integer", Type::Int64),
    ("long", Type::Int64),
    ("float64", Type::Float64),
    ("double", Type::Float64),
    ("float", Type::Float64),
    ("real", Type::Float64),
    ("utf8", Type::Utf8),
    ("text", Type::Utf8),
    ("string", Type::Utf8),
    ("varchar", Type::Utf8),
    ("timestamp", Type::Timestamp),
    ("interval", Type::Interval),
];

impl Type {
    /// A list of this.
    pub fn list(self) -> Type {
        Type::List(Box::new(self))
    }

    /// As `columns` of an experiment has it.
    pub fn column_name(&self) -> String {
        match self {
            Type::Boolean => "boolean".to_owned(),
            Type::Int64 => "bigint".to_owned(),
            Type::Float64 => "double".to_owned(),
            Type::Utf8 => "text".to_owned(),
            Type::Timestamp => "timestamp".to_owned(),
            Type::Interval => "interval".to_owned(),
            Type::List(of) => format!("list of {}", of.column_name()),
        }
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Type::List(_))
    }

    /// The Arrow type of its arrays.
    pub fn arrow(&self) -> DataType {
        match self {
            Type::Boolean => DataType::Boolean,
            Type::Int64 => DataType::Int64,
            Type::Float64 => DataType::Float64,
            Type::Utf8 => DataType::Utf8,
            Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Type::Interval => DataType::Duration(TimeUnit::Microsecond),
            Type::List(of) => DataType::List(of.element()),
        }
    }

    /// The type of an Arrow array, if it is one of ours.
    pub fn of(arrow: &DataType) -> Option<Type> {
        Some(match arrow {
            DataType::Boolean => Type::Boolean,
            DataType::Int64 => Type::Int64,
            DataType::Float64 => Type::Float64,
            DataType::Utf8 => Type::Utf8,
            DataType::Timestamp(TimeUnit::Microsecond, _) => Type::Timestamp,
            DataType::Duration(TimeUnit::Microsecond) => Type::Interval,
            DataType::List(of) => Type::of(of.data_type())?.list(),
            _ => return None,
        })
    }

    /// The field of a list's elements.
    pub(crate) fn element(&self) -> Arc<Field> {
        Arc::new(Field::new("item", self.arrow(), true))
    }

    /// An array of whole numbers of this type, which is Int64, Timestamp or Interval.
    pub(super) fn whole(&self, values: Vec<i64>, nulls: Option<NullBuffer>) -> ArrayRef {
        let values = ScalarBuffer::from(values);
        match self {
            Type::Timestamp => Arc::new(TimestampMicrosecondArray::new(values, nulls).with_timezone("UTC")),
            Type::Interval => Arc::new(DurationMicrosecondArray::new(values, nulls)),
            _ => Arc::new(Int64Array::new(values, nulls)),
        }
    }

    /// An array of these values. A value of another type becomes a null: callers have the types checked.
    pub fn array(&self, values: &[Value]) -> ArrayRef {
        let whole = |value: &Value| match value {
            Value::Int64(it) | Value::Timestamp(it) | Value::Interval(it) => Some(*it),
            _ => None,
        };
        match self {
            Type::Boolean => {
                let mut array = BooleanBuilder::with_capacity(values.len());
                values.iter().for_each(|value| match value {
                    Value::Boolean(it) => array.append_value(*it),
                    _ => array.append_null(),
                });
                Arc::new(array.finish())
            }
            Type::Int64 => Arc::new(values.iter().map(whole).collect::<Int64Array>()),
            Type::Timestamp => Arc::new(values.iter().map(whole).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
            Type::Interval => Arc::new(values.iter().map(whole).collect::<DurationMicrosecondArray>()),
            Type::Float64 => {
                let float = |value: &Value| if let Value::Float64(it) = value { Some(*it) } else { None };
                Arc::new(values.iter().map(float).collect::<Float64Array>())
            }
            Type::Utf8 => {
                let mut array = StringBuilder::with_capacity(values.len(), 0);
                values.iter().for_each(|value| match value {
                    Value::Utf8(it) => array.append_value(it),
                    _ => array.append_null(),
                });
                Arc::new(array.finish())
            }
            Type::List(of) => {
                let parts = |value: &Value| if let Value::List(parts) = value { parts.clone() } else { Vec::new() };
                let lengths = values.iter().map(|value| parts(value).len());
                let offsets = OffsetBuffer::from_lengths(lengths);
                let elements = of.array(&values.iter().flat_map(parts).collect::<Vec<_>>());
                let nulls = NullBuffer::from_iter(values.iter().map(|value| matches!(value, Value::List(_))));
                Arc::new(ListArray::new(of.element(), offsets, elements, Some(nulls)))
            }
        }
    }

    /// So many nulls.
    pub fn nulls(&self, count: usize) -> ArrayRef {
        new_null_array(&self.arrow(), count)
    }

    /// No values.
    pub fn empty(&self) -> ArrayRef {
        new_empty_array(&self.arrow())
    }
}

impl Value {
    /// A row of an array. An array of a type that is none of ours gives null.
    pub fn at(array: &dyn Array, row: usize) -> Value {
        if array.is_null(row) {
            return Value::Null;
        }
        match Type::of(array.data_type()) {
            Some(Type::Boolean) => Value::Boolean(array.as_boolean().value(row)),
            Some(Type::Int64) => Value::Int64(array.as_primitive::<Int64Type>().value(row)),
            Some(Type::Float64) => Value::Float64(array.as_primitive::<Float64Type>().value(row)),
            Some(Type::Utf8) => Value::Utf8(array.as_string::<i32>().value(row).into()),
            Some(Type::Timestamp) => Value::Timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row)),
            Some(Type::Interval) => Value::Interval(array.as_primitive::<DurationMicrosecondType>().value(row)),
            Some(Type::List(_)) => {
                let elements = array.as_list::<i32>().value(row);
                Value::List((0..elements.len()).map(|index| Value::at(&elements, index)).collect())
            }
            None => Value::Null,
        }
    }

    /// The type it has by itself; `None` for null, and for a list without a value.
    pub fn data_type(&self) -> Option<Type> {
        match self {
            Value::Null => None,
            Value::Boolean(_) => Some(Type::Boolean),
            Value::Int64(_) => Some(Type::Int64),
            Value::Float64(_) => Some(Type::Float64),
            Value::Utf8(_) => Some(Type::Utf8),
            Value::Timestamp(_) => Some(Type::Timestamp),
            Value::Interval(_) => Some(Type::Interval),
            Value::List(parts) => parts.iter().find_map(Value::data_type).map(Type::list),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Boolean => f.write_str("Boolean"),
            Type::Int64 => f.write_str("Int64"),
            Type::Float64 => f.write_str("Float64"),
            Type::Utf8 => f.write_str("Utf8"),
            Type::Timestamp => f.write_str("Timestamp"),
            Type::Interval => f.write_str("Interval"),
            Type::List(of) => write!(f, "List of {of}"),
        }
    }
}

/// As an expression would write it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Boolean(it) => write!(f, "{it}"),
            Value::Int64(it) => write!(f, "{it}"),
            Value::Float64(it) => write!(f, "{it:?}"),
            Value::Utf8(it) => write!(f, "'{}'", it.replace('\'', "''")),
            Value::Timestamp(it) => write!(f, "timestamp '{}'", time::Shown::Timestamp(*it)),
            Value::Interval(it) => write!(f, "interval '{}' second", time::Shown::Seconds(*it)),
            Value::List(parts) => {
                f.write_str("[")?;
                for (index, part) in parts.iter().enumerate() {
                    write!(f, "{}{part}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
        }
    }
}
