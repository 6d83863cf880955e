import { byBytes, csv, glosses, length } from "./tools/rows.mjs";

const rows = glosses().map((line) => [line, length(line)]);
csv(["line", "length"], rows.sort(([a, n], [b, m]) => m - n || byBytes(a, b)).slice(0, 100));
