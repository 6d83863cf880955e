//! The inputs of a run, each of one or more files or texts, read as one stretch of bytes, one part after the other.

use serde::{Deserialize, Serialize};
use shared::batch::{Format, Inferred, Source, SourceError, infer, micro_batches};
use shared::session::{InputSpec, MicroBatch, Opened, OpenedPart};

use crate::data::{DataError, FileInput, Input, Library};
use crate::unpack::Unpacker;

/// Inputs that were found.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// For people.
    name: String,
    parts: Vec<Part>,
    inferred: Vec<Option<Inferred>>,
}

#[derive(Clone, Debug)]
struct Part {
    /// Which of the plan's inputs it belongs to.
    input: u32,
    of: Input,
}

/// The same as files, which another process can open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InputFiles(Vec<(u32, FileInput)>);

impl Inputs {
    /// Finds all inputs of a run. What the library has instead stands in for the first.
    pub fn find(library: &Library, specs: &[InputSpec]) -> Result<Inputs, DataError> {
        let (mut names, mut parts, mut inferred) = (Vec::new(), Vec::new(), Vec::new());
        let mut unpacker = Unpacker::new();
        for (index, spec) in specs.iter().enumerate() {
            let found = match (&library.instead, index) {
                (Some(instead), 0) => vec![instead.clone()],
                _ => library.find(&spec.from)?,
            };
            names.push(match &found[..] {
                [only] => only.name().to_owned(),
                several => format!("{} files", several.len()),
            });
            let found = found.into_iter().map(|of| unpacker.unpacked(of)).collect::<Result<Vec<_>, _>>()?;
            inferred.push(spec.infer.as_ref().map(|format| columns(&found, format)).transpose()?);
            parts.extend(found.into_iter().map(|of| Part { input: index as u32, of }));
        }
        Ok(Inputs { name: names.join(", "), parts, inferred })
    }

    /// What was inferred of each input that it was wanted of.
    pub fn inferred(&self) -> Vec<Option<Inferred>> {
        self.inferred.clone()
    }

    /// What a session is told of them.
    pub fn opened(&self, micro_batch: Option<MicroBatch>) -> Result<Opened, DataError> {
        let parts = self.parts.iter().map(|part| OpenedPart { input: part.input, bytes: part.of.bytes() }).collect();
        let mut opened = Opened { name: self.name.clone(), parts, inferred: self.inferred.clone(), cuts: Vec::new() };
        if let Some(MicroBatch { rows, header }) = micro_batch {
            opened.cuts = micro_batches(&mut *self.source()?, &opened.parts(), header, rows)?;
        }
        Ok(opened)
    }

    /// A way of its own to read them, for one worker.
    pub fn source(&self) -> Result<Box<dyn Source>, DataError> {
        match &self.parts[..] {
            [only] => only.of.source(),
            parts => {
                let (mut start, mut joined) = (0, Vec::new());
                for part in parts {
                    joined.push((start, part.of.clone()));
                    start += part.of.bytes();
                }
                Ok(Box::new(Joined { bytes: start, parts: joined, open: None }))
            }
        }
    }

    pub fn into_files(self) -> Result<InputFiles, DataError> {
        self.parts.into_iter().map(|part| Ok((part.input, part.of.into_file()?))).collect::<Result<_, _>>().map(InputFiles)
    }
}

impl From<InputFiles> for Inputs {
    fn from(files: InputFiles) -> Inputs {
        let parts = files.0.into_iter().map(|(input, file)| Part { input, of: file.into() }).collect();
        Inputs { name: String::new(), parts, inferred: Vec::new() }
    }
}

/// The columns of an input: those of the first of its files that has any.
fn columns(files: &[Input], format: &Format) -> Result<Inferred, DataError> {
    let look = |file: &Input| {
        let part = shared::batch::Part { input: 0, start: 0, end: file.bytes() };
        let wrong = |error| DataError::Columns { name: file.name().to_owned(), error };
        infer(format, &mut *file.source()?, part).map_err(wrong)
    };
    let with_bytes = files.iter().find(|file| file.bytes() > 0).or(files.first());
    with_bytes.map_or_else(|| Err(SourceError("the input has no files".to_owned()).into()), look)
}

/// Files and texts one after the other, with where each begins. One is open at a time, since there may be more of them than a
/// process can have open; a task reads one.
struct Joined {
    bytes: u64,
    parts: Vec<(u64, Input)>,
    open: Option<(usize, Box<dyn Source>)>,
}

impl Joined {
    fn part(&mut self, index: usize) -> Result<&mut dyn Source, SourceError> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != index) {
            let source = self.parts[index].1.source().map_err(|error| SourceError(error.to_string()))?;
            self.open = Some((index, source));
        }
        match &mut self.open {
            Some((_, source)) => Ok(&mut **source),
            None => Err(SourceError("the input is not open".to_owned())),
        }
    }
}

impl Source for Joined {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset + filled as u64;
            let after = self.parts.partition_point(|(start, _)| *start <= at);
            let Some(index) = after.checked_sub(1) else { break };
            let start = self.parts[index].0;
            match self.part(index)?.read_at(at - start, &mut buffer[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }
}
