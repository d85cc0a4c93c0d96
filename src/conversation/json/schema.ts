import type AjvCore from "ajv";
import type { ErrorObject, ValidateFunction } from "ajv";
import { asText, loadModule } from "../../client/internal";
import { BoundedMap } from "../bounded-map";
import { SchemaMistake, schemaMistake } from "./schema-mistake";
import { TimeBudget } from "./time-budget";

// Loaded by the first schema, and found now: see `loadModule`.
for (const name of ["ajv", "ajv-formats"]) require.resolve(name);

/** A JSON schema that is an object: the API does not take `true` and `false`. */
export type Schema = Record<string, unknown>;

/**
 * Tells what is wrong with a value, in short sentences; empty if nothing is.
 *
 * @param budget - time that several checks share; `checkBudget()` unless said
 */
export type Validate = (value: unknown, budget?: TimeBudget) => string[];

/** Compiled schemas in the cache: those of a flow's nodes are few, those of its messages may be all different. */
const MOST_CACHED = 100;
/** Length of their texts, in characters. Compiled they take several times as much. */
const LONGEST_CACHED = 4 * 1024 * 1024;
/** Longest list of problems: a model fixes the first ones first. */
const MOST_PROBLEMS = 10;
/** In characters: names in a schema or a value may have any length. */
const LONGEST_PROBLEM = 200;
/** Longest time for checks, in ms. Schemas and values come from models and strangers, too. */
const CHECK_MS = 250;
/** Longest time to compile a schema, in ms: enough for many kilobytes on a small computer. */
const COMPILE_MS = 400;

type Draft = "7" | "2019" | "2020";

/** Compiles schemas of a draft. Loaded as a whole before any schema, since a deadline may end a compilation in the middle. */
interface Tools {
  /** Tells whether a schema is one. */
  checker: AjvCore;
  makeAjv: () => AjvCore;
}

const toolsOf: Partial<Record<Draft, Tools>> = {};

/** Compiled schemas by their text; for those that cannot be compiled the reason. */
const cache = new BoundedMap<Validate | Error>({ count: MOST_CACHED, length: LONGEST_CACHED });

/** Time for the checks of one reply, or of the calls of one round. */
export const checkBudget = (): TimeBudget => new TimeBudget(CHECK_MS);

/**
 * Makes a validator of a JSON schema: of draft 2019-09 or 2020-12 if `$schema` says so, else of draft-07. Compiled
 * schemas are cached by their text, and the longest unused go. Every schema has a validator of its own, so that one `$id`
 * may come twice. Neither the making nor a check takes longer than a fraction of a second, whatever the schema.
 *
 * @throws Error with the reason if the schema cannot be compiled; ChatError `module_failed`, which is not its fault
 */
export function compileSchema(schema: Schema): Validate {
  const text = JSON.stringify(schema);
  const known = cache.get(text) ?? compileText(text);
  // The longest unused go first.
  cache.set(text, known);
  if (known instanceof Error) throw known;
  return known;
}

/** @returns what may be cached: a validator, or what is wrong with the schema */
function compileText(text: string): Validate | Error {
  const { $schema, ...schema } = JSON.parse(text) as Schema;
  const tools = loadTools(draftOf($schema));
  try {
    return compile(schema, tools);
  } catch (error) {
    return error instanceof SchemaMistake ? error : new Error((error as Error).message);
  }
}

function compile(schema: Schema, { checker, makeAjv }: Tools): Validate {
  const validate = new TimeBudget(COMPILE_MS).run(() => {
    if (!checker.validateSchema(schema)) {
      const errors = checker.errors ?? [];
      throw schemaMistake(errors) ?? new Error(checker.errorsText(errors, { dataVar: "schema" }));
    }
    return makeAjv().compile(schema);
  });
  if (!validate) throw new Error(`it takes more than ${COMPILE_MS / 1000} s to read`);
  // Ajv's own keyword: such a validator answers with a promise.
  if ("$async" in validate) throw new Error("$async is not supported");
  return (value, budget = checkBudget()) => check(validate, value, budget);
}

