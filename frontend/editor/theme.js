// How the editor looks: by the page's own custom properties, so that it is light and dark with the page.

import { EditorView } from "@codemirror/view";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { tags } from "@lezer/highlight";

const surface = {
  border: "1px solid var(--line)",
  borderRadius: "var(--radius)",
  background: "var(--raised)",
  boxShadow: "0 4px 16px rgb(0 0 0 / 18%)",
  color: "var(--text)",
};

const look = EditorView.theme({
  "&": { height: "100%", background: "var(--raised)", color: "var(--text)", fontSize: "12px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", fontFeatureSettings: '"calt" 0', lineHeight: "1.55" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--text)" },
  ".cm-line": { padding: "0 8px 0 4px" },
  ".cm-cursor": { borderLeftColor: "var(--text)", borderLeftWidth: "1.5px" },
  ".cm-gutters": { background: "transparent", border: "0", color: "var(--quiet)" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 4px 0 8px", minWidth: "28px", fontVariantNumeric: "tabular-nums" },
  ".cm-activeLine": { background: "transparent" },
  "&.cm-focused .cm-activeLine": { background: "var(--hover)" },
  ".cm-activeLineGutter": { background: "transparent", color: "var(--text)" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--accent) 24%, transparent)",
  },
  ".cm-matchingBracket, &.cm-focused .cm-matchingBracket": {
    background: "transparent",
    outline: "1px solid color-mix(in srgb, var(--accent) 60%, transparent)",
  },
  ".cm-nonmatchingBracket, &.cm-focused .cm-nonmatchingBracket": { background: "transparent", color: "var(--down)" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--down)",
    textDecorationThickness: "1px",
    textUnderlineOffset: "3px",
    textDecorationSkipInk: "none",
  },
  ".cm-lintRange-active": { background: "color-mix(in srgb, var(--down) 14%, transparent)" },
  ".cm-lintPoint-error::after": { borderBottomColor: "var(--down)" },
  ".cm-tooltip": { ...surface, zIndex: 20, maxWidth: "min(420px, calc(100vw - 32px))" },
  ".cm-tooltip-lint": { padding: 0 },
  ".cm-diagnostic": { padding: "6px 10px", marginLeft: 0, borderLeft: "3px solid var(--down)", font: "12px/1.45 var(--sans)", whiteSpace: "pre-wrap" },
  ".cm-tooltip-section:not(:first-child)": { borderTop: "1px solid var(--line)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "15em", minWidth: "180px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "2px 8px", lineHeight: "1.5" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { background: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "600" },
  ".cm-completionDetail": { fontStyle: "normal", color: "var(--quiet)", marginLeft: "1em" },
  "li[aria-selected] > .cm-completionDetail": { color: "var(--on-accent)" },
  ".cm-completionIcon": { display: "none" },
  ".cm-tooltip.cm-completionInfo": { padding: "6px 10px", maxWidth: "300px", width: "max-content", font: "12px/1.45 var(--sans)" },
  ".cm-snippetField": { background: "color-mix(in srgb, var(--accent) 16%, transparent)" },
  ".cm-snippetFieldPosition": { borderLeftColor: "var(--accent)" },
  ".help": { padding: "6px 10px", font: "12px/1.45 var(--sans)" },
  ".cm-completionInfo .help": { padding: 0 },
  ".help code": { fontSize: "12px" },
  ".help .form": { display: "block", fontWeight: "500", overflowWrap: "anywhere" },
  ".help .gives, .help .example": { color: "var(--quiet)" },
  ".help p": { margin: "2px 0 0" },
});

// The colours are the page's: keys are what one steers by, comments step back, the rest is text.
const colours = HighlightStyle.define([
  { tag: tags.definition(tags.propertyName), color: "var(--accent)" },
  { tag: tags.lineComment, color: "var(--quiet)", fontStyle: "italic" },
  { tag: [tags.separator, tags.punctuation, tags.squareBracket, tags.brace], color: "var(--quiet)" },
  { tag: [tags.labelName, tags.typeName, tags.meta, tags.keyword], color: "var(--again)" },
]);

export const theme = [look, syntaxHighlighting(colours)];
