import { byBytes, csv, length, lines, list, textOf, words } from "./tools/rows.mjs";

const index = new Map();
for (const line of lines(textOf("inverted-index"))) {
  const [document, text] = line.split(";");
  for (const word of words(text.toLowerCase()).filter((word) => length(word) > 3)) {
    const entry = index.get(word) ?? { documents: new Set(), times: 0 };
    entry.documents.add(Number(document));
    entry.times += 1;
    index.set(word, entry);
  }
}
const rows = [...index].map(([word, { documents, times }]) => [word, list([...documents].sort((a, b) => a - b)), times]);
csv(["word", "documents", "times"], rows.sort(([a], [b]) => byBytes(a, b)));
