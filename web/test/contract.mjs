/** Checks a node's answers against the OpenAPI document that it serves. */
import Ajv2020 from "ajv/dist/2020.js";

const kBase = "https://koinon.invalid/openapi";

/** Reads the document of the node at `base` and returns `get(path)`, which fails unless the answer is as documented. */
export async function open_contract(base) {
  const response = await fetch(`${base}/openapi.json`);
  if (!response.ok) throw new Error(`[contract] /openapi.json: status ${response.status}, 200 expected`);
  const document = await response.json();
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema({ $id: kBase, components: document.components });
  const validators = new Map();

  /** Fails unless `value` is what the schema at `pointer` (inside components) says. */
  function conform(pointer, value, what) {
    if (!validators.has(pointer)) validators.set(pointer, ajv.compile({ $ref: `${kBase}#/components/${pointer}` }));
    const validate = validators.get(pointer);
    if (!validate(value)) throw new Error(`[contract] ${what}: ${ajv.errorsText(validate.errors.slice(0, 5), { separator: "; " })}`);
  }

  /** GETs `path`; its answer must have `status` and be a `schema` (or, with `list`, an array of it). Returns the body. */
  async function get(path, schema, { status = 200, list = false } = {}) {
    const answer = await fetch(base + path);
    if (answer.status !== status) throw new Error(`[contract] ${path}: status ${answer.status}, ${status} expected`);
    const body = await answer.json();
    if (list && !Array.isArray(body)) throw new Error(`[contract] ${path}: an array expected`);
    for (const value of list ? body : [body]) conform(`schemas/${schema}`, value, path);
    return body;
  }
  return { document, conform, get };
}
