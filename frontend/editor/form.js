// The text of an experiment as fields: what stands there, in its order, with what the schema says of each, what else may stand there, and
// the problems that lie in it. The page shows them; see `lab/form`.
//
// Nothing here knows a key of the format: a kind of experiment that the schema has is a form, too.

import { scalar } from "./edit.js";
import { below, keysAmong, resolved, wordsAmong } from "./schema.js";
import { read } from "./tree.js";

/**
 * The fields of a text: a list of
 * - `path`: names and positions; `parts`: how many fields follow that stand directly in it
 * - `kind`: `map`, `list`, `choice` (one of `words`), `text`, `lines` or `other` (what is not shown); `value`, and whether it is `written`
 * - `name`: what it is called; `about`: what the schema says of it; `example`: a value as an experiment has it
 * - `words`: what it may be, each with what that means; `offers`: the keys, or kinds of items, that may be added
 * - `named`: what an entry of the user's own naming is, where there may be such; `own`: whether this has such a name
 * - `items`: whether items may be added without a choice; `line`: where it stands; `problems`: those that lie in it and in no part of it
 *
 * and `trouble`, the line from which on nothing is read, or 0. `problems` are `{ from, to, message }`.
 */
export function fieldsOf(parser, text, schema, problems) {
  const { root, rest } = read(parser, text);
  const fields = [];
  const lines = lineStarts(text);
  const lineOf = (at) => lineAt(lines, at);

  function add(node, schemas, about) {
    const { path, name, place, key } = about;
    const shape = shapeOf(node, schemas);
    const parts = node.entries ?? node.items ?? [];
    const field = {
      path,
      name,
      about: about.about ?? "",
      example: about.example ?? "",
      own: about.own ?? false,
      kind: shape,
      value: node.kind === "scalar" ? node.value : node.kind === "other" ? text.slice(node.from, node.to).trim() : "",
      written: node.kind !== "nothing",
      words: shape === "choice" || shape === "text" ? wordsAmong(schemas) : [],
      offers: [],
      named: "",
      items: false,
      parts: parts.length,
      line: lineOf(place.from),
      problems: [],
    };
    fields.push({ field, place, key, node });
    if (shape === "map") {
      const present = parts.map(({ name }) => name);
      field.offers = offersOf(schemas, present);
      field.named = schemas.map((schema) => schema.additionalProperties?.description).find(Boolean) ?? (schemas.some((schema) => schema.additionalProperties) ? "A value of this name." : "");
    }
    if (shape === "list") {
      const within = itemsOf(schema, schemas);
      field.offers = choicesOf(within).map(({ name, about }) => ({ name, about }));
      field.items = within.length > 0 && field.offers.length === 0;
    }
    const keys = keysAmong(schema, schemas);
    parts.forEach((part, index) => {
      const step = node.kind === "map" ? part.name : index;
      const inner = schemas.flatMap((one) => below(schema, one, step));
      const known = keys.find(({ name }) => name === step);
      const named = node.kind === "map" && !known && inner.length > 0;
      // What goes without a path has a name that no key has.
      const at = step ?? { broken: index };
      const chosen = node.kind === "list" && choicesOf(inner).find(({ name }) => part.value.entries?.some((entry) => entry.name === name));
      add(part.value, inner, {
        path: [...path, at],
        name: node.kind === "list" ? `${index + 1}${chosen ? ` · ${chosen.name}` : ""}` : (step ?? text.slice(part.key.from, part.key.to)),
        about: known?.about ?? (named ? inner[0].description : ""),
        example: known?.example ?? "",
        own: named,
        place: part,
        key: part.key,
      });
    });
  }

  add(root, resolved(schema, schema), { path: [], name: "", about: schema.description, place: { from: 0, to: text.length } });
  for (const { from, to, message } of problems) owner(fields, from, to).problems.push(message);
  return { fields: fields.map(({ field }) => field), trouble: rest < 0 ? 0 : lineOf(rest) };
}

/** The path of the field that has a place of the text in it and no part that has. */
export function pathAt(parser, text, schema, from, to) {
  const [found] = fieldsOf(parser, text, schema, [{ from, to, message: "" }]).fields.filter(({ problems }) => problems.length > 0);
  return found.path;
}

/** The YAML of what is added at a path: a key (or an entry called `name`), or an item of the kind `name`. */
export function sampleFor(parser, schema, path, kind, name) {
  const steps = path.reduce((schemas, step) => schemas.flatMap((one) => below(schema, one, step)), resolved(schema, schema));
  const example = exampleAt(schema, path);
  if (kind === "item") {
    const within = itemsOf(schema, steps);
    const choice = choicesOf(within).find((choice) => choice.name === name);
    if (!choice) return sample(parser, schema, within, false);
    // What the example of the list has beside the choice that it made.
    const first = example && read(parser, example).root.items?.[0]?.value;
    const choices = choicesOf(within).map(({ name }) => name);
    const beside = (first?.entries ?? []).filter((entry) => !choices.includes(entry.name)).map(({ from, to }) => example.slice(from, to));
    const needed = (choice.schema.required ?? []).map((key) => `${key}: ${sampleOfKey(parser, schema, choice.schema, key, true)}`);
    const others = [...beside, ...needed];
    const written = sampleOfKey(parser, schema, choice.schema, name, others.length > 0);
    return others.length > 0 ? `{ ${others.join(", ")}, ${name}: ${written} }` : `${name}: ${written}`;
  }
  const known = steps.find((one) => one.properties?.[name]);
  if (known) return sampleOfKey(parser, schema, known, name, true);
  const entry = example && read(parser, example).root.entries?.[0]?.value;
  if (entry) return example.slice(entry.from, entry.to);
  return sample(parser, schema, steps.flatMap((one) => below(schema, one, name)), true);
}

