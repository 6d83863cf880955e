import { byBytes, csv, lines, textOf } from "./tools/rows.mjs";

const mills = new Map();
for (const [mill, level] of lines(textOf("bad-records")).slice(1).map((line) => line.split(","))) {
  if (/^\d+$/.test(level)) mills.set(mill, [...(mills.get(mill) ?? []), Number(level)]);
}
const rows = [...mills].map(([mill, levels]) => [mill, levels.length, Math.max(...levels)]);
csv(["mill", "readings", "highest"], rows.sort(([a], [b]) => byBytes(a, b)));
