import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import {
  asChatError,
  asInputError,
  ChatError,
  ERROR_KINDS,
  type ErrorCode,
  type ErrorKey,
  fillIn,
} from "../../../../src/client/errors/chat-error";
import { root } from "../../../support/root";

const file = path.join(root, "nodes/locales/en-US/huggingface-chat.json");
const sentences: Record<string, string> = JSON.parse(readFileSync(file, "utf8"))["huggingface-chat"].errors;

/** What every place in the code that makes such an error passes along. */
const SERVER = ["status", "message", "model", "host"];
const CONNECTION = ["host", "reason", "proxy"];
const PARAMS: Record<ErrorKey, string[]> = {
  config_missing: [],
  model_missing: [],
  prompt_empty: ["name"],
  prompt_buffer: ["name"],
  prompt_unsendable: ["name", "type"],
  message_not_object: ["name"],
  message_role: ["name", "role"],
  message_content: ["name"],
  message_part: ["name"],
  message_image: ["name"],
  message_tool_call_id: ["name"],
  image_too_big: ["name", "megabytes"],
  options_not_object: ["type"],
  option_forbidden: ["name"],
  option_number: ["name", "value"],
  option_boolean: ["name", "value"],
  option_text: ["name"],
  option_stop: ["name"],
  option_choice: ["name", "value", "choices"],
  n_not_one: [],
  extra_reserved: ["name"],
  json_invalid: ["name", "reason"],
  not_an_object: ["name"],
  env_missing: ["name", "field"],
  property_failed: ["name", "property", "reason"],
  property_promise: ["name", "property"],
  template_failed: ["name", "reason"],
  output_path: ["property"],
  output_failed: ["property", "reason"],
  context_unreadable: ["name", "property", "reason"],
  message_locked: ["name"],
  output_unusable: ["property"],
  memory_unreadable: ["store", "reason"],
  memory_unwritable: ["store", "reason"],
  images_invalid: ["name"],
  tool_not_declared: ["index"],
  tool_twice: ["name"],
  tool_schema: ["name", "reason"],
  tool_name_missing: [],
  function_name: ["name"],
  functions_not_list: [],
  schema_missing: [],
  schema_invalid: ["reason"],
  too_many_steps: ["count"],
  output_invalid: ["problems"],
  output_truncated: ["reason"],
  output_filtered: ["reason"],
  request_unsendable: ["reason"],
  base_url_invalid: ["url"],
  base_url_socket: ["url"],
  base_url_credentials: [],
  token_invalid: ["name"],
  header_invalid: ["name"],
  header_reserved: ["name"],
  proxy_invalid: ["url"],
  tls_invalid: [],
  queue_full: ["count"],
  token_missing: SERVER,
  token_refused: SERVER,
  forbidden: SERVER,
  credits_used_up: SERVER,
  quota_used_up: SERVER,
  model_not_found: SERVER,
  path_not_found: SERVER,
  gone: SERVER,
  refused: SERVER,
  too_large: SERVER,
  server_timeout: SERVER,
  server_timeout_until: [...SERVER, "seconds"],
  rate_limited: SERVER,
  rate_limited_until: [...SERVER, "seconds"],
  server_failed: SERVER,
  server_busy: SERVER,
  server_busy_until: [...SERVER, "seconds"],
  not_supported: SERVER,
  redirected: [...SERVER, "location"],
  unexpected_status: SERVER,
  silent: ["host", "seconds"],
  silent_midway: ["host", "seconds"],
  host_unknown: CONNECTION,
  connection_refused: CONNECTION,
  connection_failed: CONNECTION,
  connection_lost: CONNECTION,
  connection_closed: CONNECTION,
  connection_cut: CONNECTION,
  connection_timeout: CONNECTION,
  files_exhausted: CONNECTION,
  certificate_date: [...CONNECTION, "date"],
  tls_missing: CONNECTION,
  tls_expected: CONNECTION,
  tls_failed: CONNECTION,
  http2_only: CONNECTION,
  proxy_unreachable: CONNECTION,
  proxy_failed: CONNECTION,
  proxy_unfit: CONNECTION,
  encoding_unknown: ["host", "encoding"],
  node_too_old: ["needed", "version"],
  webassembly_missing: [],
  module_failed: ["module", "reason"],
  undici_unfit: ["undici", "needed", "version"],
  certificate: CONNECTION,
  proxy_refused: CONNECTION,
  reply_error: ["message", "host"],
  reply_senseless: ["host", "reason"],
  reply_incomplete: ["host"],
  reply_damaged: ["host", "reason"],
  reply_too_long: ["megabytes"],
  models_unavailable: ["host", "reason"],
  secret_withheld: ["name"],
  internal: ["reason"],
  cancelled: [],
};

