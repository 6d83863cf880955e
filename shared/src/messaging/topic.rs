//! Topic routing by a trie of words: what a message costs depends on its key and on the patterns along it, not on how many there are.
//!
//! A key is words with points between them. A pattern's `*` is exactly one word, `#` any number of them, none included (RabbitMQ
//! tutorial 5, "Topics").

use std::collections::BTreeMap;

/// See the module. Each pattern leads to values, here queues by their places.
#[derive(Clone, Debug)]
pub(super) struct Topics {
    nodes: Vec<Node>,
    /// The places in the trie where a match stands, before and after a word.
    here: Vec<u32>,
    there: Vec<u32>,
    /// Counts steps, so that a place is entered once a step.
    step: u64,
}

#[derive(Clone, Debug, Default)]
struct Node {
    words: BTreeMap<Box<str>, u32>,
    star: Option<u32>,
    hash: Option<u32>,
    /// It is reached by `#` and so takes any further word itself.
    is_hash: bool,
    values: Vec<u32>,
    entered: u64,
}

const ROOT: u32 = 0;

impl Topics {
    pub(super) fn new() -> Topics {
        Topics { nodes: vec![Node::default()], here: Vec::new(), there: Vec::new(), step: 0 }
    }

    pub(super) fn bind(&mut self, pattern: &str, value: u32) {
        let mut at = ROOT;
        for word in words(pattern) {
            at = self.child(at, word);
        }
        let values = &mut self.nodes[at as usize].values;
        if !values.contains(&value) {
            values.push(value);
        }
    }

    /// Hands over the values of each pattern that the key matches; a value of several patterns comes several times.
    pub(super) fn route(&mut self, key: &str, take: &mut dyn FnMut(u32)) {
        self.here.clear();
        self.step += 1;
        self.enter(ROOT);
        std::mem::swap(&mut self.here, &mut self.there);
        for word in words(key) {
            self.step += 1;
            self.there.clear();
            for index in 0..self.here.len() {
                let at = self.here[index];
                let node = &self.nodes[at as usize];
                let next = [node.words.get(word).copied(), node.star, node.is_hash.then_some(at)];
                next.into_iter().flatten().for_each(|next| self.enter(next));
            }
            std::mem::swap(&mut self.here, &mut self.there);
        }
        self.here.iter().flat_map(|at| &self.nodes[*at as usize].values).for_each(|value| take(*value));
        self.there.clear();
    }

    /// The match stands at a place, and, since `#` may be no word at all, behind a `#` that follows.
    fn enter(&mut self, at: u32) {
        let mut next = Some(at);
        while let Some(at) = next {
            let node = &mut self.nodes[at as usize];
            if node.entered == self.step {
                return;
            }
            node.entered = self.step;
            next = node.hash;
            self.there.push(at);
        }
    }

    fn child(&mut self, at: u32, word: &str) -> u32 {
        let new = self.nodes.len() as u32;
        let node = &mut self.nodes[at as usize];
        let found = match word {
            "*" => *node.star.get_or_insert(new),
            "#" => *node.hash.get_or_insert(new),
            word => match node.words.get(word) {
                Some(found) => *found,
                None => {
                    node.words.insert(word.into(), new);
                    new
                }
            },
        };
        if found == new {
            self.nodes.push(Node { is_hash: word == "#", ..Node::default() });
        }
        found
    }
}

/// An empty key has no words.
fn words(key: &str) -> impl Iterator<Item = &str> {
    key.split('.').filter(move |_| !key.is_empty())
}
