import assert from "node:assert/strict";
import fc from "fast-check";
import type { Dispatcher } from "undici";
import { FastDeltaPath } from "../../../../src/client/completion/fast-path";
import type { Endpoint } from "../../../../src/client/connection/endpoint";
import { makeRedaction } from "../../../../src/client/redaction";
import { exchange } from "../../../../src/client/response/exchange";
import { replyJson } from "../../../support/arbitrary";

type Chunk = Record<string, unknown>;

const chunk = (delta: object, rest: object = {}): Chunk => ({
  id: "reply-1",
  model: "some/model",
  choices: [{ index: 0, delta, finish_reason: null, ...rest }],
  usage: null,
});

/** Learns from the first of two chunks, and reads the second. */
function readAfter(first: string | Chunk, second: string | Chunk): string | undefined {
  const [before, after] = [first, second].map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
  const template = new FastDeltaPath();
  template.learn(before as string, JSON.parse(before as string));
  return template.read(after as string);
}

describe("a chunk that is like the one before", () => {
  it("is read as its piece of text, whatever characters are in it", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(text, text, (first, second) => {
        assert.equal(readAfter(chunk({ content: first }), chunk({ content: second })), second);
      }),
    );
    const deltas = ['"', "\\", '\\"', '"}}]', '"content":"x"', "\n\u0000", "é…🙂", "\ud83d", "x".repeat(1e6), ""];
    for (const first of deltas) {
      for (const second of deltas) {
        assert.equal(readAfter(chunk({ content: first }), chunk({ content: second })), second);
      }
    }
  });

  it("is read as JSON has it, for every character", () => {
    const template = new FastDeltaPath();
    const json = JSON.stringify(chunk({ content: "a" }));
    template.learn(json, JSON.parse(json));
    for (let code = 0; code < 0x10000; code++) {
      const next = json.replace('"a"', () => `"${String.fromCharCode(code)}"`);
      const isJson = code >= 0x20 && code !== 0x22 && code !== 0x5c;
      assert.equal(template.read(next), isJson ? String.fromCharCode(code) : undefined, `${code}`);
    }
  });

  it("may have the role in it, another order, or blanks between its fields", () => {
    assert.equal(
      readAfter(chunk({ role: "assistant", content: "a" }), chunk({ role: "assistant", content: "b" })),
      "b",
    );
    assert.equal(readAfter(chunk({ content: "a", role: "" }), chunk({ content: "b", role: "" })), "b");
    const [first, second] = ["a", "b"].map((content) => JSON.stringify(chunk({ content }), null, 2));
    assert.equal(readAfter(first as string, second as string), "b");
    assert.equal(
      readAfter('{"choices":[{"delta":{"content" :\t"a"}}]}', '{"choices":[{"delta":{"content" :\t"b"}}]}'),
      "b",
    );
  });

  it("is never guessed: what differs in anything else is left to be parsed", () => {
    const first = chunk({ content: "a" });
    const others = [
      chunk({ content: "b" }, { finish_reason: "stop" }),
      chunk({ content: "b" }, { logprobs: { content: [] } }),
      chunk({ content: null }),
      chunk({ content: "b", reasoning: "r" }),
      chunk({ content: ["b"] }),
      { ...chunk({ content: "b" }), id: "reply-2" },
      { ...chunk({ content: "b" }), usage: { total_tokens: 3 } },
      { ...chunk({ content: "b" }), error: { message: "broken" } },
    ];
    for (const other of others) assert.equal(readAfter(first, other), undefined, JSON.stringify(other));
    const text = JSON.stringify(first);
    const broken = ['"a', '"a","content":"b"', '"\n"', '"\\x"', '"a" "b"', "", "'a'", "7"];
    for (const literal of broken) assert.equal(readAfter(first, text.replace('"a"', literal)), undefined, literal);
    for (const cut of ["", "{", text.slice(0, -1), `${text}}`]) assert.equal(readAfter(first, cut), undefined, cut);
  });

  it("is told by the content of the first choice, not by another field of that name", () => {
    const first = { content: "x", ...chunk({ content: "a" }) };
    assert.equal(readAfter(first, { ...first, content: "y" }), undefined);
    const others = [
      '{"choices":[{"delta":{"content":"a","content":"b"}}]}',
      '{"choices":[{"delta":{"content":["a"],"content":"b"}}]}',
      '{"choices":[{"index":"\\"content\\":\\"a\\"","delta":{"\\u0063ontent":"a"}}]}',
      '{"choices":[{"delta":{"content":"a"}}],"choices":[{"delta":{"content":"b"}}]}',
      '{"choices":[{"delta":{"content" :"\\u0000probe\\u0000"}}],"x":{"content":1},"choices":[{"delta":{"content":"a"}}]}',
    ];
    for (const json of others) {
      const next = json.replace('"a"', '"c"');
      const delta = readAfter(json, next);
      assert.ok(delta === undefined || delta === JSON.parse(next).choices[0].delta.content, json);
    }
  });

  it("is not learnt from a chunk that brings more, and what was learnt before no longer holds then", () => {
    const deltas = [{ content: "a", reasoning: "r" }, { content: "a", tool_calls: [] }, { content: null }, {}];
    for (const delta of deltas) assert.equal(readAfter(chunk(delta), chunk({ ...delta, content: "b" })), undefined);
    const probabilities = { logprobs: { content: [] } };
    assert.equal(readAfter(chunk({ content: "a" }, probabilities), chunk({ content: "b" }, probabilities)), undefined);
    const template = new FastDeltaPath();
    for (const first of [chunk({ content: "a" }), chunk({})]) template.learn(JSON.stringify(first), first);
    assert.equal(template.read(JSON.stringify(chunk({ content: "b" }))), undefined);
  });

  it("is not looked for any longer in a stream whose chunks have nothing in common", () => {
    const template = new FastDeltaPath();
    for (let at = 0; at < 20; at++) {
      const other = { ...chunk({ content: "a" }), id: `reply-${at}` };
      template.learn(JSON.stringify(other), other);
    }
    const last = { ...chunk({ content: "a" }), id: "reply-19" };
    assert.equal(template.read(JSON.stringify(last)), undefined);
  });
});

