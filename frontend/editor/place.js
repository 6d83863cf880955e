// Where in an experiment a position of its text is: the keys and positions that lead there, and whether a key or a value stands
// there. It reads what is before the position and nothing else, so that it knows the place in a text that is not YAML yet.
//
// Absent on purpose: anchors, tags and several documents, which have no place in an experiment.

/**
 * The place of `offset` in `text`.
 *
 * - `path`: keys and positions, from the document to the mapping (for a key) or to the value (for a value).
 * - `kind`: `key` where a key of a mapping is expected or typed, `value` otherwise.
 * - `from`: where the key or value begins that ends at `offset`, past an opening quote.
 * - `quote`: the quote that is open at `offset`, if any.
 * - `flow`: whether it lies within braces or brackets; `indent`: how far the key's line is indented.
 * - `keys`: the keys of the same mapping that stand before.
 */
export function placeAt(text, offset) {
  const reading = new Reading(text.slice(0, offset));
  reading.read();
  return reading.place();
}

const KEY = /^("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#:{}[\],&*!|>%@`"'-](?:[^:#]|:(?=\S)|(?<=\S)#)*?)\s*:(?=\s|$)/;

class Reading {
  constructor(text) {
    this.text = text;
    // The mappings and lists that are open, outermost first: `{ indent, key, keys }` or `{ indent, index }`.
    this.frames = [];
    // Those in braces and brackets: `{ open, key, keys }` or `{ open, index }`.
    this.flow = [];
    // What is read now: where it begins, and the open quote.
    this.from = 0;
    this.quote = "";
    // The indentation of the key whose text follows in lines of their own (`|`, `>`), or -1.
    this.block = -1;
    // Whether the position is a value's.
    this.isValue = false;
    this.indent = 0;
  }

  read() {
    for (let start = 0; start <= this.text.length; ) {
      const newline = this.text.indexOf("\n", start);
      const end = newline < 0 ? this.text.length : newline;
      this.line(start, end, newline < 0);
      if (newline < 0) return;
      start = newline + 1;
    }
  }

  line(start, end, isLast) {
    if (this.quote) return this.quoted(start, end);
    if (this.flow.length > 0) {
      if (this.from === start - 1) this.from = start;
      return this.inFlow(start, end);
    }
    const indent = spaces(this.text, start, end);
    const isBlank = start + indent >= end;
    if (this.block >= 0) {
      if (isBlank ? !isLast : indent > this.block) {
        this.isValue = true;
        this.from = start + indent;
        return;
      }
      this.block = -1;
    }
    if (isBlank && !isLast) return;
    if (this.text[start + indent] === "#") {
      // Nothing is completed in a comment.
      this.isValue = true;
      this.from = end;
      return;
    }
    this.blockLine(start, start + indent, end);
  }

  /** A line of the block style, from its first character that is no space. */
  blockLine(start, at, end) {
    const top = this.frames.at(-1);
    const isEntry = KEY.test(this.text.slice(at, end)) || /^-(\s|$)/.test(this.text.slice(at, end));
    if (this.isValue && !isEntry && at < end && top?.key !== undefined && at - start > top.indent) {
      // The last line's value goes on.
      this.from = at;
      return;
    }
    this.isValue = false;
    for (;;) {
      const column = at - start;
      const rest = this.text.slice(at, end);
      const item = /^-(\s+|$)/.exec(rest);
      this.close(column, Boolean(item));
      this.indent = column;
      this.from = at;
      if (item) {
        this.beginItem(column);
        at += item[0].length;
        // `-` alone: what follows may be anything.
        if (at >= end && !item[1]) return;
        continue;
      }
      const key = KEY.exec(rest);
      if (!key) {
        const first = rest[0];
        if (first === "{" || first === "[") return this.inFlow(at, end);
        if ((first === '"' || first === "'") && this.frames.at(-1)?.index !== undefined) return this.scalar(at, end);
        return;
      }
      this.beginKey(column, unquoted(key[1]));
      return this.value(at + key[0].length, end, column);
    }
  }

  /** Ends what is indented further than `column`, and a list of that column unless its next item begins. */
  close(column, isItem) {
    const ends = ({ indent, index }) => indent > column || (indent === column && index !== undefined && !isItem);
    while (this.frames.length > 0 && ends(this.frames.at(-1))) this.frames.pop();
  }

  beginItem(column) {
    const top = this.frames.at(-1);
    if (top?.index !== undefined && top.indent === column) top.index += 1;
    else this.frames.push({ indent: column, index: 0 });
  }

  beginKey(column, key) {
    const top = this.frames.at(-1);
    if (top?.key !== undefined && top.indent === column) {
      top.keys.push(key);
      top.key = key;
    } else this.frames.push({ indent: column, key, keys: [key] });
  }

  /** What follows a key and its colon on the same line. */
  value(start, end, column) {
    const at = start + spaces(this.text, start, end);
    this.isValue = true;
    this.from = at;
    const first = this.text[at];
    if (at >= end) return;
    if (first === "|" || first === ">") this.block = column;
    else if (first === "{" || first === "[") this.inFlow(at, end);
    else if (first === "#") this.from = end;
    else this.scalar(at, end);
  }

  scalar(at, end) {
    this.isValue = true;
    this.from = at;
    const first = this.text[at];
    if (first !== '"' && first !== "'") return;
    this.quote = first;
    this.from = at + 1;
    this.quoted(at + 1, end);
  }

  /** Within quotes, to their end or the line's; then on behind them. */
  quoted(at, end) {
    for (; at < end; at += 1) {
      const c = this.text[at];
      if (this.quote === '"' && c === "\\") at += 1;
      else if (c === this.quote) {
        if (c === "'" && this.text[at + 1] === "'") at += 1;
        else {
          this.quote = "";
          if (this.flow.length > 0) this.inFlow(at + 1, end);
          else this.from = end;
          return;
        }
      }
    }
  }

  /** Within braces and brackets, to the line's end. */
  inFlow(at, end) {
    // What was read before is a key if a colon follows.
    let read = null;
    while (at < end) {
      const c = this.text[at];
      const top = this.flow.at(-1);
      if (c === "{" || c === "[") {
        this.flow.push(c === "{" ? { open: c, key: null, keys: [] } : { open: c, index: 0 });
        read = null;
        at += 1;
        this.from = at;
      } else if (c === "}" || c === "]") {
        this.flow.pop();
        at += 1;
        this.from = end;
        if (this.flow.length === 0) {
          this.isValue = true;
          return;
        }
      } else if (c === ",") {
        if (top.open === "{") top.key = null;
        else top.index += 1;
        read = null;
        at += 1;
        this.from = at;
      } else if (c === ":" && top.open === "{" && top.key === null) {
        top.key = read ?? unquoted(this.text.slice(this.from, at).trim());
        top.keys.push(top.key);
        read = null;
        at += 1;
        this.from = at;
      } else if (/\s/.test(c)) {
        at += 1;
        if (this.from === at - 1) this.from = at;
      } else if (c === "#" && /\s/.test(this.text[at - 1] ?? " ")) {
        this.from = end;
        return;
      } else if ((c === '"' || c === "'") && this.from === at) {
        const close = closing(this.text, at, end);
        if (close < 0) {
          this.quote = c;
          this.from = at + 1;
          return;
        }
        read = unquoted(this.text.slice(at, close + 1));
        at = close + 1;
      } else {
        while (at < end && !/[,{}[\]]/.test(this.text[at]) && !/^:(\s|$)/.test(this.text.slice(at, Math.min(at + 2, end)))) at += 1;
      }
    }
  }

  place() {
    const path = [];
    for (const { key, index } of this.frames) path.push(key ?? index);
    const top = this.flow.at(-1);
    for (const { key, index } of this.flow.slice(0, -1)) path.push(key ?? index);
    let kind = this.isValue ? "value" : "key";
    let keys = [];
    if (top) {
      kind = top.open === "{" && top.key === null ? "key" : "value";
      if (kind === "value") path.push(top.key ?? top.index);
      keys = top.keys ?? [];
    } else if (!this.isValue) {
      // The key that is typed stands beside those of its own column.
      const last = this.frames.at(-1);
      if (last?.key !== undefined && last.indent === this.indent) {
        path.pop();
        keys = last.keys;
      }
    }
    return { path, kind, from: this.from, quote: this.quote, flow: Boolean(top), indent: this.indent, keys };
  }
}

function spaces(text, start, end) {
  let at = start;
  while (at < end && text[at] === " ") at += 1;
  return at - start;
}

/** Where the quotes that open at `at` close; -1 if not before `end`. */
function closing(text, at, end) {
  const quote = text[at];
  for (let i = at + 1; i < end; i += 1) {
    if (quote === '"' && text[i] === "\\") i += 1;
    else if (text[i] === quote) {
      if (quote === "'" && text[i + 1] === "'") i += 1;
      else return i;
    }
  }
  return -1;
}

function unquoted(name) {
  return /^(["']).*\1$/.test(name) ? name.slice(1, -1) : name;
}
