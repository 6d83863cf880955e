//! Draws typed trees and rows.

use std::fmt;

use shared::expr::{Type, Value};
use shared::rng::Rng;

/// An expression of the test's own, which knows nothing of the parser's.
#[derive(Clone, Debug)]
pub enum Tree {
    Column(usize),
    Literal(Value),
    Call(&'static str, Vec<Tree>),
}

pub fn columns() -> Vec<(&'static str, Type)> {
    vec![
        ("i", Type::Int64),
        ("j", Type::Int64),
        ("x", Type::Float64),
        ("y", Type::Float64),
        ("s", Type::Utf8),
        ("t", Type::Utf8),
        ("b", Type::Boolean),
        ("c", Type::Boolean),
        ("d", Type::Timestamp),
        ("l", Type::Utf8.list()),
    ]
}

pub fn rows(rng: &mut Rng, count: usize) -> Vec<Vec<Value>> {
    (0..count).map(|_| columns().into_iter().map(|(_, of)| value(rng, &of, true)).collect()).collect()
}

/// A value; a literal is neither null nor what only data can be.
fn value(rng: &mut Rng, of: &Type, data: bool) -> Value {
    if data && rng.below(4) == 0 {
        return Value::Null;
    }
    let pick = |rng: &mut Rng, from: &[&str]| from[rng.below(from.len() as u64) as usize].to_owned();
    match of {
        Type::Boolean => Value::Boolean(rng.below(2) == 0),
        Type::Int64 => Value::Int64(match rng.below(12) {
            0 => i64::MAX,
            1 => i64::MIN,
            2 => rng.bits() as i64,
            _ => rng.below(13) as i64 - 4,
        }),
        Type::Float64 => Value::Float64(match rng.below(14) {
            0 if data => f64::NAN,
            1 => 1e300,
            2 => -0.0,
            3 => 9.3e18,
            _ => (rng.below(41) as f64 - 16.0) / 4.0,
        }),
        Type::Utf8 => Value::Utf8(
            pick(rng, &["", "a", "b", "Ab", "äÖ", "a,b", "a%b", "ß", "ΑΣ", "7", "-12", "2.5", "x y ", " a", "aab", "🙂a"])
                .into(),
        ),
        Type::Timestamp => Value::Timestamp(match rng.below(4) {
            0 => rng.below(4_000_000_000_000_000) as i64 - 2_000_000_000_000_000,
            1 => -1,
            _ => rng.below(40) as i64 * 86_400_000_000 * 31,
        }),
        Type::Interval => Value::Interval(rng.below(200) as i64 * 997_000_000 - 60_000_000_000),
        Type::List(of) => Value::List((0..rng.below(4)).map(|_| value(rng, of, data)).collect()),
    }
}

/// What a name takes and gives: `T` is any of the types, the same wherever it stands.
const CALLS: [(&str, &str, &str); 72] = [
    ("+", "I", "II"),
    ("-", "I", "II"),
    ("*", "I", "II"),
    ("/", "I", "II"),
    ("%", "I", "II"),
    ("neg", "I", "I"),
    ("abs", "I", "I"),
    ("length", "I", "S"),
    ("position", "I", "SS"),
    ("cardinality", "I", "L"),
    ("trunc int", "I", "F"),
    ("read int", "I", "S"),
    ("try read int", "I", "S"),
    ("year", "I", "D"),
    ("isodow", "I", "D"),
    ("+", "F", "FF"),
    ("-", "F", "FF"),
    ("*", "F", "FF"),
    ("/", "F", "FF"),
    ("neg", "F", "F"),
    ("abs", "F", "F"),
    ("floor", "F", "F"),
    ("ceil", "F", "F"),
    ("round", "F", "F"),
    ("sqrt", "F", "F"),
    ("round to", "F", "F"),
    ("float", "F", "I"),
    ("lower", "S", "S"),
    ("upper", "S", "S"),
    ("||", "S", "SS"),
    ("trim", "S", "S"),
    ("reverse", "S", "S"),
    ("left", "S", "SI"),
    ("right", "S", "SI"),
    ("substr", "S", "SII"),
    ("replace", "S", "SSS"),
    ("show", "S", "I"),
    ("show", "S", "F"),
    ("show", "S", "B"),
    ("show", "S", "D"),
    ("element", "S", "LI"),
    ("array_join", "S", "LS"),
    ("day", "D", "D"),
    ("month", "D", "D"),
    ("later", "D", "DV"),
    ("split", "L", "SS"),
    ("array", "L", "SS"),
    ("array_distinct", "L", "L"),
    ("array_sort", "L", "L"),
    ("array_contains", "B", "LS"),
    ("starts_with", "B", "SS"),
    ("like", "B", "SP"),
    ("not", "B", "B"),
    ("and", "B", "BB"),
    ("or", "B", "BB"),
    ("and", "B", "BBB"),
    ("=", "B", "TT"),
    ("<>", "B", "TT"),
    ("<", "B", "TT"),
    ("<=", "B", "TT"),
    (">", "B", "TT"),
    (">=", "B", "TT"),
    ("is distinct from", "B", "TT"),
    ("is null", "B", "T"),
    ("in", "B", "TTT"),
    ("between", "B", "TTT"),
    ("case", "T", "BTT"),
    ("switch", "T", "OTOT"),
    ("coalesce", "T", "TT"),
    ("nullif", "T", "TT"),
    ("greatest", "T", "TT"),
    ("try", "T", "T"),
];

pub fn names() -> impl Iterator<Item = &'static str> {
    CALLS.iter().map(|(name, ..)| *name)
}

