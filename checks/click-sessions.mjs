import { csv, generated, lines } from "./tools/rows.mjs";

const GAP_MS = 90_000;
const milliseconds = (time) => Date.parse(`${time.replace(" ", "T").slice(0, 23).padEnd(23, "0")}Z`);
const users = new Map();
for (const line of lines(generated("click-sessions")).slice(1)) {
  const [time, user] = line.split(",");
  users.set(user, (users.get(user) ?? new Set()).add(time));
}
const sessions = [];
for (const [user, times] of users) {
  let session;
  for (const time of [...times].sort()) {
    const micros = (text) => milliseconds(text) * 1000 + Number((text.split(".")[1] ?? "").padEnd(6, "0").slice(3) || 0);
    if (!session || micros(time) - micros(session[3]) > GAP_MS * 1000) sessions.push((session = [user, time, 0, time]));
    session[2] += 1;
    session[3] = time;
  }
}
const order = ([a, s, n], [b, t, m]) => m - n || (s < t ? -1 : s > t ? 1 : a < b ? -1 : 1);
csv(["user", "start", "clicks", "last"], sessions.sort(order).slice(0, 25));
