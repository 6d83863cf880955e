//! Every function and operator: its name, what it takes and gives, how it runs, and what it means.
//!
//! Each family has its lines of the table above its kernels, so that adding a function is adding a line and a kernel; the
//! documentation is made from the table (see [`mod@super::reference`]). A name may have several lines, which differ in their
//! arguments; the first that fits is taken, and an Int64 becomes a Float64 only where no line fits without. Where Flink SQL has a
//! function of the same name its semantics hold, else DuckDB's; a line says where it is neither.

use std::fmt;

mod arithmetic;
mod call;
pub(super) mod cast;
pub use cast::show;
pub(super) mod compare;
mod json;
mod lists;
mod logic;
mod math;
mod patterns;
mod pieces;
mod regexps;
mod text;
mod times;
mod urls;

pub(super) use call::{Call, Failure};
use regexps::Prepared;

use super::eval::{Column, RowError, Rows};
use super::{Expr, Type};
use arrow_array::ArrayRef;

pub(super) use regexps::Prepared as Preparation;

/// A line of the table.
pub struct Function {
    /// In lower case. Calls in an expression may be written in any case.
    pub name: &'static str,
    pub arguments: Arguments,
    pub result: Kind,
    pub(super) run: Run,
    /// What it gives, in a sentence or two.
    pub doc: &'static str,
    /// An expression without columns, and its value as [`super::Value`] writes it.
    pub example: (&'static str, &'static str),
    /// How it is written, where that is not `name(arguments)` or an operator between its arguments.
    pub form: Option<&'static str>,
    /// Looks at the arguments of a call before anything runs: a literal that can never work is refused then.
    pub(super) prepare: Option<Prepare>,
}

/// The types that a function takes.
pub enum Arguments {
    Fixed(&'static [Kind]),
    /// At least one of this kind.
    Many(Kind),
    /// Conditions and values in turn, and one value at the end: `case`.
    Case,
    /// A value, what it is compared with and values in turn, and one value at the end: `case x`.
    Switch,
}

/// What one argument or the result may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    Int64,
    Float64,
    Utf8,
    Timestamp,
    Interval,
    /// A list of Utf8.
    Texts,
    /// Any type, the same wherever a line says it.
    Same,
    /// As `Same`, but no list: what has an order.
    Ordered,
    /// A list of `Same`.
    List,
    /// Any type, whatever the others are.
    Any,
    /// The type that a cast names.
    Named,
}

/// How a function runs.
#[derive(Clone, Copy)]
pub(super) enum Run {
    /// Over its arguments' values; a null argument makes the result null.
    Strict(Kernel),
    /// Over its arguments' values, of which each may be null.
    Nullable(Kernel),
    /// Over the arguments themselves, so that it decides for which rows to evaluate them.
    Lazy(fn(&[Expr], &Rows<'_>, &Type) -> Result<Column, RowError>),
}

type Prepare = fn(&[Expr]) -> Result<Prepared, Problem>;

pub(super) type Kernel = fn(&Call<'_>) -> Result<ArrayRef, Failure>;

/// Why a call is refused before anything runs: which argument, what, and what would fit.
pub(super) struct Problem {
    pub argument: usize,
    pub message: String,
    pub hint: Option<String>,
}

/// A call that fits: the line of the table, the types to which its arguments are brought, and the result's type.
#[derive(Debug)]
pub struct Resolved {
    pub function: &'static Function,
    pub arguments: Vec<Type>,
    pub result: Type,
}

use Arguments::{Case, Fixed, Many, Switch};

const fn line(
    name: &'static str,
    arguments: Arguments,
    result: Kind,
    run: Run,
    doc: &'static str,
    example: (&'static str, &'static str),
) -> Function {
    Function { name, arguments, result, run, doc, example, form: None, prepare: None }
}

impl Function {
    const fn form(self, form: &'static str) -> Function {
        Function { form: Some(form), ..self }
    }

    const fn prepared(self, prepare: Prepare) -> Function {
        Function { prepare: Some(prepare), ..self }
    }
}

/// A family of functions: its title and its lines.
pub struct Family {
    pub title: &'static str,
    pub lines: &'static [Function],
}

/// The table.
pub static FAMILIES: &[Family] = &[
    Family { title: "Text", lines: text::TEXT },
    Family { title: "Parts of text", lines: pieces::PIECES },
    Family { title: "Patterns", lines: patterns::PATTERNS },
    Family { title: "Regular expressions", lines: regexps::REGEXPS },
    Family { title: "URLs", lines: urls::URLS },
    Family { title: "JSON", lines: json::JSON },
    Family { title: "Arithmetic", lines: arithmetic::ARITHMETIC },
    Family { title: "Numbers", lines: math::MATH },
    Family { title: "Comparisons", lines: compare::COMPARISONS },
    Family { title: "Logic", lines: logic::LOGIC },
    Family { title: "Casts", lines: cast::CASTS },
    Family { title: "Time", lines: times::TIMES },
    Family { title: "Lists", lines: lists::LISTS },
];

/// Every line of the table.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|family| family.lines)
}

/// The names that can be called as `name(…)`, in order, each once.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = functions().filter(|f| f.is_called()).map(|f| f.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The line that these arguments fit, or the lines of that name if none does. A `None` is a null of no type yet.
pub fn resolve(name: &str, types: &[Option<Type>]) -> Result<Resolved, Vec<&'static Function>> {
    let lines: Vec<_> = functions().filter(|f| f.name == name).collect();
    let fit = |widen| lines.iter().find_map(|f| f.fit(types, widen));
    fit(false).or_else(|| fit(true)).ok_or(lines)
}

impl Function {
    /// Whether it is written as a name and arguments in parentheses.
    fn is_called(&self) -> bool {
        self.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit())
            && !super::parse::is_reserved(self.name)
            && self.form.is_none_or(|form| form.starts_with(self.name))
    }

