import { byBytes, count, csv, textOf, words } from "./tools/rows.mjs";

const counts = count(words(textOf("word-count-text").toLowerCase()));
csv(["word", "count"], [...counts].sort(([a, n], [b, m]) => m - n || byBytes(a, b)));
