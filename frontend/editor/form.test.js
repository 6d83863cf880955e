// The fields of a text, and what is added to it, by the format's own schema.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { applied, changesFor } from "./edit.js";
import { fieldsOf, pathAt, sampleFor } from "./form.js";

const { parser } = createRequire(import.meta.url)("@lezer/yaml");
const schema = JSON.parse(readFileSync(new URL("../../docs/schema.json", import.meta.url), "utf8"));
const EXAMPLES = new URL("../../examples/", import.meta.url);

const TEXT = `millrace: 1
title: Mine
seed: 7
batch:
  input: { dataset: glosses }
  format: { csv: { header: false } }
  skip_bad_records: true
  steps:
    - map: { n: length(line) }
    - filter: |
        n > 1
        and n < 9
expect: []
`;

function fields(text, problems = []) {
  return fieldsOf(parser, text, schema, problems).fields;
}

function field(text, path, problems) {
  const found = fields(text, problems).find((field) => field.path.join("/") === path);
  assert.ok(found, `no field ${path}`);
  return found;
}

function names(found) {
  return found.map(({ name }) => name);
}

test("the fields stand in the order of the text, each as it is written", () => {
  const found = fields(TEXT).map(({ path, kind, parts }) => `${path.join("/")} ${kind}${parts ? ` ${parts}` : ""}`);
  assert.deepEqual(found, [
    " map 5",
    "millrace text",
    "title text",
    "seed text",
    "batch map 4",
    "batch/input map 1",
    "batch/input/dataset text",
    "batch/format map 1",
    "batch/format/csv map 1",
    "batch/format/csv/header choice",
    "batch/skip_bad_records choice",
    "batch/steps list 2",
    "batch/steps/0 map 1",
    "batch/steps/0/map map 1",
    "batch/steps/0/map/n text",
    "batch/steps/1 map 1",
    "batch/steps/1/filter lines",
    "expect list",
  ]);
});

test("a field says what the schema says of it", () => {
  assert.match(field(TEXT, "seed").about, /All chance/);
  assert.equal(field(TEXT, "seed").example, "42");
  assert.deepEqual(names(field(TEXT, "batch/skip_bad_records").words), ["true", "false"]);
  assert.equal(field(TEXT, "batch/steps/0").name, "1 · map");
  const named = field(TEXT, "batch/steps/0/map/n");
  assert.ok(named.own && /new column/.test(named.about));
  assert.equal(field(TEXT, "batch/steps/1/filter").value, "n > 1\nand n < 9");
});

test("a value that may be written in two ways is shown as it is written", () => {
  const plain = TEXT.replace("{ csv: { header: false } }", "lines");
  assert.equal(field(plain, "batch/format").kind, "choice");
  assert.ok(names(field(plain, "batch/format").words).includes("jsonl"));
  assert.equal(field("respawn: never\n", "respawn").kind, "text");
  assert.deepEqual(names(field("respawn: never\n", "respawn").words), ["never"]);
});

test("what is offered may stand there and is not there yet", () => {
  const root = names(field(TEXT, "").offers);
  assert.ok(root.includes("workers") && root.includes("faults") && !root.includes("seed"));
  assert.ok(!root.includes("messaging"), "an experiment is one thing");
  assert.deepEqual(names(field("", "").offers).slice(0, 3).sort(), ["batch", "messaging", "millrace"]);
  assert.ok(names(field(TEXT, "batch/steps").offers).includes("flat_map"));
  assert.deepEqual(names(field(TEXT, "batch/steps/0").offers), [], "a step is one thing");
  assert.ok(field(TEXT, "batch/steps/0/map").named);
  assert.equal(field("faults: [ { partition: [ [a-1], [b-1] ] } ]\n", "faults/0/partition").items, true);
});

test("a problem is at the field that it is about", () => {
  const at = (word, whole = word) => ({ from: TEXT.indexOf(word), to: TEXT.indexOf(word) + whole.length, message: word });
  assert.deepEqual(field(TEXT, "seed", [at("7")]).problems, ["7"]);
  assert.deepEqual(field(TEXT, "batch/steps/0/map/n", [at("length(line)", "length")]).problems, ["length(line)"]);
  assert.deepEqual(field(TEXT, "batch/input", [at("{ dataset")]).problems, ["{ dataset"]);
  assert.deepEqual(field(TEXT, "batch/steps/1/filter", [at("filter")]).problems, ["filter"], "its key");
  assert.deepEqual(field(TEXT, "batch/steps/1", [at("filter: |")]).problems, ["filter: |"], "all of the step");
  assert.deepEqual(pathAt(parser, TEXT, schema, TEXT.indexOf("9"), TEXT.indexOf("9")), ["batch", "steps", 1, "filter"]);
});

test("what cannot be read is told by its place, and the rest is there", () => {
  const found = fields("title: a: b\nseed: 7\nabout: [1\n");
  assert.deepEqual(found.map(({ name, kind, line }) => `${name} ${kind} ${line}`), [" map 1", "title other 1", "seed text 2", "about other 3"]);
  const two = fieldsOf(parser, "seed: 7\n---\nseed: 8\n", schema, []);
  assert.equal(two.trouble, 2);
  assert.equal(field("a: &x 1\nb: *x\n", "b").kind, "other");
});

for (const name of readdirSync(EXAMPLES).filter((name) => name.endsWith(".yaml"))) {
  test(`${name}: everything that is offered can be added, and is a field then that the schema knows`, () => {
    const text = readFileSync(new URL(name, EXAMPLES), "utf8");
    for (const { path, kind, parts, offers, named, items } of fields(text)) {
      const added = offers.map(({ name }) => ({ kind: kind === "list" ? "item" : "key", name }));
      if (named) added.push({ kind: "entry", name: "mine" });
      if (items) added.push({ kind: "item" });
      for (const one of added) {
        const yaml = sampleFor(parser, schema, path, one.kind, one.name);
        const action = { do: "add", path, yaml, ...(one.kind === "item" ? {} : { name: one.name }) };
        const changes = changesFor(parser, text, action);
        assert.ok(changes, `${JSON.stringify(action)} was not done`);
        const there = field(applied(text, changes), [...path, one.kind === "item" ? parts : one.name].join("/"));
        assert.notEqual(there.kind, "other");
      }
    }
  });
}
