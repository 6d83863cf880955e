//! Compressed inputs: told by their first bytes, unpacked once into a temporary file, which then is cut into splits like any other.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};

use flate2::read::MultiGzDecoder;
use shared::batch::recognise::Packing;

use crate::data::{DataError, FileInput, Input};
use crate::limits::UNPACKED_BYTES_MAX;

/// Bytes that are read of a file and written to one at a time.
const PIECE_BYTES: usize = 256 << 10;

/// Unpacks the inputs of one run.
pub struct Unpacker {
    /// Bytes that may still be written.
    room: u64,
}

/// Why something could not be unpacked.
enum Trouble {
    /// The compressed bytes could not be read, or are not what they should be.
    Reading(io::Error),
    Writing(io::Error),
    NoRoom,
}

impl Unpacker {
    pub fn new() -> Unpacker {
        Unpacker { room: UNPACKED_BYTES_MAX }
    }

    /// The input itself, or what it holds if it is compressed.
    pub fn unpacked(&mut self, input: Input) -> Result<Input, DataError> {
        let Input::File(file) = &input else { return Ok(input) };
        let mut packed = file.reader()?;
        let mut head = Vec::new();
        let unreadable = |error| DataError::File { path: input.name().to_owned(), error };
        Read::by_ref(&mut packed).take(4).read_to_end(&mut head).map_err(unreadable)?;
        let Some(packing) = Packing::of(&head) else { return Ok(input) };
        let packed = BufReader::with_capacity(PIECE_BYTES, io::Cursor::new(head).chain(packed));
        let mut trouble = None;
        let name = input.name().to_owned();
        let written = FileInput::temporary(&name, |file| {
            let copied = match packing {
                Packing::Gzip => self.copy(MultiGzDecoder::new(packed), file),
                Packing::Zstd => {
                    zstd::Decoder::with_buffer(packed).map_err(Trouble::Reading).and_then(|it| self.copy(it, file))
                }
            };
            match copied {
                Ok(()) => Ok(()),
                Err(Trouble::Writing(error)) => Err(error),
                Err(other) => {
                    trouble = Some(other);
                    Ok(())
                }
            }
        });
        let packing = packing.name();
        match trouble {
            Some(Trouble::Reading(error)) => Err(DataError::Damaged { path: name, packing, error }),
            Some(_) => Err(DataError::Inflated { path: name }),
            None => written.map(Input::File),
        }
    }

    fn copy(&mut self, mut from: impl Read, file: &mut File) -> Result<(), Trouble> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match from.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    self.room = self.room.checked_sub(count as u64).ok_or(Trouble::NoRoom)?;
                    file.write_all(&piece[..count]).map_err(Trouble::Writing)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Trouble::Reading(error)),
            }
        }
    }
}
