//! Overrides: values set from outside, by their paths in the tree, before anything is checked.

use super::problem::{Place, Problem};
use super::yaml::{self, Content, Key, Node};

/// Sets each value in turn. A path's parts are keys and, in lists, positions from 0. `null` takes the key away.
pub(super) fn apply(root: &mut Node, overrides: &[(String, String)]) -> Result<(), Problem> {
    for (index, (path, value)) in overrides.iter().enumerate() {
        // The place of everything that this override brings: line 0, its own number as the column.
        let at = Place { line: 0, column: index as u32, width: 0 };
        let refused = |message: String| name(Problem::new(at, message), overrides);
        if value.trim() == "null" {
            take_away(root, path);
            continue;
        }
        let value = yaml::read_value(value, at).map_err(|problem| refused(problem.message))?;
        set(root, path, value, at).map_err(refused)?;
    }
    Ok(())
}

fn set(root: &mut Node, path: &str, value: Node, at: Place) -> Result<(), String> {
    let mut node = root;
    for part in path.split('.') {
        if part.is_empty() {
            return Err("a path is keys separated by points, like `batch.split`".to_owned());
        }
        node = match &mut node.content {
            Content::List(list) => {
                let count = list.len();
                let index = part.parse::<usize>().ok().filter(|index| *index < count);
                match index {
                    Some(index) => &mut list[index],
                    None => return Err(format!("`{part}` is no position in a list of {count}, counted from 0")),
                }
            }
            content => {
                if *content == Content::Nothing {
                    *content = Content::Map(Vec::new());
                }
                let Content::Map(entries) = content else {
                    return Err(format!("`{part}` has no place in a single value"));
                };
                let index = entries.iter().position(|(key, _)| key.name == part).unwrap_or_else(|| {
                    entries.push((Key { name: part.to_owned(), at }, Node::outside(at, Content::Nothing)));
                    entries.len() - 1
                });
                &mut entries[index].1
            }
        };
    }
    *node = value;
    Ok(())
}

/// What is not there need not be taken away.
fn take_away(root: &mut Node, path: &str) {
    let (way, last) = path.rsplit_once('.').map_or((None, path), |(way, last)| (Some(way), last));
    let mut node = root;
    for part in way.into_iter().flat_map(|way| way.split('.')) {
        let below = match &mut node.content {
            Content::List(list) => part.parse::<usize>().ok().and_then(|index| list.get_mut(index)),
            Content::Map(entries) => entries.iter_mut().find(|(key, _)| key.name == part).map(|(_, node)| node),
            _ => None,
        };
        match below {
            Some(below) => node = below,
            None => return,
        }
    }
    if let Content::Map(entries) = &mut node.content {
        entries.retain(|(key, _)| key.name != last);
    }
}

/// Names the override in a problem that lies in one.
pub(super) fn name(problem: Problem, overrides: &[(String, String)]) -> Problem {
    match overrides.get(problem.column as usize).filter(|_| problem.line == 0) {
        Some((path, value)) => Problem { column: 0, message: format!("in `{path}={value}`: {}", problem.message), ..problem },
        None => problem,
    }
}
