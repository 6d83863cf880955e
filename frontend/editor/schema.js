// Walks the JSON Schema of an experiment: which keys may stand at a place, what a value there may be.
//
// It knows the part of JSON Schema that ours is written in: `$ref` into `$defs`, `properties`, `additionalProperties`, `items`, `anyOf`,
// `oneOf`, `const`, `enum`.

/** The schemas that a place may have, `$ref`s and alternatives resolved. */
export function schemasAt(root, path) {
  return path.reduce(
    (schemas, step) => schemas.flatMap((schema) => below(root, schema, step)),
    resolved(root, root),
  );
}

/** The keys that may stand in the mapping at `path`: `{ name, about, example, needed, schemas }`. */
export function keysAt(root, path) {
  return keysAmong(root, schemasAt(root, path));
}

/** The keys that a mapping of one of these schemas may have. */
export function keysAmong(root, schemas) {
  const keys = new Map();
  for (const schema of schemas) {
    for (const [name, key] of Object.entries(schema.properties ?? {})) {
      const { description = "", examples = [] } = key;
      const needed = (schema.required ?? []).includes(name);
      keys.set(name, { name, about: description, example: examples[0], needed, schemas: resolved(root, key) });
    }
  }
  return [...keys.values()];
}

/** What is said of a key or an entry of the user's own naming at `path`; empty if the schema says nothing. */
export function about(root, path) {
  const key = path.at(-1);
  const known = keysAt(root, path.slice(0, -1)).find(({ name }) => name === key);
  if (known) return known;
  const [schema] = schemasAt(root, path);
  return schema?.description ? { name: String(key), about: schema.description, schemas: [schema] } : null;
}

/** The words that a value at `path` may be: `{ name, about }`. */
export function wordsAt(root, path) {
  return wordsAmong(schemasAt(root, path));
}

/** The words that a value of one of these schemas may be. */
export function wordsAmong(schemas) {
  return schemas.flatMap((schema) => {
    if (schema.const !== undefined) return [{ name: String(schema.const), about: schema.description ?? "" }];
    if (schema.type === "boolean") return [{ name: "true", about: "" }, { name: "false", about: "" }];
    return (schema.enum ?? []).map((word) => ({ name: String(word), about: "" }));
  });
}

/** What kind of text of its own a value at `path` is: `expression`, `aggregate`, `columns`, …; empty if none. */
export function formatAt(root, path) {
  return schemasAt(root, path).map(({ format }) => format).find(Boolean) ?? "";
}

/** The schemas of what stands in a value of this schema under a name or at a position. */
export function below(root, schema, step) {
  if (typeof step === "number") return schema.items ? resolved(root, schema.items) : [];
  const key = schema.properties?.[step];
  if (key) return resolved(root, key);
  return schema.additionalProperties ? resolved(root, schema.additionalProperties) : [];
}

/** The schema and its alternatives, without the references to others. */
export function resolved(root, schema) {
  const name = schema.$ref?.replace("#/$defs/", "");
  if (name) {
    const named = resolved(root, root.$defs[name]);
    // What is said beside a reference is nearer than what is said where it leads.
    return schema.description ? named.map((one) => ({ ...one, description: schema.description })) : named;
  }
  const alternatives = schema.anyOf ?? (schema.properties ? undefined : schema.oneOf);
  return alternatives ? alternatives.flatMap((one) => resolved(root, one)) : [schema];
}
