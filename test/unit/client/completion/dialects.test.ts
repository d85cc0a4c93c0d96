import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import path from "node:path";
import { ChatClient } from "../../../../src/client";
import { CompletionAccumulator } from "../../../../src/client/completion/accumulator";
import * as replyDialects from "../../../../src/client/completion/dialects";
import { mayKnowTemplates, resolveEndpoint } from "../../../../src/client/connection/endpoint";
import type { ChatError } from "../../../../src/client/errors/chat-error";
import * as errorDialects from "../../../../src/client/errors/error-dialects";
import { errorFromResponse, errorInReply } from "../../../../src/client/errors/from-response";
import { heldBackReply } from "../../../../src/client/errors/unsupported";
import { addReportedCost, PriceList } from "../../../../src/client/models/prices";
import { serverKind } from "../../../../src/client/models/server-kind";
import { isRetryableStatus, requestedPause } from "../../../../src/client/retry";
import type { Completion, PartialCompletion } from "../../../../src/client/types";
import { checkBudget } from "../../../../src/conversation/json/schema";
import { readOutput } from "../../../../src/conversation/json/structured-output";
import { readStop } from "../../../../src/conversation/request/fields";
import { parseCall, readFunctions, runTool, sendableCall } from "../../../../src/conversation/tools";
import { root } from "../../../support/root";
import { json, sseEvent, startServer } from "../../../support/server";

const dialects = { ...replyDialects, ...errorDialects };
type Json = Record<string, unknown>;
const CONTEXT = { model: "org/name", host: "example.com", hasToken: true, redact: String };

/** Builds the completion from these chunks. */
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

/** Asks a question; the server answers with this stream. */
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

/** Tests one example for each row of a table, and that no example is without a row. */
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

/** Checks that a server is asked for it once it has shown its name. */
async function isAsked(headers: OutgoingHttpHeaders, owner: string): Promise<void> {
  const server = await startServer(({ method }, response) => {
    if (method === "GET") json(response, 200, { data: [{ id: "m", owned_by: owner }] });
    else response.writeHead(200, { "content-type": "text/event-stream", ...headers }).end(sseEvent(TEXT) + DONE);
  });
  const client = new ChatClient({ baseUrl: server.url, retries: 0 });
  try {
    await client.complete({ model: "m", messages: [], stream: true });
    await client.models();
    await client.complete({ model: "m", messages: [], stream: true });
    assert.deepEqual(
      server.requests.filter(({ method }) => method === "POST").map(({ body }) => body.return_progress),
      [undefined, true],
    );
  } finally {
    await client.close();
    await server.close();
  }
}

const fieldsOf = <F extends string>(rows: readonly { field: F }[]): F[] => rows.map(({ field }) => field);
const reasoningIs = (reasoning: string, ...chunks: Json[]) =>
  assert.equal(read(...chunks).message.reasoning, reasoning);

describe("the tables of what servers do differently", () => {
  const derived = ["REASONING_FIELDS", "FINISH_MEANINGS", "TGI"];
  const tables = Object.entries(dialects).filter(([name]) => /^[A-Z_]+$/.test(name) && !derived.includes(name));
  for (const [name, table] of tables) {
    it(`name a provider and a source for each row: ${name}`, () => {
      const rows = Object.values(table) as { by?: string; source?: string }[];
      assert.ok(rows.length > 0);
      for (const { by, source } of rows) {
        assert.match(by ?? "", /^\w/);
        // A repository or a site, and a place in it.
        assert.match(source ?? "", /^[\w-]+(\.[\w.-]+)?[/.][\w./-]*\S/);
      }
    });
  }

  it("are the only place that names a provider", () => {
    const names = tables
      .flatMap(([, table]) => Object.values(table) as { by: string }[])
      .flatMap(({ by }) => by.split(", "));
    // Hugging Face may be named: the product is made for it.
    const others = names.filter((name) => name !== "Hugging Face").map((name) => name.replace(/ (\d|before ).*/, ""));
    // "together" is also a plain English word.
    const inSmall = others.filter((name) => name !== "Together").map((name) => name.toLowerCase());
    const pattern = new RegExp(`\\b(${[...new Set([...others, ...inSmall])].join("|").replaceAll(".", "\\.")})\\b`);
    const src = path.join(root, "src");
    const found = readdirSync(src, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !ALLOWED.has(file.replaceAll(path.sep, "/")))
      .flatMap((file) =>
        readFileSync(path.join(src, file), "utf8")
          .split("\n")
          .filter((line) => pattern.test(line.replace(/"(openai|tgi)"|openai\/gpt-oss-20b/g, "")))
          .map((line) => `${file}: ${line.trim()}`),
      );
    assert.deepEqual(found, []);
  });
});

