import assert from "node:assert/strict";
import type { IncomingHttpHeaders } from "node:http";
import type { ChatError, ErrorCode } from "../../../../src/client/errors/chat-error";
import { errorFromResponse, errorInReply, sentence } from "../../../../src/client/errors/from-response";
import { quickly } from "../../../support/cpu";

const FACTS = { model: "org/name", host: "router.huggingface.co", hasToken: true, redact: String };

function response(status: number, body: unknown = "", headers: IncomingHttpHeaders = {}, context = FACTS): ChatError {
  return errorFromResponse({ status, headers, body: typeof body === "string" ? body : JSON.stringify(body) }, context);
}

function inReply(value: Record<string, unknown>, eventName?: string): ChatError {
  const error = errorInReply(value, eventName, FACTS);
  assert.ok(error, "is not taken for an error");
  return error;
}

describe("the code of an error response", () => {
  const byStatus: [status: number, code: ErrorCode, isRetryable: boolean][] = [
    [400, "invalid_input", false],
    [401, "auth_error", false],
    [402, "budget_exhausted", false],
    [403, "auth_error", false],
    [404, "not_found", false],
    [408, "timeout", true],
    [409, "provider_unavailable", true],
    [410, "not_found", false],
    [413, "invalid_input", false],
    [415, "invalid_input", false],
    [421, "not_found", false],
    [422, "invalid_input", false],
    [424, "provider_unavailable", false],
    [425, "provider_unavailable", true],
    [429, "rate_limit", true],
    [500, "provider_unavailable", true],
    [501, "provider_unavailable", false],
    [502, "provider_unavailable", true],
    [503, "provider_unavailable", true],
    [504, "timeout", true],
    [505, "provider_unavailable", false],
    [520, "provider_unavailable", true],
    [524, "provider_unavailable", true],
    [529, "provider_unavailable", true],
    [530, "provider_unavailable", false],
  ];
  for (const [status, code, isRetryable] of byStatus) {
    it(`is ${code} for status ${status}, ${isRetryable ? "" : "not "}retryable`, () => {
      const error = response(status);
      assert.equal(error.code, code);
      assert.equal(error.cause.status, status);
      assert.equal(error.cause.retryable, isRetryable);
      assert.ok(error.message.includes(String(status)), error.message);
    });
  }

  it("is provider_unavailable for a redirect, which is named and never followed", () => {
    const error = response(307, "", { location: "https://elsewhere.example/v1" });
    assert.equal(error.code, "provider_unavailable");
    assert.match(error.message, /https:\/\/elsewhere\.example\/v1/);
    assert.doesNotMatch(response(301).message, /__/);
  });

  for (const code of ["model_not_found", "model_not_supported"]) {
    it(`is not_found for status 400 with ${code}`, () => {
      const error = response(400, { error: { message: "The requested model 'x' …", code, param: "model" } });
      assert.equal(error.code, "not_found");
      assert.equal(error.cause.code, code);
      assert.match(error.message, /org\/name/);
    });
  }

  it("distinguishes a missing token from a refused one", () => {
    assert.equal(response(401, "", {}, { ...FACTS, hasToken: false }).key, "token_missing");
    assert.equal(response(401).key, "token_refused");
  });

  it("distinguishes an unknown model from a wrong address", () => {
    assert.equal(response(404, { error: "Model org/name does not exist" }).key, "model_not_found");
    assert.equal(response(404, { error: "No endpoints found for org/name." }).key, "model_not_found");
    assert.equal(response(404, { error: "org/name: unknown" }).key, "model_not_found");
    assert.equal(response(404, "Not Found").key, "path_not_found");
  });

  it("names the permission of Hugging Face's tokens at its own hosts alone", () => {
    assert.match(response(403).message, /Make calls to Inference Providers/);
    for (const host of ["api.groq.com", "localhost:8080", "x.endpoints.huggingface.cloud", "huggingface.co.example"]) {
      const { code, message } = response(403, "", {}, { ...FACTS, host });
      assert.equal(code, "auth_error");
      assert.doesNotMatch(message, /Inference Providers/);
      assert.ok(message.includes(host), message);
    }
  });

  it("takes the code of the error that a gateway passes on", () => {
    const raw = JSON.stringify({ error: { message: "gone", code: "model_not_found" } });
    const error = response(400, { error: { message: "Provider returned error", code: 400, metadata: { raw } } });
    assert.equal(error.code, "not_found");
    assert.equal(error.cause.code, "model_not_found");
  });

  it("does not retry what stays, whatever its status", () => {
    for (const status of [500, 502, 503]) {
      assert.equal(response(status, { error: "image input is not supported" }).cause.retryable, false);
    }
    assert.equal(response(500, { error: "The image server is gone." }).cause.retryable, true);
  });

  const quotas: [what: string, body: unknown][] = [
    [
      "OpenAI's insufficient_quota",
      { error: { message: "You exceeded your current quota, please check your plan.", code: "insufficient_quota" } },
    ],
    ["a type of that name", { error: { message: "No.", type: "insufficient_quota" } }],
    [
      "used-up credits of the month",
      { error: "You have exceeded your monthly included credits for Inference Providers." },
    ],
    ["depleted credits", { error: "You have depleted your monthly included credits." }],
    ["an insufficient balance", { error: { message: "Insufficient account balance" } }],
  ];
  for (const [what, body] of quotas) {
    it(`is budget_exhausted for status 429 with ${what}, and not retryable`, () => {
      const error = response(429, body);
      assert.equal(error.code, "budget_exhausted");
      assert.equal(error.cause.retryable, false);
    });
  }

  for (const message of [
    "Rate limit reached. Please log in or use a HF access token",
    "Model is overloaded",
    "You have exceeded the rate limit of 60 requests per minute.",
    "Too Many Requests",
  ]) {
    it(`stays rate_limit for "${message}"`, () => {
      const error = response(429, { error: message });
      assert.equal(error.code, "rate_limit");
      assert.equal(error.cause.retryable, true);
    });
  }
});

