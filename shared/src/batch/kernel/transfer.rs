//! Columns between tasks: Arrow's IPC stream format, uncompressed.

use std::io;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};

use super::KernelError;
use super::batch::Batch;
use crate::batch::space::{Sink, Space};
use crate::batch::{Payload, PayloadPieces, SourceError};
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

/// The batches of a payload, read as they are asked for. Those of one in memory are not copied: they share its bytes.
pub(in crate::batch) struct Batches {
    pieces: PayloadPieces,
    piece: Buffer,
    decoder: StreamDecoder,
    /// What came with the columns' types.
    first: Option<RecordBatch>,
}

impl Batches {
    /// Of a payload whose columns must have these types.
    pub fn new(payload: &Payload, types: &[Type]) -> Result<Batches, KernelError> {
        let (pieces, piece, decoder) = (payload.pieces(), Buffer::default(), StreamDecoder::new());
        let mut batches = Batches { pieces, piece, decoder, first: None };
        batches.first = batches.read()?;
        let schema = batches.decoder.schema().ok_or_else(|| corrupt("they have no columns"))?;
        let fits = |(field, of): (&Arc<Field>, &Type)| Type::of(field.data_type()).as_ref() == Some(of);
        if schema.fields().len() != types.len() || !schema.fields().iter().zip(types).all(fits) {
            return Err(corrupt("its columns are of other types"));
        }
        Ok(batches)
    }

    fn read(&mut self) -> Result<Option<RecordBatch>, KernelError> {
        loop {
            if let Some(batch) = self.decoder.decode(&mut self.piece).map_err(failed)? {
                return Ok(Some(batch));
            }
            match self.pieces.next() {
                Some(piece) => self.piece = piece?,
                None => return self.decoder.finish().map(|()| None).map_err(failed),
            }
        }
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, KernelError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = |batch: RecordBatch| Batch::new(batch.columns().to_vec(), batch.num_rows());
        let read = self.first.take().map_or_else(|| self.read(), |first| Ok(Some(first)));
        read.transpose().map(|read| read.map(batch))
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
