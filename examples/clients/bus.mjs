// A client of a live bus: publishes tasks as its credit allows, works on what it is given, and acknowledges it.
//
//   millrace serve --bus work=examples/work-queue.yaml
//   node --experimental-websocket examples/clients/bus.mjs ws://127.0.0.1:8080/api/bus/work tasks 10
//
// Node 22 and later, and browsers, need no flag. docs/asyncapi.json says what else there is to say and to hear.
const [url, queue, count] = [process.argv[2], process.argv[3], Number(process.argv[4] ?? 10)];
const socket = new WebSocket(url);
const say = (word) => socket.send(JSON.stringify({ v: 1, ...word }));
let [credit, published, confirmed, done] = [0, 0, 0, 0];
socket.onopen = () => {
  say({ type: "hello", confirms: true });
  say({ type: "consume", tag: 1, queue, prefetch: 20 });
};
socket.onmessage = ({ data }) => {
  const word = JSON.parse(data);
  credit += word.credit ?? word.more ?? 0; // of `opened` and of `credit`
  if (word.type === "confirm" && word.ok) confirmed += 1;
  if (word.type === "deliver") {
    console.log(word.message.body);
    done += 1;
    say({ type: "ack", delivery: word.delivery });
  }
  for (; credit > 0 && published < count; credit -= 1)
    say({ type: "publish", message: { key: queue, body: `task ${++published}` } });
  if (confirmed >= count && done >= count) say({ type: "close" });
};
socket.onclose = ({ code, reason }) => console.log(`${confirmed} confirmed, ${done} done, ${code} ${reason}`);
