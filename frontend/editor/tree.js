// The text of an experiment as a tree in which everything knows where it stands, so that one part can be changed and no other is touched.
//
// The places are those of Lezer's YAML parser, which the editor has anyway; it also reads text that is not sound, and then says where. What
// is not read here (anchors' aliases, tags, keys of several lines, what is not YAML) is kept as `other`: known by its place, and never changed.
//
// A node is one of
// - `map`: `entries`, each `{ name, key: { from, to }, from, to, colon, value }`; `colon` is where the key's colon ends, -1 if it has none
// - `list`: `items`, each `{ from, to, value }`
// - `scalar`: its `value`, and the `style` it is written in: `plain`, `single`, `double`, or `block` with `head` and `indent`
// - `nothing`: where a value could be
// - `other`: what is not shown, and whether it is `broken`
// and has `from` and `to`, where it stands; `start`, past which it can be written; `flow`, whether it lies within braces or brackets (of a
// map and a list: whether it has them); `parent`, how far the key or the dash is indented that it belongs to.

/** Reads a text by Lezer's parser: `{ root, rest }`, where `rest` is where something stands that no document of ours has, or -1. */
export function read(parser, text) {
  const reader = new Reader(text);
  const documents = childrenOf(parser.parse(text).topNode).filter(({ name }) => name !== "Comment");
  const [first, ...others] = documents.filter(({ name }) => name === "Document");
  const parts = first ? childrenOf(first).filter(({ name }) => !MARKS.has(name)) : [];
  const root = parts.length > 0 && parts[0].name !== ERROR ? reader.value(parts[0], -1, false, 0) : reader.nothing(text.length, 0, false, -1);
  const extra = [...parts.slice(1), ...others, ...documents.filter(({ name }) => name === ERROR)];
  return { root, rest: extra[0]?.from ?? -1 };
}

/** What a node says, without its places: for comparing. */
export function meaning(node, text) {
  switch (node.kind) {
    case "map":
      return node.entries.map(({ name, key, value }) => [name ?? text.slice(key.from, key.to), meaning(value, text)]);
    case "list":
      return { items: node.items.map(({ value }) => meaning(value, text)) };
    case "scalar":
      return node.value;
    case "other":
      return { other: text.slice(node.from, node.to) };
    default:
      return null;
  }
}

/** The node at a path of names and positions, or null. */
export function nodeAt(root, path) {
  return path.reduce((node, step) => part(node, step)?.value ?? null, root);
}

/** The entry or the item that a step of a path leads to, or null. */
export function part(node, step) {
  if (node?.kind === "map") return node.entries.find(({ name }) => name === step) ?? null;
  return node?.kind === "list" ? (node.items[step] ?? null) : null;
}

const ERROR = "⚠";
const MARKS = new Set(["Comment", "Directive", "DirectiveEnd", "DocEnd"]);

class Reader {
  constructor(text) {
    this.text = text;
  }

  /** `start`: behind the colon, the dash or the bracket before it, or behind its anchor. */
  value(node, start, flow, parent) {
    const { from, to } = node;
    switch (node.name) {
      case "Literal":
        return { kind: "scalar", style: "plain", value: folded(this.text.slice(from, to)), from, to, start, flow, parent };
      case "QuotedLiteral":
        return this.quoted(from, to, start, flow, parent);
      case "BlockLiteral":
        return this.block(node, start, parent);
      case "BlockMapping":
        return this.map(node, start, parent);
      case "BlockSequence":
        return this.list(node, start, parent);
      case "FlowMapping":
      case "FlowSequence":
        return this.flow(node, start, parent);
      case "Anchored": {
        const [anchor, inner] = childrenOf(node);
        return inner ? this.value(inner, anchor.to, flow, parent) : this.nothing(anchor.to, anchor.to, flow, parent);
      }
      default:
        return { kind: "other", broken: node.name === ERROR, from, to, start, flow, parent };
    }
  }

