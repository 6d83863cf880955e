//! Columns between tasks: Arrow's IPC stream format, uncompressed.

use std::io;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};

use super::KernelError;
use super::batch::Batch;
use crate::batch::space::{Sink, Space};
use crate::batch::{Payload, PayloadReader, SourceError};
use crate::expr::Type;

/// Writes batches of the same types, one after the other.
pub(super) struct ColumnWriter {
    schema: SchemaRef,
    writer: StreamWriter<Sink>,
    rows: u64,
}

impl ColumnWriter {
    /// One of so many that write at the same time in one space.
    pub fn new(types: &[Type], space: &Space, writers: usize) -> ColumnWriter {
        let fields: Vec<Field> = types.iter().map(|of| Field::new("", of.arrow(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let writer = StreamWriter::try_new(space.sink(writers), &schema).expect("a schema fits into memory");
        ColumnWriter { schema, writer, rows: 0 }
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    pub fn write(&mut self, columns: Vec<ArrayRef>, rows: usize) -> Result<(), KernelError> {
        if rows == 0 {
            return Ok(());
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options);
        let batch = batch.expect("the columns have the types that the writer was made for");
        self.writer.write(&batch).map_err(failed)?;
        self.rows += rows as u64;
        Ok(())
    }

    pub fn finish(self) -> Result<Payload, KernelError> {
        self.writer.into_inner().map_err(failed)?.finish()
    }
}

/// The batches of a payload, read as they are asked for.
pub(in crate::batch) struct Batches(StreamReader<PayloadReader>);

impl Batches {
    /// Of a payload whose columns must have these types.
    pub fn new(payload: &Payload, types: &[Type]) -> Result<Batches, KernelError> {
        let reader = StreamReader::try_new(payload.reader(), None).map_err(failed)?;
        let fields = reader.schema();
        let fits = |(field, of): (&Arc<Field>, &Type)| Type::of(field.data_type()).as_ref() == Some(of);
        if fields.fields().len() != types.len() || !fields.fields().iter().zip(types).all(fits) {
            return Err(corrupt("its columns are of other types"));
        }
        Ok(Batches(reader))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, KernelError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = |batch: RecordBatch| Batch::new(batch.columns().to_vec(), batch.num_rows());
        Some(self.0.next()?.map(batch).map_err(failed))
    }
}

fn failed(error: ArrowError) -> KernelError {
    match error {
        ArrowError::IoError(_, error) => unwritten(error),
        error => corrupt(&error.to_string()),
    }
}

/// A scratch that fails is not the fault of the bytes.
pub(super) fn unwritten(error: io::Error) -> KernelError {
    match error.downcast::<SourceError>() {
        Ok(error) => error.into(),
        Err(error) => corrupt(&error.to_string()),
    }
}

fn corrupt(problem: &str) -> KernelError {
    KernelError::Unreadable(problem.to_owned())
}
