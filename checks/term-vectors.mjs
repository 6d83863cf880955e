import { byBytes, count, csv, length, lines, textOf, words } from "./tools/rows.mjs";

const dull = ["the", "and", "all"];
const terms = lines(textOf("term-vectors")).flatMap((line) => {
  const { url, text } = JSON.parse(line);
  const kept = words(text.toLowerCase()).filter((word) => length(word) > 2 && !dull.includes(word));
  return kept.map((word) => `${new URL(url).hostname} ${word}`);
});
const rows = [...count(terms)].filter(([, n]) => n > 1).map(([term, n]) => [...term.split(" "), n]);
csv(["host", "word", "n"], rows.sort(([a, v, n], [b, w, m]) => byBytes(a, b) || m - n || byBytes(v, w)));
