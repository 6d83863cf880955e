//! Experiments by their structure: a tree of which branches are swapped, dropped, doubled, deepened or replaced, written as YAML again
//! in one of the ways in which one may write it.

use serde_json::Value;
use shared::rng::Rng;

use crate::bytes::{changed_text, pick, piece};

/// A value of YAML. A mapping may have a key twice.
#[derive(Clone, Debug)]
pub enum Tree {
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

/// Values that an experiment has no place for, or just about.
const VALUES: [&str; 40] = [
    "",
    "~",
    "true",
    "0",
    "1",
    "-1",
    "2.5",
    "0.30000000000000004",
    "1e400",
    "-.inf",
    ".nan",
    "0x7f",
    "1_000",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "100000000000000000000000000000000000000000",
    "40%",
    "100.0001%",
    "3 s",
    "1000 h",
    "0.000001 us",
    "64 KiB",
    "16777215 GiB",
    "65 GiB",
    "worker-1",
    "worker-0",
    "worker-4294967296",
    "coordinator",
    "any",
    "never",
    "count(*)",
    "quantile(length(word), 0.5)",
    "word",
    "words(lower(line))",
    "length(word) > 1",
    "9223372036854775807 + 1",
    "case when true then 1 end",
    "regexp_like(line, '(a*)*b')",
    "top_k(word, 10001)",
];

/// Keys that mean something somewhere.
const KEYS: [&str; 48] = [
    "millrace",
    "title",
    "about",
    "seed",
    "workers",
    "isolation",
    "respawn",
    "batch",
    "stream",
    "messaging",
    "network",
    "faults",
    "expect",
    "input",
    "text",
    "dataset",
    "file",
    "generate",
    "bytes",
    "distinct",
    "format",
    "csv",
    "header",
    "delimiter",
    "columns",
    "split",
    "partitions",
    "steps",
    "map",
    "flat_map",
    "filter",
    "select",
    "reduce",
    "key",
    "values",
    "combine",
    "partition_by",
    "sort",
    "limit",
    "join",
    "at",
    "for",
    "kill",
    "slow",
    "partition",
    "probability",
    "always",
    "counter",
];

/// Of most changes one is enough to be wrong; rarely the copies of one branch are many.
const COPIES_MAX: u64 = 300;

impl Tree {
    /// The tree of a sound text.
    pub fn read(text: &str) -> Tree {
        Tree::of(&serde_saphyr::from_str(text).unwrap())
    }

    fn of(value: &Value) -> Tree {
        match value {
            Value::Array(list) => Tree::List(list.iter().map(Tree::of).collect()),
            Value::Object(map) => Tree::Map(map.iter().map(|(key, value)| (key.clone(), Tree::of(value))).collect()),
            Value::String(text) => Tree::Text(text.clone()),
            other => Tree::Text(other.to_string()),
        }
    }

    fn size(&self) -> u64 {
        1 + match self {
            Tree::Text(_) => 0,
            Tree::List(list) => list.iter().map(Tree::size).sum(),
            Tree::Map(map) => map.iter().map(|(_, tree)| tree.size()).sum(),
        }
    }

    /// The branch of a number, counted from the root in the text's order.
    fn branch(&mut self, number: u64) -> &mut Tree {
        if number == 0 {
            return self;
        }
        let mut left = number - 1;
        let children: Vec<&mut Tree> = match self {
            Tree::Text(_) => unreachable!("a text has no branches"),
            Tree::List(list) => list.iter_mut().collect(),
            Tree::Map(map) => map.iter_mut().map(|(_, tree)| tree).collect(),
        };
        for child in children {
            let size = child.size();
            if left < size {
                return child.branch(left);
            }
            left -= size;
        }
        unreachable!("there is no branch {number}")
    }

