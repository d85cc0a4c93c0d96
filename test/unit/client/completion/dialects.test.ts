import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import path from "node:path";
import { ChatClient } from "../../../../src/client";
import { CompletionAccumulator } from "../../../../src/client/completion/accumulator";
import * as dialects from "../../../../src/client/completion/dialects";
import type { ChatError } from "../../../../src/client/errors/chat-error";
import { errorFromResponse, errorInReply } from "../../../../src/client/errors/from-response";
import { heldBackReply, unsupportedParams } from "../../../../src/client/errors/unsupported";
import { isRetryableStatus, requestedPause } from "../../../../src/client/retry";
import type { Completion, PartialCompletion } from "../../../../src/client/types";
import { checkBudget } from "../../../../src/conversation/json/schema";
import { readStop } from "../../../../src/conversation/request/fields";
import { parseCall, readFunctions, runTool, sendableCall } from "../../../../src/conversation/tools";
import { root } from "../../../support/root";
import { sseEvent, startServer } from "../../../support/server";

type Json = Record<string, unknown>;
const CONTEXT = { model: "org/name", host: "example.com", hasToken: true, redact: String };

/** What these chunks come to. */
function read(...chunks: Json[]): PartialCompletion {
  const accumulator = new CompletionAccumulator({});
  for (const chunk of chunks) accumulator.add(chunk, JSON.stringify(chunk).length);
  accumulator.end();
  return accumulator.build();
}

const delta = (fields: Json, more: Json = {}): Json => ({ choices: [{ index: 0, delta: fields, ...more }] });
const TEXT = delta({ content: "Hi" });
const calls = (...deltas: unknown[]) =>
  read(...deltas.map((tool_calls) => delta({ tool_calls }))).message.tool_calls ?? [];
const answer = (status: number, body: unknown, headers: IncomingHttpHeaders = {}): ChatError =>
  errorFromResponse({ status, headers, body: JSON.stringify(body) }, CONTEXT);
const inReply = (value: Json): ChatError | undefined => errorInReply(value, undefined, CONTEXT);

/** Asks a server that answers with this stream. */
async function ask(stream: string, headers: OutgoingHttpHeaders = {}): Promise<Completion> {
  const server = await startServer((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", ...headers }).end(stream);
  });
  const client = new ChatClient({ baseUrl: server.url, retries: 0 });
  try {
    return await client.complete({ model: "m", messages: [], stream: true });
  } finally {
    await client.close();
    await server.close();
  }
}

const DONE = "data: [DONE]\n\n";

/** Examples of the rows of a table by what tells them apart: one each, and none without a row. */
function covers<Name extends string>(
  table: string,
  names: readonly Name[],
  examples: { [N in Name]: () => void | Promise<void> },
): void {
  describe(`a server that sends ${table}`, () => {
    it("has an example for each row", () => assert.deepEqual(Object.keys(examples).sort(), [...new Set(names)].sort()));
    for (const name of new Set(names)) it(`is read: ${name}`, () => examples[name]());
  });
}

const fieldsOf = <F extends string>(rows: readonly { field: F }[]): F[] => rows.map(({ field }) => field);
const reasoningIs = (reasoning: string, ...chunks: Json[]) =>
  assert.equal(read(...chunks).message.reasoning, reasoning);

describe("the tables of what servers do differently", () => {
  const derived = ["REASONING_FIELDS", "FINISH_MEANINGS"];
  const tables = Object.entries(dialects).filter(([name]) => /^[A-Z_]+$/.test(name) && !derived.includes(name));
  for (const [name, table] of tables) {
    it(`say of each row in ${name} who does so, and where to read it`, () => {
      const rows = Object.values(table) as { by?: string; source?: string }[];
      assert.ok(rows.length > 0);
      for (const { by, source } of rows) {
        assert.match(by ?? "", /^\w/);
        // A repository or a site, with what to look at there.
        assert.match(source ?? "", /^[\w-]+(\.[\w.-]+)?[/.][\w./-]*\S/);
      }
    });
  }

  it("are the one place that names a server", () => {
    const names = tables
      .flatMap(([, table]) => Object.values(table) as { by: string }[])
      .flatMap(({ by }) => by.split(", "));
    // The product is made for Hugging Face, and its hosts have a file of their own.
    const others = names.filter((name) => name !== "Hugging Face").map((name) => name.replace(/ (\d|before ).*/, ""));
    // In small letters this one is a word like any other.
    const inSmall = others.filter((name) => name !== "Together").map((name) => name.toLowerCase());
    const pattern = new RegExp(`\\b(${[...new Set([...others, ...inSmall])].join("|").replaceAll(".", "\\.")})\\b`);
    const src = path.join(root, "src");
    const found = readdirSync(src, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !ALLOWED.has(file.replaceAll(path.sep, "/")))
      .flatMap((file) =>
        readFileSync(path.join(src, file), "utf8")
          .split("\n")
          .filter((line) => pattern.test(line.replace(/"(openai|tgi)"/g, "")))
          .map((line) => `${file}: ${line.trim()}`),
      );
    assert.deepEqual(found, []);
  });
});

