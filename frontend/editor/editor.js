// The experiment's editor: CodeMirror with the page's look, told by the page what the engine's checker found.
//
// `cargo xtask page` bundles it into one script, which the page loads when an editor is first seen; it then stands at
// `window.millraceEditor`. The page speaks to it through `create` and the methods of what that gives; see `lab/experiment/script.rs`.
//
// Absent on purpose: checking. The engine checks; this only shows.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, isolateHistory, redo, redoDepth, undo, undoDepth } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { yaml, yamlLanguage } from "@codemirror/lang-yaml";
import { lintKeymap, setDiagnostics } from "@codemirror/lint";
import { EditorSelection, EditorState } from "@codemirror/state";
import {
  EditorView,
  drawSelection,
  dropCursor,
  highlightActiveLine,
  highlightActiveLineGutter,
  hoverTooltip,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import functions from "../../docs/functions.json";
import schema from "../../docs/schema.json";
import { changesFor } from "./edit.js";
import { fieldsOf, pathAt, sampleFor } from "./form.js";
import { help } from "./help.js";
import { theme } from "./theme.js";
import { wrap } from "./wrap.js";

/** How long the pointer rests before what is under it is explained, in milliseconds. */
const HOVER_MS = 300;

/**
 * Puts an editor into `host`. `changed(text)` is called after every change that was not asked for by `setText`.
 * `attributes` go to the element that is written in: its label, its test id.
 */
export function create(host, text, attributes, changed) {
  return new Editor(host, text, attributes, changed);
}

class Editor {
  constructor(host, text, attributes, changed) {
    this.outline = null;
    this.silent = false;
    this.newline = newlineOf(text);
    const { complete, explanation } = help(schema, functions, () => this.outline);
    const hover = hoverTooltip(
      (view, pos) => {
        const found = explanation(view.state, pos);
        return found && { pos: found.from, end: found.to, above: true, create: () => ({ dom: found.node }) };
      },
      { hoverTime: HOVER_MS },
    );
    this.view = new EditorView({
      parent: host,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(),
          highlightActiveLineGutter(),
          highlightActiveLine(),
          history(),
          drawSelection(),
          dropCursor(),
          bracketMatching(),
          closeBrackets(),
          indentOnInput(),
          indentUnit.of("  "),
          wrap,
          autocompletion({ override: [complete], icons: false, activateOnTypingDelay: 60 }),
          hover,
          yaml(),
          theme,
          // Tab leaves the editor, as it leaves every other field.
          keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
          // Said outright, so that whoever checks the page sees that what scrolls here can be reached by the keyboard.
          EditorView.contentAttributes.of({ tabindex: "0", ...attributes }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged && !this.silent) changed(update.state.doc.toString().replaceAll("\n", this.newline));
          }),
        ],
      }),
    });
  }

  /** Replaces the text, in one step that can be undone. What is only put in leaves the cursor where it is. */
  setText(text) {
    this.newline = newlineOf(text);
    const before = this.view.state.doc.toString();
    const after = text.replace(/\r\n?/g, "\n");
    if (after === before) return;
    const added = insertion(before, after);
    const change = added
      ? { changes: added, effects: EditorView.scrollIntoView(added.from, { y: "nearest" }) }
      : { changes: { from: 0, to: before.length, insert: after }, selection: { anchor: 0 }, scrollIntoView: true };
    this.silent = true;
    try {
      this.view.dispatch({ ...change, annotations: isolateHistory.of("full") });
    } finally {
      this.silent = false;
    }
  }

  /** Marks problems: `{ line, column, width, message, hint }`, lines and columns from 1, columns in characters. */
  setProblems(problems) {
    const { doc } = this.view.state;
    const diagnostics = problems
      .filter(({ line }) => line > 0)
      .map(({ line, column, width, message, hint }) => {
        const [from, to] = span(doc, line, column, width);
        return { from, to, severity: "error", message: hint ? `${message}\n${hint}` : message };
      });
    this.view.dispatch(setDiagnostics(this.view.state, diagnostics));
  }

  /** What the engine said of the text's steps, for completion; null keeps what it said before. */
  setOutline(outline) {
    this.outline = outline ?? this.outline;
  }

  /** Puts the cursor at a line and column, both from 1. */
  goTo(line, column) {
    const [from] = span(this.view.state.doc, line, column, 0);
    this.view.dispatch({ selection: EditorSelection.cursor(from), scrollIntoView: true, userEvent: "select" });
    this.view.focus();
  }

  focus() {
    this.view.focus();
  }

  /** The text as fields (see `form.js`), with the problems where they lie, and whether anything can be undone or done again; as JSON. */
  fields(problems) {
    const { state } = this.view;
    const placed = problems.map(({ line, column, width, message, hint }) => {
      const [from, to] = line > 0 ? span(state.doc, line, column, width) : [0, state.doc.length];
      return { from, to, message: hint ? `${message}. ${hint}` : message };
    });
    const fields = fieldsOf(yamlLanguage.parser, state.doc.toString(), schema, placed);
    return JSON.stringify({ ...fields, undo: undoDepth(state) > 0, redo: redoDepth(state) > 0 });
  }

  /** The path of the field that a line and column (both from 1) lie in, as JSON. */
  fieldAt(line, column) {
    const { doc } = this.view.state;
    const [at] = span(doc, line, column, 0);
    // At a line's beginning it is what begins there, behind its dashes.
    const from = at + /^[ ]*(- +)*/.exec(doc.lineAt(at).text.slice(at - doc.lineAt(at).from))[0].length;
    return JSON.stringify(pathAt(yamlLanguage.parser, doc.toString(), schema, from, from));
  }

  /**
   * Changes one thing in the text, and nothing else (see `edit.js`), in one step that can be undone. What is added has no YAML of its own
   * but is of a `kind`: `key`, `entry` (with a name of the user's own) or `item`. Says whether it was done.
   */
  act(json) {
    const text = this.view.state.doc.toString();
    const action = JSON.parse(json);
    if (action.do === "add") {
      action.yaml = sampleFor(yamlLanguage.parser, schema, action.path, action.kind, action.name);
      if (action.kind === "item") delete action.name;
    }
    const changes = changesFor(yamlLanguage.parser, text, action);
    if (changes) this.view.dispatch({ changes, annotations: isolateHistory.of("full"), userEvent: "input.form" });
    return changes !== null;
  }

  undo() {
    undo(this.view);
  }

  redo() {
    redo(this.view);
  }

  destroy() {
    this.view.destroy();
  }
}

/** What ends the lines of a text. The editor has them without; the page has the text as it came. */
function newlineOf(text) {
  return text.includes("\r\n") ? "\r\n" : "\n";
}

/** What was put into `before` to make `after`; null if it is another text. */
function insertion(before, after) {
  let from = 0;
  while (from < before.length && before[from] === after[from]) from += 1;
  const rest = before.length - from;
  const length = after.length - before.length;
  if (length <= 0 || after.slice(from + length) !== before.slice(from) || (from === 0 && rest === 0)) return null;
  return { from, insert: after.slice(from, from + length) };
}

/** Where so many characters stand in the document; a place of no width is the word that stands there. */
function span(doc, line, column, width) {
  const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const units = (text, characters) => [...text].slice(0, characters).join("").length;
  const from = found.from + units(found.text, column - 1);
  const rest = found.text.slice(from - found.from);
  const length = width > 0 ? units(rest, width) : (/^[\w.-]+|^./.exec(rest)?.[0].length ?? 0);
  return [from, from + length];
}
