import { csv, generated, lines } from "./tools/rows.mjs";

csv(["line"], lines(generated("log-compression")).map((line) => [line]));
