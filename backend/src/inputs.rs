//! The inputs of a run, each of one or more files or texts, read as one stretch of bytes, one part after the other.

use serde::{Deserialize, Serialize};
use shared::batch::{Source, SourceError, micro_batches};
use shared::session::{InputSpec, MicroBatch, Opened, OpenedPart};

use crate::data::{DataError, FileInput, Input, Library};

/// Inputs that were found.
#[derive(Clone, Debug)]
pub struct Inputs(Vec<Part>);

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
        let find = |(index, spec): (usize, &InputSpec)| {
            let of = match (&library.instead, index) {
                (Some(instead), 0) => instead.clone(),
                _ => library.find(spec)?,
            };
            Ok(Part { input: index as u32, of })
        };
        specs.iter().enumerate().map(find).collect::<Result<_, _>>().map(Inputs)
    }

    /// What a session is told of them.
    pub fn opened(&self, micro_batch: Option<MicroBatch>) -> Result<Opened, DataError> {
        let names: Vec<&str> = self.0.iter().map(|part| part.of.name()).collect();
        let parts = self.0.iter().map(|part| OpenedPart { input: part.input, bytes: part.of.bytes() }).collect();
        let mut opened = Opened { name: names.join(", "), parts, cuts: Vec::new() };
        if let Some(MicroBatch { rows, header }) = micro_batch {
            opened.cuts = micro_batches(&mut *self.source()?, &opened.parts(), header, rows)?;
        }
        Ok(opened)
    }

    /// A way of its own to read them, for one worker.
    pub fn source(&self) -> Result<Box<dyn Source>, DataError> {
        match &self.0[..] {
            [only] => only.of.source(),
            parts => {
                let open = |part: &Part| Ok::<_, DataError>((part.of.bytes(), part.of.source()?));
                let (mut start, mut joined) = (0, Vec::new());
                for (bytes, source) in parts.iter().map(open).collect::<Result<Vec<_>, _>>()? {
                    joined.push((start, source));
                    start += bytes;
                }
                Ok(Box::new(Joined { bytes: start, parts: joined }))
            }
        }
    }

    pub fn into_files(self) -> Result<InputFiles, DataError> {
        self.0.into_iter().map(|part| Ok((part.input, part.of.into_file()?))).collect::<Result<_, _>>().map(InputFiles)
    }
}

impl From<InputFiles> for Inputs {
    fn from(files: InputFiles) -> Inputs {
        Inputs(files.0.into_iter().map(|(input, file)| Part { input, of: file.into() }).collect())
    }
}

/// Sources one after the other, with where each begins.
struct Joined {
    bytes: u64,
    parts: Vec<(u64, Box<dyn Source>)>,
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
            let Some((start, source)) = after.checked_sub(1).map(|index| &mut self.parts[index]) else { break };
            match source.read_at(at - *start, &mut buffer[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }
}