/** The tables themselves. */
const ALLOWED = new Set([
  "client/completion/dialects.ts",
  "client/errors/error-dialects.ts",
  // The servers that the form offers, and OpenTelemetry's names of providers.
  "shared/servers.ts",
  "conversation/trace/attributes.ts",
]);

const EMPTY: Completion = {
  message: { role: "assistant", content: "" },
  attempts: 1,
  timing: { queued_ms: 0, total_ms: 0 },
};
const local = (extra: Json, host = "127.0.0.1:8080") => serverKind({ ...EMPTY, extra }, host);
covers(
  "replies from a machine at home",
  dialects.LOCAL_SERVERS.map(({ kind }) => kind),
  {
    ollama: () => {
      assert.equal(local({ system_fingerprint: "fp_ollama" }), "ollama");
      assert.equal(local({}, "pi.local:11434"), "ollama");
    },
    llamacpp: () => {
      assert.equal(local({ system_fingerprint: "b4321-1a2b3c4d" }), "llamacpp");
      assert.equal(local({ timings: {} }), "llamacpp");
      assert.equal(local({ system_fingerprint: { a: 1 } }), undefined);
    },
  },
);

covers("its reasoning in a field", fieldsOf(dialects.REASONING), {
  reasoning_content: () => reasoningIs("Hm.", delta({ reasoning_content: "Hm." })),
  reasoning: () => reasoningIs("Hm.", delta({ reasoning: "Hm." })),
  reasoning_text: () => reasoningIs("Hm.", delta({ reasoning_text: "Hm." })),
  thinking: () => reasoningIs("Hm.", delta({ thinking: "Hm." })),
  reasoning_details: () => reasoningIs("Hm.", delta({ reasoning_details: [{ type: "reasoning.text", text: "Hm." }] })),
});

/** Returns the cost of a reply, with a list where tokens from the cache cost nothing. */
async function costOf(usage: Json): Promise<number | undefined> {
  const pricing = { input: 1, output: 1, cached: 0 };
  const prices = new PriceList(async () => [{ id: "m", providers: [{ provider: "p", pricing }] }]);
  await prices.ready();
  const completion = { ...EMPTY, provider: "p", usage };
  addReportedCost(usage, completion);
  return completion.cost ?? prices.costOf("m", completion);
}

covers("what it has charged in a field", fieldsOf(dialects.REPORTED_COSTS), {
  cost: async () => assert.equal(await costOf({ cost: 0.5 }), 0.5),
  estimated_cost: async () => assert.equal(await costOf({ estimated_cost: 0.5 }), 0.5),
});

const hit = (fields: Json): Promise<number | undefined> =>
  costOf({ prompt_tokens: 1e6, completion_tokens: 0, ...fields });
covers("how much came from its cache", fieldsOf(dialects.CACHED_TOKENS), {
  cached_tokens: async () => {
    assert.equal(await hit({ prompt_tokens_details: { cached_tokens: 9e5 } }), 0.1);
    assert.equal(await hit({ cached_tokens: 9e5 }), 0.1);
  },
  prompt_cache_hit_tokens: async () => assert.equal(await hit({ prompt_cache_hit_tokens: 9e5 }), 0.1),
});