describe("the wait that a response asks for", () => {
  it("is in the cause", () => {
    assert.equal(response(429, "", { "retry-after": "7" }).cause.retry_after, 7);
    assert.equal("retry_after" in response(429).cause, false);
  });

  it("is in the sentence of 503 if it is too long to wait for", () => {
    assert.match(response(503, "", { "retry-after": "3600" }).message, /Try again in 3600 s\./);
    assert.doesNotMatch(response(503, "", { "retry-after": "60" }).message, / 60 s/);
  });

  it("is in the sentence and the summary of 429", () => {
    for (const seconds of [3600, 12]) {
      const error = response(429, "", { "retry-after": String(seconds) });
      assert.ok(error.message.includes(`Try again in ${seconds} s.`), error.message);
      assert.equal(String(error.cause), `rate limit, ${seconds} s`);
    }
    assert.equal(String(response(429, "", { "retry-after": "0" }).cause), "rate limit (429)");
  });
});

describe("what the server said", () => {
  const cases: [what: string, body: unknown, message: string, headers?: IncomingHttpHeaders][] = [
    ["error as text", { error: "A", message: "no", detail: "no" }, "A."],
    ["error.message", { error: { message: "A", type: "t", param: null, code: null }, message: "no" }, "A."],
    ["error as a list of texts", { error: ["A", "B"], message: "no" }, "A; B."],
    ["message", { object: "error", message: "A", detail: "no" }, "A."],
    ["message beside an error that is only a mark", { error: true, message: "A" }, "A."],
    ["message beside an error that is only a number", { error: 500, message: "A" }, "A."],
    ["a list of messages", { statusCode: 400, message: ["A", "B"] }, "A; B."],
    ["a list of messages in error", { error: { message: ["A"] } }, "A."],
    ["detail", { detail: "A", title: "no" }, "A."],
    [
      "FastAPI's list of details, with their places",
      { detail: [{ type: "missing", loc: ["body", "messages", 0], msg: "Field required" }, { msg: "B" }] },
      "Field required (body.messages.0); B.",
    ],
    ["a list of errors", { errors: [{ message: "A" }, { message: "B" }], title: "no" }, "A; B."],
    ["the title of a problem", { type: "about:blank", title: "A", status: 422 }, "A."],
    ["the detail of a problem before its title", { title: "no", detail: "A" }, "A."],
    ["an OAuth description", { error_description: "A" }, "A."],
    ["a nested message", { object: "error", message: { detail: [{ msg: "A" }] } }, "A."],
    ["a nested message that says nothing known", { message: { foo: "A" } }, '{"foo":"A"}.'],
    ["a message that is JSON itself", { error: { message: '{"error":{"message":"A","code":7}}' } }, "A."],
    ["a message that is a list in JSON", { error: { message: '[{"error":{"message":"A"}}]' } }, "A."],
    ["a message that only begins like JSON", { error: { message: '{"error":' } }, '{"error":.'],
    [
      "an error in an error in an error",
      { error: { message: JSON.stringify({ error: { message: JSON.stringify({ detail: "A" }) } }) } },
      "A.",
    ],
    ["a JSON text", '"A"', "A."],
    ["a header where the body is empty", "", "A.", { "x-error-message": "A" }],
    ["a header where the body says nothing", { id: "1" }, "A.", { "x-error-message": "A" }],
    ["the body before the header", { error: "A" }, "A.", { "x-error-message": "no" }],
    [
      "plain text",
      "Failed to deserialize: missing field `messages`",
      "Failed to deserialize: missing field `messages`.",
    ],
    ["the header before plain text", "no", "A.", { "x-error-message": "A" }],
    [
      "the title of a web page",
      '<!DOCTYPE html>\n<html><head><title lang="en">502 Bad\nGateway</title>x',
      "502 Bad Gateway.",
    ],
    ["the name of the status for a page without title", "<html><body>x</body></html>", "Internal Server Error."],
    ["the name of the status for an empty body", "", "Internal Server Error."],
    ["the name of the status for JSON without a message", "{}", "Internal Server Error."],
    ["the name of the status for JSON null", "null", "Internal Server Error."],
  ];
  for (const [what, body, message, headers] of cases) {
    it(`is ${what}`, () => assert.equal(response(500, body, headers).params.message, message));
  }

  const codes: [body: unknown, headers: IncomingHttpHeaders, code: string | undefined][] = [
    [{ error: { message: "A", code: "c" } }, {}, "c"],
    [{ error: { message: "A", code: 503 } }, {}, "503"],
    [{ error: { message: "A", code: null } }, {}, undefined],
    [{ message: "A", code: "1500" }, {}, "1500"],
    ["", { "x-error-code": "GatedRepo" }, "GatedRepo"],
    [{ error: "A" }, {}, undefined],
  ];
  for (const [body, headers, code] of codes) {
    it(`has the code ${code} in ${JSON.stringify(body)} ${JSON.stringify(headers)}`, () => {
      assert.equal(response(500, body, headers).cause.code, code);
    });
  }
});

