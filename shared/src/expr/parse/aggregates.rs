//! Calls of aggregates: `count(*)`, `count(distinct x)`, `quantile(x, 0.5)`.

use sqlparser::tokenizer::Token;

use super::build::{Built, bring, leaf, misfit};
use super::{Parser, Scope};
use crate::expr::aggregate::{Aggregate, Kind};
use crate::expr::{ExprError, Node};
use crate::nearest::list;

impl Parser<'_> {
    /// A call of an aggregate as the column of its results. The name is taken, the parenthesis is not.
    pub(super) fn aggregate(&mut self, name: &str, start: usize, name_end: usize) -> Result<Built, ExprError> {
        self.expect(&Token::LParen, "`(`")?;
        let all = self.peek() == Some(&Token::Mul);
        self.at += usize::from(all);
        let distinct = !all && self.take_word("distinct");
        self.scope = Scope::RowOfGroup;
        let arguments = if all || self.peek() == Some(&Token::RParen) { Ok(Vec::new()) } else { self.arguments() };
        self.scope = Scope::Group;
        let arguments = arguments?;
        let end = self.expect(&Token::RParen, if all { "`)`" } else { "`,` or `)`" })?;
        let refused = |message: String, hint: Option<String>| ExprError { start, end, message, hint };
        let Some(kind) = Kind::of_call(name, all, distinct) else {
            let call = if all { "*" } else { "distinct …" };
            let forms: Vec<_> =
                Kind::ALL.into_iter().map(Kind::line).filter(|line| line.name == name).map(|line| line.form).collect();
            let message = format!("there is no `{name}({call})`");
            return Err(ExprError { end: name_end, ..refused(message, Some(format!("there is {}", list(forms)))) });
        };
        let line = kind.line();
        let wanted = usize::from(kind != Kind::CountAll) + usize::from(kind.parameter().is_some());
        if arguments.len() != wanted {
            let message =
                format!("`{name}` takes {wanted} argument{}, not {}", if wanted == 1 { "" } else { "s" }, arguments.len());
            return Err(refused(message, Some(format!("it is `{}`", line.form))));
        }
        let mut arguments = arguments.into_iter();
        let value = arguments.next();
        let parameter = match arguments.next() {
            None => None,
            Some(parameter) => match parameter.expr.literal() {
                Some(literal) => Some((literal.clone(), parameter.start, parameter.end)),
                None => {
                    let message = format!("what `{name}` takes after its value is a literal number");
                    let (start, end) = (parameter.start, parameter.end);
                    return Err(ExprError { start, end, message, hint: Some(format!("it is `{}`", line.form)) });
                }
            },
        };
        let value = match value {
            None => None,
            Some(value) => match kind.takes(&value.expr.data_type) {
                Some(taken) => Some(bring(value, taken).expr),
                None => {
                    let hint = Some(format!("it is `{}`, of {}", line.form, line.takes));
                    return Err(ExprError { hint, ..misfit(name, &[value], start, end) });
                }
            },
        };
        let aggregate = Aggregate::new(kind, value, parameter.as_ref().map(|(value, ..)| value)).map_err(|message| {
            let (start, end) = parameter.map_or((start, end), |(_, start, end)| (start, end));
            ExprError { start, end, message, hint: Some(format!("it is `{}`", line.form)) }
        })?;
        // What is computed twice is computed once.
        let known = self.aggregates.iter().position(|known| *known == aggregate);
        let of = aggregate.data_type().clone();
        let index = known.unwrap_or_else(|| {
            self.aggregates.push(aggregate);
            self.aggregates.len() - 1
        });
        Ok(leaf(of, Node::Column(index), start, end))
    }
}