/** The tables themselves, and the setting by which a user chooses how a server is asked for a schema. */
const ALLOWED = new Set(["client/completion/dialects.ts", "conversation/json/structured-output.ts"]);

covers("its reasoning in a field", fieldsOf(dialects.REASONING), {
  reasoning_content: () => reasoningIs("Hm.", delta({ reasoning_content: "Hm." })),
  reasoning: () => reasoningIs("Hm.", delta({ reasoning: "Hm." })),
  reasoning_text: () => reasoningIs("Hm.", delta({ reasoning_text: "Hm." })),
  thinking: () => reasoningIs("Hm.", delta({ thinking: "Hm." })),
  reasoning_details: () => reasoningIs("Hm.", delta({ reasoning_details: [{ type: "reasoning.text", text: "Hm." }] })),
});

covers("its reasoning in a content part", fieldsOf(dialects.REASONING_PARTS), {
  thinking: () =>
    reasoningIs("Hm.", delta({ content: [{ type: "thinking", thinking: [{ type: "text", text: "Hm." }] }] })),
  reasoning: () => reasoningIs("Hm.", delta({ content: [{ type: "reasoning", reasoning: "Hm." }] })),
});

covers("the text of a part in a field", fieldsOf(dialects.PART_TEXTS), {
  text: () => assert.equal(read(delta({ content: [{ type: "text", text: "Hi" }] })).message.content, "Hi"),
  summary: () => reasoningIs("Hm.", delta({ reasoning_details: [{ type: "reasoning.summary", summary: "Hm." }] })),
  thinking: () => reasoningIs("Hm.", delta({ reasoning_content: [{ type: "thinking", thinking: "Hm." }] })),
});

covers(
  "its reasoning between tags",
  dialects.THINK_TAGS.map(({ open }) => open),
  {
    "<think>": () => {
      const { message } = read(delta({ content: "<thi" }), delta({ content: "nk>Hm.</think>\n\nHi" }));
      assert.deepEqual(message, { role: "assistant", content: "Hi", reasoning: "Hm." });
    },
  },
);

covers(
  "a finish reason of a reply that is not whole",
  dialects.FINISH_REASONS.map(({ reason }) => reason),
  {
    length: () => assert.equal(dialects.FINISH_MEANINGS.get("length"), "cut"),
    max_tokens: () => assert.equal(dialects.FINISH_MEANINGS.get("max_tokens"), "cut"),
    model_length: () => assert.equal(dialects.FINISH_MEANINGS.get("model_length"), "cut"),
    content_filter: () => assert.equal(dialects.FINISH_MEANINGS.get("content_filter"), "filtered"),
    error: () =>
      assert.rejects(ask(sseEvent(TEXT) + sseEvent(delta({}, { finish_reason: "error" })) + DONE), {
        key: "reply_error",
      }),
  },
);

describe("any other finish reason", () => {
  for (const reason of ["stop", "tool_calls", "eos_token", "constructor", "", undefined]) {
    it(`is that of a whole reply: ${reason}`, () => assert.equal(dialects.FINISH_MEANINGS.get(reason), undefined));
  }
});

covers("a field beside the choices", fieldsOf(Object.values(dialects.REPLY_FIELDS)), {
  provider: () => assert.deepEqual(read({ ...TEXT, provider: "P" }, { ...TEXT, provider: "Q" }).provider, "P"),
  x_groq: () => {
    const usage = { total_tokens: 3 };
    assert.deepEqual(read({ ...TEXT, x_groq: { usage } }).usage, usage);
    assert.deepEqual(read({ ...TEXT, usage, x_groq: { usage: { total_tokens: 9 } } }).usage, usage);
  },
  obfuscation: () => assert.equal("extra" in read({ ...TEXT, obfuscation: "x7Fq" }), false),
});