describe("the sentence", () => {
  const cases: [text: string, line: string][] = [
    ["No", "No."],
    ["No.", "No."],
    ["Why?", "Why?"],
    ["  a\r\n\tb \n\n c  ", "a b c."],
    ["a\u2028b\u2029c\u0000d", "a b c d."],
    ["two  spaces", "two  spaces."],
    ["不行。", "不行。"],
  ];
  for (const [text, line] of cases)
    it(`of ${JSON.stringify(text)} is "${line}"`, () => assert.equal(sentence(text), line));

  it("is one line of limited length, whatever the server sends", () => {
    for (const body of ["x".repeat(60_000), { error: "line\n".repeat(10_000) }, { error: { message: "\r\n\u2028" } }]) {
      const { message } = response(500, body);
      assert.doesNotMatch(message, /[\r\n\u2028\u2029]/);
      assert.ok(message.length < 1300, String(message.length));
    }
  });

  it("is found quickly in a body made to take long", () => {
    for (const body of [`a${" ".repeat(60_000)}b`, "<title".repeat(10_000), `<title>${"\t".repeat(60_000)}`]) {
      quickly(() => response(500, body), "in which a server stops the event loop");
    }
  });

  it("has all its placeholders filled in", () => {
    for (let status = 300; status < 600; status++) {
      for (const headers of [{}, { "retry-after": "999" }]) {
        assert.doesNotMatch(response(status, "", headers).message, /__|undefined|NaN/);
      }
    }
  });
});

describe("the body in the cause", () => {
  it("is cut after 4 KB", () => assert.equal(response(500, "x".repeat(60_000)).cause.body?.length, 4096));
  it("is cut between characters", () => {
    const { body } = response(500, "好".repeat(9000)).cause;
    assert.equal(body, "好".repeat(1365));
    assert.equal(inReply({ error: "好".repeat(9000) }).cause.body?.at(-1), "好");
  });
  it("is as the server sent it", () =>
    assert.equal(response(500, ' {"error": "A"}\n').cause.body, ' {"error": "A"}\n'));
  it("is absent where there is none", () => assert.equal("body" in response(500).cause, false));
});

