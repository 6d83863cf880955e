//! Arrays of Arrow's many types as those of the engine's few.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, DurationMicrosecondArray, Float64Array, Int64Array, ListArray, PrimitiveArray, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};

use crate::expr::Type;
use crate::expr::pick::take;
use crate::limits::ARROW_BATCH_BYTES_MAX;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// The type that an array of this one is read as; `None`: it is not read.
pub(super) fn type_of(arrow: &DataType) -> Option<Type> {
    Some(match arrow {
        DataType::Boolean => Type::Boolean,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => Type::Int64,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => Type::Int64,
        DataType::Float16 | DataType::Float32 | DataType::Float64 => Type::Float64,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            Type::Float64
        }
        // Nothing is known of it but that it has no values.
        DataType::Null => Type::Utf8,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Type::Utf8,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Type::Timestamp,
        DataType::Duration(_) => Type::Interval,
        DataType::Dictionary(_, values) => type_of(values)?,
        DataType::List(of) | DataType::LargeList(of) | DataType::FixedSizeList(of, _) => type_of(of.data_type())?.list(),
        _ => return None,
    })
}

/// The array as one of [`type_of`]. An error says which value does not fit.
pub(super) fn converted(array: &ArrayRef) -> Result<ArrayRef, String> {
    match array.data_type() {
        DataType::Boolean | DataType::Int64 | DataType::Float64 | DataType::Utf8 => Ok(array.clone()),
        DataType::Int8 => Ok(whole::<Int8Type>(array)),
        DataType::Int16 => Ok(whole::<Int16Type>(array)),
        DataType::Int32 => Ok(whole::<Int32Type>(array)),
        DataType::UInt8 => Ok(whole::<UInt8Type>(array)),
        DataType::UInt16 => Ok(whole::<UInt16Type>(array)),
        DataType::UInt32 => Ok(whole::<UInt32Type>(array)),
        DataType::UInt64 => {
            let fit = |value: u64| i64::try_from(value).map_err(|_| format!("{value} does not fit a bigint"));
            Ok(Arc::new(array.as_primitive::<UInt64Type>().try_unary::<_, Int64Type, _>(fit)?))
        }
        DataType::Float16 => Ok(Arc::new(array.as_primitive::<Float16Type>().unary::<_, Float64Type>(f64::from))),
        DataType::Float32 => Ok(Arc::new(array.as_primitive::<Float32Type>().unary::<_, Float64Type>(f64::from))),
        DataType::Decimal32(precision, scale) => decimal::<Decimal32Type>(array, *precision, *scale),
        DataType::Decimal64(precision, scale) => decimal::<Decimal64Type>(array, *precision, *scale),
        DataType::Decimal128(precision, scale) => decimal::<Decimal128Type>(array, *precision, *scale),
        DataType::Decimal256(precision, scale) => decimal::<Decimal256Type>(array, *precision, *scale),
        DataType::Null => Ok(Arc::new(StringArray::new_null(array.len()))),
        DataType::LargeUtf8 => texts(array.as_string::<i64>().iter()),
        DataType::Utf8View => texts(array.as_string_view().iter()),
        DataType::Date32 => moments::<Date32Type>(array, |days| i64::from(days).checked_mul(DAY)),
        DataType::Date64 => moments::<Date64Type>(array, |millis| millis.checked_mul(1_000)),
        DataType::Timestamp(TimeUnit::Second, _) => moments::<TimestampSecondType>(array, |it| it.checked_mul(1_000_000)),
        DataType::Timestamp(TimeUnit::Millisecond, _) => moments::<TimestampMillisecondType>(array, |it| it.checked_mul(1_000)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => moments::<TimestampMicrosecondType>(array, Some),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            moments::<TimestampNanosecondType>(array, |it| Some(it.div_euclid(1_000)))
        }
        DataType::Duration(TimeUnit::Second) => spans::<DurationSecondType>(array, |it| it.checked_mul(1_000_000)),
        DataType::Duration(TimeUnit::Millisecond) => spans::<DurationMillisecondType>(array, |it| it.checked_mul(1_000)),
        DataType::Duration(TimeUnit::Microsecond) => spans::<DurationMicrosecondType>(array, Some),
        DataType::Duration(TimeUnit::Nanosecond) => spans::<DurationNanosecondType>(array, |it| Some(it.div_euclid(1_000))),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = converted(dictionary.values())?;
            let keys = match values.len() {
                // Whatever it would be looked up in: there can be nulls only.
                0 => UInt32Array::new_null(dictionary.keys().len()),
                _ => {
                    let keys: Vec<u32> = dictionary.normalized_keys().into_iter().map(|key| key as u32).collect();
                    UInt32Array::new(keys.into(), dictionary.keys().nulls().cloned())
                }
            };
            room_for(&values, &keys)?;
            take(&values, &keys).map_err(|error| error.to_string())
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            list(lists.values(), lists.offsets().clone(), lists.nulls())
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            let offsets = short(lists.offsets())?;
            list(lists.values(), offsets, lists.nulls())
        }
        DataType::FixedSizeList(..) => {
            let lists = array.as_fixed_size_list();
            let lengths = std::iter::repeat_n(lists.value_length() as usize, lists.len());
            list(lists.values(), OffsetBuffer::from_lengths(lengths), lists.nulls())
        }
        other => Err(format!("{other} is a type that is not read")),
    }
}

