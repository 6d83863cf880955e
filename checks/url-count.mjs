import { byBytes, csv, double, lines, textOf } from "./tools/rows.mjs";

const pages = new Map();
for (const line of lines(textOf("url-count")).slice(1)) {
  const [, time, quoted, plain, status, bytes] = line.match(/^([^,]*),(?:"([^"]*)"|([^,]*)),(\d+),(\d+)$/);
  const page = pages.get(quoted ?? plain) ?? { requests: 0, failed: 0, bytes: 0, last: "" };
  page.requests += 1;
  page.failed += Number(status) >= 400 ? 1 : 0;
  page.bytes += Number(bytes);
  page.last = time > page.last ? time : page.last;
  pages.set(quoted ?? plain, page);
}
const rows = [...pages].map(([url, page]) => [url, page.requests, double(page.failed / page.requests), page.bytes, page.last]);
csv(["url", "requests", "failed", "bytes", "last"], rows.sort(([a, n], [b, m]) => m - n || byBytes(a, b)));