/** The first part of a value that can be shown, by what it is written as. */
function shapeOf(node, schemas) {
  if (node.kind === "map" || node.kind === "list" || node.kind === "other") return node.kind;
  const words = wordsAmong(schemas);
  const isFree = schemas.some((schema) => isScalar(schema) && wordsAmong([schema]).length === 0);
  if (node.kind === "nothing") {
    const scalars = words.length > 0 || isFree;
    if (!scalars && schemas.some(({ type }) => [type].flat().includes("object"))) return "map";
    if (!scalars && schemas.some(({ type }) => [type].flat().includes("array"))) return "list";
  } else if (node.style === "block" || node.value.includes("\n")) return "lines";
  return words.length > 0 && !isFree ? "choice" : "text";
}

function isScalar({ type, const: word, enum: words }) {
  const types = [type].flat();
  return word !== undefined || Boolean(words) || types.some((type) => ["string", "number", "integer", "boolean"].includes(type));
}

/** The keys that may still be added: first those that are needed. */
function offersOf(schemas, present) {
  const offers = new Map();
  for (const schema of schemas) {
    const choice = choiceOf(schema);
    const isMade = choice.some((name) => present.includes(name));
    for (const [name, { description = "" }] of Object.entries(schema.properties ?? {})) {
      if (present.includes(name) || (isMade && choice.includes(name))) continue;
      const needed = (schema.required ?? []).includes(name) || choice.includes(name);
      offers.set(name, { name, about: description, needed });
    }
  }
  return [...offers.values()].sort((a, b) => b.needed - a.needed);
}

/** Keys of which a mapping has exactly one. */
function choiceOf(schema) {
  return schema.properties ? (schema.oneOf ?? []).flatMap(({ required }) => required ?? []) : [];
}

/** The kinds that a mapping may be, by the one key that makes it so. */
function choicesOf(schemas) {
  const of = (schema) => choiceOf(schema).map((name) => ({ name, about: schema.properties[name].description ?? "", schema }));
  return schemas.flatMap(of);
}

function itemsOf(root, schemas) {
  return schemas.flatMap(({ items }) => (items ? resolved(root, items) : []));
}

/** The example of the key that a path ends with. */
function exampleAt(root, path) {
  const above = path.slice(0, -1).reduce((schemas, step) => schemas.flatMap((one) => below(root, one, step)), resolved(root, root));
  return keysAmong(root, above).find(({ name }) => name === path.at(-1))?.example ?? "";
}

function sampleOfKey(parser, root, schema, key, flow) {
  const [example] = schema.properties[key].examples ?? [];
  if (example === undefined) return sample(parser, root, resolved(root, schema.properties[key]), flow);
  const { root: node } = read(parser, example);
  return node.kind === "map" || node.kind === "list" ? example : scalar(node.kind === "scalar" ? node.value : example, flow);
}

/** The least that a schema allows. */
function sample(parser, root, schemas, flow) {
  const [schema = {}] = schemas;
  const words = wordsAmong([schema]);
  if (words.length > 0) return scalar(words[0].name, flow);
  const types = [schema.type].flat();
  if (types.includes("string") || types.includes("integer") || types.includes("number")) return scalar(schema.format === "node" ? "worker-1" : String(schema.minimum ?? ""), flow);
  if (types.includes("array")) return schema.minItems > 0 ? `[ ${sample(parser, root, resolved(root, schema.items), true)} ]` : "[]";
  const keys = [...(schema.required ?? []), ...choiceOf(schema).slice(0, 1)];
  return keys.length > 0 ? `{ ${keys.map((key) => `${key}: ${sampleOfKey(parser, root, schema, key, true)}`).join(", ")} }` : "{}";
}

/** The innermost field that a place lies in. What begins a mapping and is longer than its first key is about the mapping. */
function owner(fields, from, to) {
  let found = fields[0];
  for (const entry of fields) {
    const { place, key } = entry;
    const wide = key && from === key.from && to > key.to && to - from > key.to - key.from;
    if (place.from <= from && from <= place.to && !wide && place.to - place.from <= found.place.to - found.place.from) found = entry;
  }
  return found.field;
}

/** The line that a place is in, from 1. */
function lineAt(starts, at) {
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= at) low = middle;
    else high = middle;
  }
  return low + 1;
}

function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}
