// What the editor knows of the format: completions and explanations, from the schema, the table of functions and the columns at a step.

import { snippetCompletion, startCompletion } from "@codemirror/autocomplete";
import { about, formatAt, keysAt, wordsAt } from "./schema.js";
import { placeAt } from "./place.js";

const WORD = /[\p{L}_][\p{L}\p{N}_]*/u;
const WORD_BEFORE = /[\p{L}_][\p{L}\p{N}_]*$/u;
const WORD_AFTER = /^[\p{L}\p{N}_]*/u;
const ORDERS = [{ name: "desc", about: "The largest first." }, { name: "asc", about: "The smallest first." }];
const NODES = /^worker-\d+$/;

/** Completions and explanations. `outline()` gives what the engine last said of the steps, or null. */
export function help(schema, functions, outline) {
  const calls = callable(functions);

  function complete(context) {
    const text = context.state.doc.toString();
    const place = placeAt(text, context.pos);
    if (place.kind === "key") return keys(context, place);
    const format = formatAt(schema, place.path);
    if (format === "expression" || format === "aggregate") return expression(context, place, format);
    if (format === "columns" || format === "order") return columnList(context, place, format);
    return words(context, text, place, format);
  }

  function keys(context, place) {
    const typed = context.state.sliceDoc(place.from, context.pos);
    if (!/^["']?[\w]*$/.test(typed)) return null;
    if (!typed && !context.explicit && !place.flow && place.path.length === 0) return null;
    const here = keysAt(schema, place.path).filter(({ name }) => !place.keys.includes(name));
    const options = here.map((key, rank) => keyCompletion(key, rank, place));
    return options.length > 0 ? { from: place.from, options, validFor: /^\w*$/ } : null;
  }

  function words(context, text, place, format) {
    const known = format === "node" ? nodes(text, outline()) : wordsAt(schema, place.path);
    const options = known.map(({ name, about }) => ({ label: name, type: "enum", info: about ? () => explain({ about }) : undefined }));
    return options.length > 0 ? { from: place.from, options, validFor: /^[\w-]*$/ } : null;
  }

  function columnList(context, place, format) {
    const before = WORD_BEFORE.exec(context.state.sliceDoc(place.from, context.pos));
    const from = context.pos - (before?.[0].length ?? 0);
    const orders = format === "order" && /\S\s+$/.test(context.state.sliceDoc(place.from, from)) ? ORDERS : [];
    const afterComma = /(^|,)\s*$/.test(context.state.sliceDoc(place.from, from));
    const columns = afterComma ? columnsAt(place, outline()) : [];
    const options = [...columns.map(columnCompletion), ...orders.map(({ name, about }) => ({ label: name, type: "keyword", detail: about }))];
    return options.length > 0 ? { from, options, validFor: /^[\p{L}\p{N}_]*$/u } : null;
  }

  function expression(context, place, format) {
    const before = context.state.sliceDoc(place.from, context.pos);
    const word = WORD_BEFORE.exec(before);
    if ((!word && !context.explicit) || inText(before)) return null;
    const columns = columnsAt(place, outline());
    const aggregates = format === "aggregate" ? calls.filter((call) => call.isAggregate) : [];
    const others = calls.filter((call) => !call.isAggregate && !aggregates.some(({ name }) => name === call.name));
    const options = [
      ...columns.map(columnCompletion),
      ...aggregates.map((call) => callCompletion(call, 10)),
      ...others.map((call) => callCompletion(call, 0)),
    ];
    return { from: context.pos - (word?.[0].length ?? 0), options, validFor: /^[\p{L}\p{N}_]*$/u };
  }

  /** What is under the pointer, explained: `{ from, to, node }`, or null. */
  function explanation(state, pos) {
    const text = state.doc.toString();
    const back = WORD_BEFORE.exec(text.slice(Math.max(0, pos - 80), pos))?.[0].length ?? 0;
    const on = WORD_AFTER.exec(text.slice(pos, pos + 80))[0].length;
    const [from, to] = [pos - back, pos + on];
    const name = text.slice(from, to);
    if (!WORD.test(name)) return null;
    const place = placeAt(text, to);
    const found = explained(place, name, text, from, to);
    return found && { from, to, node: found };
  }

  function explained(place, name, text, from, to) {
    if (place.kind === "key") {
      const isKey = text.slice(place.from, to).replace(/^["']/, "") === name && /^["']?\s*:/.test(text.slice(to));
      const key = isKey && about(schema, [...place.path, name]);
      return key ? explain({ form: name, about: key.about, example: key.example }) : null;
    }
    const format = formatAt(schema, place.path);
    if (!format || format === "node") {
      const word = wordsAt(schema, place.path).find((word) => word.name === name && word.about);
      return word ? explain({ form: name, about: word.about }) : null;
    }
    if (inText(text.slice(place.from, from))) return null;
    if (/^\s*\(/.test(text.slice(to))) {
      const named = calls.filter((call) => call.name === name.toLowerCase());
      const call = named.find((call) => call.isAggregate === (format === "aggregate")) ?? named[0];
      if (call) return explainCall(call);
    }
    const columns = columnsAt(place, outline());
    const column = columns.find((column) => column.name === name);
    return column ? explain({ form: name, gives: column.type, about: "A column here." }) : null;
  }

  return { complete, explanation };
}

/** The columns that the step at `place` sees; those of the result where no step is. */
function columnsAt({ path }, outline) {
  if (!outline) return [];
  const step = path[0] === "batch" && path[1] === "steps" ? path[2] : outline.steps.length;
  return (outline.steps[step - 1] ?? outline).columns;
}

/** The nodes that the text may speak of. */
function nodes(text, outline) {
  const written = [...text.matchAll(/\bworker-(\d+)/g)].map(([, number]) => Number(number)).filter((number) => number <= 64);
  const workers = Math.max(outline?.workers ?? 0, ...written, 1);
  const names = Array.from({ length: workers }, (_, index) => `worker-${index + 1}`);
  return [...names, "coordinator"].map((name) => ({ name, about: NODES.test(name) ? "" : "Gives out the tasks." }));
}

/** Each function that is called by name, once, with all its forms. */
function callable(functions) {
  const calls = new Map();
  for (const entry of functions) {
    if (!entry.form.startsWith(`${entry.name}(`)) continue;
    const isAggregate = entry.family === "Aggregates";
    const key = `${entry.name} ${isAggregate}`;
    const call = calls.get(key) ?? { name: entry.name, isAggregate, forms: [] };
    call.forms.push(entry);
    calls.set(key, call);
  }
  return [...calls.values()];
}

/** Whether a text of SQL ends within quotes. */
function inText(before) {
  return (before.match(/'/g)?.length ?? 0) % 2 === 1;
}

function keyCompletion(key, rank, place) {
  const { name, about, example, needed, schemas } = key;
  const info = () => explain({ about, example });
  const option = { label: name, type: "property", info, boost: (needed ? 20 : 0) - rank / 10 };
  const kind = schemas[0] ?? {};
  const isNested = kind.type === "object" || kind.type === "array";
  if (isNested && !place.flow && place.path.length < 2) {
    // On the lines below, one step further in.
    const inner = " ".repeat(place.indent + 2);
    return { ...option, apply: (view, _, from, to) => insert(view, `${name}:\n${inner}${kind.type === "array" ? "- " : ""}`, from, to) };
  }
  if (isNested && example) return snippetCompletion(`${name}: \${${example.replace(/[{}]/g, "\\$&")}}`, option);
  return { ...option, apply: (view, _, from, to) => insert(view, `${name}: `, from, to) };
}

function columnCompletion({ name, type }) {
  return { label: name, type: "variable", detail: type, boost: 50 };
}

function callCompletion(call, boost) {
  const takes = call.forms.some(({ form }) => form !== `${call.name}()`);
  const apply = (view, _, from, to) => {
    const isCalled = view.state.sliceDoc(to, to + 1) === "(";
    const text = isCalled ? call.name : `${call.name}()`;
    view.dispatch({
      changes: { from, to, insert: text },
      selection: { anchor: from + text.length - (takes && !isCalled ? 1 : 0) },
      userEvent: "input.complete",
    });
  };
  return { label: call.name, type: "function", detail: call.forms[0].gives, info: () => explainCall(call), apply, boost };
}

function insert(view, text, from, to) {
  view.dispatch({ changes: { from, to, insert: text }, selection: { anchor: from + text.length }, userEvent: "input.complete" });
  // What may stand here comes next.
  startCompletion(view);
}

function explainCall(call) {
  const [first, ...others] = call.forms;
  const node = explain({ form: first.form, gives: first.gives, about: first.about, example: `${first.example} = ${first.value}` });
  for (const { form, gives, about } of others) if (about !== first.about) node.append(...explain({ form, gives, about }).childNodes);
  return node;
}

function explain({ form, gives, about, example }) {
  const node = element("div", "help");
  if (form) {
    const head = element("code", "form", form);
    if (gives) head.append(element("span", "gives", ` → ${gives}`));
    node.append(head);
  }
  if (about) node.append(element("p", "about", about));
  if (example) {
    const line = element("p", "example", "For example ");
    line.append(element("code", "", example));
    node.append(line);
  }
  return node;
}

function element(name, className, text = "") {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.textContent = text;
  return node;
}
