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

/** Learns from the first chunk and reads the second. */
function readAfter(first: string | Chunk, second: string | Chunk): string | undefined {
  const [before, after] = [first, second].map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
  const template = new FastDeltaPath();
  template.learn(before as string, JSON.parse(before as string));
  return template.read(after as string);
}

describe("a chunk that is like the one before", () => {
  it("is read as its delta, whatever characters are in it", () => {
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

  it("is read as JSON.parse reads it, for every character", () => {
    const template = new FastDeltaPath();
    const json = JSON.stringify(chunk({ content: "a" }));
    template.learn(json, JSON.parse(json));
    for (let code = 0; code < 0x10000; code++) {
      const next = json.replace('"a"', () => `"${String.fromCharCode(code)}"`);
      const isJson = code >= 0x20 && code !== 0x22 && code !== 0x5c;
      assert.equal(template.read(next), isJson ? String.fromCharCode(code) : undefined, `${code}`);
    }
  });

  it("may contain the role, another order of fields, or white space between them", () => {
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

  it("is never guessed: a chunk that differs in anything else is left to the parser", () => {
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

  it("is read from the content of the first choice, not from another field of that name", () => {
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

  it("is not learnt from a chunk that has more, which also clears what was learnt before", () => {
    const deltas = [{ content: "a", reasoning: "r" }, { content: "a", tool_calls: [] }, { content: null }, {}];
    for (const delta of deltas) assert.equal(readAfter(chunk(delta), chunk({ ...delta, content: "b" })), undefined);
    const probabilities = { logprobs: { content: [] } };
    assert.equal(readAfter(chunk({ content: "a" }, probabilities), chunk({ content: "b" }, probabilities)), undefined);
    const template = new FastDeltaPath();
    for (const first of [chunk({ content: "a" }), chunk({})]) template.learn(JSON.stringify(first), first);
    assert.equal(template.read(JSON.stringify(chunk({ content: "b" }))), undefined);
  });

  it("is no longer searched for in a stream whose chunks have nothing in common", () => {
    const template = new FastDeltaPath();
    for (let at = 0; at < 20; at++) {
      const other = { ...chunk({ content: "a" }), usage: { total_tokens: at } };
      template.learn(JSON.stringify(other), other);
    }
    const last = { ...chunk({ content: "a" }), usage: { total_tokens: 19 } };
    assert.equal(template.read(JSON.stringify(last)), undefined);
  });
});

describe("a chunk that differs from the one before in its text and in fields beside it", () => {
  /** Learns two chunks, and reads a third. */
  function readThird(chunks: Chunk[]): { delta: string | undefined; fields: Chunk } {
    const path = new FastDeltaPath();
    for (const each of chunks.slice(0, 2)) path.learn(JSON.stringify(each), each);
    const delta = path.read(JSON.stringify(chunks[2]));
    return { delta, fields: Object.fromEntries(path.fields.map((name, at) => [name, path.values[at]])) };
  }

  it("is read as its piece of text and these fields, wherever they stand", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.constantFrom('"', "\\", '","content":"x"', "x".repeat(50)));
    fc.assert(
      fc.property(text, text, text, (content, padding, id) => {
        const chunks = [
          { ...chunk({ content: "a" }), id: "1", p: "one" },
          { ...chunk({ content: "b" }), id: "2", p: "two" },
          { ...chunk({ content }), id, p: padding },
        ];
        assert.deepEqual(readThird(chunks), { delta: content, fields: { id, p: padding } });
      }),
    );
  });

  it("is left to be parsed where such a field is missing, or is no text", () => {
    const [first, second] = ["one", "two"].map((p) => ({ ...chunk({ content: "a" }), p }));
    const others = [
      chunk({ content: "b" }),
      { ...chunk({ content: "b" }), p: 1 },
      { ...chunk({ content: "b" }), q: "x" },
    ];
    for (const other of others) assert.equal(readThird([first, second, other] as Chunk[]).delta, undefined);
  });

  it("is left to be parsed where more than four fields differ", () => {
    const names = ["a", "b", "c", "d", "e"];
    const chunks = ["1", "2", "3"].map((value) => ({
      ...chunk({ content: value }),
      ...Object.fromEntries(names.map((name) => [name, value])),
    }));
    assert.equal(readThird(chunks).delta, undefined);
  });
});

describe("chunks of a reply, of which some are like others", () => {
  const TOKEN = "hf_abcabcabd";
  const redaction = makeRedaction([TOKEN, `Bearer ${TOKEN}`]);

  /** Reads a stream of these events, and returns all that the listener was called with, and the result. */
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
      firstPieceLimitMs: 0,
      silenceLimitMs: 0,
      isAtHome: false,
      onHead: () => {},
      maxReplyLength: 1e9,
      proxyHost: undefined,
    });
    // Calls without an id get a random one.
    const result = JSON.stringify({ completion, key: failure?.error.key, cause: failure?.error.cause });
    return { heard, hasBegun: firstAt !== undefined, result: result.replace(/"id":"[A-Za-z0-9]{9}"/g, '"id":"own"') };
  }

  const PLACE = "@place@";
  /** Where a field differs from chunk to chunk. */
  const PADDING = "@padding@";
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
      `{"choices":[{"delta":{"content":${PLACE}}}],"obfuscation":${PADDING}}`,
      `{"id":${PADDING},"choices":[{"delta":{"content":${PLACE}}}],"model":"m"}`,
      `{"x":${PADDING},"choices":[{"delta":{"content":${PLACE}}}],"y":"z"}`,
      `{"x":"x","choices":[{"delta":{"content":${PLACE}}}],"x":${PADDING}}`,
      `{"x":${PADDING},"choices":[{"delta":{"content":${PLACE}}}],"x":"x"}`,
      `{"provider":${PADDING},"choices":[{"delta":{"content":${PLACE}}}],"x_groq":${PADDING},"__proto__":${PADDING}}`,
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
  /** Replaces one character or one string in some chunks, and leaves the others unchanged. */
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
  /** A short reply is parsed. */
  const LONG_START = Array.from({ length: 16 }, () => '{"choices":[{"delta":{"content":"."}}]}');
  const stream = fc.array(shape, { minLength: 1, maxLength: 3 }).chain((shapes) =>
    fc
      .array(fc.tuple(fc.nat(shapes.length - 1), literal, literal, damage), { minLength: 1, maxLength: 12 })
      .map((parts) => {
        const made = parts.map(([index, text, padding, how]) => {
          const json = (shapes[index] as string).replace(PLACE, () => text as string);
          return damaged(
            json.replaceAll(PADDING, () => padding as string),
            how,
          );
        });
        // No line of data has these as they are.
        return [...LONG_START, ...made.map((json) => json.replace(/[\r\n]/g, " "))];
      }),
  );

  it("give the same result as named events, each of which is parsed", async () => {
    await fc.assert(
      fc.asyncProperty(stream, async (events) => {
        assert.deepEqual(await read(events), await read(events, "event: chunk\n"));
      }),
      { numRuns: 1000 },
    );
  });
});