covers("the arguments of a call in a field", fieldsOf(dialects.CALL_ARGUMENTS), {
  arguments: () =>
    assert.equal(calls([{ index: 0, id: "a", function: { name: "f", arguments: "{}" } }])[0]?.function.arguments, "{}"),
  parameters: () =>
    assert.equal(calls([{ function: { name: "f", parameters: { a: 1 } } }])[0]?.function.arguments, '{"a":1}'),
});

covers("an error without choices in a reply, marked by a field", fieldsOf(dialects.ERROR_MARKS), {
  error_type: () => assert.equal(inReply({ error_type: "x", error_message: "A" })?.key, "reply_error"),
  object: () => {
    assert.equal(inReply({ object: "error", message: "A", code: 404 })?.code, "not_found");
    assert.equal(inReply({ object: "chat.completion", message: "A" }), undefined);
  },
  detail: () => assert.equal(inReply({ detail: "A" })?.key, "reply_error"),
});

const says = (message: string, body: unknown) => assert.equal(answer(500, body).params["message"], message);
covers(
  "the message of an error in a place",
  dialects.ERROR_MESSAGES.map(({ path }) => path.join(".")),
  {
    error: () => {
      says("A.", { error: "A", message: "no" });
      says("A; B.", { error: ["A", "B"] });
      says("A.", { error: 500, message: "A" });
    },
    "error.message": () => {
      says("A.", { error: { message: "A" }, message: "no" });
      says("A; B.", { error: { message: ["A", "B"] } });
    },
    message: () => {
      says("A.", { message: "A", detail: "no" });
      says("A (body.tools).", { object: "Error", message: [{ loc: ["body", "tools"], msg: "A" }] });
    },
    detail: () => {
      says("A.", { detail: "A", title: "no" });
      says("A (body.messages.0).", { detail: [{ type: "missing", loc: ["body", "messages", 0], msg: "A" }] });
    },
    errors: () => says("A.", { result: null, success: false, errors: [{ code: 7009, message: "A" }], title: "no" }),
    title: () => says("A.", { type: "about:blank", title: "A", status: 422 }),
    error_description: () => says("A.", { error_description: "A" }),
    error_message: () => says("A.", { error_type: "x", error_message: "A" }),
    details: () => says("A.", { code: 400, details: "A" }),
  },
);

covers("a list of errors with the message in a field", fieldsOf(dialects.ERROR_ITEMS), {
  message: () => says("A; B.", { errors: [{ message: "A" }, { message: "B" }] }),
  msg: () => says("A; B.", { detail: [{ msg: "A" }, { msg: "B" }] }),
});

covers("the status of an error in a reply", fieldsOf(dialects.ERROR_STATUSES), {
  http_status_code: () => assert.equal(inReply({ error: { message: "A", http_status_code: 422 } })?.cause.status, 422),
  status_code: () =>
    assert.equal(inReply({ error: { message: "A", code: "tool_use_failed", status_code: 400 } })?.cause.status, 400),
  status: () => assert.equal(inReply({ title: "A", status: 422, detail: "B" })?.cause.status, 422),
  code: () => assert.equal(inReply({ error: { message: "A", code: 502 } })?.cause.status, 502),
});

const hasTypeStatus = (error_type: string, status: number) => () =>
  assert.equal(inReply({ error: "A", error_type })?.cause.status, status);
covers(
  "the name of an error in error_type",
  dialects.ERROR_TYPES.map(({ type }) => type),
  {
    validation: hasTypeStatus("validation", 422),
    template_error: hasTypeStatus("template_error", 422),
    missing_template_variable: hasTypeStatus("missing_template_variable", 422),
    tool_error: hasTypeStatus("tool_error", 422),
    generation: hasTypeStatus("generation", 424),
    overloaded: hasTypeStatus("overloaded", 429),
    incomplete_generation: hasTypeStatus("incomplete_generation", 500),
  },
);

