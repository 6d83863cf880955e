// A change to one part of a text, by every part of every example: the text changes nowhere else, and another reader of YAML finds that
// value changed and all others as they were.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { applied, changesFor } from "./edit.js";
import { read } from "./tree.js";

// The packages are found by NODE_PATH, which only this way of loading knows.
const require = createRequire(import.meta.url);
const { parser } = require("@lezer/yaml");
const YAML = require("yaml");

const EXAMPLES = new URL("../../examples/", import.meta.url);
const examples = readdirSync(EXAMPLES).filter((name) => name.endsWith(".yaml")).map((name) => [name, readFileSync(new URL(name, EXAMPLES), "utf8")]);

/** Texts that each mean trouble for somebody who quotes. */
const VALUES = ["1", "a b", "", " led", "it's", 'say "so"', "a: b", "a #b", "#c", "- d", "[e", "f, g", "{h}", "*i", "&j", "!k", "%l", "@m", "null", "~", "yes", "0x1", "x:", "-", "\\n", "é🦀", "tab\there", "---"];

/** A text in all the styles that there are. */
const ODD = `# A comment
millrace: 1   # the version
title: 'It''s a title'
about: "Two \\"words\\" and \\
  more"
batch:

  input:
    text: |-
      one
        two

      three # no comment
  format: { csv: { delimiter: ";", header: true } }   # of the input
  columns: {
    # the first
    a: text, # short
    b: bigint,
  }
  split:
  steps: &steps
    # first the words
    - map: { n: length(line) }   # counted
      # said of the step

    # and then
    # the rest
    - reduce:
        key: n
        values:
          count: count(*)
        # more values here
    - filter: >+
        n > 1
        and n < 9

    -
    - select: [n, 'count']
  tables:
    again: { input: { text: a }, steps: *steps }
# between
faults: []
expect:
- rows: 2
- - a
  - b
# the end
`;

/** The tree as the other reader has it: scalars as they are written, names in order. */
function understood(text) {
  const document = YAML.parseDocument(text, { version: "1.2", schema: "failsafe", strict: true });
  assert.deepEqual(document.errors.map(String), [], text);
  const of = (node) => {
    if (YAML.isAlias(node)) return { alias: node.source };
    if (YAML.isMap(node)) return { map: node.items.map(({ key, value }) => [key.value, of(value)]) };
    if (YAML.isSeq(node)) return { list: node.items.map(of) };
    return node === null || (node.type === "PLAIN" && node.value === "") ? null : { scalar: node.value };
  };
  return of(document.contents);
}

/** Every place of a text: its path, and what stands there. */
function places(root) {
  const found = [];
  const visit = (node, path, above) => {
    found.push({ node, path, above });
    node.entries?.forEach(({ name, value }) => name !== null && visit(value, [...path, name], node));
    node.items?.forEach(({ value }, index) => visit(value, [...path, index], node));
  };
  visit(root, [], null);
  return found;
}

/** What the other reader should find after an action. */
function expected(tree, path, change) {
  if (path.length === 0) return change(tree);
  const [step, ...rest] = path;
  if (tree.list) return { list: tree.list.map((one, at) => (at === step ? expected(one, rest, change) : one)) };
  return { map: tree.map.map(([name, one]) => [name, name === step ? expected(one, rest, change) : one]) };
}

/** Does an action and looks that every line stays that it is not about. */
function act(text, action) {
  const changes = changesFor(parser, text, action);
  assert.ok(changes, `${JSON.stringify(action)} was not done in\n${text}`);
  return { after: applied(text, changes), changes };
}

