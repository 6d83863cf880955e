// What the schema of the format says at a place.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { about, formatAt, keysAt, wordsAt } from "./schema.js";

const schema = JSON.parse(readFileSync(new URL("../../docs/schema.json", import.meta.url), "utf8"));

function names(found) {
  return found.map(({ name }) => name).sort();
}

test("the keys of a mapping, behind lists and alternatives", () => {
  assert.ok(names(keysAt(schema, [])).includes("batch"));
  assert.ok(names(keysAt(schema, ["batch", "steps", 3])).includes("flat_map"));
  assert.deepEqual(names(keysAt(schema, ["batch", "format", "csv"])), ["delimiter", "header", "quote"]);
  assert.deepEqual(keysAt(schema, ["batch", "steps", 0, "map"]), [], "columns have names of the user's choosing");
  assert.deepEqual(keysAt(schema, ["nonsense", 1]), []);
});

test("what is needed is told from what is not", () => {
  const keys = keysAt(schema, ["batch"]);
  assert.ok(keys.find(({ name }) => name === "steps").needed);
  assert.ok(!keys.find(({ name }) => name === "split").needed);
});

test("the words of a value, alternatives included", () => {
  assert.deepEqual(names(wordsAt(schema, ["batch", "format"])), ["arrow", "csv", "jsonl", "lines", "parquet"]);
  assert.deepEqual(names(wordsAt(schema, ["batch", "steps", 0, "reduce", "combine"])), ["false", "true"]);
  assert.ok(names(wordsAt(schema, ["batch", "columns", "any"])).includes("bigint"));
  assert.deepEqual(wordsAt(schema, ["title"]), []);
});

test("what kind of text a value is", () => {
  assert.equal(formatAt(schema, ["batch", "steps", 0, "flat_map", "word"]), "expression");
  assert.equal(formatAt(schema, ["batch", "steps", 0, "reduce", "values", "n"]), "aggregate");
  assert.equal(formatAt(schema, ["batch", "steps", 0, "reduce", "key"]), "columns");
  assert.equal(formatAt(schema, ["faults", 0, "kill"]), "node");
  assert.equal(formatAt(schema, ["title"]), "");
});

test("a key and a name of the user's own are explained", () => {
  assert.match(about(schema, ["batch", "split"]).about, /map task/);
  assert.match(about(schema, ["batch", "steps", 0, "map", "mine"]).about, /new column/);
  assert.equal(about(schema, ["nonsense"]), null);
});