const CODES: ErrorCode[] = [
  "auth_error",
  "rate_limit",
  "budget_exhausted",
  "not_found",
  "invalid_input",
  "timeout",
  "provider_unavailable",
  "tool_failed",
  "invalid_output",
  "cancelled",
];

describe("the table of errors", () => {
  it("is what the English catalogue says, key by key", () => {
    assert.deepEqual(sentences, Object.fromEntries([...ERROR_KINDS].map(([key, { text }]) => [key, text])));
  });

  for (const key of ERROR_KINDS.keys()) {
    it(`fills every place in the sentence of ${key}`, () => {
      const places = [...(sentences[key] ?? "").matchAll(/__(\w+?)__/g)].map((match) => match[1] ?? "");
      assert.deepEqual(
        places.filter((place) => !PARAMS[key].includes(place)),
        [],
      );
      const error = new ChatError(key, Object.fromEntries(PARAMS[key].map((name) => [name, "something"])));
      assert.doesNotMatch(error.message, /__/);
      assert.ok(CODES.includes(error.code), error.code);
    });

    it(`says ${key} in one line that ends like a sentence`, () => {
      assert.doesNotMatch(sentences[key] ?? "", /[\r\n]/);
      assert.match(sentences[key] ?? "", /^\S.*(\.|__)$/);
    });
  }
});

describe("an error", () => {
  const error = new ChatError("prompt_empty", { name: "msg.payload" }, { status: 400, body: "x" });

  it("is its sentence as text", () => {
    assert.equal(String(error), error.message);
    assert.equal(`${error}`, fillIn(sentences.prompt_empty ?? "", { name: "msg.payload" }));
    assert.match(String(error), /^There is nothing to ask: msg\.payload is empty\./);
  });

  it("is an Error with code, key and parameters", () => {
    assert.ok(error instanceof Error);
    assert.equal(error.code, "invalid_input");
    assert.equal(error.key, "prompt_empty");
    assert.deepEqual(error.params, { name: "msg.payload" });
  });

  it("has a cause of plain data, which JSON and clones keep", () => {
    assert.deepEqual(JSON.parse(JSON.stringify(error.cause)), { retryable: false, status: 400, body: "x" });
    assert.deepEqual(structuredClone(error.cause), error.cause);
  });

  it("is not worth another try unless it says so", () => {
    assert.equal(new ChatError("cancelled").cause.retryable, false);
    assert.equal(new ChatError("silent", {}, { retryable: true }).cause.retryable, true);
  });

  it("stays one line when what it quotes has several", () => {
    const quoting = new ChatError("json_invalid", { name: "extra", reason: 'Unexpected "{\r\n\u2028x"' });
    assert.doesNotMatch(quoting.message, /[\r\n\u2028]/);
    assert.doesNotMatch(String(quoting.params.reason), /[\r\n\u2028]/);
  });
});

describe("filling in a sentence", () => {
  const cases: [template: string, params: Record<string, string | number>, text: string][] = [
    ["__a__ and __b__", { a: 1, b: "two" }, "1 and two"],
    ["__a__ __a__", { a: 0 }, "0 0"],
    ["__a__", { a: "" }, ""],
    ["__a__", {}, "__a__"],
    ["__retry_after__ s", { retry_after: 5 }, "5 s"],
    ["__a__", { a: "__b__ $& $1", b: "no" }, "__b__ $& $1"],
  ];
  for (const [template, params, text] of cases) {
    it(`of "${template}" with ${JSON.stringify(params)} gives "${text}"`, () => {
      assert.equal(fillIn(template, params), text);
    });
  }
});

describe("what was thrown", () => {
  const fail = (): never => {
    throw new Error("again");
  };
  const thrown: [what: string, value: unknown, reason: RegExp][] = [
    ["an error", new Error("broken\nat line 2"), /: broken\. /],
    ["an error without a message", new Error(), /no reason given/],
    ["a text", "broken", /: broken\. /],
    ["nothing", undefined, /: undefined\. /],
    ["a symbol", Symbol("broken"), /Symbol\(broken\)/],
    ["an object without a prototype", Object.create(null), /cannot be read/],
    ["an object that throws", { toString: fail }, /cannot be read/],
    ["an error that throws", Object.defineProperty(new Error(), "message", { get: fail }), /cannot be read/],
    ["a proxy that throws", new Proxy({}, { get: fail, getPrototypeOf: fail }), /cannot be read/],
  ];
  for (const [what, value, reason] of thrown) {
    it(`becomes an error of one line, with a reason: ${what}`, () => {
      assert.equal(asChatError(value).key, "internal");
      assert.match(asChatError(value).message, reason);
      assert.equal(asInputError(value).code, "invalid_input");
      assert.doesNotMatch(asInputError(value).message, /\n/);
    });
  }

  it("stays as it is where it is one of ours", () => {
    const known = new ChatError("cancelled");
    assert.equal(asChatError(known), known);
    assert.equal(asInputError(known), known);
  });
});
