// A line that is too long for the editor goes on below, indented further than it begins, so that the YAML's shape stays seen.

import { RangeSetBuilder } from "@codemirror/state";
import { Decoration, EditorView, ViewPlugin } from "@codemirror/view";

/** How much further, in characters. */
const FURTHER = 2;

/** Beyond this indentation a narrow editor would have no room left. */
const INDENT_MAX = 24;

const hanging = ViewPlugin.define(
  (view) => ({
    decorations: indented(view),
    update(update) {
      if (update.docChanged || update.viewportChanged) this.decorations = indented(update.view);
    },
  }),
  { decorations: (plugin) => plugin.decorations },
);

function indented(view) {
  const builder = new RangeSetBuilder();
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = view.state.doc.lineAt(at);
      const spaces = Math.min(/^ */.exec(line.text)[0].length, INDENT_MAX) + FURTHER;
      const style = `padding-left: calc(4px + ${spaces}ch); text-indent: -${spaces}ch`;
      builder.add(line.from, line.from, Decoration.line({ attributes: { style } }));
      at = line.to + 1;
    }
  }
  return builder.finish();
}

export const wrap = [EditorView.lineWrapping, hanging];