fn of_letter(letter: char) -> Type {
    match letter {
        'I' => Type::Int64,
        'F' => Type::Float64,
        'S' | 'P' => Type::Utf8,
        'B' => Type::Boolean,
        'D' => Type::Timestamp,
        'V' => Type::Interval,
        _ => Type::Utf8.list(),
    }
}

/// A tree of this type, at most so deep.
pub fn tree(rng: &mut Rng, of: &Type, depth: u32) -> Tree {
    if *of == Type::Interval {
        return Tree::Literal(value(rng, of, false));
    }
    if depth == 0 || rng.below(6) == 0 {
        return leaf(rng, of);
    }
    let fits: Vec<_> = CALLS
        .iter()
        .filter(|(name, gives, _)| match gives.chars().next() {
            // Lists have no order, so what compares does not take them.
            Some('T') => !(of.is_list() && ["nullif", "greatest", "switch"].contains(name)),
            Some(letter) => of_letter(letter) == *of,
            None => false,
        })
        .collect();
    let (name, gives, takes) = fits[rng.below(fits.len() as u64) as usize];
    let ordered = ['I', 'F', 'S', 'B', 'D'];
    let any = ordered[rng.below(5) as usize];
    let other = ordered[rng.below(5) as usize];
    let arguments = takes.chars().map(|letter| match letter {
        'T' if *gives == "T" => tree(rng, of, depth - 1),
        'T' => tree(rng, &of_letter(any), depth - 1),
        'O' => tree(rng, &of_letter(other), depth - 1),
        'P' => {
            let patterns = ["%", "a%", "%b", "_", "%a%", "a_b", "", "A%b%"];
            Tree::Literal(Value::Utf8(patterns[rng.below(patterns.len() as u64) as usize].into()))
        }
        letter => tree(rng, &of_letter(letter), depth - 1),
    });
    Tree::Call(name, arguments.collect())
}

fn leaf(rng: &mut Rng, of: &Type) -> Tree {
    let known: Vec<usize> = (0..columns().len()).filter(|index| columns()[*index].1 == *of).collect();
    match rng.below(3) {
        0 if !of.is_list() => Tree::Literal(value(rng, of, false)),
        _ => Tree::Column(known[rng.below(known.len() as u64) as usize]),
    }
}

trait IsList {
    fn is_list(&self) -> bool;
}

impl IsList for Type {
    fn is_list(&self) -> bool {
        matches!(self, Type::List(_))
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, arguments) = match self {
            Tree::Column(index) => return f.write_str(columns()[*index].0),
            // A sign before digits is theirs, but `- -1` and `1 - -1` need no help either.
            Tree::Literal(value) => return write!(f, "({value})"),
            Tree::Call(name, arguments) => (*name, arguments),
        };
        let a: Vec<String> = arguments.iter().map(Tree::to_string).collect();
        match name {
            "neg" => write!(f, "(- {})", a[0]),
            "not" => write!(f, "(not {})", a[0]),
            "is null" => write!(f, "({} is null)", a[0]),
            "trunc int" | "read int" => write!(f, "cast({} as bigint)", a[0]),
            "try read int" => write!(f, "try_cast({} as bigint)", a[0]),
            "float" => write!(f, "cast({} as double)", a[0]),
            "round to" => write!(f, "round({}, 2)", a[0]),
            "show" => write!(f, "cast({} as text)", a[0]),
            "year" | "isodow" => write!(f, "extract({name} from {})", a[0]),
            "day" | "month" => write!(f, "date_trunc('{name}', {})", a[0]),
            "later" => write!(f, "({} + {})", a[0], a[1]),
            "position" => write!(f, "position({} in {})", a[0], a[1]),
            "element" => write!(f, "{}[{}]", a[0], a[1]),
            "array" => write!(f, "[{}]", a.join(", ")),
            "case" => write!(f, "case when {} then {} else {} end", a[0], a[1], a[2]),
            "switch" => write!(f, "case {} when {} then {} else {} end", a[0], a[2], a[1], a[3]),
            "in" => write!(f, "({} in ({}))", a[0], a[1..].join(", ")),
            "between" => write!(f, "({} between {} and {})", a[0], a[1], a[2]),
            _ if name.starts_with(|c: char| c.is_ascii_lowercase())
                && !["and", "or", "like", "is distinct from"].contains(&name) =>
            {
                write!(f, "{name}({})", a.join(", "))
            }
            _ => write!(f, "({})", a.join(&format!(" {name} "))),
        }
    }
}
