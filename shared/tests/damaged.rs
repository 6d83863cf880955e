//! Arrow files and streams that are damaged: a sentence or other rows, never a panic, for in a page a panic is the end of a worker.
//! And what is read of sound ones: the columns that are looked at.

// A test, its helpers included, may unwrap: a panic is how it fails.
#![allow(clippy::unwrap_used)]
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder, StringDictionaryBuilder};
use arrow_array::types::*;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, FixedSizeListArray,
    Int8Array, Int32Array, LargeListArray, LargeStringArray, ListArray, ListViewArray, NullArray, PrimitiveArray, RecordBatch,
    RunArray, StringArray, StringViewArray, StructArray, UnionArray,
};
use arrow_buffer::ArrowNativeType;
use arrow_ipc::writer::{DictionaryHandling, FileWriter, IpcWriteOptions, StreamWriter};
use arrow_ipc::{CompressionType, root_as_footer};
use arrow_schema::{Field, UnionFields};
use shared::batch::kernel::{look, sequential};
use shared::batch::{Format, Job, Memory, Part, Plan, Source, SourceError, Table, infer};
use shared::experiment::{Input, Known, check};
use shared::rng::Rng;

/// Rows of a batch: few, so that a damage is as often in what a file says of itself as in its values.
const ROWS: usize = 9;

/// Every third row is null, and others have small numbers.
fn numbers<T: ArrowPrimitiveType>() -> PrimitiveArray<T> {
    (0..ROWS).map(|row| (row % 3 != 1).then(|| T::Native::usize_as(row))).collect()
}

fn number<T: ArrowPrimitiveType>() -> ArrayRef {
    Arc::new(numbers::<T>())
}

fn texts() -> impl Iterator<Item = Option<String>> {
    (0..ROWS).map(|row| (row % 4 != 2).then(|| format!("{} t\u{e9}xt", "long".repeat(row))))
}

fn keyed<K: ArrowDictionaryKeyType>(values: ArrayRef) -> ArrayRef {
    let keys: PrimitiveArray<K> =
        (0..ROWS).map(|row| (row % 3 != 1).then(|| K::Native::usize_as(row % values.len()))).collect();
    Arc::new(DictionaryArray::<K>::new(keys, values))
}

fn lists() -> ListArray {
    let list = |row: usize| (row % 3 != 1).then(|| (0..row).map(|at| (at % 2 == 0).then_some(at as i32)));
    ListArray::from_iter_primitive::<Int32Type, _, _>((0..ROWS).map(list))
}

/// A column of each type that is read.
fn readable() -> Vec<ArrayRef> {
    let words = || -> ArrayRef { Arc::new(StringArray::from(vec![Some("SEA"), None, Some("a word of some length")])) };
    let mut of_lists = ListBuilder::new(ListBuilder::new(Int32Builder::new()));
    let mut of_words = ListBuilder::new(StringDictionaryBuilder::<Int32Type>::new());
    for row in 0..ROWS {
        of_lists.values().append_value((0..row as i32).map(Some));
        of_lists.append(row % 3 != 1);
        of_words.values().append_value(["a", "b"][row % 2]);
        of_words.append(row % 4 != 1);
    }
    let large: LargeListArray =
        LargeListArray::from_iter_primitive::<UInt16Type, _, _>((0..ROWS).map(|row| Some(vec![Some(row as u16), None])));
    let fixed = FixedSizeListArray::from_iter_primitive::<Int8Type, _, _>(
        (0..ROWS).map(|row| (row % 3 != 1).then(|| vec![Some(row as i8), None])),
        2,
    );
    vec![
        Arc::new((0..ROWS).map(|row| (row % 3 != 1).then_some(row % 2 == 0)).collect::<BooleanArray>()),
        number::<Int8Type>(),
        number::<Int16Type>(),
        number::<Int32Type>(),
        number::<Int64Type>(),
        number::<UInt8Type>(),
        number::<UInt16Type>(),
        number::<UInt32Type>(),
        number::<UInt64Type>(),
        number::<Float16Type>(),
        number::<Float32Type>(),
        number::<Float64Type>(),
        Arc::new(numbers::<Decimal32Type>().with_precision_and_scale(5, 2).unwrap()),
        Arc::new(numbers::<Decimal64Type>().with_precision_and_scale(12, -2).unwrap()),
        Arc::new(numbers::<Decimal128Type>().with_precision_and_scale(20, 3).unwrap()),
        Arc::new(numbers::<Decimal256Type>().with_precision_and_scale(50, 3).unwrap()),
        number::<Date32Type>(),
        number::<Date64Type>(),
        number::<TimestampSecondType>(),
        number::<TimestampMillisecondType>(),
        Arc::new(numbers::<TimestampMicrosecondType>().with_timezone("Europe/Berlin")),
        number::<TimestampNanosecondType>(),
        number::<DurationSecondType>(),
        number::<DurationMillisecondType>(),
        number::<DurationMicrosecondType>(),
        number::<DurationNanosecondType>(),
        Arc::new(NullArray::new(ROWS)),
        Arc::new(texts().collect::<StringArray>()),
        Arc::new(texts().collect::<LargeStringArray>()),
        Arc::new(texts().collect::<StringViewArray>()),
        keyed::<Int8Type>(words()),
        keyed::<UInt16Type>(Arc::new(LargeStringArray::from(vec!["x", "y"]))),
        keyed::<Int32Type>(Arc::new(Int32Array::from(vec![4, 5, 6]))),
        keyed::<UInt64Type>(Arc::new(StringViewArray::from(vec!["a text of more than twelve bytes", "y"]))),
        keyed::<Int16Type>(Arc::new(lists())),
        Arc::new(lists()),
        Arc::new(large),
        Arc::new(fixed),
        Arc::new(of_lists.finish()),
        Arc::new(of_words.finish()),
    ]
}

