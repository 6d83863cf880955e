import { csv, double, glosses, length, words } from "./tools/rows.mjs";
import { hyperLogLog } from "./tools/sketch.mjs";

const letters = new Map();
for (const word of words(glosses().join("\n").toLowerCase())) {
  const [letter] = word;
  if (letter < "a" || letter > "z") continue;
  const found = letters.get(letter) ?? { words: 0, different: new Set(), characters: 0, longest: 0 };
  found.words += 1;
  found.different.add(word);
  found.characters += length(word);
  found.longest = Math.max(found.longest, length(word));
  letters.set(letter, found);
}
const rows = [...letters].map(([letter, { words, different, characters, longest }]) => {
  const mean = double(Math.round((100 * characters) / words) / 100);
  return [letter, words, different.size, hyperLogLog(different), mean, longest];
});
csv(["letter", "words", "different", "about", "mean", "longest"], rows.sort(([, n], [, m]) => m - n));
