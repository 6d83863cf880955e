//! Text to a typed tree: a precedence parser over `sqlparser`'s tokens that types each node as it builds it.
//!
//! Binding, from loose to tight, as standard SQL has it: `or`; `and`; `not`; `is null`; comparisons, `in`, `like`, `between`;
//! `+ -`; `* / % ||`; the sign. `in`, `between` and `case x when` are written out as comparisons here, so that nothing else has to know them.

use sqlparser::tokenizer::Token;

use super::functions::{self, FUNCTIONS, Function};
use super::tokens::{Piece, tokens};
use super::{Expr, ExprError, Node, Schema, Type, Value, aggregate};
use crate::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX, EXPRESSION_NODES_MAX};
use crate::nearest::{list, nearest};

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARISON: u8 = 5;
const SUM: u8 = 6;
const PRODUCT: u8 = 7;
const SIGN: u8 = 8;

/// Words that never name a column unless quoted.
const RESERVED: [&str; 15] =
    ["and", "or", "not", "between", "in", "like", "is", "null", "true", "false", "case", "when", "then", "else", "end"];

/// How the sentence for a missing column begins.
pub(super) const NO_COLUMN: &str = "there is no column";

/// Whether a name would be read as a word of the language and not as a column.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name.to_ascii_lowercase().as_str())
}

/// See [`Expr::parse`].
pub(super) fn parse(text: &str, schema: &Schema) -> Result<Expr, ExprError> {
    if text.len() > EXPRESSION_BYTES_MAX {
        let message = format!("the expression has {} bytes; the limit is {EXPRESSION_BYTES_MAX}", text.len());
        return Err(ExprError { start: 0, end: text.len(), message, hint: None });
    }
    let mut parser = Parser { schema, pieces: tokens(text)?, at: 0, nesting: 0, end: text.len() };
    if parser.pieces.is_empty() {
        return Err(ExprError { start: 0, end: text.len(), message: "the expression is empty".to_owned(), hint: None });
    }
    let built = parser.expression(OR)?;
    match parser.peek() {
        None => Ok(built.expr),
        Some(_) => Err(parser.unexpected("the end or an operator")),
    }
}

/// A piece of the tree and what is known of it.
#[derive(Clone)]
struct Built {
    expr: Expr,
    /// A null to which no type has been given yet.
    untyped: bool,
    start: usize,
    end: usize,
    height: usize,
    nodes: usize,
}

struct Parser<'a> {
    schema: &'a Schema,
    pieces: Vec<Piece<'a>>,
    at: usize,
    nesting: usize,
    /// The length of the text: where what is missing at the end is missing.
    end: usize,
}