function check(validate: ValidateFunction, value: unknown, budget: TimeBudget): string[] {
  try {
    const isValid = budget.run(() => validate(value));
    if (isValid === undefined) return [`the check against the schema takes longer than ${CHECK_MS / 1000} s`];
    return isValid ? [] : problems(validate.errors ?? []);
  } catch (error) {
    // The stack has overflowed: the schema calls itself for every level of the value.
    if ((error as Error).name === "RangeError") return ["the value is nested too deep"];
    // Ajv compares objects by these methods where they have them.
    return ["the value has a property named valueOf or toString, which cannot be compared"];
  } finally {
    validate.errors = null;
  }
}

function draftOf($schema: unknown): Draft {
  return (/20(?:19|20)(?=-(?:09|12))/.exec(asText($schema) ?? "")?.[0] as Draft | undefined) ?? "7";
}

/** Ajv takes some ms to load: it waits for the first schema. */
function loadTools(draft: Draft): Tools {
  const tools = toolsOf[draft];
  if (tools) return tools;
  return loadModule("ajv", () => {
    const Ajv = loadAjv(draft);
    const addFormats: (ajv: AjvCore) => unknown = require("ajv-formats").default;
    const loaded = { checker: makeChecker(Ajv), makeAjv: () => makeAjv(Ajv, addFormats) };
    toolsOf[draft] = loaded;
    return loaded;
  });
}

function loadAjv(draft: Draft): typeof AjvCore {
  switch (draft) {
    case "2019":
      return require("ajv/dist/2019").default;
    case "2020":
      return require("ajv/dist/2020").default;
    case "7":
      return require("ajv").default;
  }
}

function makeChecker(Ajv: typeof AjvCore): AjvCore {
  const checker = new Ajv({ strict: false, logger: false });
  // Compiles the schema of schemas, which takes long and is no fault of the schema to be checked.
  checker.validateSchema({});
  return checker;
}

function makeAjv(Ajv: typeof AjvCore, addFormats: (ajv: AjvCore) => unknown): AjvCore {
  const ajv = new Ajv({
    // Checked before: the schema of schemas takes long to compile, so it is done once.
    validateSchema: false,
    meta: false,
    allErrors: true,
    // Without it, every object has a `toString`.
    ownProperties: true,
    // Servers and models take more keywords and formats than the drafts have.
    strict: false,
    logger: false,
    code: { regExp: Object.assign(readPattern, { code: "new RegExp" }) },
  });
  addFormats(ajv);
  return ajv;
}

/** With the flag `u`, as the drafts want it, patterns like `[\w\-]` are mistakes, and yet they are common. */
function readPattern(pattern: string, flags: string): RegExp {
  try {
    return new RegExp(pattern, flags);
  } catch {
    return new RegExp(pattern, flags.replace("u", ""));
  }
}

function problems(errors: ErrorObject[]): string[] {
  return errors.slice(0, MOST_PROBLEMS).map(({ instancePath, message, params, keyword }) => {
    const place = instancePath.slice(1).replaceAll("/", ".") || "the value";
    const allowed =
      keyword === "enum" ? `: ${JSON.stringify((params as { allowedValues: unknown }).allowedValues)}` : "";
    const constant =
      keyword === "const" ? `: ${JSON.stringify((params as { allowedValue: unknown }).allowedValue)}` : "";
    const extra =
      keyword === "additionalProperties" ? `: ${(params as { additionalProperty: string }).additionalProperty}` : "";
    const problem = `${place} ${message ?? "is wrong"}${allowed}${constant}${extra}`;
    return problem.length > LONGEST_PROBLEM ? `${problem.slice(0, LONGEST_PROBLEM)}…` : problem;
  });
}
