//! `join`, and the `tables` that joins name.

use std::collections::BTreeMap;

use super::plan;
use super::reader::Reader;
use super::steps::Steps;
use super::yaml::{Content, Key, Node};
use super::{chain::Chain, problem::Place};
use crate::batch::Join;
use crate::expr::{ExprError, Schema, Type};
use crate::nearest::{list, nearest};

/// The tables of a batch by name, and those that a join has named.
#[derive(Default)]
pub(super) struct Tables<'n> {
    known: BTreeMap<&'n str, (&'n Key, &'n Node)>,
    /// Those that are being read: one within the other.
    open: Vec<&'n str>,
    used: Vec<&'n str>,
    /// Tables that are there already, by their name and the columns that they are joined by: the stage, and the columns.
    shared: BTreeMap<(&'n str, Vec<String>), (usize, Schema)>,
}

impl<'n> Tables<'n> {
    /// `{ name: { input, format, columns, steps }, … }`.
    pub fn read(reader: &mut Reader<'_>, node: &'n Node) -> Option<Tables<'n>> {
        let fields = reader.fields("`tables`", node)?;
        let known = fields.entries().iter().map(|(key, table)| (key.name.as_str(), (key, table))).collect();
        Some(Tables { known, ..Tables::default() })
    }

    /// Tables that no join has named.
    pub fn unused(&self) -> impl Iterator<Item = &'n Key> {
        self.known.iter().filter(|(name, _)| !self.used.contains(name)).map(|(_, (key, _))| *key)
    }
}

/// What a join says of its keys: names on the left, and names on the right.
type Keys = (Vec<String>, Vec<String>);

impl<'n> Steps<'_, '_, 'n> {
    /// `join: { with: TABLE, key: name, kind: inner }`.
    pub(super) fn join(&mut self, chain: &mut Chain, at: Place, node: &'n Node) -> Option<()> {
        let kinds = [("inner", false), ("left", true)];
        let mut fields = self.reader.fields("`join`", node)?;
        let with = fields.need(self.reader, "with");
        let key = fields.need(self.reader, "key");
        let keys = key.and_then(|node| self.join_keys(node));
        let left_outer = fields.take("kind").map_or(Some(false), |node| self.reader.word("kind", node, &kinds));
        self.reader.finish(fields);
        let (with, key, (left_names, right_names)) = (with?, key?, keys?);
        let left_keys = self.key_columns(&chain.schema, chain.unsure, key, &left_names, "the rows so far");
        let (right, right_schema, right_keys) = self.right_side(with, key, &right_names)?;
        let (left_keys, left_outer) = (left_keys?, left_outer?);
        let types = |schema: &Schema, keys: &[usize]| keys.iter().map(|key| schema.0[*key].1.clone()).collect::<Vec<Type>>();
        let (key_types, of_right) = (types(&chain.schema, &left_keys), types(&right_schema, &right_keys));
        for (index, (left, right)) in key_types.iter().zip(&of_right).enumerate() {
            if left != right {
                let (name, other) = (&left_names[index], &right_names[index]);
                let message = format!("`{name}` is {left}, and `{other}` of the joined table is {right}: they cannot be equal");
                self.reader.problem_with(key.at, message, "bring one of them to the other's type with `cast`");
                return None;
            }
        }
        let right_columns: Vec<usize> = (0..right_schema.0.len()).filter(|column| !right_keys.contains(column)).collect();
        let mut schema = chain.schema.clone();
        for column in &right_columns {
            let (name, of) = &right_schema.0[*column];
            if chain.schema.index(name).is_some() {
                let message = format!("both sides of the join have a column `{name}`");
                self.reader.problem_with(at, message, "give one of them another name with `map` and `select` before the join");
                return None;
            }
            schema.0.push((name.clone(), of.clone()));
        }
        let (kind, name) = (if left_outer { "left " } else { "" }, self.reader_name(with));
        self.say(format!("{kind}join {name} by {}", left_names.join(", ")));
        let join = Join { left_outer, left_keys, right_keys, key_types, right_columns };
        self.stages.join(chain, right, join, schema);
        Some(())
    }

    /// What is joined, in words.
    fn reader_name(&self, with: &Node) -> String {
        match &with.content {
            Content::Text(name) => name.clone(),
            _ => "a table".to_owned(),
        }
    }