/// And of types that are not, but have to be passed over.
fn unreadable() -> Vec<ArrayRef> {
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in 0..ROWS {
        map.keys().append_value("key");
        map.values().append_value(row as i32);
        map.append(row % 3 != 1).unwrap();
    }
    let of = |name: &str, array: &ArrayRef| Arc::new(Field::new(name, array.data_type().clone(), true));
    let (number, text): (ArrayRef, ArrayRef) = (number::<Int32Type>(), Arc::new(texts().collect::<StringViewArray>()));
    let pair = StructArray::from(vec![(of("n", &number), number.clone()), (of("t", &text), text.clone())]);
    let fields = UnionFields::try_new([0, 1], [of("n", &number), of("t", &text)]).unwrap();
    let types: Vec<i8> = (0..ROWS).map(|row| (row % 2) as i8).collect();
    let offsets: Vec<i32> = (0..ROWS as i32).collect();
    let union = |offsets: Option<Vec<i32>>| {
        let children = vec![number.clone(), text.clone()];
        UnionArray::try_new(fields.clone(), types.clone().into(), offsets.map(Into::into), children).unwrap()
    };
    let ends = Int32Array::from(vec![4, ROWS as i32]);
    vec![
        Arc::new((0..ROWS).map(|row| (row % 3 != 1).then_some(b"bytes")).collect::<BinaryArray>()),
        Arc::new((0..ROWS).map(|row| Some(b"bytes of more than twelve".repeat(row))).collect::<BinaryViewArray>()),
        Arc::new(FixedSizeBinaryArray::try_from_iter((0..ROWS).map(|row| [row as u8; 3])).unwrap()),
        Arc::new(pair),
        Arc::new(map.finish()),
        Arc::new(union(None)),
        Arc::new(union(Some(offsets))),
        Arc::new(RunArray::<Int32Type>::try_new(&ends, &Int8Array::from(vec![1, 2])).unwrap()),
        Arc::new(ListViewArray::from(lists())),
        self::number::<Time32SecondType>(),
        self::number::<IntervalMonthDayNanoType>(),
    ]
}

/// A batch with a column of each type, the unread ones between the others.
fn batch() -> RecordBatch {
    let (mut others, mut columns) = (unreadable().into_iter(), Vec::new());
    for (at, column) in readable().into_iter().enumerate() {
        columns.push((format!("c{at}"), column));
        if at % 3 == 0 {
            columns.extend(others.next().map(|column| (format!("u{at}"), column)));
        }
    }
    assert!(others.next().is_none());
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

/// It as a file and as a stream, packed and not.
fn files() -> Vec<Vec<u8>> {
    let batch = batch();
    let mut files = Vec::new();
    let zstd = cfg!(feature = "parquet").then_some(CompressionType::ZSTD);
    for packing in [None, Some(CompressionType::LZ4_FRAME)].into_iter().chain(zstd.map(Some)) {
        let options = IpcWriteOptions::default().try_with_compression(packing).unwrap();
        let mut file = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options.clone()).unwrap();
        let options = options.with_dictionary_handling(DictionaryHandling::Delta);
        let mut stream = StreamWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
        for _ in 0..2 {
            file.write(&batch).unwrap();
            stream.write(&batch).unwrap();
        }
        files.extend([file.into_inner().unwrap(), stream.into_inner().unwrap()]);
    }
    files
}

