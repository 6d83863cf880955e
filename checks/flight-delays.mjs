import { readFileSync } from "node:fs";
import { byBytes, csv, double, lines } from "./tools/rows.mjs";

const text = readFileSync(new URL("../target/dist/data/flights.csv", import.meta.url), "utf8");
const [header, ...rest] = lines(text);
const at = Object.fromEntries(header.split(",").map((name, index) => [name, index]));
const airports = new Map();
for (const line of rest) {
  const fields = line.split(",");
  if (fields[at.delay] === "") continue;
  const [delay, distance] = [Number(fields[at.delay]), Number(fields[at.distance])];
  const of = airports.get(fields[at.origin]) ?? { flights: 0, late: 0, worst: -Infinity, farthest: -Infinity };
  of.flights += 1;
  of.late += delay;
  of.worst = Math.max(of.worst, delay);
  of.farthest = Math.max(of.farthest, distance);
  airports.set(fields[at.origin], of);
}
const rows = [...airports].filter(([, of]) => of.flights >= 100).map(([origin, of]) => {
  return [origin, of.flights, Math.round((of.late / of.flights) * 1000) / 1000, of.worst, of.farthest];
});
rows.sort((a, b) => b[2] - a[2] || byBytes(a[0], b[0]));
csv(["origin", "flights", "mean", "worst", "farthest"], rows.slice(0, 50).map(([a, b, mean, ...more]) => [a, b, double(mean), ...more]));