    /// `key: name`, `key: [a, b]`, or `key: { left: a, right: b }`.
    fn join_keys(&mut self, node: &'n Node) -> Option<Keys> {
        let names = |steps: &mut Self, name: &str, node: &'n Node| -> Option<Vec<String>> {
            match &node.content {
                Content::List(nodes) => {
                    nodes.iter().map(|node| Some(steps.reader.text(name, node)?.trim().to_owned())).collect()
                }
                _ => Some(steps.reader.text(name, node)?.split(',').map(|term| term.trim().to_owned()).collect()),
            }
        };
        let Content::Map(_) = &node.content else {
            let both = names(self, "key", node)?;
            return Some((both.clone(), both));
        };
        let mut fields = self.reader.fields("`key`", node)?;
        let left = fields.need(self.reader, "left").and_then(|node| names(self, "left", node));
        let right = fields.need(self.reader, "right").and_then(|node| names(self, "right", node));
        self.reader.finish(fields);
        let (left, right) = (left?, right?);
        if left.len() != right.len() {
            self.reader.problem(node.at, format!("`left` names {} columns, and `right` {}", left.len(), right.len()));
            return None;
        }
        Some((left, right))
    }

    fn key_columns(&mut self, schema: &Schema, unsure: bool, node: &Node, names: &[String], of: &str) -> Option<Vec<usize>> {
        let mut columns = Vec::new();
        for name in names {
            match schema.index(name) {
                Some(column) if columns.contains(&column) => {
                    self.reader.problem(node.at, format!("`{name}` is here twice"));
                    return None;
                }
                Some(column) => columns.push(column),
                None => {
                    let message = format!("there is no column `{name}`: {of} have {}", list(schema.names()));
                    let hint = nearest(name, schema.names()).map(|near| format!("did you mean `{near}`?"));
                    let error = ExprError { start: 0, end: 0, message, hint };
                    if !unsure {
                        self.reader.refused(node, error);
                    }
                    return None;
                }
            }
        }
        if columns.is_empty() {
            self.reader.problem(node.at, "`key` names at least one column");
            return None;
        }
        Some(columns)
    }

    /// The stage, the columns and the key's columns of what is joined: a table by name, or one that stands here.
    fn right_side(&mut self, with: &'n Node, key: &Node, names: &[String]) -> Option<(usize, Schema, Vec<usize>)> {
        let Content::Text(text) = &with.content else {
            let (mut table, schema) = self.table(with)?;
            let keys = self.key_columns(&schema, table.unsure, key, names, "the joined table's rows")?;
            return Some((self.stages.keyed(&mut table, keys.clone()), schema, keys));
        };
        let Some((name, (_, node))) = self.tables.known.get_key_value(text.trim()).map(|(name, table)| (*name, *table)) else {
            let known = self.tables.known.keys().copied();
            let hint = match nearest(text, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name one under `tables` of the batch, or write it here: `with: { input: …, steps: … }`".to_owned(),
            };
            self.reader.problem_with(with.at, format!("there is no table `{text}`"), hint);
            return None;
        };
        if let Some(from) = self.tables.open.iter().position(|open| *open == name) {
            let needed: Vec<String> =
                self.tables.open[from + 1..].iter().chain([&name]).map(|name| format!("`{name}`")).collect();
            let message = format!("the joins go round in a circle: `{name}` needs {}", needed.join(", which needs "));
            self.reader.problem_with(with.at, message, "a table can be joined only with tables that do not need it");
            return None;
        }
        self.tables.used.push(name);
        let shared = (name, names.to_vec());
        if let Some((stage, schema)) = self.tables.shared.get(&shared).cloned() {
            let keys = self.key_columns(&schema, false, key, names, "the joined table's rows")?;
            return Some((stage, schema, keys));
        }
        self.tables.open.push(name);
        let table = self.table(node);
        self.tables.open.pop();
        let (mut table, schema) = table?;
        let keys = self.key_columns(&schema, table.unsure, key, names, "the joined table's rows")?;
        let stage = self.stages.keyed(&mut table, keys.clone());
        self.tables.shared.insert(shared, (stage, schema.clone()));
        Some((stage, schema, keys))
    }

    /// Reads what is joined: an input and steps of its own.
    fn table(&mut self, node: &'n Node) -> Option<(Chain, Schema)> {
        let mut fields = self.reader.fields("a table", node)?;
        let input = fields.need(self.reader, "input").and_then(|node| plan::input(self.reader, node, self.seed));
        let records = plan::records(self.reader, &mut fields, input.as_ref(), plan::Whose::Table);
        let steps = fields.take("steps");
        self.reader.finish(fields);
        let (input, records) = (input, records?);
        let mut chain = self.stages.read(records);
        // A problem of the input is told; the steps are looked at all the same.
        let sound = input.is_some();
        self.inputs.extend(input);
        self.quiet += 1;
        let steps = steps.map_or(Some(()), |steps| self.all(&mut chain, steps));
        self.quiet -= 1;
        steps.filter(|()| sound)?;
        self.stages.settle(&mut chain);
        let schema = chain.schema.clone();
        Some((chain, schema))
    }
}
