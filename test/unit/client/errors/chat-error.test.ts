import assert from "node:assert/strict";
import { asChatError, asInputError, ChatError, type ErrorKey, fillIn } from "../../../../src/client/errors/chat-error";
import { CLIENT_ERRORS } from "../../../../src/client/errors/table";
import { describeErrors, sentencesOf } from "../../../support/error-tables";

/** The parameters that every place in the code passes to such an error. */
const SERVER = ["status", "message", "model", "host"];
const CONNECTION = ["host", "reason", "proxy"];
const PARAMS: Record<ErrorKey, string[]> = {
  request_unsendable: ["reason"],
  base_url_invalid: ["url"],
  base_url_socket: ["url"],
  base_url_credentials: [],
  token_invalid: ["name"],
  header_invalid: ["name"],
  header_reserved: ["name"],
  proxy_invalid: ["url"],
  queue_full: ["count"],
  token_missing: SERVER,
  token_refused: SERVER,
  forbidden: SERVER,
  forbidden_elsewhere: SERVER,
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
  tools_unsupported: SERVER,
  images_unsupported: SERVER,
  sound_unsupported: SERVER,
  template_refused: SERVER,
  redirected: [...SERVER, "location"],
  unexpected_status: SERVER,
  silent: ["host", "seconds"],
  silent_at_home: ["host", "seconds"],
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
  answer_too_long: ["megabytes"],
  answer_too_deep: ["levels"],
  node_too_old: ["needed", "version"],
  webassembly_missing: [],
  module_failed: ["module", "reason"],
  undici_unfit: ["undici", "needed", "version"],
  certificate: CONNECTION,
  proxy_refused: CONNECTION,
  reply_error: ["message", "host"],
  reply_senseless: ["host", "reason"],
  reply_web_page: ["host", "title"],
  reply_without_calls: ["host"],
  reply_incomplete: ["host"],
  reply_damaged: ["host", "reason"],
  reply_too_long: ["megabytes"],
  models_unavailable: ["host", "reason"],
  internal: ["reason"],
  cancelled: [],
};

describeErrors("client", ChatError, CLIENT_ERRORS, PARAMS);

describe("the errors of the client", () => {
  it("do not mention Node-RED", () => {
    for (const sentence of sentencesOf(CLIENT_ERRORS).values()) {
      const text = sentence.replace("@hf-flows/node-red-huggingface", "");
      assert.doesNotMatch(text, /Node-RED|\bmsg\.|\bnodes?\b|deploy|\bforms?\b|\bflows?\b/);
    }
  });

  it("accept no key of another layer", () => {
    // @ts-expect-error: of the conversation layer
    assert.ok(new ChatError("too_many_steps"));
    // @ts-expect-error: of the Node-RED layer
    assert.ok(new ChatError("config_missing"));
  });

  it("take an unknown key, which plain JavaScript may pass, as their message", () => {
    const error = new ChatError("nonsense" as ErrorKey);
    assert.equal(error.code, "provider_unavailable");
    assert.equal(String(error), "nonsense");
  });
});

describe("an error", () => {
  const error = new ChatError("header_reserved", { name: "host" }, { status: 400, body: "x" });

  it("becomes its sentence as text", () => {
    assert.equal(String(error), error.message);
    assert.equal(`${error}`, fillIn(CLIENT_ERRORS.invalid_input.header_reserved, { name: "host" }));
    assert.match(String(error), /^Header not allowed: the connection itself sets host\./);
  });

  it("is an Error with code, key and parameters", () => {
    assert.ok(error instanceof Error);
    assert.equal(error.code, "invalid_input");
    assert.equal(error.key, "header_reserved");
    assert.deepEqual(error.params, { name: "host" });
  });

  it("has a cause of plain data, which survives JSON and cloning", () => {
    assert.deepEqual(JSON.parse(JSON.stringify(error.cause)), { retryable: false, status: 400, body: "x" });
    assert.deepEqual(structuredClone(error.cause), error.cause);
  });

  it("is not retryable unless it says so", () => {
    assert.equal(new ChatError("cancelled").cause.retryable, false);
    assert.equal(new ChatError("silent", {}, { retryable: true }).cause.retryable, true);
  });

  it("can be copied with other parameters, without the facts in its cause", () => {
    const other = error.withParams({ name: "***" });
    assert.equal(other.key, error.key);
    assert.match(other.message, /sets \*\*\*\./);
    assert.deepEqual(other.cause, { retryable: false });
  });

  it("stays on one line when it quotes several", () => {
    const quoting = new ChatError("connection_lost", { host: "a", reason: 'Unexpected "{\r\n\u2028x"' });
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

describe("a thrown value", () => {
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

  it("stays as it is if it is a ChatError", () => {
    const known = new ChatError("cancelled");
    assert.equal(asChatError(known), known);
    assert.equal(asInputError(known), known);
  });
});
