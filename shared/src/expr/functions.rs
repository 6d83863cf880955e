//! Every function and operator: its name, what it takes and gives, how it runs, and what it means.
//!
//! One table, so that adding a function is adding a line; the documentation is made from it. A name may have several lines,
//! which differ in their arguments; the first that fits is taken, and an Int64 becomes a Float64 only where no line fits
//! without. Where Flink SQL has a function of the same name its semantics hold, else DuckDB's.

use super::numbers::{self as n, Order};
use super::{EvalError, Expr, Type, Value, text as t};

/// A line of the table.
pub struct Function {
    /// In lower case. Calls in an expression may be written in any case.
    pub name: &'static str,
    pub arguments: Arguments,
    pub result: Kind,
    pub run: Run,
    /// What it gives, in a sentence or two.
    pub doc: &'static str,
}

/// The types that a function takes.
pub enum Arguments {
    Fixed(&'static [Kind]),
    /// At least one of this kind.
    Many(Kind),
    /// Conditions and values in turn, and one value at the end: `case`.
    Case,
}

/// What one argument or the result may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Boolean,
    Int64,
    Float64,
    Utf8,
    Texts,
    /// Any type, the same wherever a line says it.
    Same,
    /// As `Same`, but no list: what has an order.
    Ordered,
}

/// How a function runs.
pub enum Run {
    /// Over its arguments' values, none of them null: a null argument makes the result null.
    Strict(fn(&[Value]) -> Result<Value, EvalError>),
    /// Over the arguments themselves and the row, so that it decides what to evaluate and what a null means.
    Lazy(fn(&[Expr], &[Value]) -> Result<Value, EvalError>),
}

/// A call that fits: the line of the table, the types to which its arguments are brought, and the result's type.
#[derive(Debug)]
pub struct Resolved {
    pub function: &'static Function,
    pub arguments: Vec<Type>,
    pub result: Type,
}

use Arguments::{Case, Fixed, Many};
use Kind::{Boolean, Float64, Int64, Ordered, Same, Texts, Utf8};
use Run::{Lazy, Strict};

const fn line(name: &'static str, arguments: Arguments, result: Kind, run: Run, doc: &'static str) -> Function {
    Function { name, arguments, result, run, doc }
}

