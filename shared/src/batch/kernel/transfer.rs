//! Columns between tasks: Arrow's IPC stream format, uncompressed.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{Field, Schema, SchemaRef};

use super::KernelError;
use crate::batch::Payload;
use crate::expr::Type;

/// Writes batches of the same types, one after the other.
pub(super) struct ColumnWriter {
    schema: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
    rows: u64,
}

impl ColumnWriter {
    pub fn new(types: &[Type]) -> ColumnWriter {
        let fields: Vec<Field> = types.iter().map(|of| Field::new("", of.arrow(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let writer = StreamWriter::try_new(Vec::new(), &schema).expect("a stream in memory can be written");
        ColumnWriter { schema, writer, rows: 0 }
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn write(&mut self, columns: Vec<ArrayRef>, rows: usize) {
        if rows == 0 {
            return;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        let batch = batch.expect("the columns have the types that the writer was made for");
        self.writer.write(&batch).expect("a stream in memory can be written");
        self.rows += rows as u64;
    }

    pub fn finish(self) -> Payload {
        Payload::new(self.writer.into_inner().expect("a stream in memory can be written"))
    }
}

/// The batches of a payload, whose columns must have these types.
pub(in crate::batch) fn read(payload: &Payload, types: &[Type]) -> Result<Vec<RecordBatch>, KernelError> {
    let reader = StreamReader::try_new(Cursor::new(&payload[..]), None).map_err(|error| corrupt(&error.to_string()))?;
    let fields = reader.schema();
    let fits = |(field, of): (&Arc<Field>, &Type)| Type::of(field.data_type()).as_ref() == Some(of);
    if fields.fields().len() != types.len() || !fields.fields().iter().zip(types).all(fits) {
        return Err(corrupt("its columns are of other types"));
    }
    reader.map(|batch| batch.map_err(|error| corrupt(&error.to_string()))).collect()
}

fn corrupt(problem: &str) -> KernelError {
    KernelError::Unreadable(problem.to_owned())
}