impl Parser<'_> {
    fn expression(&mut self, loosest: u8) -> Result<Built, ExprError> {
        self.nesting += 1;
        if self.nesting > EXPRESSION_DEPTH_MAX {
            let (start, end) = self.here();
            return Err(too_deep(start, end));
        }
        let mut left = self.prefix()?;
        while let Some((binding, operator)) = self.infix().filter(|(binding, _)| *binding >= loosest) {
            left = self.infix_with(left, binding, operator)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Built, ExprError> {
        let Some(piece) = self.pieces.get(self.at) else { return Err(self.unexpected("a value")) };
        let (start, end) = (piece.start, piece.end);
        match &piece.token {
            Token::Number(digits, false) => {
                let digits = digits.clone();
                self.at += 1;
                number(&digits, start, end)
            }
            Token::SingleQuotedString(value) => {
                let value = Value::Utf8(value.as_str().into());
                self.at += 1;
                Ok(leaf(Type::Utf8, Node::Literal(value), start, end))
            }
            Token::Minus => self.negative(start),
            Token::Plus => {
                self.at += 1;
                let operand = self.expression(SIGN)?;
                match operand.expr.data_type {
                    Type::Int64 | Type::Float64 => Ok(Built { start, ..operand }),
                    _ => Err(misfit("+", &[operand], start, end)),
                }
            }
            Token::LParen => {
                self.at += 1;
                let inner = self.expression(OR)?;
                let end = self.expect(&Token::RParen, "`)`")?;
                Ok(Built { start, end, ..inner })
            }
            Token::Word(word) if word.quote_style.is_some() => {
                let name = word.value.clone();
                self.at += 1;
                // Who writes texts in double quotes elsewhere does so here.
                let hint = format!("a text is written in single quotes: '{name}'");
                self.column(&name, start, end).map_err(|error| ExprError { hint: Some(hint), ..error })
            }
            Token::Word(word) => {
                let name = word.value.clone();
                self.at += 1;
                self.word(&name, start, end)
            }
            _ => Err(self.unexpected("a value")),
        }
    }

    /// A sign belongs to the digits after it, so that the least Int64 can be written.
    fn negative(&mut self, start: usize) -> Result<Built, ExprError> {
        self.at += 1;
        if let Some(Piece { token: Token::Number(digits, false), end, .. }) = self.pieces.get(self.at) {
            let (digits, end) = (format!("-{digits}"), *end);
            self.at += 1;
            return number(&digits, start, end);
        }
        let operand = self.expression(SIGN)?;
        let end = operand.end;
        call("-", vec![operand], start, end)
    }

    fn word(&mut self, name: &str, start: usize, end: usize) -> Result<Built, ExprError> {
        let literal = |data_type, value| Ok(leaf(data_type, Node::Literal(value), start, end));
        match name.to_ascii_lowercase().as_str() {
            "true" => literal(Type::Boolean, Value::Boolean(true)),
            "false" => literal(Type::Boolean, Value::Boolean(false)),
            "null" => Ok(Built { untyped: true, ..leaf(Type::Utf8, Node::Literal(Value::Null), start, end) }),
            "not" => {
                let operand = self.expression(NOT)?;
                let end = operand.end;
                call("not", vec![operand], start, end)
            }
            "case" => self.case(start),
            lower if self.peek() == Some(&Token::LParen) => self.function(lower, start, end),
            lower if is_reserved(lower) => {
                self.at -= 1;
                Err(self.unexpected("a value"))
            }
            _ => self.column(name, start, end),
        }
    }

    fn column(&mut self, name: &str, start: usize, end: usize) -> Result<Built, ExprError> {
        if let Some(index) = self.schema.index(name) {
            return Ok(leaf(self.schema.0[index].1.clone(), Node::Column(index), start, end));
        }
        let message = match self.schema.0.len() {
            0 => format!("{NO_COLUMN} `{name}`: there are no columns here"),
            1 => format!("{NO_COLUMN} `{name}`: the only column here is {}", list(self.schema.names())),
            _ => format!("{NO_COLUMN} `{name}`: the columns here are {}", list(self.schema.names())),
        };
        let hint = if functions::names().contains(&name.to_ascii_lowercase().as_str()) {
            Some(format!("a function is called with parentheses: `{name}(…)`"))
        } else {
            nearest(name, self.schema.names()).map(|near| format!("did you mean `{near}`?"))
        };
        Err(ExprError { start, end, message, hint })
    }

    fn function(&mut self, name: &str, start: usize, end: usize) -> Result<Built, ExprError> {
        if aggregate::NAMES.contains(&name) {
            let message = format!("`{name}` is an aggregate: it belongs to the `values` of a `reduce`");
            return Err(ExprError { start, end, message, hint: None });
        }
        let names = functions::names();
        if !names.contains(&name) {
            let message = format!("there is no function `{name}`");
            let hint = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the functions are {}", list(names)),
            };
            return Err(ExprError { start, end, message, hint: Some(hint) });
        }
        self.expect(&Token::LParen, "`(`")?;
        let arguments = if self.peek() == Some(&Token::RParen) { Vec::new() } else { self.arguments()? };
        let end = self.expect(&Token::RParen, "`,` or `)`")?;
        call(name, arguments, start, end)
    }

    fn arguments(&mut self) -> Result<Vec<Built>, ExprError> {
        let mut arguments = vec![self.expression(OR)?];
        while self.peek() == Some(&Token::Comma) {
            self.at += 1;
            arguments.push(self.expression(OR)?);
        }
        Ok(arguments)
    }

    /// `case when c then v … [else v] end`, and `case x when w then v … end`, which is `case when x = w then v …`.
    fn case(&mut self, start: usize) -> Result<Built, ExprError> {
        let operand = if self.is_word("when") { None } else { Some(self.expression(OR)?) };
        let mut arguments = Vec::new();
        while self.take_word("when") {
            let when = self.expression(OR)?;
            let condition = match &operand {
                None => when,
                Some(operand) => {
                    let (start, end) = (when.start, when.end);
                    call("=", vec![operand.clone(), when], start, end)?
                }
            };
            small_enough(arguments.iter().map(|a: &Built| a.nodes).sum(), start, condition.end)?;
            arguments.push(condition);
            self.expect_word("then")?;
            arguments.push(self.expression(OR)?);
        }
        if arguments.is_empty() {
            return Err(self.unexpected("`when`"));
        }
        let (here, _) = self.here();
        arguments.push(match self.take_word("else") {
            true => self.expression(OR)?,
            false => Built { untyped: true, ..leaf(Type::Utf8, Node::Literal(Value::Null), here, here) },
        });
        let end = self.expect_word("end")?;
        call("case", arguments, start, end)
    }

    /// The operator ahead and how tightly it binds.
    fn infix(&self) -> Option<(u8, &'static str)> {
        Some(match self.peek()? {
            Token::Eq | Token::DoubleEq => (COMPARISON, "="),
            Token::Neq => (COMPARISON, "<>"),
            Token::Lt => (COMPARISON, "<"),
            Token::LtEq => (COMPARISON, "<="),
            Token::Gt => (COMPARISON, ">"),
            Token::GtEq => (COMPARISON, ">="),
            Token::Plus => (SUM, "+"),
            Token::Minus => (SUM, "-"),
            Token::Mul => (PRODUCT, "*"),
            Token::Div => (PRODUCT, "/"),
            Token::Mod => (PRODUCT, "%"),
            Token::StringConcat => (PRODUCT, "||"),
            Token::Word(word) if word.quote_style.is_none() => match word.value.to_ascii_lowercase().as_str() {
                "or" => (OR, "or"),
                "and" => (AND, "and"),
                "is" => (IS, "is"),
                "in" => (COMPARISON, "in"),
                "like" => (COMPARISON, "like"),
                "between" => (COMPARISON, "between"),
                "not" => (COMPARISON, "not"),
                _ => return None,
            },
            _ => return None,
        })
    }

    fn infix_with(&mut self, left: Built, binding: u8, operator: &'static str) -> Result<Built, ExprError> {
        let start = left.start;
        self.at += 1;
        match operator {
            "is" => {
                let negated = self.take_word("not");
                let end = self.expect_word("null")?;
                let tested = call("is null", vec![left], start, end)?;
                if negated { call("not", vec![tested], start, end) } else { Ok(tested) }
            }
            "not" => {
                let tested = match self.infix() {
                    Some((binding, operator @ ("in" | "like" | "between"))) => self.infix_with(left, binding, operator)?,
                    _ => return Err(self.unexpected("`in`, `like` or `between` after `not`")),
                };
                let end = tested.end;
                call("not", vec![tested], start, end)
            }
            "in" => {
                self.expect(&Token::LParen, "`(` and a list")?;
                let list = self.arguments()?;
                let end = self.expect(&Token::RParen, "`,` or `)`")?;
                let equal = |one: Built| {
                    let (start, end) = (one.start, one.end);
                    call("=", vec![left.clone(), one], start, end)
                };
                small_enough(list.len() * left.nodes, start, end)?;
                let tests = list.into_iter().map(equal).collect::<Result<Vec<_>, _>>()?;
                call("or", tests, start, end)
            }
            "between" => {
                let low = self.expression(binding + 1)?;
                self.expect_word("and")?;
                let high = self.expression(binding + 1)?;
                let (middle, end) = (low.end, high.end);
                let above = call(">=", vec![left.clone(), low], start, middle)?;
                let below = call("<=", vec![left, high], start, end)?;
                call("and", vec![above, below], start, end)
            }
            _ => {
                let right = self.expression(binding + 1)?;
                let end = right.end;
                // A long chain of one of these stays flat, so that it is no deep tree.
                if let ("and" | "or" | "||", Node::Call(function, arguments)) = (operator, &left.expr.node)
                    && function.name == operator
                {
                    return extend(operator, arguments.clone(), left, right);
                }
                call(operator, vec![left, right], start, end)
            }
        }
    }

    fn peek(&self) -> Option<&Token> {
        self.pieces.get(self.at).map(|piece| &piece.token)
    }

    /// Where the piece ahead is, or the end of the text.
    fn here(&self) -> (usize, usize) {
        self.pieces.get(self.at).map_or((self.end, self.end), |piece| (piece.start, piece.end))
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let found = self.is_word(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect_word(&mut self, wanted: &str) -> Result<usize, ExprError> {
        let (_, end) = self.here();
        if self.take_word(wanted) { Ok(end) } else { Err(self.unexpected(&format!("`{wanted}`"))) }
    }

    /// Takes this token and gives where it ends.
    fn expect(&mut self, wanted: &Token, what: &str) -> Result<usize, ExprError> {
        let (_, end) = self.here();
        if self.peek() == Some(wanted) {
            self.at += 1;
            return Ok(end);
        }
        Err(self.unexpected(what))
    }

    fn unexpected(&self, wanted: &str) -> ExprError {
        let (start, end) = self.here();
        let message = match self.pieces.get(self.at) {
            Some(piece) => format!("`{}` is unexpected here", piece.text),
            None => "the expression ends too early".to_owned(),
        };
        ExprError { start, end, message, hint: Some(format!("{wanted} would fit")) }
    }
}

fn leaf(data_type: Type, node: Node, start: usize, end: usize) -> Built {
    Built { expr: Expr { data_type, node }, untyped: false, start, end, height: 1, nodes: 1 }
}

fn number(digits: &str, start: usize, end: usize) -> Result<Built, ExprError> {
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
fn call(name: &str, arguments: Vec<Built>, start: usize, end: usize) -> Result<Built, ExprError> {
    let types: Vec<_> = arguments.iter().map(|a| (!a.untyped).then(|| a.expr.data_type.clone())).collect();
    let Ok(resolved) = functions::resolve(name, &types) else { return Err(misfit(name, &arguments, start, end)) };
    let arguments: Vec<Built> = arguments.into_iter().zip(resolved.arguments).map(|(a, wanted)| bring(a, wanted)).collect();
    let height = 1 + arguments.iter().map(|a| a.height).max().unwrap_or(0);
    let nodes = 1 + arguments.iter().map(|a| a.nodes).sum::<usize>();
    if height > EXPRESSION_DEPTH_MAX {
        return Err(too_deep(start, end));
    }
    small_enough(nodes, start, end)?;
    let node = Node::Call(resolved.function, arguments.into_iter().map(|a| a.expr).collect());
    Ok(Built { expr: Expr { data_type: resolved.result, node }, untyped: false, start, end, height, nodes })
}

/// Adds an argument to a chain of `and`, `or` or `||`.
fn extend(name: &str, arguments: Vec<Expr>, chain: Built, last: Built) -> Result<Built, ExprError> {
    // The chain's own parts are typed already; what they were made of matters no more, but their size and height do.
    let (start, end) = (chain.start, last.end);
    let (height, nodes) = (chain.height.saturating_sub(1).max(1), chain.nodes - 1);
    let (count, part) = (arguments.len(), |expr, nodes| Built { expr, untyped: false, start, end: chain.end, height, nodes });
    let mut parts: Vec<Built> = arguments.into_iter().map(|expr| part(expr, 0)).collect();
    if let Some(first) = parts.first_mut().filter(|_| count > 0) {
        first.nodes = nodes;
    }
    parts.push(last);
    call(name, parts, start, end)
}

/// Brings a value to the type that a function takes: a null gets the type, an Int64 becomes a Float64.
fn bring(argument: Built, wanted: Type) -> Built {
    if argument.untyped || argument.expr.data_type == wanted {
        return Built { expr: Expr { data_type: wanted, ..argument.expr }, untyped: false, ..argument };
    }
    if let Node::Literal(Value::Int64(value)) = argument.expr.node {
        return Built { expr: Expr { data_type: wanted, node: Node::Literal(Value::Float64(value as f64)) }, ..argument };
    }
    let (start, end) = (argument.start, argument.end);
    // The table resolves only what it can bring about: an Int64 where a Float64 is wanted. One level more is no harm here:
    // the height is checked by the caller.
    match functions::resolve("to_float64", &[Some(argument.expr.data_type.clone())]) {
        Ok(widen) => Built {
            expr: Expr { data_type: wanted, node: Node::Call(widen.function, vec![argument.expr]) },
            untyped: false,
            start,
            end,
            height: argument.height + 1,
            nodes: argument.nodes + 1,
        },
        Err(_) => argument,
    }
}

fn small_enough(nodes: usize, start: usize, end: usize) -> Result<(), ExprError> {
    if nodes <= EXPRESSION_NODES_MAX {
        return Ok(());
    }
    let message =
        format!("the expression is too big: written out it has {nodes} parts, and the limit is {EXPRESSION_NODES_MAX}");
    Err(ExprError { start, end, message, hint: None })
}

fn too_deep(start: usize, end: usize) -> ExprError {
    let message = format!("the expression nests more than {EXPRESSION_DEPTH_MAX} levels deep");
    ExprError { start, end, message, hint: None }
}

/// The sentence for arguments that fit no line of the table.
fn misfit(name: &str, arguments: &[Built], start: usize, end: usize) -> ExprError {
    let lines: Vec<&Function> = FUNCTIONS.iter().filter(|f| f.name == name).collect();
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
