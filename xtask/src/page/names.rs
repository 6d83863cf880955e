//! Gives the functions that a script of wasm-bindgen's hands to its wasm, and those that it calls there, names of one or two letters.
//!
//! wasm-bindgen makes each name unique by sixteen digits of a hash, and the page has some four hundred of them, in the script and in the
//! wasm: chance that no compression makes smaller. Only names with such a hash are changed, in both files at once, and what else a name may
//! be used by (the cutter's loader, the workers' loader) has none.

use std::collections::BTreeMap;

use super::Files;
use super::spare::{HEAD_BYTES, number, push_number};
use crate::failure::{Done, Failure};

/// The kinds of the sections that name what a program is given, and what it offers.
const IMPORTS: u8 = 2;
const EXPORTS: u8 = 7;

/// Hexadecimal digits of the hash in a name.
const HASH_DIGITS: usize = 16;

/// Shortens the names in every script of wasm-bindgen's and its wasm.
pub fn shorten(files: &mut Files) -> Done {
    let stems: Vec<String> = files.keys().filter_map(|path| path.strip_suffix("_bg.wasm")).map(str::to_owned).collect();
    for stem in stems {
        let (script, wasm) = (format!("{stem}.js"), format!("{stem}_bg.wasm"));
        let Some(text) = files.get(&script) else { continue };
        let (short, small) = shortened(&String::from_utf8_lossy(text), &files[&wasm]).ok_or_else(|| {
            Failure::new(format!("{wasm} is not the WebAssembly it should be"), "Remove target/page and run this again")
        })?;
        files.insert(script, short.into_bytes());
        files.insert(wasm, small);
    }
    Ok(())
}

/// The script and the wasm with short names; `None`: that is no wasm.
fn shortened(script: &str, wasm: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut short = BTreeMap::new();
    let words: std::collections::BTreeSet<&str> = words(script).map(|(word, _)| word).collect();
    rewritten(wasm, &mut |name| {
        // What the script does not say it may make up: that keeps its name. So does what could be taken for something else in it.
        if has_hash(name) && words.contains(name) && !short.contains_key(name) {
            let next = (short.len()..)
                .map(letters)
                .find(|next| !words.contains(next.as_str()) && !short.values().any(|it| it == next));
            short.insert(name.to_owned(), next.unwrap_or_else(|| name.to_owned()));
        }
        name.to_owned()
    })?;
    let small = rewritten(wasm, &mut |name| short.get(name).cloned().unwrap_or_else(|| name.to_owned()))?;
    let mut text = String::with_capacity(script.len());
    for (word, between) in self::words(script) {
        text.push_str(short.get(word).map_or(word, String::as_str));
        text.push_str(between);
    }
    Some((text, small))
}

/// The words of a script, each with what stands between it and the next; the first may be empty.
fn words(script: &str) -> impl Iterator<Item = (&str, &str)> {
    let of_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let mut rest = script;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(|letter| !of_word(letter)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let next = behind.find(of_word).unwrap_or(behind.len());
        let (between, others) = behind.split_at(next);
        rest = others;
        Some((word, between))
    })
}

/// Whether it holds the digits of a hash.
fn has_hash(name: &str) -> bool {
    name.split(|letter: char| !matches!(letter, '0'..='9' | 'a'..='f')).any(|digits| digits.len() >= HASH_DIGITS)
}

/// The name of this place among the short ones: `a`, `b`, … `z`, `aa`, `ba`, …
fn letters(mut place: usize) -> String {
    let mut name = String::new();
    loop {
        name.push(char::from(b'a' + (place % 26) as u8));
        place /= 26;
        if place == 0 {
            return name;
        }
        place -= 1;
    }
}

/// The wasm with other names of what it is given and what it offers.
fn rewritten(wasm: &[u8], rename: &mut impl FnMut(&str) -> String) -> Option<Vec<u8>> {
    let mut kept = wasm.get(..HEAD_BYTES)?.to_vec();
    let mut at = HEAD_BYTES;
    while at < wasm.len() {
        let (length, body) = number(wasm, at + 1)?;
        let end = body.checked_add(length)?;
        let inside = wasm.get(body..end)?;
        let changed = match wasm[at] {
            IMPORTS => Some(imports(inside, rename)?),
            EXPORTS => Some(exports(inside, rename)?),
            _ => None,
        };
        match changed {
            Some(section) => {
                kept.push(wasm[at]);
                push_number(&mut kept, section.len());
                kept.extend(section);
            }
            None => kept.extend_from_slice(&wasm[at..end]),
        }
        at = end;
    }
    Some(kept)
}

fn imports(inside: &[u8], rename: &mut impl FnMut(&str) -> String) -> Option<Vec<u8>> {
    let (count, mut at) = number(inside, 0)?;
    let mut section = Vec::new();
    push_number(&mut section, count);
    for _ in 0..count {
        // The module that it comes from, its name there, and what it is.
        let (module, name_at) = named(inside, at)?;
        let (name, kind_at) = named(inside, name_at)?;
        push_name(&mut section, module);
        push_name(&mut section, &rename(name));
        at = described(inside, kind_at)?;
        section.extend_from_slice(inside.get(kind_at..at)?);
    }
    Some(section)
}

