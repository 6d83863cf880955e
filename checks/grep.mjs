import { csv, glosses, length } from "./tools/rows.mjs";

// `\b` of JavaScript knows ASCII's letters only.
const letter = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]";
const pattern = new RegExp(`(?<!${letter})mill(s|er|stone)?(?!${letter})`, "u");
csv(["line", "length"], glosses().filter((line) => pattern.test(line)).map((line) => [line, length(line)]));