/// The table, operators last.
pub static FUNCTIONS: &[Function] = &[
    line("coalesce", Many(Same), Same, Lazy(coalesce), "The first argument that is not null, else null."),
    line("concat", Many(Utf8), Utf8, Strict(t::concat), "The texts one after another; null if one is null."),
    line("ends_with", Fixed(&[Utf8, Utf8]), Boolean, Strict(t::ends_with), "Whether the first text ends with the second."),
    line("left", Fixed(&[Utf8, Int64]), Utf8, Strict(t::left), "The first n characters; empty if n is not positive."),
    line("length", Fixed(&[Utf8]), Int64, Strict(t::length), "The number of characters (Unicode scalar values)."),
    line("lower", Fixed(&[Utf8]), Utf8, Strict(t::lower), "The text in lower case, by Unicode's rules."),
    line(
        "replace",
        Fixed(&[Utf8, Utf8, Utf8]),
        Utf8,
        Strict(t::replace),
        "The first text with each occurrence of the second replaced by the third.",
    ),
    line("reverse", Fixed(&[Utf8]), Utf8, Strict(t::reverse), "The characters in reverse order."),
    line("right", Fixed(&[Utf8, Int64]), Utf8, Strict(t::right), "The last n characters; empty if n is not positive."),
    line(
        "starts_with",
        Fixed(&[Utf8, Utf8]),
        Boolean,
        Strict(t::starts_with),
        "Whether the first text starts with the second.",
    ),
    line(
        "substr",
        Fixed(&[Utf8, Int64]),
        Utf8,
        Strict(t::substr),
        "The characters from a position on, counted from 1, or from the end if it is negative.",
    ),
    line(
        "substr",
        Fixed(&[Utf8, Int64, Int64]),
        Utf8,
        Strict(t::substr),
        "As many characters from a position on; null if that many is negative.",
    ),
    line("to_float64", Fixed(&[Int64]), Float64, Strict(n::to_float64), "The number as Float64, rounded to the nearest."),
    line("trim", Fixed(&[Utf8]), Utf8, Strict(t::trim), "The text without the spaces (U+0020) at both ends."),
    line("upper", Fixed(&[Utf8]), Utf8, Strict(t::upper), "The text in upper case, by Unicode's rules."),
    line(
        "words",
        Fixed(&[Utf8]),
        Texts,
        Strict(t::words),
        "The words, in order: runs of letters and digits, which single apostrophes may join.",
    ),
    line("case", Case, Same, Lazy(case), "The value of the first condition that is true, else the last value."),
    line(
        "and",
        Many(Boolean),
        Boolean,
        Lazy(and),
        "False if one is false, else null if one is null, else true. Stops at the first false.",
    ),
    line(
        "or",
        Many(Boolean),
        Boolean,
        Lazy(or),
        "True if one is true, else null if one is null, else false. Stops at the first true.",
    ),
    line("not", Fixed(&[Boolean]), Boolean, Strict(not), "True for false, false for true."),
    line("is null", Fixed(&[Same]), Boolean, Lazy(is_null), "Whether it is null; never null itself."),
    line(
        "like",
        Fixed(&[Utf8, Utf8]),
        Boolean,
        Strict(t::like),
        "Whether the whole text fits a pattern in which % is any text and _ any character.",
    ),
    line("||", Many(Utf8), Utf8, Strict(t::concat), "The texts one after another; null if one is null."),
    line("=", Fixed(&[Ordered, Ordered]), Boolean, Strict(|v| n::compare(v, Order::is_eq)), "Equal."),
    line("<>", Fixed(&[Ordered, Ordered]), Boolean, Strict(|v| n::compare(v, Order::is_ne)), "Not equal."),
    line(
        "<",
        Fixed(&[Ordered, Ordered]),
        Boolean,
        Strict(|v| n::compare(v, Order::is_lt)),
        "Less; texts compare by their bytes.",
    ),
    line("<=", Fixed(&[Ordered, Ordered]), Boolean, Strict(|v| n::compare(v, Order::is_le)), "Less or equal."),
    line(">", Fixed(&[Ordered, Ordered]), Boolean, Strict(|v| n::compare(v, Order::is_gt)), "Greater."),
    line(">=", Fixed(&[Ordered, Ordered]), Boolean, Strict(|v| n::compare(v, Order::is_ge)), "Greater or equal."),
    line("+", Fixed(&[Int64, Int64]), Int64, Strict(n::add), "The sum."),
    line("+", Fixed(&[Float64, Float64]), Float64, Strict(n::add), "The sum."),
    line("-", Fixed(&[Int64, Int64]), Int64, Strict(n::subtract), "The difference."),
    line("-", Fixed(&[Float64, Float64]), Float64, Strict(n::subtract), "The difference."),
    line("-", Fixed(&[Int64]), Int64, Strict(n::negate), "The number with its sign changed."),
    line("-", Fixed(&[Float64]), Float64, Strict(n::negate), "The number with its sign changed."),
    line("*", Fixed(&[Int64, Int64]), Int64, Strict(n::multiply), "The product."),
    line("*", Fixed(&[Float64, Float64]), Float64, Strict(n::multiply), "The product."),
    line("/", Fixed(&[Int64, Int64]), Int64, Strict(n::divide), "The quotient, rounded towards zero."),
    line("/", Fixed(&[Float64, Float64]), Float64, Strict(n::divide), "The quotient."),
    line("%", Fixed(&[Int64, Int64]), Int64, Strict(n::remainder), "What a division leaves, with the dividend's sign."),
    line("%", Fixed(&[Float64, Float64]), Float64, Strict(n::remainder), "What a division leaves, with the dividend's sign."),
];

/// The names that can be called as `name(…)`, in order, each once.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = FUNCTIONS.iter().take_while(|f| f.name != "case").map(|f| f.name).collect();
    names.dedup();
    names
}

/// The line that these arguments fit, or the lines of that name if none does. A `None` is a null of no type yet.
pub fn resolve(name: &str, types: &[Option<Type>]) -> Result<Resolved, Vec<&'static Function>> {
    let lines: Vec<_> = FUNCTIONS.iter().filter(|f| f.name == name).collect();
    let fit = |widen| lines.iter().find_map(|f| f.fit(types, widen));
    fit(false).or_else(|| fit(true)).ok_or(lines)
}

impl Function {
    /// How a caller writes it: `left(Utf8, Int64)`.
    pub fn signature(&self) -> String {
        let kinds = |kinds: &[Kind]| kinds.iter().map(|k| k.to_string()).collect::<Vec<_>>();
        match (&self.arguments, names().contains(&self.name)) {
            (Fixed([one]), false) => format!("{} {one}", self.name),
            (Fixed(of), false) => kinds(of).join(&format!(" {} ", self.name)),
            (Many(kind), false) => format!("{kind} {} {kind}", self.name),
            (Fixed(of), true) => format!("{}({})", self.name, kinds(of).join(", ")),
            (Many(kind), true) => format!("{}({kind}, …)", self.name),
            (Case, _) => "case when Boolean then value … else value end".to_owned(),
        }
    }