    /// How a caller writes it: `left(Utf8, Int64)`.
    pub fn signature(&self) -> String {
        if let Some(form) = self.form {
            return form.to_owned();
        }
        let kinds = |kinds: &[Kind]| kinds.iter().map(|k| k.to_string()).collect::<Vec<_>>();
        match (&self.arguments, self.is_called()) {
            (Fixed([one]), false) => format!("{} {one}", self.name),
            (Fixed(of), false) => kinds(of).join(&format!(" {} ", self.name)),
            (Many(kind), false) => format!("{kind} {} {kind}", self.name),
            (Fixed(of), true) => format!("{}({})", self.name, kinds(of).join(", ")),
            (Many(kind), true) => format!("{}({kind}, …)", self.name),
            (Case | Switch, _) => self.name.to_owned(),
        }
    }

    /// Whether it takes values of any type, as long as it is one.
    pub(super) fn is_generic(&self) -> bool {
        let same = |kind: &Kind| matches!(kind, Kind::Same | Kind::Ordered | Kind::List);
        match self.arguments {
            Fixed(kinds) => kinds.len() > 1 && kinds.iter().filter(|kind| same(kind)).count() > 1,
            Many(kind) => same(&kind),
            Case | Switch => true,
        }
    }

    /// The kind of each argument, if it takes as many.
    fn kinds(&self, count: usize) -> Option<Vec<Kind>> {
        match self.arguments {
            Fixed(kinds) => (kinds.len() == count).then(|| kinds.to_vec()),
            Many(kind) => (count > 0).then(|| vec![kind; count]),
            Case => (count >= 3 && count % 2 == 1)
                .then(|| (0..count).map(|i| if i % 2 == 0 && i + 1 < count { Kind::Boolean } else { Kind::Same }).collect()),
            // What is compared is brought to one type by the parser.
            Switch => (count >= 4 && count.is_multiple_of(2)).then(|| {
                (0..count).map(|i| if (i == 0 || i % 2 == 1) && i + 1 < count { Kind::Any } else { Kind::Same }).collect()
            }),
        }
    }

    fn fit(&'static self, types: &[Option<Type>], widen: bool) -> Option<Resolved> {
        let kinds = self.kinds(types.len())?;
        let mut same: Option<Type> = None;
        for (kind, given) in kinds.iter().zip(types) {
            let Some(given) = given else { continue };
            let one = match (kind, given) {
                (Kind::Any, _) => continue,
                (Kind::List, Type::List(of)) => of,
                (Kind::List, _) => return None,
                (Kind::Ordered, Type::List(_)) => return None,
                (Kind::Same | Kind::Ordered, given) => given,
                (fixed, given) => match fixed.fixed() {
                    Some(wanted) if wanted == *given => continue,
                    Some(Type::Float64) if widen && *given == Type::Int64 => continue,
                    _ => return None,
                },
            };
            match &same {
                None => same = Some(one.clone()),
                Some(known) if known == one => {}
                Some(known) if widen && widens(known, one) => same = Some(one.clone()),
                Some(known) if widen && widens(one, known) => {}
                Some(_) => return None,
            }
        }
        let same = same.unwrap_or(Type::Utf8);
        let typed = |kind: &Kind, given: Option<&Option<Type>>| match kind {
            Kind::Same | Kind::Ordered => same.clone(),
            Kind::List => same.clone().list(),
            Kind::Any | Kind::Named => given.cloned().flatten().unwrap_or(Type::Utf8),
            fixed => fixed.fixed().unwrap_or(Type::Utf8),
        };
        let arguments = kinds.iter().zip(types).map(|(kind, given)| typed(kind, Some(given))).collect();
        Some(Resolved { function: self, arguments, result: typed(&self.result, None) })
    }
}

/// Whether values of one type become values of another by themselves.
fn widens(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Int64, Type::Float64) => true,
        (Type::List(from), Type::List(to)) => widens(from, to),
        _ => false,
    }
}

impl Kind {
    fn fixed(self) -> Option<Type> {
        match self {
            Kind::Boolean => Some(Type::Boolean),
            Kind::Int64 => Some(Type::Int64),
            Kind::Float64 => Some(Type::Float64),
            Kind::Utf8 => Some(Type::Utf8),
            Kind::Timestamp => Some(Type::Timestamp),
            Kind::Interval => Some(Type::Interval),
            Kind::Texts => Some(Type::Utf8.list()),
            Kind::Same | Kind::Ordered | Kind::List | Kind::Any | Kind::Named => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::List => f.write_str("List"),
            Kind::Named => f.write_str("type"),
            kind => match kind.fixed() {
                Some(fixed) => write!(f, "{fixed}"),
                None => f.write_str("value"),
            },
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.signature())
    }
}

/// Two functions are the same if they are the same line of the table.
impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        std::ptr::eq(self, other)
    }
}

/// The text that an argument is, if it is a literal.
fn literal_text(arguments: &[Expr], index: usize) -> Option<&str> {
    match arguments.get(index)?.literal()? {
        super::Value::Utf8(text) => Some(text),
        _ => None,
    }
}

/// Refuses a literal argument of a call.
fn refused(argument: usize, message: impl Into<String>, hint: Option<String>) -> Problem {
    Problem { argument, message: message.into(), hint }
}