covers(
  "a code that says more than the status",
  dialects.ERROR_CODES.map(({ code }) => code),
  {
    insufficient_quota: () => {
      assert.equal(answer(429, { error: { message: "No.", code: "insufficient_quota" } }).key, "quota_used_up");
      assert.equal(answer(429, { error: { message: "No.", type: "insufficient_quota" } }).key, "quota_used_up");
    },
    model_not_found: () => {
      assert.equal(answer(400, { error: { message: "No.", code: "model_not_found" } }).key, "model_not_found");
      assert.equal(answer(400, { error: { message: "No.", type: "model_not_found" } }).key, "refused");
    },
    model_not_supported: () =>
      assert.equal(answer(400, { error: { message: "No.", code: "model_not_supported" } }).key, "model_not_found"),
  },
);

covers(
  "a quota as a rate limit",
  dialects.QUOTAS.map(({ pattern }) => String(pattern)),
  {
    [String(dialects.QUOTAS[0].pattern)]: () =>
      assert.equal(answer(429, { error: { message: "No.", code: "billing_not_active" } }).key, "quota_used_up"),
    [String(dialects.QUOTAS[1].pattern)]: () =>
      assert.equal(
        answer(429, { error: "You have exceeded your monthly included credits for Inference Providers." }).key,
        "quota_used_up",
      ),
    [String(dialects.QUOTAS[2].pattern)]: () =>
      assert.equal(answer(429, { error: { message: "Insufficient Balance" } }).key, "quota_used_up"),
  },
);

const rejects = (param: string | undefined, message: string, status = 400) =>
  assert.equal(unsupportedParams(answer(status, { error: { message } }))[0], param);
covers(
  "the name of what it does not support",
  dialects.UNSUPPORTED_PARAMS.map(({ param, pattern }) => `${param} ${pattern}`),
  {
    [nameOf(0)]: () =>
      rejects("json_word", "'messages' must contain the word 'json' in some form, to use 'response_format'."),
    [nameOf(1)]: () => rejects("stream_options", "Unrecognized request argument supplied: stream_options."),
    [nameOf(2)]: () => {
      rejects("response_format", "This response_format type is unavailable now.");
      rejects(undefined, "This response_format type is unavailable now.", 404);
    },
    [nameOf(3)]: () => rejects("response_format", "Grammar is not supported by this model", 422),
    [nameOf(4)]: () => rejects("response_format", "guided decoding is not available"),
  },
);

function nameOf(row: 0 | 1 | 2 | 3 | 4): string {
  const { param, pattern } = dialects.UNSUPPORTED_PARAMS[row];
  return `${param} ${pattern}`;
}

covers(
  "an error that holds back the reply",
  dialects.HELD_BACK.map(({ code }) => code),
  {
    json_validate_failed: () => {
      const error = { message: "Failed to generate JSON.", code: "json_validate_failed", failed_generation: '{"a":' };
      assert.equal(heldBackReply(answer(400, { error })), '{"a":');
      assert.equal(heldBackReply(answer(400, { error: { ...error, code: "x" } })), undefined);
    },
  },
);

covers(
  "a header",
  Object.values(dialects.HEADERS).map(({ header }) => header),
  {
    "x-inference-provider": async () =>
      assert.equal((await ask(sseEvent(TEXT) + DONE, { "x-inference-provider": "P" })).provider, "P"),
    "x-request-id": async () =>
      assert.equal((await ask(sseEvent(TEXT) + DONE, { "x-request-id": "r" })).request_id, "r"),
    "x-error-message": () => assert.equal(answer(401, {}, { "x-error-message": "A" }).params["message"], "A."),
    "x-error-code": () => assert.equal(answer(401, {}, { "x-error-code": "GatedRepo" }).cause.code, "GatedRepo"),
  },
);