function comments(text) {
  return text.split("\n").flatMap((line) => /(?:^|\s)(#.*)$/.exec(line)?.[1] ?? []).sort();
}

for (const [name, text] of [...examples, ["a text of all styles", ODD]]) {
  const { root, rest } = read(parser, text);
  const before = understood(text);

  test(`${name}: a scalar says something else, and only its own characters change`, () => {
    assert.equal(rest, -1);
    for (const [at, { node, path }] of places(root).entries()) {
      if (node.kind !== "scalar" && node.kind !== "nothing") continue;
      // All of them where all styles are; elsewhere each place has the next two.
      const values = text === ODD ? VALUES : [VALUES[(2 * at) % VALUES.length], VALUES[(2 * at + 1) % VALUES.length]];
      for (const value of values) {
        const { after, changes } = act(text, { do: "set", path, value });
        const [from, to] = [changes[0].from, changes.at(-1).to];
        assert.ok(from >= Math.min(node.from, node.start) && to <= node.to, `${path} of ${name} goes beyond its place`);
        // The line ends behind a text that has lines of its own are those that its head asks for.
        const is = ({ scalar }) => ({ scalar: node.style === "block" ? scalar.replace(/\n+$/, "") : scalar });
        assert.deepEqual(expected(understood(after), path, is), expected(before, path, () => ({ scalar: value })), `${path}: ${value}`);
      }
    }
  });

  test(`${name}: what is put back leaves the text as it was`, () => {
    for (const { node, path } of places(root)) {
      if (node.kind !== "scalar" || /["'\n]/.test(text.slice(node.from, node.to))) continue;
      const { after } = act(text, { do: "set", path, value: "other" });
      assert.equal(act(after, { do: "set", path, value: node.value }).after, text);
    }
  });

  test(`${name}: an entry more is a line or a few words, and all else stays`, () => {
    for (const { node, path } of places(root)) {
      if (node.kind === "map") {
        const { after, changes } = act(text, { do: "add", path, name: "more", yaml: "{ a: [ b ] }" });
        assert.deepEqual(understood(after), expected(before, path, ({ map }) => ({ map: [...map, ["more", { map: [["a", { list: [{ scalar: "b" }] }]] }]] })));
        assert.ok(changes.every(({ from, to }) => from === to) && changes.length === 1);
        if (!node.flow) assert.equal(after.split("\n").length, text.split("\n").length + 1);
      }
      if (node.kind === "list") {
        const { after, changes } = act(text, { do: "add", path, yaml: "more" });
        assert.deepEqual(understood(after), expected(before, path, ({ list }) => ({ list: [...list, { scalar: "more" }] })));
        assert.ok(changes.every(({ from, to }) => from === to) && changes.length === 1);
      }
    }
  });

  test(`${name}: an entry less takes its own lines with it and no comment of another`, () => {
    for (const { node, path, above } of places(root)) {
      if (path.length === 0) continue;
      const { after, changes } = act(text, { do: "remove", path });
      // What its alias meant is gone with an anchor.
      if (after.includes("*") && /&\w/.test(text) && !/&\w/.test(after)) continue;
      const step = path.at(-1);
      const less = (tree) => {
        const parts = (tree.map ?? tree.list).filter((one, at) => (tree.map ? one[0] !== step : at !== step));
        return tree.map ? { map: parts } : { list: parts };
      };
      const wanted = expected(before, path.slice(0, -1), less);
      assert.deepEqual(understood(after), wanted, `${path} of\n${after}`);
      const gone = changes.map(({ from, to }) => text.slice(from, to)).join("\n");
      const others = comments(text).filter((comment) => !gone.includes(comment));
      assert.ok(others.every((comment) => after.includes(comment)));
      assert.ok(above.flow || node.flow || gone.split("\n").length <= text.slice(above.from, above.to).split("\n").length + 2);
    }
  });

  test(`${name}: items change places with their comments, and change back`, () => {
    for (const { node, path } of places(root)) {
      if (node.kind !== "list") continue;
      for (let at = 0; at + 1 < node.items.length; at += 1) {
        const { after } = act(text, { do: "move", path: [...path, at], by: 1 });
        const swapped = ({ list }) => ({ list: list.toSpliced(at, 2, list[at + 1], list[at]) });
        const isUnknown = understoodOrNull(after) === null;
        // An alias cannot stand before its anchor.
        if (!isUnknown) assert.deepEqual(understood(after), expected(before, path, swapped));
        assert.deepEqual(comments(after), comments(text));
        assert.equal([...after].sort().join(""), [...text].sort().join(""), "not a character more or less");
        assert.equal(act(after, { do: "move", path: [...path, at + 1], by: -1 }).after, text);
      }
    }
  });

  test(`${name}: a key is called something else`, () => {
    for (const [at, { path }] of places(root).entries()) {
      if (typeof path.at(-1) !== "string") continue;
      const called = ["another", "two words", "it's: so"][at % 3];
      const { after } = act(text, { do: "rename", path, name: called });
      const renamed = ({ map }) => ({ map: map.map(([name, one]) => [name === path.at(-1) ? called : name, one]) });
      assert.deepEqual(understood(after), expected(before, path.slice(0, -1), renamed));
    }
  });
}

function understoodOrNull(text) {
  return YAML.parseDocument(text, { schema: "failsafe" }).errors.length > 0 ? null : text;
}

test("what cannot be changed for sure is left to its writer", () => {
  const refused = [
    ["a: &x 1\nb: *x\n", { do: "set", path: ["b"], value: "2" }],
    ["a: !tag 1\n", { do: "set", path: ["a"], value: "2" }],
    ["a: [1\nb: 2\n", { do: "set", path: ["a", 0], value: "2" }],
    ["a: 1\nb: 2\n", { do: "rename", path: ["a"], name: "b" }],
    ["a: 1\n", { do: "add", path: [], name: "a", yaml: "2" }],
    ["a: [1]\n", { do: "move", path: ["a", 0], by: 1 }],
    ["a: 1\n", { do: "remove", path: ["b"] }],
  ];
  for (const [text, action] of refused) assert.equal(changesFor(parser, text, action), null, text);
});

test("a mapping that is not there yet, or is empty again", () => {
  const after = (text, action) => act(text, action).after;
  assert.equal(after("", { do: "add", path: [], name: "a", yaml: "1" }), "a: 1\n");
  assert.equal(after("# only this", { do: "add", path: [], name: "a", yaml: "1" }), "# only this\na: 1\n");
  assert.equal(after("a: # none\n", { do: "add", path: ["a"], name: "b", yaml: "1" }), "a: { b: 1 } # none\n");
  assert.equal(after("a: # some\n  # more\n  b: 1\n", { do: "remove", path: ["a", "b"] }), "a: {} # some\n  # more\n");
  assert.equal(after("a:\n  - b: 1 # one\n    c: 2\n", { do: "remove", path: ["a", 0, "c"] }), "a:\n  - b: 1 # one\n");
  assert.equal(after("a: [ 1 ]", { do: "remove", path: ["a", 0] }), "a: []");
});
