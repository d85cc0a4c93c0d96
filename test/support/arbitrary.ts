import fc from "fast-check";

/** Values for property tests: what servers and flows may send, and hostile values. */

/** Names with a meaning in the API, in our code, in JavaScript or in JSON. */
const NAMES = [
  ...["messages", "role", "content", "name", "type", "text", "image_url", "url", "tool_calls", "tool_call_id"],
  ...["function", "arguments", "parameters", "index", "id", "choices", "delta", "message", "finish_reason"],
  ...["reasoning", "reasoning_content", "reasoning_details", "thinking", "refusal", "logprobs", "usage", "model"],
  ...["prompt_tokens", "completion_tokens", "created", "object", "error", "code", "status", "detail", "errors"],
  ...["error_type", "loc", "msg", "title", "x_groq", "provider", "data", "system", "conversation", "stream"],
  ...["temperature", "max_tokens", "stop", "seed", "tools", "tool_choice", "response_format", "json_schema", "schema"],
  ...["n", "token", "headers", "baseUrl", "properties", "$ref", "pattern", "strict", "stream_options"],
  ...["__proto__", "constructor", "prototype", "toString", "toJSON", "valueOf", "hasOwnProperty", "length", "then", ""],
];
const WORDS = [
  ...["user", "assistant", "system", "tool", "human", "ai", "text", "image_url", "function", "json_schema"],
  ...[
    "json_object",
    "stop",
    "length",
    "tool_calls",
    "error",
    "eos",
    "auto",
    "none",
    "required",
    "true",
    "null",
    "[DONE]",
  ],
  ...[
    "<think>",
    "</think>",
    "{",
    "{}",
    "[1",
    "Buffer",
    "429",
    "\uD800",
    "\u0000",
    "data:image/png;base64,",
    "http://x",
  ],
];

const leaf = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 1e308, 429, 2 ** 53, ""),
  fc.constantFrom(...WORDS),
  fc.string({ maxLength: 8 }),
  fc.integer(),
  fc.double({ noNaN: true }),
);

/** Makes an object with `__proto__` as an ordinary field, as `JSON.parse` does. */
const fields = (value: fc.Arbitrary<unknown>) =>
  fc
    .array(
      fc.tuple(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...NAMES) }, fc.string({ maxLength: 5 })), value),
      {
        maxLength: 5,
      },
    )
    .map((entries) => Object.fromEntries(entries));

/** Makes JSON with the API's names and any values. */
export const apiJson: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fields(tie("value")),
    fc.array(tie("value"), { maxLength: 4 }),
  ),
})).value;

/** Makes a reply in the API's shape, in which any part may be any value. */
export const replyJson: fc.Arbitrary<unknown> = fc
  .tuple(apiJson, apiJson, apiJson, apiJson, fields(apiJson), fc.constantFrom("delta", "message"))
  .map(([content, tool_calls, reasoning, finish_reason, others, name]) => ({
    choices: [{ [name]: { role: "assistant", content, tool_calls, reasoning }, finish_reason }],
    ...others,
  }));

/**
 * Stands for a value that fast-check cannot inspect or print. `made` replaces it by the value.
 */
class Recipe {
  readonly name: string;
  readonly make: () => unknown;

  constructor(name: string, make: () => unknown) {
    this.name = name;
    this.make = make;
  }

  [fc.toStringMethod](): string {
    return `<${this.name}>`;
  }
}

/** Replaces recipes in a value by the values that they stand for. */
export function made(value: unknown): unknown {
  if (value instanceof Recipe) return value.make();
  if (Array.isArray(value)) return Object.isFrozen(value) ? value : value.map(made);
  const isPlain = typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlain) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, made(item)]));
}

/** Makes a value so deep that recursion over it overflows the stack. */
export const deep: fc.Arbitrary<unknown> = fc
  .tuple(fc.integer({ min: 1000, max: 20_000 }), fc.constantFrom("array", "messages", "content", "__proto__", "toJSON"))
  .map(
    ([levels, kind]) =>
      new Recipe(`${levels} levels of ${kind}`, () => {
        let value: unknown = "deep";
        for (let level = 0; level < levels; level++) value = kind === "array" ? [value] : { [kind]: value };
        return value;
      }),
  );