covers("or wants what others do not", Object.keys(dialects.HABITS) as (keyof typeof dialects.HABITS)[], {
  "a whole message beside an empty delta": () => {
    const accumulator = new CompletionAccumulator({});
    const choice = { delta: { role: "assistant", content: "" }, message: { role: "assistant", content: "Hi" } };
    accumulator.add({ choices: [choice] }, 100, true);
    assert.equal(accumulator.build().message.content, "Hi");
  },
  "an index of the choice that counts tokens": () => {
    const chunks = [1, 2].map((index) => ({ choices: [{ index, delta: { content: "a" } }] }));
    assert.equal(read(...chunks).message.content, "aa");
  },
  "reasoning in two fields at once": () =>
    reasoningIs("Hm.", delta({ reasoning: "Hm.", reasoning_details: [{ type: "reasoning.text", text: "Hm." }] })),
  "no finish reason, or a blank one": async () => {
    assert.equal((await ask(sseEvent(TEXT) + DONE)).message.content, "Hi");
    const blank = delta({ content: "H" }, { finish_reason: "" });
    assert.equal((await ask(sseEvent(blank) + sseEvent(delta({ content: "i" })) + DONE)).message.content, "Hi");
    // Otherwise a reply that is cut off would look whole.
    await assert.rejects(ask(sseEvent(blank)), { key: "reply_incomplete" });
  },
  "usage in every chunk": () => {
    const chunks = [1, 2].map((total_tokens) => ({ ...TEXT, usage: { total_tokens } }));
    assert.deepEqual(read(...chunks).usage, { total_tokens: 2 });
  },
  "usage behind the last choice": () =>
    assert.deepEqual(read(TEXT, { choices: [], usage: { total_tokens: 2 } }).usage, { total_tokens: 2 }),
  "a bare tool call, not in a list": () =>
    assert.equal(calls({ index: 0, id: 0, function: { name: "f", arguments: "{}" } }).length, 1),
  "the same id and index for every call": () => {
    const call = (name: string) => ({ index: 0, id: "0", function: { name, arguments: "{}" } });
    const made = calls([call("f")], [call("g")]);
    assert.deepEqual(
      made.map((made) => made.function.name),
      ["f", "g"],
    );
    assert.notEqual(made[0]?.id, made[1]?.id);
  },
  "a first index of 1": () =>
    assert.equal(calls([{ index: 1, id: "a", function: { name: "f", arguments: "" } }]).length, 1),
  "a blank id in later deltas": () => {
    const made = calls(
      [{ index: 0, id: "a", function: { name: "f", arguments: "{" } }],
      [{ index: 0, id: "", function: { arguments: "}" } }],
    );
    assert.deepEqual(made, [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }]);
  },
  "a blank name in later deltas": () => {
    const made = calls(
      [{ index: 0, id: "a", function: { name: "f", arguments: "{" } }],
      [{ index: 0, function: { name: "", arguments: "}" } }],
    );
    assert.deepEqual(made, [{ id: "a", type: "function", function: { name: "f", arguments: "{}" } }]);
  },
  "arguments as an object": () =>
    assert.equal(calls([{ function: { name: "f", arguments: { a: 1 } } }])[0]?.function.arguments, '{"a":1}'),
  "null as arguments of a function without parameters": async () => {
    const call = parseCall({ id: "a", type: "function", function: { name: "f", arguments: "null" } });
    const tool = { name: "f", description: "", parameters: undefined, strict: false, run: async () => "done" };
    const report = await runTool(tool, call, ["f"], new AbortController().signal, checkBudget());
    assert.equal("result" in report && report.result, "done");
  },
  "parses the arguments of all calls sent back": () => {
    const broken = { id: "a", type: "function" as const, function: { name: "f", arguments: '{"a":' } };
    assert.equal(sendableCall(broken).function.arguments, "{}");
  },
  "refuses a bare text as stop": () => assert.deepEqual(readStop("a", "stop"), ["a"]),
  "a function name of 1 to 64 letters, digits, _ and -": () => {
    assert.equal(readFunctions([{ name: "get_weather-2" }]).length, 1);
    for (const name of ["", "get weather", "a".repeat(65)]) {
      assert.throws(() => readFunctions([{ name }]), { key: "function_name" });
    }
  },
  "Retry-After with a reply that is fine": () => assert.equal(requestedPause(200, { "retry-after": "30" }), undefined),
  "statuses 520 to 529 for a server that is away": () =>
    assert.deepEqual([519, 520, 529, 530].map(isRetryableStatus), [false, true, true, false]),
  "status 421 for a base URL without /v1": () => assert.equal(answer(421, { message: "A" }).key, "path_not_found"),
  "status 424 for a generation that failed": () => {
    const error = answer(424, { error: "Request failed during generation: A", error_type: "generation" });
    assert.equal(error.key, "server_busy");
    assert.equal(error.cause.retryable, false);
  },
  "an error wrapped into an array": () => says("A.", [{ error: { code: 400, message: "A" } }]),
  "an error in a field of the event stream": () =>
    assert.rejects(ask('error: {"code":503,"message":"A"}\n\n'), { key: "server_busy" }),
});
