//! A link that carries an experiment, where it is to run and the moment that is to be seen: the part of an address behind its `#`, which
//! a browser keeps to itself.
//!
//! It is `x=` and the version, a point, and in the letters that an address may have what deflate makes of a line (the place, the number
//! of workers, the moment in microseconds; a `-` for what is not said; and if there are some, the breakpoints as JSON) and the
//! experiment's text. Whoever gets one may have got anything: what is no link is a sentence, and what is too large is never unpacked.

use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::{DecompressError, TINFLStatus, decompress_to_vec_zlib_with_limit};

use crate::limits::{BREAKPOINTS_MAX, EXPERIMENT_BYTES_MAX, LINK_BREAKPOINTS_BYTES_MAX, LINK_BYTES_MAX};
use crate::time::Time;
use crate::wire::{Breakpoint, Place};

/// What a link carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The experiment; its seed and its faults are in it.
    pub text: String,
    pub place: Place,
    /// Instead of what the experiment says.
    pub workers: Option<u32>,
    /// The moment of the simulated run that is to be seen.
    pub at: Option<Time>,
    /// Where the run is to stand still.
    pub breakpoints: Vec<Breakpoint>,
}

/// Why a link cannot be opened: the end of a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    #[error("it has {0} bytes, and one with an experiment has {LINK_BYTES_MAX} at most")]
    TooLong(usize),
    #[error("it is of another version than this page: it begins with `{0}`, and this page reads `{PREFIX}`")]
    Version(String),
    #[error("it was changed or cut off on its way, so copy the whole of it again")]
    Damaged,
    #[error("its experiment has more than {EXPERIMENT_BYTES_MAX} bytes, which is the limit")]
    TooLarge,
}

/// How this version's links begin.
const PREFIX: &str = "x=1.";

/// The longest text, and the line before it.
const UNPACKED_BYTES_MAX: usize = EXPERIMENT_BYTES_MAX + LINK_BREAKPOINTS_BYTES_MAX + 64;

/// The places by their letters.
const PLACES: [(char, Place); 3] = [('s', Place::Simulate), ('b', Place::Browser), ('r', Place::Server)];

/// How hard deflate tries, 0 to 10.
const LEVEL: u8 = 9;

/// The letters of base64url (RFC 4648 §5), by their values.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Link {
    /// What stands behind the `#`.
    pub fn fragment(&self) -> String {
        let place = PLACES.iter().find(|(_, place)| *place == self.place).map_or('-', |(letter, _)| *letter);
        let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
        let (workers, at) = (number(self.workers.map(u64::from)), number(self.at.map(|at| at.0)));
        let breakpoints = self.breakpoints_as_json().map(|json| format!(" {json}")).unwrap_or_default();
        let plain = format!("{place} {workers} {at}{breakpoints}\n{}", self.text);
        format!("{PREFIX}{}", letters(&compress_to_vec_zlib(plain.as_bytes(), LEVEL)))
    }

    /// As many of them as a link takes; `None` if there are none.
    fn breakpoints_as_json(&self) -> Option<String> {
        let most = self.breakpoints.len().min(BREAKPOINTS_MAX);
        let fitting = (1..=most).rev().map(|count| serde_json::to_string(&self.breakpoints[..count]).unwrap_or_default());
        fitting.into_iter().find(|json| json.len() <= LINK_BREAKPOINTS_BYTES_MAX)
    }

    /// The link that stands behind a `#`; `None` if nothing there claims to be one.
    pub fn read(fragment: &str) -> Option<Result<Link, LinkError>> {
        let fragment = fragment.trim_start_matches('#');
        fragment.starts_with("x=").then(|| read(fragment))
    }
}

fn read(fragment: &str) -> Result<Link, LinkError> {
    if fragment.len() > LINK_BYTES_MAX {
        return Err(LinkError::TooLong(fragment.len()));
    }
    let Some(packed) = fragment.strip_prefix(PREFIX) else {
        let version = fragment.split_inclusive('.').next().unwrap_or_default();
        return Err(LinkError::Version(version.chars().take(12).collect()));
    };
    let packed = bytes(packed).ok_or(LinkError::Damaged)?;
    let unpacked = decompress_to_vec_zlib_with_limit(&packed, UNPACKED_BYTES_MAX);
    let plain = unpacked.map_err(|DecompressError { status, .. }| match status {
        TINFLStatus::HasMoreOutput => LinkError::TooLarge,
        _ => LinkError::Damaged,
    })?;
    let link = String::from_utf8(plain).ok().and_then(|plain| parse(&plain)).ok_or(LinkError::Damaged)?;
    if link.text.len() > EXPERIMENT_BYTES_MAX { Err(LinkError::TooLarge) } else { Ok(link) }
}

fn parse(plain: &str) -> Option<Link> {
    let (head, text) = plain.split_once('\n')?;
    // A page of before knows the first three of these, and passes over the last.
    let mut words = head.splitn(4, ' ');
    let letter = words.next()?;
    let (_, place) = *PLACES.iter().find(|(known, _)| letter.chars().eq([*known]))?;
    let mut number = || match words.next()? {
        "-" => Some(None),
        digits => digits.parse::<u64>().ok().map(Some),
    };
    let (workers, at) = (number()?, number()?);
    let workers = workers.map(|workers| u32::try_from(workers).ok());
    let breakpoints: Vec<Breakpoint> = words.next().map(serde_json::from_str).transpose().ok()?.unwrap_or_default();
    if breakpoints.len() > BREAKPOINTS_MAX {
        return None;
    }
    Some(Link {
        text: text.to_owned(),
        place,
        workers: workers.map_or(Some(None), |workers| workers.map(Some))?,
        at: at.map(Time),
        breakpoints,
    })
}

fn letters(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(LETTERS[(bits >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.as_bytes().chunks(4) {
        let value = |letter: &u8| LETTERS.iter().position(|it| it == letter).map(|value| value as u32);
        let bits = group.iter().try_fold(0u32, |bits, letter| Some(bits << 6 | value(letter)?))? << (6 * (4 - group.len()));
        let count = group.len().checked_sub(1).filter(|count| *count > 0)?;
        bytes.extend(&bits.to_be_bytes()[1..=count]);
    }
    Some(bytes)
}