describe("chunks of a reply, of which some are like others", () => {
  const TOKEN = "hf_abcabcabd";
  const redaction = makeRedaction([TOKEN, `Bearer ${TOKEN}`]);

  /** Reads a stream of these data, and tells all that a listener hears and all that comes of it. */
  async function read(events: string[], name = ""): Promise<object> {
    const heard: [kind: string, delta: string][] = [];
    const bytes = Buffer.from([...events, "[DONE]"].map((data) => `${name}data: ${data}\n\n`).join(""));
    const controller = { abort: () => {} } as unknown as Dispatcher.DispatchController;
    const dispatch = (_: object, handler: Dispatcher.DispatchHandler) => {
      handler.onRequestStart?.(controller, {});
      handler.onResponseStart?.(controller, 200, { "content-type": "text/event-stream" });
      handler.onResponseData?.(controller, bytes);
      handler.onResponseEnd?.(controller, {});
      return true;
    };
    const { completion, failure, firstAt } = await exchange({
      dispatcher: { dispatch } as unknown as Dispatcher,
      endpoint: { origin: "http://server", path: "/" } as Endpoint,
      headers: {},
      body: Buffer.alloc(0),
      context: { model: "m", host: "server", hasToken: true, redact: redaction.error },
      onFailure: () => {},
      redaction,
      listener: {
        onText: (delta) => heard.push(["text", delta]),
        onReasoning: (delta) => heard.push(["reasoning", delta]),
      },
      signal: undefined,
      onClose: () => {},
      headersLimitMs: 0,
      silenceLimitMs: 0,
      maxReplyLength: 1e9,
      proxyHost: undefined,
    });
    // Calls without an id get one at random.
    const result = JSON.stringify({ completion, key: failure?.error.key, cause: failure?.error.cause });
    return { heard, hasBegun: firstAt !== undefined, result: result.replace(/"call_[\da-f]{32}"/g, '"call_"') };
  }

  const PLACE = "@place@";
  /** Chunks around the literal of a piece, as JSON text. */
  const shape = fc.oneof(
    fc.constantFrom(
      `{"id":"1","choices":[{"index":0,"delta":{"content":${PLACE}},"finish_reason":null}],"usage":null}`,
      `{"id":"1","choices":[{"index":0,"delta":{"content":${PLACE}},"finish_reason":"ok"}],"usage":null}`,
      `{"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":${PLACE}}}]}`,
      `{"choices":[{"delta":{"content":${PLACE},"role":"assistant"},"finish_reason":"stop","logprobs":null}]}`,
      `{ "model" : "m", "choices" : [ { "delta" : { "content" : ${PLACE} } } ] }`,
      `{"usage":{"total_tokens":3},"choices":[{"delta":{"content":${PLACE}}}]}`,
      `{"usage":{"total_tokens":4},"choices":[{"delta":{"content":${PLACE}}}]}`,
      `{"choices":[{"delta":{"content":${PLACE}}},{"delta":{"content":"other"}}],"usage":{"total_tokens":1}}`,
      `{"choices":[{"delta":{"content":${PLACE}}}],"usage":{"total_tokens":2},"citations":["a"]}`,
      `{"content":${PLACE},"choices":[{"delta":{"content":"b"}}]}`,
      `{"content":"b","choices":[{"delta":{"content":${PLACE}}}]}`,
      `{"choices":[{"delta":{"content":"b","content":${PLACE}}}]}`,
      `{"choices":[{"delta":{"content":${PLACE},"content":"b"}}]}`,
      `{"choices":[{"delta":{"content":"b"}}],"choices":[{"delta":{"content":${PLACE}}}]}`,
      `{"choices":[{"delta":{"content":${PLACE},"reasoning":"why"}}]}`,
      `{"choices":[{"delta":{"reasoning":${PLACE},"content":null}}]}`,
      `{"choices":[{"delta":{"content":${PLACE},"refusal":"no"}}]}`,
      `{"choices":[{"delta":{"content":${PLACE},"tool_calls":[{"index":0,"function":{"name":"f","arguments":"1"}}]}}]}`,
      `{"choices":[{"delta":{"content":"b","tool_calls":[{"index":0,"function":{"name":"f","arguments":${PLACE}}}]}}]}`,
      `{"choices":[{"delta":{"content":${PLACE}},"logprobs":{"content":[{"token":"t"}]}}]}`,
      `{"choices":[{"message":{"content":${PLACE}}}]}`,
      `{"model":"${TOKEN}","choices":[{"delta":{"content":${PLACE}}}]}`,
      `{"model":"caf\\u00e9","choices":[{"delta":{"content":${PLACE}}}]}`,
      `{"choices":[{"delta":{"content":${PLACE}}}],"__proto__":{"usage":1},"provider":"p"}`,
      `{"choices":[{"delta":{"content":${PLACE}}}],"error":null}`,
      `{"choices":[{"delta":{"content":${PLACE}}}]`,
    ),
    fc.tuple(replyJson, fc.constantFrom("delta", "message")).map(([reply, name]) => {
      const made = structuredClone(reply) as Chunk;
      const choice = (made.choices as Chunk[])?.[0];
      if (choice && Object.hasOwn(choice, name)) Object.assign(choice[name] as Chunk, { content: PLACE });
      return JSON.stringify(made).replace(`"${PLACE}"`, () => PLACE);
    }),
  );
  const escaped = (text: string) =>
    `"${Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, "0")}`).join("")}"`;
  const words = fc.constantFrom(
    ...[
      "",
      " ",
      "a",
      "<think>",
      "</think>",
      '"',
      "\\",
      "}",
      '"content":"x"',
      "\u0000probe\u0000",
      "é",
      "🙂",
      "\ud83d",
      "\ude42",
      "\u2028",
      "[DONE]",
      "data: ",
      "__proto__",
    ],
    ...[TOKEN, `Bearer ${TOKEN}`, "hf_", "abc", "abcabd", "Bearer ", "/", "x".repeat(5000)],
  );
  const literal = fc
    .tuple(fc.oneof({ weight: 3, arbitrary: words }, fc.string({ unit: "binary" })), fc.integer({ min: 0, max: 9 }))
    .map(([text, way]) => {
      if (way < 6) return JSON.stringify(text);
      if (way < 8) return escaped(text);
      return way === 8
        ? ` ${JSON.stringify(text)} `
        : ["null", "1", "[]", '"\\x"', '"', '{"text":"t"}'][text.length % 6];
    });
  /** Most chunks are as they are; some have one character replaced, or one of their texts. */
  const damage = fc.tuple(
    fc.integer({ min: 0, max: 9 }),
    fc.nat(),
    fc.constantFrom("", "0", '"', "}", ",", " "),
    literal,
  );
  function damaged(json: string, [way, at, character, text]: [number, number, string, string | undefined]): string {
    if (way === 0) return json.slice(0, at % json.length) + character + json.slice((at % json.length) + 1);
    if (way > 1) return json;
    const texts = [...json.matchAll(/"(?:[^"\\]|\\.)*"/g)];
    const hit = texts[at % Math.max(1, texts.length)];
    return hit ? json.slice(0, hit.index) + text + json.slice(hit.index + hit[0].length) : json;
  }
  const stream = fc.array(shape, { minLength: 1, maxLength: 3 }).chain((shapes) =>
    fc.array(fc.tuple(fc.nat(shapes.length - 1), literal, damage), { minLength: 1, maxLength: 12 }).map((parts) =>
      parts
        .map(([index, text, how]) =>
          damaged(
            (shapes[index] as string).replace(PLACE, () => text as string),
            how,
          ),
        )
        // No line of data has these as they are.
        .map((json) => json.replace(/[\r\n]/g, " ")),
    ),
  );

  it("come to the same as if each was parsed: an event with a name always is", async () => {
    await fc.assert(
      fc.asyncProperty(stream, async (events) => {
        assert.deepEqual(await read(events), await read(events, "event: chunk\n"));
      }),
      { numRuns: 1000 },
    );
  });
});