/** Checks that the price is read from a list. */
async function isCachedPrice(field: string): Promise<void> {
  const pricing = { input: 1, output: 2, [field]: 0.1 };
  const data = [{ id: "m", providers: [{ provider: "p", pricing }] }];
  const server = await startServer((_, response) => json(response, 200, { data }));
  const client = new ChatClient({ baseUrl: server.url, retries: 0 });
  try {
    const [model] = await client.models();
    assert.deepEqual(model?.providers?.[0]?.pricing, { input: 1, output: 2, cached: 0.1 });
  } finally {
    await client.close();
    await server.close();
  }
}
covers("the price of what came from its cache", fieldsOf(dialects.CACHED_PRICES), {
  cache_read_tokens: () => isCachedPrice("cache_read_tokens"),
  input_cache_read: () => isCachedPrice("input_cache_read"),
  cached_input: () => isCachedPrice("cached_input"),
  cache_read: () => isCachedPrice("cache_read"),
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

const failsAt = (finish_reason: string) => () =>
  assert.rejects(ask(sseEvent(TEXT) + sseEvent(delta({}, { finish_reason })) + DONE), {
    key: "reply_error",
    message: new RegExp(finish_reason),
  });
const lacksCalls = (finish_reason: string) => () =>
  assert.rejects(ask(sseEvent(delta({}, { finish_reason })) + DONE), { key: "reply_without_calls" });
covers(
  "a finish reason that is more than an end",
  dialects.FINISH_REASONS.map(({ reason }) => reason),
  {
    tool_calls: lacksCalls("tool_calls"),
    function_call: lacksCalls("function_call"),
    MAX_TOKENS: () => assert.equal(dialects.FINISH_MEANINGS.get("MAX_TOKENS"), "cut"),
    sensitive: () => assert.equal(dialects.FINISH_MEANINGS.get("sensitive"), "filtered"),
    abort: failsAt("abort"),
    network_error: failsAt("network_error"),
    insufficient_system_resource: failsAt("insufficient_system_resource"),
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
  for (const reason of ["stop", "eos_token", "constructor", "", undefined]) {
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
  prompt_progress: () => {
    const accumulator = new CompletionAccumulator({});
    accumulator.add(delta({ content: null }, {}), 50);
    assert.equal(accumulator.takePromptProgress(), undefined);
    accumulator.add(
      { ...delta({ content: null }), prompt_progress: { total: 9, cache: 0, processed: 4, time_ms: 1 } },
      99,
    );
    assert.deepEqual(accumulator.takePromptProgress(), { processed: 4, total: 9 });
    assert.deepEqual(accumulator.build(), { message: { role: "assistant", content: "" } });
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
  success: () => {
    assert.match(inReply({ success: false, errors: [{ code: 7009, message: "A" }] })?.message ?? "", /A\./);
    assert.equal(inReply({ success: true, errors: [] }), undefined);
  },
  base_resp: () => {
    const reply = (status_code: number) => ({ choices: null, base_resp: { status_code, status_msg: "A" } });
    assert.match(inReply(reply(1008))?.message ?? "", /A\./);
    assert.equal(inReply(reply(0)), undefined);
    assert.equal(inReply({ ...reply(1008), choices: [] }), undefined);
  },
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
    "base_resp.status_msg": () => says("A.", { choices: null, base_resp: { status_code: 1008, status_msg: "A" } }),
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
    model_not_available: () =>
      assert.equal(answer(400, { error: { message: "No.", code: "model_not_available" } }).key, "model_not_found"),
    model_decommissioned: () =>
      assert.equal(answer(400, { error: { message: "No.", code: "model_decommissioned" } }).key, "model_not_found"),
    DeploymentNotFound: () =>
      assert.equal(answer(404, { error: { message: "No.", code: "DeploymentNotFound" } }).key, "model_not_found"),
  },
);

const knowsNot = (message: string, ...statuses: number[]) => {
  for (const status of statuses) assert.equal(answer(status, { error: { message } }).key, "model_not_found");
};
covers(
  "a message that it lacks the model",
  dialects.UNKNOWN_MODELS.map(({ pattern }) => String(pattern)),
  {
    [String(dialects.UNKNOWN_MODELS[0].pattern)]: () => {
      knowsNot("This model is not here.", 404);
      assert.equal(answer(400, { error: "This model has a context of 4096 tokens." }).key, "refused");
    },
    [String(dialects.UNKNOWN_MODELS[1].pattern)]: () => knowsNot("No endpoints found for x/y.", 404),
    [String(dialects.UNKNOWN_MODELS[2].pattern)]: () => {
      knowsNot("model 'nope' not found", 400, 404, 422);
      knowsNot("model is not loaded", 400);
      knowsNot("Model Not Exist", 400);
      knowsNot("The model `x` has been decommissioned and is no longer supported.", 400);
      assert.equal(answer(400, { error: "The file of the model is not found." }).key, "refused");
    },
    [String(dialects.UNKNOWN_MODELS[3].pattern)]: () => knowsNot("glm-4.7 is not a valid model ID", 400),
    [String(dialects.UNKNOWN_MODELS[4].pattern)]: () => {
      knowsNot("Invalid model: mistral-medium-3.5", 400);
      knowsNot("invalid model ID", 400);
      assert.equal(answer(400, { error: "Invalid model parameters: temperature." }).key, "refused");
    },
  },
);

const stays = (key: string, message: string) => {
  const error = answer(500, { error: { code: 500, message, type: "server_error" } });
  assert.equal(error.key, key);
  assert.equal(error.cause.retryable, false);
  assert.doesNotMatch(error.message, /later/);
};
covers(
  "a failure that stays",
  dialects.LASTING_FAILURES.map(({ key }) => key),
  {
    tools_unsupported: () => stays("tools_unsupported", "tools param requires --jinja flag"),
    images_unsupported: () => {
      const hint = "if this is unexpected, you may need to provide the mmproj";
      stays("images_unsupported", `image input is not supported - hint: ${hint}`);
      stays("images_unsupported", "failed to process inputs: this model is missing data required for image input");
    },
    sound_unsupported: () => stays("sound_unsupported", "audio input is not supported - hint: …"),
    template_refused: () => {
      stays("template_refused", "Jinja Exception: System message must be at the beginning.");
      stays("template_refused", "Unknown method: keys at row 57, column 46:\n{%- for key in fields.keys() %}");
    },
  },
);

covers(
  "the error of the provider behind it",
  dialects.ERRORS_BEHIND.map(({ path }) => path.join(".")),
  {
    "error.metadata.raw": () => {
      const gateway = (raw: unknown) => ({
        error: { message: "Provider returned error", code: 400, metadata: { raw } },
      });
      says("A.", gateway("A"));
      says("A.", gateway('{"error":{"message":"A","code":"c"}}'));
      says("A.", gateway({ error: { message: "A" } }));
      says("Provider returned error.", gateway(""));
      says("Provider returned error.", gateway({ foo: 1 }));
    },
  },
);

covers(
  "no word to a template, by its host",
  dialects.WITHOUT_TEMPLATES.map(({ by }) => by),
  {
    OpenAI: () => assert.equal(mayKnowTemplates(resolveEndpoint("https://api.openai.com/v1")), false),
    Azure: () => assert.equal(mayKnowTemplates(resolveEndpoint("https://me.openai.azure.com/openai/v1")), false),
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

covers(
  "its name, which says that it tells how much of a prompt it has read,",
  dialects.PROMPT_READERS.map((row) => row.in),
  {
    server: () => isAsked({ server: "llama.cpp" }, "ggml"),
    owned_by: () => isAsked({}, "llamacpp"),
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
    // Otherwise a reply that was cut off would look complete.
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
  "refuses a grammar together with tools": () => {
    const format = { type: "json_object" };
    assert.equal(readOutput(format, "tgi", true)?.responseFormat, undefined);
    assert.ok(readOutput(format, "openai", true)?.responseFormat);
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
