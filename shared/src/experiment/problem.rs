//! What is wrong with an experiment, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is wrong with an experiment, and where: a sentence for the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// From 1. 0 if the problem lies not in the text but in an override; the message then names it.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// How many characters of that line it is about. 0: the place itself.
    #[serde(default)]
    pub width: u32,
    pub message: String,
    /// What would fit, if anything is near.
    pub hint: Option<String>,
}

/// A place in the text, line and column from 1, columns in characters, and how much stands there. Line 0 is the override of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
    /// In characters, to the line's end at most; 0 where that is not known.
    pub(super) width: u32,
}

impl Place {
    pub(super) const START: Place = Place { line: 1, column: 1, width: 0 };
}

impl Problem {
    pub(super) fn new(at: Place, message: impl Into<String>) -> Problem {
        Problem { line: at.line, column: at.column, width: at.width, message: message.into(), hint: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.line, self.column)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
