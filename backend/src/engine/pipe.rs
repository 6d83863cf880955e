//! Messages between the server and a worker process, on its standard input and output: the length of a JSON text, the text, the
//! length of the bulk data beside it, the data. Lengths are 32 bits, little-endian.

use std::io::{self, ErrorKind, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::batch::Payload;

use super::worker::Word;
use crate::limits::PIPE_MESSAGE_BYTES_MAX;

/// Writes a value without bulk data.
pub fn write<T: Serialize>(pipe: &mut impl Write, value: &T) -> io::Result<()> {
    write_both(pipe, value, &[])
}

/// Writes a word; the bulk data of its message goes beside the JSON.
pub fn write_word(pipe: &mut impl Write, mut word: Word) -> io::Result<()> {
    let payload = match &mut word {
        Word::Envelope(envelope) => envelope.message.take_payload().unwrap_or_default(),
        Word::Slow { .. } | Word::Pause { .. } => Payload::default(),
    };
    write_both(pipe, &word, &payload.bytes().map_err(io::Error::other)?)
}

fn write_both<T: Serialize>(pipe: &mut impl Write, value: &T, payload: &[u8]) -> io::Result<()> {
    let text = serde_json::to_vec(value)?;
    for bytes in [text.as_slice(), payload] {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length as usize <= PIPE_MESSAGE_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a message too long for a pipe"))?;
        pipe.write_all(&length.to_le_bytes())?;
        pipe.write_all(bytes)?;
    }
    pipe.flush()
}

/// Reads a value without bulk data; `None` at the pipe's end.
pub fn read<T: DeserializeOwned>(pipe: &mut impl Read) -> io::Result<Option<T>> {
    Ok(read_both(pipe)?.map(|(value, _)| value))
}

/// Reads a word and puts its bulk data back; `None` at the pipe's end.
pub fn read_word(pipe: &mut impl Read) -> io::Result<Option<Word>> {
    let Some((mut word, payload)) = read_both(pipe)? else { return Ok(None) };
    if let Word::Envelope(envelope) = &mut word {
        envelope.message.set_payload(Payload::new(payload));
    }
    Ok(Some(word))
}

fn read_both<T: DeserializeOwned>(pipe: &mut impl Read) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut first = [0];
    if pipe.read(&mut first)? == 0 {
        return Ok(None);
    }
    let mut rest = [0; 3];
    pipe.read_exact(&mut rest)?;
    let text = read_bytes(pipe, u32::from_le_bytes([first[0], rest[0], rest[1], rest[2]]))?;
    let mut length = [0; 4];
    pipe.read_exact(&mut length)?;
    let payload = read_bytes(pipe, u32::from_le_bytes(length))?;
    Ok(Some((serde_json::from_slice(&text)?, payload)))
}

fn read_bytes(pipe: &mut impl Read, length: u32) -> io::Result<Vec<u8>> {
    if length as usize > PIPE_MESSAGE_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, "a message longer than any that is written"));
    }
    let mut bytes = Vec::new();
    pipe.take(length.into()).read_to_end(&mut bytes)?;
    if bytes.len() < length as usize {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}
