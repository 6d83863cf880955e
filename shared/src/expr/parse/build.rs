//! Nodes with their types: what fits what, and the sentences for what does not.

use crate::expr::functions::{self, Function, functions as table};
use crate::expr::{Expr, ExprError, Node, Type, Value};
use crate::limits::{EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX};
use crate::nearest::list;

/// A piece of the tree and what is known of it.
#[derive(Clone)]
pub(super) struct Built {
    pub expr: Expr,
    /// A null to which no type has been given yet.
    pub untyped: bool,
    pub start: usize,
    pub end: usize,
    pub height: usize,
    pub nodes: usize,
}

pub(super) fn leaf(data_type: Type, node: Node, start: usize, end: usize) -> Built {
    Built { expr: Expr { data_type, node }, untyped: false, start, end, height: 1, nodes: 1 }
}

pub(super) fn null(start: usize, end: usize) -> Built {
    Built { untyped: true, ..leaf(Type::Utf8, Node::Literal(Value::Null), start, end) }
}

pub(super) fn number(digits: &str, start: usize, end: usize) -> Result<Built, ExprError> {
    if digits.contains(['.', 'e', 'E']) {
        return match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(leaf(Type::Float64, Node::Literal(Value::Float64(value)), start, end)),
            _ => Err(ExprError { start, end, message: format!("`{digits}` does not fit a Float64"), hint: None }),
        };
    }
    match digits.parse() {
        Ok(value) => Ok(leaf(Type::Int64, Node::Literal(Value::Int64(value)), start, end)),
        Err(_) => {
            let hint = Some(format!("an Int64 lies between {} and {}", i64::MIN, i64::MAX));
            Err(ExprError { start, end, message: format!("`{digits}` does not fit an Int64"), hint })
        }
    }
}

/// A call of the function that fits these arguments, each brought to the type that it takes.
pub(super) fn call(name: &str, arguments: Vec<Built>, start: usize, end: usize) -> Result<Built, ExprError> {
    let types: Vec<_> = arguments.iter().map(|a| (!a.untyped).then(|| a.expr.data_type.clone())).collect();
    let Ok(resolved) = functions::resolve(name, &types) else { return Err(misfit(name, &arguments, start, end)) };
    let arguments: Vec<Built> = arguments.into_iter().zip(resolved.arguments).map(|(a, wanted)| bring(a, wanted)).collect();
    node(resolved.function, resolved.result, arguments, start, end)
}

/// A call of `cast` or `try_cast`, whose result is the type it names.
pub(super) fn cast(name: &str, argument: Built, to: Type, start: usize, end: usize) -> Result<Built, ExprError> {
    if argument.untyped {
        return Ok(Built { start, end, ..bring(argument, to) });
    }
    let from = &argument.expr.data_type;
    if !functions::cast::castable(from, &to) {
        let message = format!("`{name}` cannot make {to} of {from}");
        return Err(ExprError { start, end, message, hint: None });
    }
    match functions::resolve(name, &[Some(from.clone())]) {
        Ok(resolved) => node(resolved.function, to, vec![argument], start, end),
        Err(_) => Err(misfit(name, &[argument], start, end)),
    }
}

fn node(
    function: &'static Function,
    data_type: Type,
    arguments: Vec<Built>,
    start: usize,
    end: usize,
) -> Result<Built, ExprError> {
    let height = 1 + arguments.iter().map(|a| a.height).max().unwrap_or(0);
    let nodes = 1 + arguments.iter().map(|a| a.nodes).sum::<usize>();
    if height > EXPRESSION_DEPTH_MAX {
        return Err(too_deep(start, end));
    }
    small_enough(nodes, start, end)?;
    let places: Vec<_> = arguments.iter().map(|a| (a.start, a.end)).collect();
    let arguments: Vec<Expr> = arguments.into_iter().map(|a| a.expr).collect();
    let expr = Expr::call_of(function, data_type, arguments, (start as u32, end as u32));
    let expr = expr.map_err(|problem| {
        let (start, end) = places.get(problem.argument).copied().unwrap_or((start, end));
        ExprError { start, end, message: problem.message, hint: problem.hint }
    })?;
    Ok(Built { expr, untyped: false, start, end, height, nodes })
}

impl Expr {
    /// A call whose arguments have the types that the function takes.
    pub(in crate::expr) fn call_of(
        function: &'static Function,
        data_type: Type,
        arguments: Vec<Expr>,
        (start, end): (u32, u32),
    ) -> Result<Expr, functions::Problem> {
        let prepared = function.prepare.map_or(Ok(functions::Preparation::Nothing), |prepare| prepare(&arguments))?;
        Ok(Expr { data_type, node: Node::Call { function, arguments, start, end, prepared } })
    }
}

