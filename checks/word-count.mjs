import { byBytes, count, csv, glosses, length, words } from "./tools/rows.mjs";

const counts = count(words(glosses().join("\n").toLowerCase()).filter((word) => length(word) > 1));
const rows = [...counts].sort(([a, n], [b, m]) => m - n || byBytes(a, b));
csv(["word", "count"], rows.slice(0, 100));