describe("an error inside a reply", () => {
  it("has no status if a status is not a number", () => {
    assert.equal(inReply({ error: { message: "no", status: { toString: 0 } } }).cause.status, undefined);
    assert.equal(inReply({ status: { toString: 0 } }, "error").cause.status, undefined);
  });

  const byStatus: [
    what: string,
    value: Record<string, unknown>,
    eventName: string | undefined,
    code: ErrorCode,
    message: RegExp,
  ][] = [
    [
      "TGI's text with its type",
      { error: "Input validation error: too long", error_type: "validation" },
      undefined,
      "invalid_input",
      /Input validation error: too long/,
    ],
    [
      "TGI's overload",
      { error: "Model is overloaded", error_type: "overloaded" },
      undefined,
      "rate_limit",
      /overloaded/,
    ],
    [
      "TGI's generation",
      { error: "Request failed", error_type: "generation" },
      undefined,
      "provider_unavailable",
      /failed/,
    ],
    ["TGI's object", { error: { message: "A", http_status_code: 422 } }, undefined, "invalid_input", /A/],
    [
      "Groq's event",
      { error: { message: "A", type: "t", code: "tool_use_failed", status_code: 400 } },
      "error",
      "invalid_input",
      /A/,
    ],
    [
      "OpenRouter's chunk",
      { id: "1", error: { code: 502, message: "A" }, choices: [{ delta: { content: "" }, finish_reason: "error" }] },
      undefined,
      "provider_unavailable",
      /A/,
    ],
    [
      "llama.cpp's",
      { error: { code: 503, message: "Loading model", type: "unavailable_error" } },
      undefined,
      "provider_unavailable",
      /Loading model/,
    ],
    ["SGLang's", { error: { object: "error", message: "A", code: 400 } }, undefined, "invalid_input", /A/],
    ["a guardrail's", { code: 400, details: "A" }, "error", "invalid_input", /A/],
    ["a status as text", { error: { message: "A", code: "429" } }, undefined, "rate_limit", /A/],
    ["a timeout by its status", { error: { message: "A", code: 504 } }, undefined, "timeout", /A/],
    [
      "a choice's",
      { choices: [{ delta: { content: "" }, error: { code: 429, message: "A" } }] },
      undefined,
      "rate_limit",
      /A/,
    ],
    ["a bare object of the kind error", { object: "error", message: "A", code: 404 }, undefined, "not_found", /A/],
  ];
  for (const [what, value, eventName, code, message] of byStatus) {
    it(`is judged by the status that it names: ${what}`, () => {
      const error = inReply(value, eventName);
      assert.equal(error.code, code);
      assert.equal(typeof error.cause.status, "number");
      assert.match(error.message, message);
      if (!("choices" in value) || "error" in value) assert.equal(error.cause.body, JSON.stringify(value));
    });
  }

  const withoutStatus: [
    what: string,
    value: Record<string, unknown>,
    eventName: string | undefined,
    message: RegExp,
  ][] = [
    ["a text", { error: "A" }, undefined, /A/],
    ["an object with a code that is a word", { error: { message: "A", code: "server_error" } }, undefined, /A/],
    ["a code that is not an HTTP status", { error: { message: "A", code: 1301 } }, undefined, /A/],
    ["an event named error", { message: "A" }, "error", /A/],
    ["an event named error that says nothing", { foo: 1 }, "error", /"foo":1/],
    ["a type and message", { error_type: "x", error_message: "A" }, undefined, /A/],
    ["a detail", { detail: "A" }, undefined, /A/],
    ["a choice with an error", { choices: [{ delta: {}, error: { message: "A" } }] }, undefined, /A/],
    ["no choices, and a reason", { choices: null, base_resp: { status_code: 1, status_msg: "A" } }, undefined, /A/],
  ];
  for (const [what, value, eventName, message] of withoutStatus) {
    it(`is provider_unavailable if it names no status: ${what}`, () => {
      const error = inReply(value, eventName);
      assert.equal(error.code, "provider_unavailable");
      assert.equal("status" in error.cause, false);
      assert.match(error.message, message);
    });
  }

  const replies: [what: string, value: Record<string, unknown>][] = [
    ["a chunk", { choices: [{ delta: { content: "error" } }] }],
    ["a chunk with an error of null", { error: null, choices: [] }],
    ["a chunk that has a detail beside its choices", { choices: [], detail: "fine", object: "error" }],
    ["usage alone", { usage: { total_tokens: 1 } }],
    ["an empty object", {}],
  ];
  for (const [what, value] of replies) {
    it(`is not ${what}`, () => assert.equal(errorInReply(value, undefined, FACTS), undefined));
  }
});