fn whole<T: ArrowPrimitiveType>(array: &ArrayRef) -> ArrayRef
where
    i64: From<T::Native>,
{
    Arc::new(array.as_primitive::<T>().unary::<_, Int64Type>(i64::from)) as Arc<Int64Array>
}

/// By way of its text, which every platform reads as the nearest Float64.
fn decimal<T: DecimalType>(array: &ArrayRef, precision: u8, scale: i8) -> Result<ArrayRef, String> {
    let read = |value: T::Native| {
        let text = T::format_decimal(value, precision, scale);
        text.parse().map_err(|_| format!("{text} is no double"))
    };
    let floats: Float64Array = array.as_primitive::<T>().try_unary::<_, Float64Type, String>(read)?;
    Ok(Arc::new(floats))
}

/// A moment's time zone says how it is shown; what is stored is UTC. One without is taken for UTC.
fn moments<T: ArrowPrimitiveType>(array: &ArrayRef, micros: impl Fn(T::Native) -> Option<i64>) -> Result<ArrayRef, String> {
    let fit = |value: T::Native| micros(value).ok_or_else(|| format!("{value:?} is no moment that a timestamp can hold"));
    let moments: TimestampMicrosecondArray = array.as_primitive::<T>().try_unary::<_, TimestampMicrosecondType, String>(fit)?;
    Ok(Arc::new(moments.with_timezone("UTC")))
}

fn spans<T: ArrowPrimitiveType<Native = i64>>(
    array: &ArrayRef,
    micros: impl Fn(i64) -> Option<i64>,
) -> Result<ArrayRef, String> {
    let fit = |value: i64| micros(value).ok_or_else(|| format!("{value} is longer than an interval can be"));
    let array: &PrimitiveArray<T> = array.as_primitive::<T>();
    let spans: DurationMicrosecondArray = array.try_unary::<_, DurationMicrosecondType, String>(fit)?;
    Ok(Arc::new(spans))
}

/// Whether the texts of a dictionary, each as often as it is looked up, are few enough. A few bytes may stand for any number of them.
fn room_for(values: &ArrayRef, keys: &UInt32Array) -> Result<(), String> {
    let bytes = values.get_array_memory_size();
    if bytes.saturating_mul(keys.len()) <= ARROW_BATCH_BYTES_MAX {
        return Ok(());
    }
    let lengths: Vec<i64> = match values.as_string_opt::<i32>() {
        Some(texts) => (0..texts.len()).map(|at| i64::from(texts.value_length(at))).collect(),
        None => vec![bytes as i64 / (values.len() as i64).max(1); values.len()],
    };
    let all: i64 = keys.iter().flatten().map(|key| lengths[key as usize]).sum();
    match all <= ARROW_BATCH_BYTES_MAX as i64 {
        true => Ok(()),
        false => Err(format!("the values of its dictionary come to more than {} MiB", ARROW_BATCH_BYTES_MAX >> 20)),
    }
}

fn texts<'a>(texts: impl Iterator<Item = Option<&'a str>> + Clone) -> Result<ArrayRef, String> {
    let bytes: usize = texts.clone().flatten().map(str::len).sum();
    match i32::try_from(bytes) {
        Ok(_) => Ok(Arc::new(texts.collect::<StringArray>())),
        Err(_) => Err("its texts are more than 2 GiB in one batch".to_owned()),
    }
}

fn short(offsets: &OffsetBuffer<i64>) -> Result<OffsetBuffer<i32>, String> {
    let short: Result<Vec<i32>, _> = offsets.iter().map(|offset| i32::try_from(*offset)).collect();
    let short = short.map_err(|_| "its lists have more than 2,147,483,647 elements in one batch".to_owned())?;
    Ok(OffsetBuffer::new(ScalarBuffer::from(short)))
}

fn list(values: &ArrayRef, offsets: OffsetBuffer<i32>, nulls: Option<&NullBuffer>) -> Result<ArrayRef, String> {
    // A piece of a batch has the values of all of it.
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    let values = converted(&values.slice(first as usize, (last - first) as usize))?;
    let offsets = OffsetBuffer::new(offsets.iter().map(|offset| offset - first).collect());
    let of = type_of(values.data_type()).ok_or("its elements are of a type that is not read")?;
    let lists = ListArray::try_new(of.element(), offsets, values, nulls.cloned());
    lists.map(|lists| Arc::new(lists) as ArrayRef).map_err(|error| error.to_string())
}
