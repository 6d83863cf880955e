//! Takes out of the page's wasm what nobody needs: the names of functions, two fifths of its bytes, which nobody sees who has no
//! debugger open; and what a library offers to scripts and none asks for. (What only that needed goes in `shrink`.)

use super::Files;
use crate::failure::{Done, Failure};

/// Of a file of WebAssembly, what comes before its first section: its magic word and its version.
pub(super) const HEAD_BYTES: usize = 8;

/// The kind of a section that a program runs without; it begins with its name.
const CUSTOM: u8 = 0;
/// The kind of the section that lists what a program offers.
const EXPORTS: u8 = 7;

/// In the names of what a library for streams of bytes offers. The page has it by way of another, and makes no such streams.
const UNCALLED: &str = "intounderlying";

/// Takes the custom section `name` and the uncalled exports out of every wasm file.
pub fn remove(files: &mut Files) -> Done {
    for (path, content) in files.iter_mut().filter(|(path, _)| path.ends_with(".wasm")) {
        *content = spared(content).ok_or_else(|| {
            Failure::new(format!("{path} is not the WebAssembly it should be"), "Remove target/page and run this again")
        })?;
    }
    Ok(())
}

fn spared(wasm: &[u8]) -> Option<Vec<u8>> {
    let mut kept = wasm.get(..HEAD_BYTES)?.to_vec();
    let mut at = HEAD_BYTES;
    while at < wasm.len() {
        let (length, body) = number(wasm, at + 1)?;
        let end = body.checked_add(length)?;
        let section = wasm.get(at..end)?;
        match wasm[at] {
            CUSTOM if section_name(wasm, body)? == b"name" => {}
            EXPORTS => {
                let exports = called(wasm.get(body..end)?)?;
                kept.push(EXPORTS);
                push_number(&mut kept, exports.len());
                kept.extend(exports);
            }
            _ => kept.extend_from_slice(section),
        }
        at = end;
    }
    Some(kept)
}

/// The inside of a section of exports, without the uncalled ones.
fn called(exports: &[u8]) -> Option<Vec<u8>> {
    let (count, mut at) = number(exports, 0)?;
    let (mut kept, mut left) = (Vec::new(), 0);
    for _ in 0..count {
        let start = at;
        let (length, name) = number(exports, at)?;
        let kind = name.checked_add(length)?;
        let is_called = !String::from_utf8_lossy(exports.get(name..kind)?).contains(UNCALLED);
        (_, at) = number(exports, kind + 1)?;
        if is_called {
            kept.extend_from_slice(exports.get(start..at)?);
            left += 1;
        }
    }
    let mut section = Vec::new();
    push_number(&mut section, left);
    section.extend(kept);
    Some(section)
}

/// Writes a number of the format.
pub(super) fn push_number(bytes: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn section_name(wasm: &[u8], body: usize) -> Option<&[u8]> {
    let (length, start) = number(wasm, body)?;
    wasm.get(start..start.checked_add(length)?)
}

/// A number of the format (LEB128, at most 32 bits), and where it ends.
pub(super) fn number(wasm: &[u8], at: usize) -> Option<(usize, usize)> {
    const BYTES_MAX: usize = 5;
    let mut value = 0_u64;
    for index in 0..BYTES_MAX {
        let byte = *wasm.get(at + index)?;
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, at + index + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(name: &str, bytes: &[u8]) -> Vec<u8> {
        // The length in two bytes, as a linker that fills it in later writes it.
        let length = 1 + name.len() + bytes.len();
        let head = [CUSTOM, (length & 0x7f) as u8 | 0x80, (length >> 7) as u8, name.len() as u8];
        [&head, name.as_bytes(), bytes].concat()
    }

    #[test]
    fn the_names_go_and_all_else_stays() {
        let head = b"\0asm\x01\0\0\0".to_vec();
        let types = [1, 4, 1, 0x60, 0, 0].to_vec();
        let other = custom("producers", &[0; 200]);
        let whole = [head.clone(), types.clone(), custom("name", &[7; 300]), other.clone()].concat();
        assert_eq!(spared(&whole), Some([head, types, other].concat()));
    }

    #[test]
    fn exports_that_nobody_calls_go() {
        let head = b"\0asm\x01\0\0\0".to_vec();
        let export = |name: &str, function: u8| [&[name.len() as u8], name.as_bytes(), &[0, function]].concat();
        let section = |exports: &[Vec<u8>]| {
            let inside = [vec![exports.len() as u8], exports.concat()].concat();
            [vec![EXPORTS, inside.len() as u8], inside].concat()
        };
        let (run, free, pull) =
            (export("run", 3), export("__wbg_intounderlyingsink_free", 4), export("intounderlyingsource_pull", 5));
        let whole = [head.clone(), section(&[free, run.clone(), pull])].concat();
        assert_eq!(spared(&whole), Some([head.clone(), section(&[run])].concat()));
        for length in HEAD_BYTES + 1..whole.len() {
            assert_eq!(spared(&whole[..length]), None, "{length}");
        }
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let whole = [b"\0asm\x01\0\0\0".to_vec(), custom("name", &[7; 300])].concat();
        for length in [0, 7, 9, 10, 11, 20, whole.len() - 1] {
            assert_eq!(spared(&whole[..length]), None, "{length}");
        }
        assert_eq!(spared(&whole[..HEAD_BYTES]).map(|kept| kept.len()), Some(HEAD_BYTES));
    }
}