    /// Whether it takes values of any type, as long as it is one.
    pub(super) fn is_generic(&self) -> bool {
        match self.arguments {
            Fixed(kinds) => kinds.len() > 1 && kinds.iter().any(|kind| kind.fixed().is_none()),
            Many(kind) => kind.fixed().is_none(),
            Case => true,
        }
    }

    /// The kind of each argument, if it takes as many.
    fn kinds(&self, count: usize) -> Option<Vec<Kind>> {
        match self.arguments {
            Fixed(kinds) => (kinds.len() == count).then(|| kinds.to_vec()),
            Many(kind) => (count > 0).then(|| vec![kind; count]),
            Case => (count >= 3 && count % 2 == 1)
                .then(|| (0..count).map(|i| if i % 2 == 0 && i + 1 < count { Boolean } else { Same }).collect()),
        }
    }

    fn fit(&'static self, types: &[Option<Type>], widen: bool) -> Option<Resolved> {
        let kinds = self.kinds(types.len())?;
        let mut same: Option<Type> = None;
        for (kind, given) in kinds.iter().zip(types) {
            let Some(given) = given else { continue };
            match kind.fixed() {
                Some(wanted) if wanted == *given => {}
                Some(Type::Float64) if widen && *given == Type::Int64 => {}
                Some(_) => return None,
                None if *kind == Ordered && given.is_list() => return None,
                None => match &same {
                    None => same = Some(given.clone()),
                    Some(known) if known == given => {}
                    Some(Type::Int64) if widen && *given == Type::Float64 => same = Some(Type::Float64),
                    Some(Type::Float64) if widen && *given == Type::Int64 => {}
                    Some(_) => return None,
                },
            }
        }
        let same = same.unwrap_or(Type::Utf8);
        let typed = |kind: &Kind| kind.fixed().unwrap_or_else(|| same.clone());
        Some(Resolved { function: self, arguments: kinds.iter().map(typed).collect(), result: typed(&self.result) })
    }
}

impl Kind {
    fn fixed(self) -> Option<Type> {
        match self {
            Boolean => Some(Type::Boolean),
            Int64 => Some(Type::Int64),
            Float64 => Some(Type::Float64),
            Utf8 => Some(Type::Utf8),
            Texts => Some(Type::List(Box::new(Type::Utf8))),
            Same | Ordered => None,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.fixed() {
            Some(fixed) => write!(f, "{fixed}"),
            None => f.write_str("value"),
        }
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.signature())
    }
}

/// Two functions are the same if they are the same line of the table.
impl PartialEq for Function {
    fn eq(&self, other: &Function) -> bool {
        std::ptr::eq(self, other)
    }
}

fn coalesce(arguments: &[Expr], row: &[Value]) -> Result<Value, EvalError> {
    for argument in arguments {
        match argument.eval(row)? {
            Value::Null => {}
            value => return Ok(value),
        }
    }
    Ok(Value::Null)
}

fn case(arguments: &[Expr], row: &[Value]) -> Result<Value, EvalError> {
    let mut pairs = arguments.chunks_exact(2);
    for pair in &mut pairs {
        if pair[0].eval(row)? == Value::Boolean(true) {
            return pair[1].eval(row);
        }
    }
    pairs.remainder().first().map_or(Ok(Value::Null), |last| last.eval(row))
}

fn and(arguments: &[Expr], row: &[Value]) -> Result<Value, EvalError> {
    decide(arguments, row, false)
}

fn or(arguments: &[Expr], row: &[Value]) -> Result<Value, EvalError> {
    decide(arguments, row, true)
}

/// `deciding` if one argument is that, else null if one is null, else the opposite.
fn decide(arguments: &[Expr], row: &[Value], deciding: bool) -> Result<Value, EvalError> {
    let mut result = Value::Boolean(!deciding);
    for argument in arguments {
        match argument.eval(row)? {
            Value::Boolean(value) if value == deciding => return Ok(Value::Boolean(deciding)),
            Value::Null => result = Value::Null,
            _ => {}
        }
    }
    Ok(result)
}

fn not(values: &[Value]) -> Result<Value, EvalError> {
    match values {
        [Value::Boolean(value)] => Ok(Value::Boolean(!value)),
        _ => Err(mistyped("not", values)),
    }
}

fn is_null(arguments: &[Expr], row: &[Value]) -> Result<Value, EvalError> {
    match arguments {
        [argument] => Ok(Value::Boolean(argument.eval(row)? == Value::Null)),
        _ => Err(mistyped("is null", &[])),
    }
}

/// A row whose values have other types than the expression's schema said.
pub(super) fn mistyped(name: &str, values: &[Value]) -> EvalError {
    EvalError(format!("`{name}` got values that do not have the columns' types: {values:?}"))
}