/// Adds an argument to a chain of `and`, `or` or `||`, in place: a chain may be long.
pub(super) fn extend(mut chain: Built, last: Built) -> Result<Built, ExprError> {
    let (start, end) = (chain.start, last.end);
    let Node::Call { function, arguments, end: node_end, .. } = &mut chain.expr.node else { return Ok(chain) };
    let given = (!last.untyped).then(|| last.expr.data_type.clone());
    let Ok(resolved) = functions::resolve(function.name, &[given]) else {
        let (name, before) = (function.name, leaf(chain.expr.data_type.clone(), Node::Literal(Value::Null), start, end));
        return Err(misfit(name, &[before, last], start, end));
    };
    let last = bring(last, resolved.arguments[0].clone());
    (chain.height, chain.nodes) = (chain.height.max(last.height + 1), chain.nodes + last.nodes);
    if chain.height > EXPRESSION_DEPTH_MAX {
        return Err(too_deep(start, end));
    }
    small_enough(chain.nodes, start, end)?;
    arguments.push(last.expr);
    *node_end = end as u32;
    Ok(Built { end, ..chain })
}

/// Brings a value to the type that a function takes: a null gets the type, an Int64 becomes a Float64.
pub(super) fn bring(argument: Built, wanted: Type) -> Built {
    if argument.untyped || argument.expr.data_type == wanted {
        return Built { expr: Expr { data_type: wanted, ..argument.expr }, untyped: false, ..argument };
    }
    if let (Node::Literal(Value::Int64(value)), Type::Float64) = (&argument.expr.node, &wanted) {
        return Built { expr: Expr { data_type: wanted, node: Node::Literal(Value::Float64(*value as f64)) }, ..argument };
    }
    // The table resolves only what a cast can bring about.
    let Ok(widen) = functions::resolve("cast", &[Some(argument.expr.data_type.clone())]) else { return argument };
    let Built { expr, start, end, height, nodes, .. } = argument;
    let (data_type, prepared) = (wanted, functions::Preparation::Nothing);
    let (place, arguments) = ((start as u32, end as u32), vec![expr]);
    let node = Node::Call { function: widen.function, arguments, start: place.0, end: place.1, prepared };
    // One level more is no harm here: the height is checked by the caller.
    Built { expr: Expr { data_type, node }, untyped: false, start, end, height: height + 1, nodes: nodes + 1 }
}

/// Brings two or more values to one type, as a comparison does.
pub(super) fn unify(name: &str, values: Vec<Built>, start: usize, end: usize) -> Result<Vec<Built>, ExprError> {
    let types: Vec<_> = values.iter().map(|a| (!a.untyped).then(|| a.expr.data_type.clone())).collect();
    match functions::resolve("in", &types) {
        Ok(resolved) => Ok(values.into_iter().zip(resolved.arguments).map(|(a, wanted)| bring(a, wanted)).collect()),
        Err(_) => Err(misfit(name, &values, start, end)),
    }
}

/// Refuses two values that cannot be compared.
pub(super) fn comparable(name: &str, a: &Built, b: &Built) -> Result<(), ExprError> {
    let types = [a, b].map(|value| (!value.untyped).then(|| value.expr.data_type.clone()));
    match functions::resolve("=", &types) {
        Ok(_) => Ok(()),
        Err(_) => Err(misfit(name, &[a.clone(), b.clone()], b.start, b.end)),
    }
}

pub(super) fn small_enough(nodes: usize, start: usize, end: usize) -> Result<(), ExprError> {
    if nodes <= EXPRESSION_NODES_MAX {
        return Ok(());
    }
    let message = format!("the expression is too big: it has {nodes} parts, and the limit is {EXPRESSION_NODES_MAX}");
    Err(ExprError { start, end, message, hint: None })
}

pub(super) fn too_deep(start: usize, end: usize) -> ExprError {
    let message = format!("the expression nests more than {EXPRESSION_DEPTH_MAX} levels deep");
    ExprError { start, end, message, hint: None }
}

/// The sentence for arguments that fit no line of the table.
pub(super) fn misfit(name: &str, arguments: &[Built], start: usize, end: usize) -> ExprError {
    let lines: Vec<&Function> = table().filter(|f| f.name == name).collect();
    let given: Vec<_> =
        arguments.iter().map(|a| if a.untyped { "null".to_owned() } else { a.expr.data_type.to_string() }).collect();
    let message = match given.len() {
        0 => format!("`{name}` needs an argument"),
        _ => format!("`{name}` does not take {}", list_plain(&given)),
    };
    let mut signatures: Vec<_> = lines.iter().map(|f| f.signature()).collect();
    signatures.dedup();
    let same = if lines.iter().any(|f| f.is_generic()) { ", values of one type" } else { "" };
    let hint = format!("it is {}{same}", list(signatures.iter().map(String::as_str)));
    ExprError { start, end, message, hint: Some(hint) }
}

fn list_plain(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
