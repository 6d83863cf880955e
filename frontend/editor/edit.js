// Changes one thing in the text of an experiment, and no character that need not change: comments, order, blank lines and the style that
// everything is written in stay.
//
// An action is one of
// - `{ do: "set", path, value }`: a scalar says something else, as it is quoted now if that can be
// - `{ do: "add", path, name, yaml }`: one more key at the end of a mapping, or, without a name, one more item of a list
// - `{ do: "remove", path }`: without a key or an item, and the lines that are its own
// - `{ do: "move", path, by }`: an item changes places with the one before (-1) or behind it (1), with the comments directly above each
// - `{ do: "rename", path, name }`: a key is called something else

import { meaning, nodeAt, part, read } from "./tree.js";

/** What has to change in the text for an action: a list of `{ from, to, insert }` in order; null where that cannot be done for sure. */
export function changesFor(parser, text, action) {
  const { root } = read(parser, text);
  const target = action.do === "set" ? nodeAt(root, action.path) : null;
  // The lines of a text below its key end with the last one that is not blank.
  if (target?.style === "block") action = { ...action, value: action.value.replace(BLANK_END, "") };
  const changes = new Editing(text).changes(root, action)?.sort((a, b) => a.from - b.from);
  if (!changes) return null;
  // The text then says what it said but for this; whatever is written in a way that was not thought of here is left to its writer.
  const after = applied(text, changes);
  const wanted = done(meaning(root, text), action, parser);
  return wanted !== undefined && same(meaning(read(parser, after).root, after), wanted) ? changes : null;
}

/** The text with changes. */
export function applied(text, changes) {
  return [...changes].reverse().reduce((text, { from, to, insert }) => text.slice(0, from) + insert + text.slice(to), text);
}