    fn any(&mut self, rng: &mut Rng) -> &mut Tree {
        let number = rng.below(self.size());
        self.branch(number)
    }
}

/// One of the trees with up to four changes, as a text.
pub fn changed(rng: &mut Rng, trees: &[Tree]) -> String {
    let mut tree = pick(rng, trees).clone();
    for _ in 0..rng.below(5) {
        change(rng, &mut tree, trees);
    }
    let mut text = String::new();
    write(rng, &tree, 0, &mut text);
    text.push('\n');
    text
}

fn change(rng: &mut Rng, tree: &mut Tree, trees: &[Tree]) {
    match rng.below(10) {
        0 => {
            let mut other = tree.any(rng).clone();
            std::mem::swap(tree.any(rng), &mut other);
        }
        1 => *tree.any(rng) = pick(rng, trees).clone().any(rng).clone(),
        2 | 3 => match tree.any(rng) {
            Tree::Text(text) => *text = changed_text(rng, text, &[VALUES.join(" ")]),
            Tree::List(list) if !list.is_empty() => drop(list.remove(rng.below(list.len() as u64) as usize)),
            Tree::Map(map) if !map.is_empty() => drop(map.remove(rng.below(map.len() as u64) as usize)),
            _ => {}
        },
        4 => match tree.any(rng) {
            Tree::Text(text) => *text = text.repeat(2 + rng.below(20) as usize),
            Tree::List(list) if !list.is_empty() => {
                let copies = if rng.below(20) == 0 { rng.below(COPIES_MAX) } else { 1 };
                let copy = pick(rng, list).clone();
                list.extend((0..copies).map(|_| copy.clone()));
            }
            Tree::Map(map) if !map.is_empty() => map.push(pick(rng, map).clone()),
            _ => {}
        },
        5 => match tree.any(rng) {
            Tree::Map(map) if !map.is_empty() => {
                let at = rng.below(map.len() as u64) as usize;
                map[at].0 = match rng.below(3) {
                    0 => changed_text(rng, &map[at].0, &[KEYS.join(" ")]),
                    _ => (*pick(rng, &KEYS)).to_owned(),
                };
            }
            other => *other = Tree::Map(vec![((*pick(rng, &KEYS)).to_owned(), other.clone())]),
        },
        6 => {
            let most = if rng.below(10) == 0 { 60 } else { 3 };
            let depth = 1 + rng.below(most);
            let branch = tree.any(rng);
            for _ in 0..depth {
                let inner = std::mem::replace(branch, Tree::List(Vec::new()));
                *branch = match rng.below(2) {
                    0 => Tree::List(vec![inner]),
                    _ => Tree::Map(vec![((*pick(rng, &KEYS)).to_owned(), inner)]),
                };
            }
        }
        7 => {
            if let Tree::List(list) = tree.any(rng) {
                let swap = |rng: &mut Rng| rng.below(list.len() as u64) as usize;
                let (from, to) = (swap(rng), swap(rng));
                if from < list.len() && to < list.len() {
                    list.swap(from, to);
                }
            }
        }
        8 => *tree.any(rng) = Tree::Text(piece(rng).repeat(1 + rng.below(3) as usize)),
        _ => *tree.any(rng) = Tree::Text((*pick(rng, &VALUES)).to_owned()),
    }
}

/// Writes a tree in blocks, or between brackets; now and then with an anchor, an alias or a tag.
fn write(rng: &mut Rng, tree: &Tree, indent: usize, text: &mut String) {
    match rng.below(400) {
        0 => text.push_str("&a "),
        1 => return text.push_str("*a"),
        2 => text.push_str("!!str "),
        _ => {}
    }
    match tree {
        Tree::Text(value) => scalar(rng, value, indent, text),
        _ if indent > 0 && rng.below(4) == 0 => flow(tree, text),
        Tree::List(list) if !list.is_empty() => {
            for element in list {
                line(text, indent);
                text.push_str("- ");
                write(rng, element, indent + 2, text);
            }
        }
        Tree::Map(map) if !map.is_empty() => {
            for (key, value) in map {
                line(text, indent);
                key_of(key, text);
                text.push_str(": ");
                write(rng, value, indent + 2, text);
            }
        }
        _ => flow(tree, text),
    }
}

fn line(text: &mut String, indent: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
}

fn key_of(key: &str, text: &mut String) {
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    text.push_str(&if plain { key.to_owned() } else { quoted(key) });
}

fn flow(tree: &Tree, text: &mut String) {
    match tree {
        Tree::Text(value) => text.push_str(&quoted(value)),
        Tree::List(list) => {
            text.push('[');
            for element in list {
                flow(element, text);
                text.push_str(", ");
            }
            text.push(']');
        }
        Tree::Map(map) => {
            text.push_str("{ ");
            for (key, value) in map {
                key_of(key, text);
                text.push_str(": ");
                flow(value, text);
                text.push_str(", ");
            }
            text.push('}');
        }
    }
}

/// In double quotes as JSON has it, in single ones, as a block, or as it is.
fn scalar(rng: &mut Rng, value: &str, indent: usize, text: &mut String) {
    let lines = value.contains('\n');
    match rng.below(4) {
        0 => text.push_str(&quoted(value)),
        1 if !lines => text.push_str(&format!("'{}'", value.replace('\'', "''"))),
        2 | 3 if lines || rng.below(4) == 0 => {
            text.push_str(if rng.below(3) == 0 { ">" } else { "|" });
            for part in value.lines() {
                line(text, indent.max(1));
                text.push_str(part);
            }
        }
        _ => text.push_str(value),
    }
}

fn quoted(value: &str) -> String {
    Value::String(value.to_owned()).to_string()
}