fn plan(bytes: &[u8], steps: &str) -> Plan {
    let text = format!("millrace: 1\nbatch:\n  input: {{ file: x }}\n  format: arrow\n  partitions: 2\n  steps: [ {steps} ]\n");
    let experiment = check(&text).unwrap();
    let found = infer(&Format::Arrow, &mut Memory(Arc::new(bytes.to_vec())), whole(bytes)).unwrap();
    let known = Known { input: Input::File("x".to_owned()), records: Some(found.records) };
    experiment.batch.draft.unwrap().with(&[known]).unwrap_or_else(|problems| panic!("{}", problems[0])).batch.plan
}

fn whole(bytes: &[u8]) -> Part {
    Part { input: 0, start: 0, end: bytes.len() as u64 }
}

fn rows(plan: &Plan, source: &mut dyn Source) -> Result<String, String> {
    let job = Job::over(Arc::new(plan.clone()), source.len(), 1 << 30);
    let table: Table = sequential(&job, source).map_err(|error| error.to_string())?;
    Ok(String::from_utf8(table.to_csv().map_err(|error| error.to_string())?).unwrap())
}

/// Says which damage it was.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was damage {}", self.0);
        }
    }
}

/// Changes some bytes, cuts, or puts bytes of another place or file where others are.
fn damage(rng: &mut Rng, files: &[Vec<u8>], bytes: &mut Vec<u8>) {
    const NUMBERS: [i64; 14] =
        [0, 1, -1, 2, 7, 9, 255, 65_536, 1 << 24, i32::MAX as i64, i32::MIN as i64, 1 << 40, i64::MAX, i64::MIN];
    for _ in 0..=rng.below(3) {
        // What a file says of itself is in its first bytes and its last.
        let at = match rng.below(3) {
            0 => rng.below(bytes.len() as u64),
            1 => rng.below(bytes.len().min(6_000) as u64),
            _ => bytes.len() as u64 - 1 - rng.below(bytes.len().min(6_000) as u64),
        } as usize;
        match rng.below(8) {
            0 => bytes[at] = rng.bits() as u8,
            1 => bytes[at] ^= 1 << rng.below(8),
            2 => bytes[at] = bytes[at].wrapping_add([1, 255, 128][rng.below(3) as usize]),
            3..=5 => {
                let number = NUMBERS[rng.below(NUMBERS.len() as u64) as usize].to_le_bytes();
                let width = [2, 4, 8][rng.below(3) as usize];
                let at = at / width * width;
                if let Some(place) = bytes.get_mut(at..at + width) {
                    place.copy_from_slice(&number[..width]);
                }
            }
            6 => {
                let other = &files[rng.below(files.len() as u64) as usize];
                let from = rng.below(other.len() as u64) as usize / 8 * 8;
                let count = [8, 16, 24, 64, 512][rng.below(5) as usize].min(other.len() - from).min(bytes.len() - at / 8 * 8);
                bytes[at / 8 * 8..][..count].copy_from_slice(&other[from..from + count]);
            }
            _ if rng.chance(0.3) => bytes.truncate(at.max(1)),
            _ => {}
        }
    }
}

/// Each damage follows from its number; `MILLRACE_DAMAGES` says how many.
#[test]
#[allow(clippy::disallowed_methods, reason = "whoever wants more of them says so in the environment")]
fn no_damage_makes_a_panic() {
    let files = files();
    let all: String = (0..readable().len()).map(|at| format!("c{at}, ")).collect();
    let plans: Vec<Plan> =
        files.iter().map(|bytes| plan(bytes, &format!("select: '{}'", all.trim_end_matches(", ")))).collect();
    let sound: Vec<String> =
        files.iter().zip(&plans).map(|(bytes, plan)| rows(plan, &mut Memory(Arc::new(bytes.clone()))).unwrap()).collect();
    assert!(sound.iter().all(|rows| rows == &sound[0] && rows.lines().count() == 2 * ROWS + 1), "{sound:?}");
    let count = std::env::var("MILLRACE_DAMAGES").map_or(20_000, |count| count.parse().unwrap());
    let (mut refused, mut unharmed) = (0, 0);
    for number in 0..count {
        let _told = Told(number);
        let mut rng = Rng::new(number);
        let of = rng.below(files.len() as u64) as usize;
        let mut bytes = files[of].clone();
        damage(&mut rng, &files, &mut bytes);
        let mut source = Memory(Arc::new(bytes));
        // By the columns that it had, and by those that it now seems to have.
        match rows(&plans[of], &mut source) {
            Ok(rows) => unharmed += usize::from(rows == sound[0]),
            Err(_) => refused += 1,
        }
        let part = whole(&source.0.clone());
        let _ = look(&Format::Arrow, &mut source, part);
    }
    // That a damage was drawn which changes nothing, or that one makes the rest unreadable, says that the test looks at both.
    assert!(refused > count / 4 && unharmed as u64 > count / 100, "{refused} of {count} refused, {unharmed} unharmed");
}

