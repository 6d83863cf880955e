import { count, csv, glosses, length, list, words } from "./tools/rows.mjs";

const counts = count(glosses().flatMap((line) => words(line.toLowerCase())));
const lengths = new Map();
for (const [word, times] of counts) {
  if (times < 20) continue;
  const of = lengths.get(length(word)) ?? [];
  of.push(times);
  lengths.set(length(word), of);
}
const rows = [...lengths].sort(([a], [b]) => a - b).map(([letters, all]) => {
  all.sort((a, b) => b - a);
  return [letters, all.length, list(all.slice(0, 3)), all.reduce((a, b) => a + b)];
});
csv(["letters", "words", "most", "all"], rows);
