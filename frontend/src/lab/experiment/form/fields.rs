//! The fields of a text as the editor's script tells them (`frontend/editor/form.js`), and what can be done with them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A step of a path: a name in a mapping, or a position in a list.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Step {
    Name(String),
    At(usize),
    /// What has no name that can be read, by its position.
    Unread {
        broken: usize,
    },
}

/// How a field is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Map,
    List,
    /// One of some words.
    Choice,
    Text,
    /// A text of several lines.
    Lines,
    /// It stands in the text, and cannot be shown.
    Other,
}

/// A word that a value may be, or a key that may be added.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Word {
    pub name: String,
    pub about: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Field {
    pub path: Vec<Step>,
    pub kind: Kind,
    pub name: String,
    /// What the schema says of it.
    pub about: String,
    /// A value as an experiment has it.
    pub example: String,
    pub value: String,
    /// Whether anything stands there.
    pub written: bool,
    pub words: Vec<Word>,
    pub offers: Vec<Word>,
    /// What an entry of a name of the user's own is; empty if there can be none.
    pub named: String,
    /// Whether its name is the user's own.
    pub own: bool,
    /// Whether an item may be added without a choice.
    pub items: bool,
    /// How many fields lie directly in it. They follow it.
    pub parts: usize,
    /// From 1.
    pub line: u32,
    pub problems: Vec<String>,
}

/// A field and what lies in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    pub field: Field,
    /// The ids of its parts, in their order.
    pub parts: Vec<String>,
    /// Whether it is an item of a list, and which one of how many.
    pub item: Option<(usize, usize)>,
}

impl Placed {
    /// The part that stands where this one stood, once it is gone; the last one if it was that.
    pub fn beside(&self, part: &str) -> Option<String> {
        let at = self.parts.iter().position(|id| id == part)?;
        let found = match at + 1 < self.parts.len() {
            // The next item of a list is then called as this one was.
            true if self.field.kind == Kind::List => at,
            true => at + 1,
            false => at.checked_sub(1)?,
        };
        self.parts.get(found).cloned()
    }
}

/// The fields of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// By their ids; the document's is empty.
    pub placed: BTreeMap<String, Placed>,
    /// The line from which on nothing was read; 0 if all was.
    pub trouble: u32,
    pub undo: bool,
    pub redo: bool,
}

#[derive(Deserialize)]
struct Told {
    fields: Vec<Field>,
    trouble: u32,
    undo: bool,
    redo: bool,
}

impl Fields {
    /// What the script told.
    pub fn read(told: &str) -> Option<Fields> {
        let Told { fields, trouble, undo, redo } = serde_json::from_str(told).ok()?;
        let mut placed = BTreeMap::new();
        place(&mut fields.into_iter(), None, &mut placed)?;
        Some(Fields { placed, trouble, undo, redo })
    }
}

/// Places the next field and its parts, and gives its id.
fn place(
    fields: &mut impl Iterator<Item = Field>,
    item: Option<(usize, usize)>,
    placed: &mut BTreeMap<String, Placed>,
) -> Option<String> {
    let field = fields.next()?;
    let id = id(&field.path);
    let count = field.parts;
    let item_of = |at| (field.kind == Kind::List).then_some((at, count));
    let parts = (0..count).map(|at| place(&mut *fields, item_of(at), &mut *placed)).collect::<Option<_>>()?;
    placed.insert(id.clone(), Placed { field, parts, item });
    Some(id)
}

/// A path as one word: `batch/steps/0`.
pub fn id(path: &[Step]) -> String {
    let word = |step: &Step| match step {
        Step::Name(name) => name.replace('~', "~0").replace('/', "~1").replace(char::is_whitespace, "~2"),
        Step::At(at) => at.to_string(),
        Step::Unread { broken } => format!("~{broken}"),
    };
    path.iter().map(word).collect::<Vec<_>>().join("/")
}

/// A change to the text (`frontend/editor/edit.js`).
#[derive(Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Action {
    Set {
        path: Vec<Step>,
        value: String,
    },
    Add {
        path: Vec<Step>,
        kind: Added,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    Remove {
        path: Vec<Step>,
    },
    Move {
        path: Vec<Step>,
        by: isize,
    },
    Rename {
        path: Vec<Step>,
        name: String,
    },
}

impl Action {
    /// The name that there is then, and the id of what has it; nothing if it makes none.
    pub fn makes(&self) -> Option<(&str, String)> {
        let (name, above) = match self {
            Action::Add { kind: Added::Key | Added::Entry, name: Some(name), path } => (name, path.as_slice()),
            Action::Rename { path, name } => (name, path.split_last()?.1),
            _ => return None,
        };
        Some((name, id(&[above, &[Step::Name(name.clone())]].concat())))
    }
}

/// What is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Added {
    /// A key that the format has.
    Key,
    /// An entry of a name of the user's own.
    Entry,
    /// An item of a list.
    Item,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = r#"{ "trouble": 0, "undo": true, "redo": false, "fields": [
        { "path": [], "kind": "map", "name": "", "parts": 2, "about": "", "example": "", "value": "", "written": true, "words": [],
          "offers": [{ "name": "seed", "about": "All chance." }], "named": "", "own": false, "items": false, "line": 1, "problems": [] },
        { "path": ["a b"], "kind": "list", "name": "a b", "parts": 1, "about": "", "example": "", "value": "", "written": true,
          "words": [], "offers": [], "named": "", "own": true, "items": true, "line": 1, "problems": [] },
        { "path": ["a b", 0], "kind": "text", "name": "1", "parts": 0, "about": "", "example": "", "value": "x", "written": true,
          "words": [], "offers": [], "named": "", "own": false, "items": false, "line": 2, "problems": ["no"] },
        { "path": [{ "broken": 1 }], "kind": "other", "name": "?", "parts": 0, "about": "", "example": "", "value": "", "written": true,
          "words": [], "offers": [], "named": "", "own": false, "items": false, "line": 3, "problems": [] }
    ] }"#;

    #[test]
    fn fields_lie_in_one_another_as_they_follow() {
        let fields = Fields::read(TOLD).unwrap();
        assert_eq!(fields.placed[""].parts, ["a~2b", "~1"]);
        assert_eq!(fields.placed["a~2b"].parts, ["a~2b/0"]);
        assert_eq!(fields.placed["a~2b/0"].item, Some((0, 1)));
        assert_eq!(fields.placed["~1"].item, None);
        assert!(fields.undo && !fields.redo);
        assert_eq!(fields.placed[""].beside("a~2b").as_deref(), Some("~1"));
        assert_eq!(fields.placed[""].beside("~1").as_deref(), Some("a~2b"));
        assert_eq!(fields.placed["a~2b"].beside("a~2b/0"), None);
    }

    #[test]
    fn an_action_is_as_the_script_reads_it() {
        let path = vec![Step::Name("batch".to_owned()), Step::At(0)];
        let json = |action: &Action| serde_json::to_string(action).unwrap();
        let moved = Action::Move { path: path.clone(), by: -1 };
        assert_eq!(json(&moved), r#"{"do":"move","path":["batch",0],"by":-1}"#);
        let renamed = Action::Rename { path: path[..1].to_vec(), name: "bus".to_owned() };
        assert_eq!(renamed.makes(), Some(("bus", "bus".to_owned())));
        let added = Action::Add { path, kind: Added::Item, name: None };
        assert_eq!(added.makes(), None);
        assert_eq!(json(&added), r#"{"do":"add","path":["batch",0],"kind":"item"}"#);
    }
}
