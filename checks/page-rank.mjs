import { byBytes, csv, double, lines, textOf } from "./tools/rows.mjs";

const links = lines(textOf("page-rank")).slice(1).map((line) => line.split(","));
let ranks = new Map(links.map(([page]) => [page, 1]));
for (let round = 0; round < 10; round += 1) {
  const next = new Map();
  for (const [page, targets] of links) {
    const all = targets.split(" ");
    if (!ranks.has(page)) continue;
    for (const target of all) next.set(target, (next.get(target) ?? 0) + ranks.get(page) / all.length);
  }
  ranks = new Map([...next].map(([page, sum]) => [page, 0.15 + 0.85 * sum]));
}
const rows = [...ranks].map(([page, rank]) => [page, Math.round(rank * 1e6) / 1e6]);
csv(["page", "rounded"], rows.sort(([a, n], [b, m]) => m - n || byBytes(a, b)).map(([page, rank]) => [page, double(rank)]));
