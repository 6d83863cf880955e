import { byBytes, csv, lines, tableTextOf, textOf } from "./tools/rows.mjs";

const fields = (text) => lines(text).slice(1).map((line) => line.split(","));
const orders = fields(tableTextOf("orders-and-customers", "orders"));
const countries = new Map();
for (const [id, , country] of fields(textOf("orders-and-customers"))) {
  const of = countries.get(country) ?? { customers: 0, orders: 0, paid: 0 };
  of.customers += 1;
  for (const [, customer, price] of orders) {
    if (customer === id) [of.orders, of.paid] = [of.orders + 1, of.paid + Number(price)];
  }
  countries.set(country, of);
}
const rows = [...countries].map(([country, of]) => [country, of.customers, of.orders, of.paid]);
csv(["country", "customers", "orders", "paid"], rows.sort((a, b) => b[3] - a[3] || byBytes(a[0], b[0])));
