import vm from "node:vm";
import type AjvCore from "ajv";
import type { ErrorObject } from "ajv";
import { asText } from "../client";

/** What is wrong with a value, in short sentences; empty if nothing is. */
export type Validate = (value: unknown) => string[];

/** Schemas that are kept compiled: those of a flow's nodes are few, those of its messages may be all different. */
const MOST_KEPT = 100;
/** Longest list of problems: a model mends the first ones first. */
const MOST_PROBLEMS = 10;
/** What one `pattern` may take on one text, in ms. */
const PATTERN_MS = 100;

/** By draft: what tells whether a schema is one. */
const checkers: Record<string, AjvCore> = {};

const kept = new Map<string, Validate>();

/**
 * Makes a validator of a JSON schema: draft 2020-12 if `$schema` says so, else draft-07. Compiled schemas are kept by
 * their text, and the longest unused go. Every schema has a validator of its own, so that one `$id` may come twice.
 *
 * @throws Error with the reason if the schema cannot be compiled
 */
export function compileSchema(schema: Record<string, unknown>): Validate {
  const text = JSON.stringify(schema);
  const known = kept.get(text) ?? compile(JSON.parse(text));
  kept.delete(text);
  kept.set(text, known);
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST_KEPT) break;
    kept.delete(oldest);
  }
  return known;
}

function compile(schema: Record<string, unknown>): Validate {
  // Ajv takes some ms to load: it waits for the first schema.
  const draft = /2020-12/.test(asText(schema.$schema) ?? "") ? "2020" : "7";
  const Ajv: typeof AjvCore = (draft === "2020" ? require("ajv/dist/2020") : require("ajv")).default;
  checkers[draft] ??= new Ajv({ strict: false, logger: false });
  const checker = checkers[draft];
  if (!checker.validateSchema(schema)) throw new Error(checker.errorsText(checker.errors, { dataVar: "schema" }));
  const ajv = new Ajv({
    // Checked above: the schema of schemas takes long to compile, so it is done once.
    validateSchema: false,
    meta: false,
    allErrors: true,
    // Servers and models take more keywords than the drafts have.
    strict: false,
    validateFormats: false,
    logger: false,
    code: { regExp: Object.assign(timedPattern, { code: "timedPattern" }) },
  });
  const validate = ajv.compile(schema);
  return (value) => (validate(value) ? [] : problems(validate.errors ?? []));
}

function problems(errors: ErrorObject[]): string[] {
  return errors.slice(0, MOST_PROBLEMS).map(({ instancePath, message, params, keyword }) => {
    const place = instancePath.slice(1).replaceAll("/", ".") || "the value";
    const allowed =
      keyword === "enum" ? `: ${JSON.stringify((params as { allowedValues: unknown }).allowedValues)}` : "";
    const extra =
      keyword === "additionalProperties" ? `: ${(params as { additionalProperty: string }).additionalProperty}` : "";
    return `${place} ${message ?? "is wrong"}${allowed}${extra}`;
  });
}

/**
 * A pattern whose test is ended after a while. JavaScript's own engine goes back over a text again and again for
 * patterns like `(a+)+$`, for years if need be; only a script in a context of its own can be ended from outside.
 */
function timedPattern(pattern: string, flags: string): { test(text: string): boolean } {
  const context = vm.createContext({ regExp: new RegExp(pattern, flags), text: "" });
  const script = new vm.Script("regExp.test(text)");
  return {
    test(text) {
      context.text = text;
      try {
        return Boolean(script.runInContext(context, { timeout: PATTERN_MS }));
      } catch {
        // Not decided in time: taken for no match, which is said to the model like any other problem.
        return false;
      }
    },
  };
}
