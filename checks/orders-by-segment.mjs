import { byBytes, csv, double, generated, lines } from "./tools/rows.mjs";

// What is quoted has commas of its own, and is not looked at.
const fields = (text) => lines(text).slice(1).map((line) => line.replace(/"[^"]*"/g, "").split(","));
const segments = new Map(fields(generated("orders-by-segment", "customers")).map((row) => [row[0], row[6]]));
const groups = new Map();
for (const [, customer, , price, date] of fields(generated("orders-by-segment"))) {
  const key = `${segments.get(customer)},${date.slice(0, 4)}`;
  const group = groups.get(key) ?? { orders: 0, customers: new Set(), dearest: 0 };
  group.orders += 1;
  group.customers.add(customer);
  group.dearest = Math.max(group.dearest, Number(price));
  groups.set(key, group);
}
const rows = [...groups].sort(([a], [b]) => byBytes(a, b));
csv(
  ["segment", "year", "orders", "customers", "dearest"],
  rows.map(([key, { orders, customers, dearest }]) => [...key.split(","), orders, customers.size, double(dearest)]),
);