  nothing(at, start, flow, parent) {
    return { kind: "nothing", from: at, to: at, start, flow, parent };
  }

  broken(node, start, flow, parent) {
    return { kind: "other", broken: true, from: node.from, to: Math.max(node.to, node.from), start, flow, parent };
  }

  quoted(from, to, start, flow, parent) {
    const written = this.text.slice(from, to);
    const style = written[0] === '"' ? "double" : "single";
    const value = style === "double" ? unescaped(written) : /^'(?:[^']|'')*'$/.test(written) ? folded(written.slice(1, -1)).replaceAll("''", "'") : null;
    if (value === null) return this.broken({ from, to }, start, flow, parent);
    return { kind: "scalar", style, value, from, to, start, flow, parent };
  }

  block(node, start, parent) {
    const { from } = node;
    const [head, ...rest] = childrenOf(node);
    const content = rest.find(({ name }) => name === "BlockLiteralContent");
    const [, digit] = /([1-9])/.exec(this.text.slice(head.from, head.to)) ?? [];
    const first = content && /^(?: *\n)*( *)[^ \n]/.exec(this.text.slice(content.from, content.to));
    const indent = digit ? Math.max(parent, 0) + Number(digit) : (first?.[1].length ?? Math.max(parent, -1) + 2);
    const lines = content ? this.text.slice(content.from, content.to).split("\n") : [];
    const value = lines.map((line) => line.slice(indent)).join("\n").replace(/(\n[ \t]*)+$/, "");
    // Where the lines below its last one count, they are its own.
    const blank = this.text.slice(head.from, head.to).includes("+") ? /^(\n[ \t]*(?=\n))*/.exec(this.text.slice(node.to))[0].length : 0;
    const lineEnd = this.lineEnd(head.to);
    const place = content ? { from: content.from, to: content.to } : { from: lineEnd, to: lineEnd };
    const to = Math.max(content?.to ?? head.to, head.to) + blank;
    return { kind: "scalar", style: "block", value, head: { from: head.from, to: head.to }, content: place, indent, from, to, start, flow: false, parent };
  }

  map(node, start, parent) {
    const entries = [];
    let explicit = false;
    let hurt = false;
    for (const child of childrenOf(node)) {
      if (child.name === "?") explicit = true;
      else if (child.name === ERROR) {
        // What stands on either side was not read as it was meant.
        if (entries.length > 0) this.spoil(entries.at(-1));
        hurt = true;
      } else if (child.name === "Pair") {
        const entry = this.entry(child, false);
        if (explicit || hurt || entries.some(({ name }) => name === entry.name)) this.spoil(entry);
        entries.push(entry);
        explicit = hurt = false;
      }
    }
    const from = entries[0]?.from ?? node.from;
    return { kind: "map", entries, from, to: entries.at(-1)?.to ?? node.to, start, flow: false, parent, column: this.column(from) };
  }

  /** An entry that is only known by its place. */
  spoil(entry) {
    entry.value = this.broken({ from: entry.colon < 0 ? entry.key.to : entry.colon, to: entry.to }, entry.colon, entry.value.flow, entry.value.parent);
    // Whatever it is called, no path leads to it.
    entry.name = null;
  }

  entry(pair, flow) {
    const children = childrenOf(pair).filter(({ name }) => name !== "Comment");
    const key = children.find(({ name }) => name === "Key");
    const colon = children.find(({ name }) => name === ":")?.to ?? -1;
    const written = children.find(({ name }) => name !== "Key" && name !== ":");
    const hurt = children.some(({ name }) => name === ERROR);
    const place = key ?? { from: pair.from, to: pair.from };
    const column = this.column(pair.from);
    const start = colon < 0 ? place.to : colon;
    let value = written ? this.value(written, start, flow, column) : this.nothing(start, start, flow, column);
    // `a: b: c`: a mapping does not begin beside its key.
    const beside = value.kind === "map" && !value.flow && !this.text.slice(start, value.from).includes("\n");
    if (hurt || beside) value = this.broken({ from: start, to: pair.to }, start, flow, column);
    const named = key && childrenOf(key)[0];
    const name = named && /^(Quoted)?Literal$/.test(named.name) ? this.value(named, 0, flow, 0).value : undefined;
    const entry = { name, key: { from: place.from, to: place.to }, from: pair.from, to: Math.max(pair.to, value.to), colon, value };
    if (name === undefined || this.text.slice(place.from, place.to).includes("\n")) this.spoil(entry);
    return entry;
  }

  list(node, start, parent) {
    const items = [];
    let dash = node.from;
    for (const child of childrenOf(node)) {
      if (child.name === "-") dash = child.from;
      else if (child.name === ERROR && items.length > 0) items.at(-1).value = this.broken(items.at(-1).value, dash + 1, false, this.column(dash));
      else if (child.name === "Item") items.push(this.item(child, dash, false));
    }
    const from = items[0]?.from ?? node.from;
    return { kind: "list", items, from, to: items.at(-1)?.to ?? node.to, start, flow: false, parent, column: this.column(from) };
  }

  item(node, from, flow) {
    const children = childrenOf(node).filter(({ name }) => name !== "Comment");
    const start = flow ? from : from + 1;
    const column = this.column(from);
    const hurt = children.some(({ name }) => name === ERROR);
    let value = children[0] ? this.value(children[0], start, flow, column) : this.nothing(start, start, flow, column);
    if (hurt) value = this.broken(node, start, flow, column);
    return { from, to: Math.max(value.to, flow ? node.to : start), value };
  }

  /** In braces or brackets. */
  flow(node, start, parent) {
    const { from, to } = node;
    const children = childrenOf(node);
    const isMap = node.name === "FlowMapping";
    const closed = this.text[from] === (isMap ? "{" : "[") && this.text[to - 1] === (isMap ? "}" : "]") && to - from > 1;
    if (!closed || children.some(({ name }) => name === ERROR || name === "?")) return this.broken(node, start, true, parent);
    const place = { from, to, start, flow: true, parent };
    if (!isMap) return { kind: "list", items: children.filter(({ name }) => name === "Item").map((item) => this.item(item, item.from, true)), ...place };
    const entries = children.filter(({ name }) => name === "Pair").map((pair) => this.entry(pair, true));
    const names = entries.map(({ name }) => name);
    entries.filter(({ name }, index) => names.indexOf(name) < index).forEach((entry) => this.spoil(entry));
    return { kind: "map", entries, ...place };
  }

  column(at) {
    return at - (this.text.lastIndexOf("\n", at - 1) + 1);
  }

  lineEnd(at) {
    const end = this.text.indexOf("\n", at);
    return end < 0 ? this.text.length : end;
  }
}

function childrenOf(node) {
  const children = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child);
  return children;
}

/** A plain or quoted text over several lines, as it reads. */
function folded(written) {
  return written.replace(/[ \t]*\n[ \t]*((?:\n[ \t]*)*)/g, (_, more) => more.replace(/[^\n]/g, "") || " ");
}

const ESCAPES = { 0: "\0", a: "\x07", b: "\b", t: "\t", "\t": "\t", n: "\n", v: "\v", f: "\f", r: "\r", e: "\x1b", N: "\x85", _: "\xa0", L: "\u2028", P: "\u2029" };

/** What stands in double quotes; null if they do not close. */
function unescaped(written) {
  if (!/^"(?:[^"\\]|\\[^])*"$/.test(written)) return null;
  const parts = /\\(\n[ \t]*|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^])|[ \t]*\n[ \t]*((?:\n[ \t]*)*)/g;
  return written.slice(1, -1).replace(parts, (_, escape, more) => {
    if (escape === undefined) return more.replace(/[^\n]/g, "") || " ";
    if (escape[0] === "\n") return "";
    if (escape.length > 1) return String.fromCodePoint(Math.min(parseInt(escape.slice(1), 16), 0x10ffff));
    return ESCAPES[escape] ?? escape;
  });
}
