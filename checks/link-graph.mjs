import { byBytes, csv, lines, textOf } from "./tools/rows.mjs";

const sources = new Map();
for (const line of lines(textOf("link-graph"))) {
  const { page, links } = JSON.parse(line);
  for (const target of links.split(" ").filter((target) => target !== "" && target !== page)) {
    sources.set(target, [...(sources.get(target) ?? []), page]);
  }
}
const rows = [...sources].map(([target, pages]) => [target, [...new Set(pages)].sort(byBytes).join(" "), pages.length]);
csv(["target", "linked_from", "links"], rows.sort(([a, , n], [b, , m]) => m - n || byBytes(a, b)));
