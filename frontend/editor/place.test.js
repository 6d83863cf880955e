// Where in an experiment the cursor is. `|` marks it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { placeAt } from "./place.js";

function place(marked) {
  const offset = marked.lastIndexOf("¦");
  const text = marked.slice(0, offset) + marked.slice(offset + 1);
  const { path, kind, from, keys, quote } = placeAt(text, offset);
  return { at: path.join("."), kind, typed: text.slice(from, offset), keys: keys.join(" "), quote };
}

const STEPS = "millrace: 1\nbatch:\n  input: { dataset: glosses }\n  steps:\n";

const CASES = [
  ["the document", "¦", { at: "", kind: "key", typed: "" }],
  ["a key of the document", "millrace: 1\nti¦", { at: "", kind: "key", typed: "ti", keys: "millrace" }],
  ["after a key of the document", "millrace: 1\ntitle: Wo¦", { at: "title", kind: "value", typed: "Wo" }],
  ["a key in a mapping", "batch:\n  input: { text: a }\n  for¦", { at: "batch", kind: "key", typed: "for", keys: "input" }],
  ["an empty line in a mapping", "batch:\n  ¦", { at: "batch", kind: "key", typed: "" }],
  ["an empty line after it", "batch:\n  split: 1 KiB\n¦", { at: "", kind: "key", typed: "", keys: "batch" }],
  ["a key in braces", "batch:\n  input: { te¦", { at: "batch.input", kind: "key", typed: "te" }],
  ["the second key in braces", "input: { generate: zipf, by¦", { at: "input", kind: "key", typed: "by", keys: "generate" }],
  ["a value in braces", "input: { dataset: gl¦", { at: "input.dataset", kind: "value", typed: "gl" }],
  ["after the braces", "input: { dataset: glosses }¦", { at: "input", kind: "value", typed: "" }],
  ["a step", `${STEPS}    - fl¦`, { at: "batch.steps.0", kind: "key", typed: "fl" }],
  ["a step of no letter yet", `${STEPS}    - ¦`, { at: "batch.steps.0", kind: "key", typed: "" }],
  ["a second step", `${STEPS}    - limit: 1\n    - so¦`, { at: "batch.steps.1", kind: "key", typed: "so" }],
  ["an expression", `${STEPS}    - filter: leng¦`, { at: "batch.steps.0.filter", kind: "value", typed: "leng" }],
  ["an expression with commas", `${STEPS}    - filter: left(line, 1) < le¦`, { at: "batch.steps.0.filter", kind: "value", typed: "left(line, 1) < le" }],
  ["an expression in quotes", `${STEPS}    - flat_map: { word: "words(lo¦`, { at: "batch.steps.0.flat_map.word", kind: "value", typed: "words(lo", quote: '"' }],
  ["a value in nested braces", `${STEPS}    - reduce: { key: word, values: { count: co¦`, { at: "batch.steps.0.reduce.values.count", kind: "value", typed: "co" }],
  ["a key after nested braces", `${STEPS}    - reduce: { values: { n: "count(*)" }, ¦`, { at: "batch.steps.0.reduce", kind: "key", typed: "", keys: "values" }],
  ["a reduce in lines", `${STEPS}    - reduce:\n        key: word\n        va¦`, { at: "batch.steps.0.reduce", kind: "key", typed: "va", keys: "key" }],
  ["its values in lines", `${STEPS}    - reduce:\n        values:\n          n: cou¦`, { at: "batch.steps.0.reduce.values.n", kind: "value", typed: "cou" }],
  ["a step after it", `${STEPS}    - reduce:\n        key: word\n    - ¦`, { at: "batch.steps.1", kind: "key", typed: "" }],
  ["a list at its key's own column", "faults:\n- at: 4%\n  ki¦", { at: "faults.0", kind: "key", typed: "ki", keys: "at" }],
  ["braces in a list", "faults:\n  - { at: 40%, kill: wor¦", { at: "faults.0.kill", kind: "value", typed: "wor" }],
  ["lists in brackets", "faults:\n  - { partition: [[worker-1], [w¦", { at: "faults.0.partition.1.0", kind: "value", typed: "w" }],
  ["braces over lines", "input: {\n  dataset: glosses,\n  fi¦", { at: "input", kind: "key", typed: "fi", keys: "dataset" }],
  ["a text in lines of its own", "input:\n  text: |\n    a: b\n    c¦", { at: "input.text", kind: "value", typed: "c" }],
  ["after such a text", "input:\n  text: |\n    a: b\nti¦", { at: "", kind: "key", typed: "ti", keys: "input" }],
  ["a value that goes on", "about: It is\n  a lon¦", { at: "about", kind: "value", typed: "a lon" }],
  ["an apostrophe", "about: It isn't\nti¦", { at: "", kind: "key", typed: "ti", keys: "about" }],
  ["a colon in a text", "about: at 08:00\nti¦", { at: "", kind: "key", typed: "ti", keys: "about" }],
  ["a comment", "title: a\n# ti¦", { kind: "value", typed: "" }],
  ["after a comment", "# first\nti¦", { at: "", kind: "key", typed: "ti" }],
  ["a text in quotes with both kinds", "filter: \"a = 'it''s' and le¦", { at: "filter", kind: "value", typed: "a = 'it''s' and le" }],
];

for (const [name, text, wanted] of CASES) {
  test(name, () => {
    const found = place(text);
    for (const [what, value] of Object.entries(wanted)) assert.equal(found[what], value, `${what} of ${JSON.stringify(found)}`);
  });
}