fn exports(inside: &[u8], rename: &mut impl FnMut(&str) -> String) -> Option<Vec<u8>> {
    let (count, mut at) = number(inside, 0)?;
    let mut section = Vec::new();
    push_number(&mut section, count);
    for _ in 0..count {
        let (name, kind_at) = named(inside, at)?;
        push_name(&mut section, &rename(name));
        (_, at) = number(inside, kind_at + 1)?;
        section.extend_from_slice(inside.get(kind_at..at)?);
    }
    Some(section)
}

/// Where the description of an import ends: a function, table, memory, global or tag.
fn described(inside: &[u8], at: usize) -> Option<usize> {
    let limits = |at: usize| {
        let (flags, at) = number(inside, at)?;
        let (_, at) = number(inside, at)?;
        if flags & 1 == 0 { Some(at) } else { number(inside, at).map(|(_, at)| at) }
    };
    match *inside.get(at)? {
        0 => number(inside, at + 1).map(|(_, at)| at),
        1 => limits(at + 2),
        2 => limits(at + 1),
        3 => Some(at + 3),
        4 => number(inside, at + 2).map(|(_, at)| at),
        _ => None,
    }
}

/// A name, and where it ends.
fn named(inside: &[u8], at: usize) -> Option<(&str, usize)> {
    let (length, start) = number(inside, at)?;
    let end = start.checked_add(length)?;
    Some((std::str::from_utf8(inside.get(start..end)?).ok()?, end))
}

fn push_name(section: &mut Vec<u8>, name: &str) {
    push_number(section, name.len());
    section.extend_from_slice(name.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(kind: u8, entries: &[Vec<u8>]) -> Vec<u8> {
        let inside = [vec![entries.len() as u8], entries.concat()].concat();
        let mut section = vec![kind];
        push_number(&mut section, inside.len());
        section.extend(inside);
        section
    }

    fn name(name: &str) -> Vec<u8> {
        [&[name.len() as u8], name.as_bytes()].concat()
    }

    fn wasm(given: &[(&str, &[u8])], offered: &[&str]) -> Vec<u8> {
        let given: Vec<_> = given.iter().map(|(it, what)| [name("./m_bg.js"), name(it), what.to_vec()].concat()).collect();
        let offered: Vec<_> = offered.iter().map(|it| [name(it), vec![0, 3]].concat()).collect();
        let code = vec![10, 2, 1, 0];
        [b"\0asm\x01\0\0\0".to_vec(), section(IMPORTS, &given), section(EXPORTS, &offered), code].concat()
    }

    const FUNCTION: &[u8] = &[0, 5];

    #[test]
    fn names_with_a_hash_are_short_in_both_and_all_others_stay() {
        let (get, set) = ("__wbg_get_0123456789abcdef", "__wbg_set_0123456789abcde0");
        let (call, unsaid) = ("_ZN7closure17h0123456789abcdefE_16", "__wbg_unsaid_0123456789abcdef");
        let before = wasm(&[(get, FUNCTION), (set, FUNCTION), (unsaid, FUNCTION), ("memory", &[2, 1, 1, 9])], &["main", call]);
        let script = format!("const a=1;x={{{get}:f(a),{set}:g}};w.main(),w.{call}(b);`{get}x`");
        let (text, after) = shortened(&script, &before).unwrap();
        // `a`, `b`, `f`, `g`, `w` and `x` are taken.
        assert_eq!(text, format!("const a=1;x={{c:f(a),d:g}};w.main(),w.e(b);`{get}x`"));
        let wanted = wasm(&[("c", FUNCTION), ("d", FUNCTION), (unsaid, FUNCTION), ("memory", &[2, 1, 1, 9])], &["main", "e"]);
        assert_eq!(after, wanted);
    }

    #[test]
    fn there_are_short_names_for_many() {
        let names: Vec<_> = (0..800).map(letters).collect();
        assert_eq!([&*names[0], &*names[25], &*names[26], &*names[27]], ["a", "z", "aa", "ba"]);
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn every_kind_of_import_is_passed_over_whole() {
        let kinds: [&[u8]; 6] = [&[0, 0x85, 1], &[1, 0x70, 0, 9], &[1, 0x70, 1, 9, 10], &[2, 0, 1], &[3, 0x7f, 1], &[4, 0, 7]];
        for kind in kinds {
            assert_eq!(described(kind, 0), Some(kind.len()), "{kind:?}");
        }
        assert_eq!(described(&[9], 0), None);
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let whole = wasm(&[("__wbg_get_0123456789abcdef", FUNCTION)], &["main"]);
        for length in [0, 7, 9, 12, 30, whole.len() - 1] {
            assert_eq!(shortened("", &whole[..length]), None, "{length}");
        }
    }
}