/** A text as a scalar: plain if that reads as itself, otherwise in quotes. */
export function scalar(value, flow, style = "plain") {
  const escapes = /[\x00-\x1f\x7f\x85\u2028\u2029\ufeff]/.test(value);
  if (style === "plain" && !escapes && readsPlain(value, flow)) return value;
  const single = !escapes && (style === "single" || (style === "plain" && /["\\]/.test(value) && !value.includes("'")));
  return single ? `'${value.replaceAll("'", "''")}'` : `"${value.replace(/["\\\x00-\x1f\x7f\x85\u2028\u2029\ufeff]/g, escaped)}"`;
}

function readsPlain(value, flow) {
  if (value === "" || value.trim() !== value || /^(~|null|Null|NULL|<<|---.*|\.\.\..*)$/.test(value)) return false;
  if (/^[,[\]{}#&*!|>'"%@`]/.test(value) || /^[-?:](\s|$)/.test(value) || /:(\s|$)|\s#/.test(value)) return false;
  return !flow || !/[,[\]{}]|^[?:]|^-(?!\d)/.test(value);
}

function escaped(character) {
  const short = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r" }[character];
  return short ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

class Editing {
  constructor(text) {
    this.text = text;
  }

  changes(root, { do: what, path, value, name, yaml, by }) {
    const above = nodeAt(root, path.slice(0, -1));
    const own = path.length > 0 ? part(above, path.at(-1)) : { value: root };
    if (!own) return null;
    switch (what) {
      case "set":
        return this.set(own, value);
      case "add":
        return this.add(own, name, yaml);
      case "remove":
        return path.length > 0 ? this.remove(above, own) : null;
      case "move":
        return this.move(above, path.at(-1), by);
      case "rename":
        return [{ ...own.key, insert: this.key(name, /^["']/.exec(this.text.slice(own.key.from))?.[0]) }];
      default:
        return null;
    }
  }

  set({ value: node, colon }, value) {
    if (node.kind === "nothing") return [this.behind(node.start, scalar(value, node.flow), colon)];
    if (node.kind !== "scalar") return null;
    if (node.style === "block") return this.setLines(node, value);
    return [{ from: node.from, to: node.to, insert: scalar(value, node.flow, node.style) }];
  }

  /** The lines of a text that stands below its key, as far in as they are. */
  setLines({ head, content, indent, parent }, value) {
    const lines = value.split("\n");
    const written = lines.map((line) => (line ? " ".repeat(indent) + line : "")).join("\n");
    const changes = [];
    const isBare = !/[1-9]/.test(this.text.slice(head.from, head.to));
    // Spaces at the beginning of the first line are its own only where the head says how far in the lines are.
    if (isBare && /^\n*[ \t]/.test(value)) changes.push({ from: head.from + 1, to: head.from + 1, insert: String(indent - Math.max(parent, 0)) });
    const empty = content.from === content.to;
    changes.push({ ...content, insert: empty ? `\n${written}` : written });
    return changes;
  }

  add({ value: node, colon }, name, yaml) {
    const isMap = name !== undefined;
    const entry = isMap ? `${this.key(name)}: ${yaml}` : yaml;
    if (node.kind === "nothing" && node.parent < 0 && isMap) return [this.behindText(entry)];
    if (node.kind === "nothing") return [this.behind(node.start, isMap ? `{ ${entry} }` : `[ ${entry} ]`, colon)];
    if (node.kind !== (isMap ? "map" : "list")) return null;
    const parts = node.entries ?? node.items;
    const last = parts.at(-1);
    if (!node.flow) return [this.insert(this.ownEnd(last.to, node.column), `\n${" ".repeat(node.column)}${isMap ? "" : "- "}${entry}`)];
    if (!last) return [this.insert(node.from + 1, this.text[node.from + 1] === " " ? ` ${entry}` : isMap ? ` ${entry} ` : entry)];
    const comma = /^\s*,/.exec(this.text.slice(last.to, node.to))?.[0].length;
    return [comma ? this.insert(last.to + comma, ` ${entry}`) : this.insert(last.to, `, ${entry}`)];
  }

  remove(above, own) {
    const parts = above.entries ?? above.items;
    const index = parts.indexOf(own);
    if (above.flow) return [this.removal(above, parts, index)];
    const next = parts[index + 1];
    const end = this.ownEnd(own.to, above.column);
    const start = this.lineStart(own.from);
    const isAlone = this.text.slice(start, own.from).trim() === "";
    const empty = above.entries ? "{}" : "[]";
    if (!isAlone && !next) return [{ from: own.from, to: own.to, insert: empty }];
    if (!isAlone) {
      // The next one takes its place beside the dash, unless a comment stands between.
      const between = this.text.slice(own.to, next.from);
      return [between.includes("#") ? { from: own.from, to: end, insert: "" } : { from: own.from, to: next.from, insert: "" }];
    }
    const lines = end < this.text.length ? { from: start, to: end + 1, insert: "" } : { from: Math.max(start - 1, 0), to: end, insert: "" };
    if (parts.length > 1 || above.parent < 0) return [lines];
    return [this.behind(above.start, empty), lines];
  }

  /** One of several in braces or brackets, with a comma. */
  removal(above, parts, index) {
    const { from, to } = parts[index];
    const [before, next] = [parts[index - 1], parts[index + 1]];
    const isBare = (from, to) => !this.text.slice(from, to).includes("#");
    const comma = to + (/^\s*,/.exec(this.text.slice(to, above.to))?.[0].length ?? 0);
    if (next) return { from, to: isBare(to, next.from) ? next.from : comma, insert: "" };
    if (before && isBare(before.to, from)) return { from: before.to, to, insert: "" };
    if (!before && isBare(above.from, from) && isBare(to, above.to)) return { from: above.from + 1, to: above.to - 1, insert: "" };
    return { from, to: comma, insert: "" };
  }

  move(above, index, by) {
    if (above?.kind !== "list" || !above.items[index + by]) return null;
    const [first, second] = by < 0 ? [index - 1, index] : [index, index + 1];
    const spans = [first, second].map((at) => this.span(above, at));
    const [a, b] = spans.some((span) => !span) ? [first, second].map((at) => this.content(above.items[at])) : spans;
    if (!a || !b) return null;
    const [one, other] = [this.text.slice(a.from, a.to), this.text.slice(b.from, b.to)];
    return [{ ...a, insert: other }, { ...b, insert: one }];
  }

  /** The lines of an item and of the comments directly above it; null if it shares its line with another. */
  span(list, index) {
    const { from, to } = list.items[index];
    if (list.flow || this.text.slice(this.lineStart(from), from).trim() !== "") return null;
    const floor = index > 0 ? this.ownEnd(list.items[index - 1].to, list.column) + 1 : list.start;
    let start = this.lineStart(from);
    for (let above = this.lineStart(start - 1); above >= floor && start > 0 && /^[ \t]*#/.test(this.text.slice(above, start)); above = this.lineStart(start - 1)) start = above;
    return { from: start, to: this.ownEnd(to, list.column) };
  }

  /** What an item says, where that is one line. */
  content({ value }) {
    const { from, to } = value;
    return this.text.slice(from, to).includes("\n") && !value.flow ? null : { from, to };
  }

  /** Where the lines end that belong to what ends at `to`: its comment, and comments below that are further in than `column`. */
  ownEnd(to, column) {
    let end = this.lineEnd(to);
    for (let at = end + 1; at < this.text.length; at = this.lineEnd(at) + 1) {
      const [, spaces, first] = /^([ \t]*)(.?)/.exec(this.text.slice(at, this.lineEnd(at)));
      if (first === "#" && spaces.length > column) end = this.lineEnd(at);
      else if (first) break;
    }
    return end;
  }

  key(name, quote) {
    if (!quote && readsPlain(name, true) && !/[:#\n]/.test(name)) return name;
    return scalar(name, true, quote === "'" ? "single" : "double");
  }

  /** Behind a key and its colon, which `colon` is -1 without. */
  behind(at, value, colon) {
    return this.insert(at, `${colon === -1 ? ":" : ""} ${value}`);
  }

  /** At the end of the text, in a line of its own. */
  behindText(line) {
    const { length } = this.text;
    return this.insert(length, `${length > 0 && !this.text.endsWith("\n") ? "\n" : ""}${line}\n`);
  }

  insert(at, insert) {
    return { from: at, to: at, insert };
  }

  lineStart(at) {
    return this.text.lastIndexOf("\n", at - 1) + 1;
  }

  lineEnd(at) {
    const end = this.text.indexOf("\n", at);
    return end < 0 ? this.text.length : end;
  }
}

/** What a text of this meaning says after an action; undefined if the action makes no sense there. */
function done(meant, { do: what, path, value, name, yaml, by }, parser) {
  const [step, ...rest] = path;
  const isHere = path.length === 0;
  if (isHere && what === "set") return value;
  if (isHere && what === "add") {
    const added = meaning(read(parser, yaml).root, yaml);
    if (name === undefined) return { items: [...(meant?.items ?? []), added] };
    return meant?.some?.(([key]) => key === name) ? undefined : [...(meant ?? []), [name, added]];
  }
  const parts = meant?.items ?? meant;
  const index = meant?.items ? step : Array.isArray(meant) ? meant.findIndex(([key]) => key === step) : -1;
  if (isHere || !(index >= 0 && index < parts.length)) return undefined;
  const changed = [...parts];
  if (rest.length > 0 || what === "set" || what === "add") {
    const inner = done(meant.items ? parts[index] : parts[index][1], { do: what, path: rest, value, name, yaml, by }, parser);
    if (inner === undefined) return undefined;
    changed[index] = meant.items ? inner : [step, inner];
  } else if (what === "remove") changed.splice(index, 1);
  else if (what === "rename") {
    if (meant.some(([key]) => key === name)) return undefined;
    changed[index] = [name, parts[index][1]];
  } else {
    if (!(index + by in parts)) return undefined;
    const moved = changed.splice(index, 1);
    changed.splice(index + by, 0, ...moved);
  }
  // What was the only part leaves an empty whole; where it was the document, nothing.
  return meant.items ? { items: changed } : changed;
}

const BLANK_END = /(\n[ \t]*)+$/;

function same(one, other) {
  const isEmpty = (meant) => meant === null || (Array.isArray(meant) && meant.length === 0);
  return JSON.stringify(one) === JSON.stringify(other) || (isEmpty(one) && isEmpty(other));
}