/** Makes thrown values: some are not errors, and some errors cannot be read. */
const THROWN: (() => unknown)[] = [
  () => new Error("thrown"),
  () => "a string",
  () => undefined,
  () => null,
  () => 7n,
  () => Symbol("thrown"),
  () => Object.create(null),
  () => ({ toString: () => raise(new Error("from toString")) }),
  () => Object.defineProperty(new Error(), "message", { get: () => raise(new Error("from message")) }),
  () => Object.assign(new Error(), { message: { not: "text" } }),
  () => new Proxy({}, { get: () => raise(new Error("from a proxy")), getPrototypeOf: () => raise(new Error("again")) }),
];

function raise(what: unknown): never {
  throw what;
}

/** Values that throw when they are read in some way. */
const THROWING: Record<string, (fail: () => never) => unknown> = {
  "a getter": (fail) => Object.defineProperty({}, "content", { enumerable: true, get: fail }),
  "a getter of a message": (fail) =>
    Object.defineProperty({ role: "user" }, "content", { enumerable: true, get: fail }),
  "a getter in an array": (fail) => Object.defineProperty([], "0", { enumerable: true, get: fail }),
  "a getter of tools": (fail) => [Object.defineProperty({ type: "function" }, "function", { get: fail })],
  "a toJSON": (fail) => ({ toJSON: fail }),
  "a toString": (fail) => ({ toString: fail, valueOf: fail }),
  "a toPrimitive": (fail) => ({ [Symbol.toPrimitive]: fail }),
  "a proxy": (fail) => new Proxy({}, { get: fail }),
  "a proxy of an array": (fail) => new Proxy([], { get: fail }),
  "a proxy without keys": (fail) => new Proxy({}, { ownKeys: fail, has: fail, getPrototypeOf: fail }),
};

const ODD: Record<string, () => unknown> = {
  "a revoked proxy": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  "a circle": () => {
    const circle: unknown[] = [];
    circle.push({ circle });
    return circle;
  },
  "a function": () => () => {},
  "a class": () => class Some {},
  "a pattern": () => /x/,
  "a promise": () => Promise.resolve(),
  "no date": () => new Date(Number.NaN),
  "a weak map": () => new WeakMap(),
  words: () => new Uint16Array(3),
  "shared bytes": () => new SharedArrayBuffer(2),
  "toJSON of undefined": () => ({ toJSON: () => undefined }),
  "toJSON of a bigint": () => ({ toJSON: () => 1n }),
  // biome-ignore lint/suspicious/noThenProperty: what looks like a promise is the point
  "a promise for ever": () => ({ then: () => {} }),
  "a frozen message": () => Object.freeze({ role: "user", content: Object.freeze(["a"]) }),
};

/** Values that harm their reader, as function nodes and other nodes can put on messages. */
export const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...Object.keys(THROWING)), fc.nat(THROWN.length - 1))
    .map(
      ([name, index]) =>
        new Recipe(`${name} that throws ${index}`, () => THROWING[name]?.(() => raise(THROWN[index]?.()))),
    ),
  fc.nat(THROWN.length - 1).map((index) => new Recipe(`thrown ${index}`, () => THROWN[index]?.())),
  fc.constantFrom(...Object.keys(ODD)).map((name) => new Recipe(name, () => ODD[name]?.())),
);

/** Makes any JavaScript value. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  apiJson,
  fc.anything({
    withBigInt: true,
    withBoxedValues: true,
    withDate: true,
    withMap: true,
    withNullPrototype: true,
    withObjectString: true,
    withSet: true,
    withSparseArray: true,
    withTypedArray: true,
  }),
  hostile,
  deep,
);

/** Flips, drops or doubles bytes at places that fast-check picks. */
export function mutate(bytes: Buffer, changes: readonly Mutation[]): Buffer {
  let result = bytes;
  for (const { at, length, way } of changes) {
    const start = Math.floor(at * result.length);
    const [before, part, after] = [
      result.subarray(0, start),
      result.subarray(start, start + length),
      result.subarray(start + length),
    ];
    const made = way === "dropped" ? [] : way === "doubled" ? [part, part] : [part.map((byte) => byte ^ way)];
    result = Buffer.concat([before, ...made, after]);
  }
  return result;
}

export interface Mutation {
  /** The place, as a fraction of the length. */
  at: number;
  length: number;
  /** What happens to the bytes there; a number is the mask that flips bits. */
  way: "dropped" | "doubled" | number;
}

export const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 3 }) }, fc.integer({ min: 1, max: 400 })),
    way: fc.oneof(fc.constantFrom<Mutation["way"]>("dropped", "doubled"), fc.integer({ min: 1, max: 255 })),
  }),
  { minLength: 1, maxLength: 4 },
);