/// Counts the bytes that are read.
struct Counting {
    memory: Memory,
    read: u64,
}

impl Source for Counting {
    fn len(&self) -> u64 {
        self.memory.len()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        self.read += buffer.len() as u64;
        self.memory.read_at(offset, buffer)
    }
}

#[test]
fn only_the_columns_that_are_looked_at_are_read() {
    let column =
        |at: i64| -> ArrayRef { Arc::new((0..100_000).map(|row| Some(row * at)).collect::<PrimitiveArray<Int64Type>>()) };
    let batch = RecordBatch::try_from_iter((0..9).map(|at| (format!("c{at}"), column(at)))).unwrap();
    for packing in [None, Some(CompressionType::LZ4_FRAME)] {
        let options = IpcWriteOptions::default().try_with_compression(packing).unwrap();
        let mut writer = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options).unwrap();
        (0..3).for_each(|_| writer.write(&batch).unwrap());
        let bytes = writer.into_inner().unwrap();
        let plan = plan(&bytes, "reduce: { key: c0, values: { sum: sum(c2), last: max(c7) } }");
        let mut source = Counting { memory: Memory(Arc::new(bytes.clone())), read: 0 };
        let sum = 3 * 2 * (0..100_000_i64).sum::<i64>();
        assert_eq!(rows(&plan, &mut source).unwrap(), format!("c0,sum,last\n0,{sum},{}\n", 7 * 99_999));
        assert!(source.read < bytes.len() as u64 * 3 / 9 + 500_000, "{} of {} bytes were read", source.read, bytes.len());
    }
}

#[test]
fn a_few_columns_are_the_same_whatever_lies_between_them() {
    for (number, bytes) in files().iter().enumerate() {
        let select = |columns: &[usize]| {
            let names: Vec<String> = columns.iter().map(|at| format!("c{at}")).collect();
            rows(&plan(bytes, &format!("select: '{}'", names.join(", "))), &mut Memory(Arc::new(bytes.clone()))).unwrap()
        };
        let alone: Vec<String> = (0..readable().len()).map(|at| select(&[at])).collect();
        let side_by_side = |columns: &[usize]| -> String {
            let line = |line: usize| {
                columns.iter().map(|at| alone[*at].lines().nth(line).unwrap()).collect::<Vec<_>>().join(",") + "\n"
            };
            (0..=2 * ROWS).map(line).collect()
        };
        let mut rng = Rng::new(number as u64);
        for share in [1.0, 0.5, 0.5, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1] {
            let columns: Vec<usize> = (0..alone.len()).filter(|at| *at == number || rng.chance(share)).collect();
            assert_eq!(select(&columns), side_by_side(&columns), "columns {columns:?} of file {number}");
        }
    }
}

/// A text of a dictionary may stand for more than there is room for.
#[test]
fn a_dictionary_whose_keys_stand_for_more_than_fits_is_refused() {
    let text = "x".repeat(1 << 20);
    let keys: PrimitiveArray<Int32Type> = (0..4_000).map(|_| Some(0)).collect();
    let column: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(StringArray::from(vec![text]))));
    let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let bytes = writer.into_inner().unwrap();
    let error = rows(&plan(&bytes, "select: c"), &mut Memory(Arc::new(bytes.clone()))).unwrap_err();
    assert!(error.contains("`c`: the values of its dictionary come to more than 1024 MiB"), "{error}");
}

#[test]
fn a_footer_that_names_a_batch_twice_is_refused() {
    let batch = batch();
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    (0..2).for_each(|_| writer.write(&batch).unwrap());
    let mut bytes = writer.into_inner().unwrap();
    let plan = plan(&bytes, "select: c1");
    let trailer = bytes.len() - 10;
    let footer = trailer - i32::from_le_bytes(bytes[trailer..trailer + 4].try_into().unwrap()) as usize;
    let blocks: Vec<[u8; 24]> = {
        let footer = root_as_footer(&bytes[footer..trailer]).unwrap();
        footer.recordBatches().unwrap().iter().map(|block| block.0).collect()
    };
    let second = footer + bytes[footer..].windows(24).position(|block| block == blocks[1]).unwrap();
    bytes[second..second + 24].copy_from_slice(&blocks[0]);
    let error = rows(&plan, &mut Memory(Arc::new(bytes))).unwrap_err();
    assert!(error.contains("its record batches lie in one another"), "{error}");
}
