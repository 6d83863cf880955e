import { byBytes, csv, length, lines, tableTextOf, textOf } from "./tools/rows.mjs";

const stored = new Set(lines(tableTextOf("backup", "stored")));
const files = new Map();
for (const line of lines(textOf("backup"))) {
  const [file, chunk] = line.split(",");
  if (!stored.has(chunk)) files.set(chunk, (files.get(chunk) ?? new Set()).add(file));
}
const rows = [...files].map(([chunk, of]) => [chunk, length(chunk), of.size]);
csv(["chunk", "characters", "files"], rows.sort(([a], [b]) => byBytes(a, b)));
