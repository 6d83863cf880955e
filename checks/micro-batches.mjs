import { byBytes, csv, lines, textOf } from "./tools/rows.mjs";

const readings = lines(textOf("micro-batches")).slice(1).map((line) => line.split(","));
const rows = [];
for (let first = 0; first < readings.length; first += 4) {
  const days = new Map();
  for (const [day, reading] of readings.slice(first, first + 4)) {
    days.set(day, [...(days.get(day) ?? []), Number(reading)]);
  }
  rows.push(...[...days].sort(([a], [b]) => byBytes(a, b)).map(([day, all]) => [day, all.length, Math.max(...all)]));
}
csv(["day", "readings", "highest"], rows);
