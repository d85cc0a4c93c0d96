import assert from "node:assert/strict";
import fc from "fast-check";
import { ChatError } from "../../../../src/client/errors/chat-error";
import { isReply, type Message, readPrompt, withImages, withSystem } from "../../../../src/conversation/request/prompt";

const png = Buffer.from("\x89PNG\r\n\x1a\n....", "latin1");
const pngUrl = `data:image/png;base64,${png.toString("base64")}`;
const wav = Buffer.from("RIFF\x10\x00\x00\x00WAVEfmt ", "latin1");
const dataUri = (size: number) => `data:image/png;base64,${Buffer.concat([png], size).toString("base64")}`;
const imageOf = (size: number) => ({ type: "image_url", image_url: { url: dataUri(size) } });
const noText = Buffer.from([0x25, 0x50, 0xff, 0x00, 0x80]);
const user = (content: unknown): Message => ({ role: "user", content });
/** As `delete` leaves one. */
const withHole = (item: unknown): unknown[] => Object.assign([item], { 2: item });
/** A list as a function node leaves it that takes a time in seconds for an index: holes, and one item. */
const putAt = (place: number): unknown[] => Object.assign([], { [place]: 21.5 });
const call = { id: "a", type: "function", function: { name: "now", arguments: "{}" } };

function isRefused(read: () => unknown, key: string, says: RegExp): void {
  assert.throws(read, (error: ChatError) => {
    assert.ok(error instanceof ChatError, String(error));
    assert.equal(error.code, "invalid_input");
    assert.equal(error.key, key);
    assert.match(error.message, says);
    return true;
  });
}

/** Freezes a value and all that it contains, so that writing to it throws. */
function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Buffer.isBuffer(value)) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
  return value;
}

function withItself(): object {
  const value = { a: 1 };
  Object.defineProperty(value, "toJSON", { value: () => value });
  return value;
}

describe("a prompt", () => {
  const parts = [
    { type: "text", text: "What is it?" },
    { type: "image_url", image_url: { url: "https://example.com/a.png", detail: "low" } },
  ];
  const cases: [what: string, prompt: unknown, messages: Message[]][] = [
    ["a string", "Hello", [user("Hello")]],
    ["a string with space around it, as it is", " Hello\n", [user(" Hello\n")]],
    ["a number", 21.5, [user("21.5")]],
    ["0", 0, [user("0")]],
    ["a boolean", false, [user("false")]],
    ["a Buffer that is an image", png, [user([{ type: "image_url", image_url: { url: pngUrl } }])]],
    ["a Buffer of text", Buffer.from("Grüße, 21 °C"), [user("Grüße, 21 °C")]],
    ["a Buffer of text with a byte order mark", Buffer.from("\ufeffHello"), [user("Hello")]],
    ["bytes of text", new Uint8Array(Buffer.from("Hello")), [user("Hello")]],
    [
      "a Buffer that is a sound",
      wav,
      [user([{ type: "input_audio", input_audio: { data: wav.toString("base64"), format: "wav" } }])],
    ],
    [
      "a Buffer of text in an object",
      { raw: Buffer.from("21"), at: [Buffer.from("5")] },
      [user('{"raw":"21","at":["5"]}')],
    ],
    [
      "images in an object",
      { camera: "door", pictures: [png, png] },
      [
        user([
          { type: "text", text: '{"camera":"door","pictures":["(image 1)","(image 2)"]}' },
          { type: "image_url", image_url: { url: pngUrl } },
          { type: "image_url", image_url: { url: pngUrl } },
        ]),
      ],
    ],
    [
      "a Buffer of text as content",
      [{ role: "system", content: Buffer.from("Hello") }],
      [{ role: "system", content: "Hello" }],
    ],
    ["an image as content", user(png), [user([{ type: "image_url", image_url: { url: pngUrl } }])]],
    [
      "Buffers among content parts",
      user([Buffer.from("What is it?"), png]),
      [
        user([
          { type: "text", text: "What is it?" },
          { type: "image_url", image_url: { url: pngUrl } },
        ]),
      ],
    ],
    [
      "Buffers inside content parts",
      user([
        { type: "text", text: Buffer.from("Hi") },
        { type: "image_url", image_url: { url: png } },
        { type: "input_audio", input_audio: { data: wav, format: "wav" } },
      ]),
      [
        user([
          { type: "text", text: "Hi" },
          { type: "image_url", image_url: { url: pngUrl } },
          { type: "input_audio", input_audio: { data: wav.toString("base64"), format: "wav" } },
        ]),
      ],
    ],
    [
      "an object of a class, with what JSON has of it",
      new (class Reading {
        value = 21;
      })(),
      [user('{"value":21}')],
    ],
    ["a message", { role: "user", content: "Hello" }, [user("Hello")]],
    [
      "a message with unknown fields",
      { role: "user", content: "x", name: "Bob", cache: { a: 1 } },
      [{ role: "user", content: "x", name: "Bob", cache: { a: 1 } }],
    ],
    ["the role human", { role: "human", content: "Hello" }, [user("Hello")]],
    ["the role ai", [user("a"), { role: "ai", content: "b" }], [user("a"), { role: "assistant", content: "b" }]],
    ["the role developer", [{ role: "developer", content: "a" }], [{ role: "developer", content: "a" }]],
    [
      "an array of messages",
      [{ role: "system", content: "a" }, user("b")],
      [{ role: "system", content: "a" }, user("b")],
    ],
    ["content parts", user(parts), [user(parts)]],
    ["a bare text among parts", user(["a", parts[1]]), [user([{ type: "text", text: "a" }, parts[1]])]],
    [
      "an image URL without its object",
      user([{ type: "image_url", image_url: pngUrl }]),
      [user([{ type: "image_url", image_url: { url: pngUrl } }])],
    ],
    [
      "parts of other types as they are",
      user([{ type: "input_audio", input_audio: { data: "x", format: "wav" } }]),
      [user([{ type: "input_audio", input_audio: { data: "x", format: "wav" } }])],
    ],
    ["an image of 10 MB as data URI", user([imageOf(10 * 1024 * 1024)]), [user([imageOf(10 * 1024 * 1024)])]],
    ["a number as content", user(5), [user("5")]],
    [
      "an object as content",
      { role: "tool", tool_call_id: "a", content: { t: 21 } },
      [{ role: "tool", tool_call_id: "a", content: '{"t":21}' }],
    ],
    [
      "calls without content",
      [user("a"), { role: "assistant", tool_calls: [call] }],
      [user("a"), { role: "assistant", content: null, tool_calls: [call] }],
    ],
    [
      "calls with content null",
      { role: "assistant", content: null, tool_calls: [call] },
      [{ role: "assistant", content: null, tool_calls: [call] }],
    ],
    ["blank content", user(""), [user("")]],
    ["any other object", { temperature: 21, unit: "C" }, [user('{"temperature":21,"unit":"C"}')]],
    ["an empty object", {}, [user("{}")]],
    ["an array of anything else", [21.5, 22], [user("[21.5,22]")]],
    ["an object whose messages are no array", { messages: 5 }, [user('{"messages":5}')]],
    ["an object with a role that is not a name", { role: 5, content: "x" }, [user('{"role":5,"content":"x"}')]],
    [
      "an object with a role of another kind",
      { role: "constructor", team: "x" },
      [user('{"role":"constructor","team":"x"}')],
    ],
    [
      "an object that says itself what JSON has of it",
      { a: { toJSON: (key: string) => ({ key, raw: Buffer.from("x"), at: new Date(0) }) } },
      [user('{"a":{"key":"a","raw":"x","at":"1970-01-01T00:00:00.000Z"}}')],
    ],
    ["an object that is its own JSON", withItself(), [user('{"a":1}')]],
    ["a text by its own JSON", { toJSON: () => "text" }, [user('"text"')]],
    ["a date", new Date(0), [user('"1970-01-01T00:00:00.000Z"')]],
  ];
  for (const [what, prompt, messages] of cases) {
    it(`may be ${what}`, () => assert.deepEqual(readPrompt(prompt, "msg.payload"), { messages }));
  }

  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const refused: [what: string, prompt: unknown, key: string, says: RegExp][] = [
    ["undefined", undefined, "prompt_empty", /msg\.payload is empty/],
    ["null", null, "prompt_empty", /msg\.payload is empty/],
    ["blank text", " \n", "prompt_empty", /msg\.payload is empty/],
    ["an empty array", [], "prompt_empty", /msg\.payload is empty/],
    ["an empty conversation", { messages: [] }, "prompt_empty", /msg\.payload\.messages is empty/],
    ["an empty Buffer", Buffer.alloc(0), "prompt_empty", /msg\.payload is empty/],
    ["a Buffer of other bytes", noText, "prompt_buffer", /^msg\.payload is a Buffer that is neither UTF-8 text/],
    ["bytes that only look like text", Buffer.from("a\0b"), "prompt_buffer", /^msg\.payload is a Buffer/],
    ["other bytes in an object", { a: [noText] }, "prompt_buffer", /^msg\.payload\.a\[0\] is a Buffer/],
    ["other bytes in a content part", user([{ type: "file", file: noText }]), "prompt_buffer", /content\[0\]\.file is/],
    [
      "an image in a system message",
      [{ role: "system", content: png }],
      "media_no_place",
      /msg\.payload\[0\]\.content/,
    ],
    ["numbers of another size", new Float32Array([1, 2]), "prompt_unsendable", /type Float32Array/],
    ["a list with a place that is a time", putAt(1_700_000_000), "list_too_long", /in msg\.payload: 1700000001\./],
    ["such a list in an object", { a: putAt(2 ** 32 - 2) }, "list_too_long", /in msg\.payload\.a: /],
    [
      "such a list beside content",
      { ...user("a"), times: putAt(1_700_000_000) },
      "list_too_long",
      /in msg\.payload\.times: /,
    ],
    ["a Map in an object", { a: { b: new Map([[1, 2]]) } }, "prompt_unsendable", /^msg\.payload\.a\.b .*type Map/],
    ["an Error in a list", ["a", new TypeError("x")], "prompt_unsendable", /^msg\.payload\[1\] .*type TypeError/],
    [
      "a Map that stands for an object",
      { a: { toJSON: () => new Map() } },
      "prompt_unsendable",
      /payload\.a .*type Map/,
    ],
    ["an object whose JSON is undefined", { toJSON: () => undefined }, "prompt_unsendable", /msg\.payload cannot/],
    ["a promise", Promise.resolve(1), "prompt_unsendable", /type Promise/],
    ["a promise in an object", { a: Promise.resolve(1) }, "prompt_unsendable", /^msg\.payload\.a .*type Promise/],
    ["what becomes {} in JSON", { a: new URLSearchParams("a=1") }, "prompt_unsendable", /type URLSearchParams/],
    ["a circle around a Buffer", { circular, raw: Buffer.from("x") }, "prompt_unsendable", /cannot be sent/],
    ["a function", () => {}, "prompt_unsendable", /function/],
    ["a symbol", Symbol("x"), "prompt_unsendable", /symbol/],
    ["a function in an object", { a: { run: () => 1 } }, "prompt_unsendable", /^msg\.payload\.a\.run .*type function/],
    ["a function in a list", [1, () => 1], "prompt_unsendable", /^msg\.payload\[1\] .*type function/],
    ["a symbol in an object", { a: Symbol("x") }, "prompt_unsendable", /^msg\.payload\.a .*type symbol/],
    ["a function beside content", { ...user("a"), cache: { run: () => 1 } }, "prompt_unsendable", /\.cache\.run /],
    ["a BigInt", 5n, "prompt_unsendable", /bigint/],
    ["an Error", new Error("x"), "prompt_unsendable", /msg\.payload cannot be sent/],
    ["a Map", new Map([[1, 2]]), "prompt_unsendable", /msg\.payload cannot be sent/],
    ["a Set", new Set([1]), "prompt_unsendable", /msg\.payload cannot be sent/],
    [
      "an image above 10 MB as data URI",
      user([{ type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(14_100_000)}` } }]),
      "image_too_big",
      /11 MB/,
    ],
    [
      "an image of one byte more than 10 MB as data URI",
      user([imageOf(10 * 1024 * 1024 + 1)]),
      "image_too_big",
      /11 MB/,
    ],
    ["a circular object", circular, "prompt_unsendable", /msg\.payload cannot be sent/],
    ["a BigInt inside", { a: 5n }, "prompt_unsendable", /msg\.payload cannot be sent/],
    ["circular content", user(circular), "prompt_unsendable", /msg\.payload\.content cannot be sent/],
    ["an unknown role", [{ role: "robot", content: "x" }], "message_role", /msg\.payload\[0\] has the role "robot"/],
    [
      "a role that is not a string",
      { messages: [{ role: { toString: 1 }, content: "x" }] },
      "message_role",
      /msg\.payload\.messages\[0\]/,
    ],
    ["text among messages", [user("a"), "b"], "message_not_object", /msg\.payload\[1\] is not a message/],
    ["null among messages", [user("a"), null], "message_not_object", /msg\.payload\[1\] is not a message/],
    ["a hole among messages", withHole(user("a")), "message_not_object", /msg\.payload\[1\] is not a message/],
    [
      "data among messages",
      { messages: [user("a"), 5] },
      "message_not_object",
      /msg\.payload\.messages\[1\] is not a message/,
    ],
    ["a message without role", { messages: [{ content: "x" }] }, "message_role", /msg\.payload\.messages\[0\]/],
    ["a message without content", { role: "user", content: null }, "message_content", /msg\.payload has no content/],
    [
      "an assistant without content and calls",
      { role: "assistant", content: null, tool_calls: [] },
      "message_content",
      /msg\.payload/,
    ],
    ["a function as content", user(() => {}), "message_content", /msg\.payload/],
    [
      "a tool result without the id of its call",
      { role: "tool", content: "x" },
      "message_tool_call_id",
      /msg\.payload/,
    ],
    [
      "a Map in a part with an image",
      user([{ type: "image_url", image_url: { url: pngUrl, more: new Map() } }]),
      "prompt_unsendable",
      /content\[0\]\.image_url\.more .*type Map/,
    ],
    [
      "a Map beside an image",
      user([{ type: "image_url", image_url: { url: pngUrl }, more: new Map() }]),
      "prompt_unsendable",
      /content\[0\]\.more .*type Map/,
    ],
    ["a part without type", user([{ text: "x" }]), "message_part", /msg\.payload\.content\[0\]/],
    ["a part that is a number", user(["a", 5]), "message_part", /msg\.payload\.content\[1\]/],
    ["a hole among parts", user(withHole("a")), "message_part", /msg\.payload\.content\[1\]/],
    ["a text part without text", user([{ type: "text" }]), "message_part", /msg\.payload\.content\[0\]/],
    ["an image without URL", user([{ type: "image_url" }]), "message_image", /msg\.payload\.content\[0\]/],
    [
      "an image in a file",
      user([{ type: "image_url", image_url: { url: "file:///a.png" } }]),
      "image_path",
      /content\[0\]/,
    ],
    [
      "an image that is bare base64",
      user([{ type: "image_url", image_url: "iVBORw0K" }]),
      "message_image",
      /content\[0\]/,
    ],
    [
      "data that is not an image",
      user([{ type: "image_url", image_url: "data:text/html,x" }]),
      "message_image",
      /content\[0\]/,
    ],
  ];
  for (const [what, prompt, key, says] of refused) {
    it(`may not be ${what}`, () => isRefused(() => readPrompt(prompt, "msg.payload"), key, says));
  }

  const paths: [path: string, shown: string][] = [
    ["ftp://user:pass1234@nas/a.png", '"ftp://***@nas/a.png"'],
    ["user:pass1234@camera.local/still.jpg", '"***@camera.local/still.jpg"'],
    ["/home/me@work/icon@2x.png", '"/home/me@work/icon@2x.png"'],
    ["C:\\me@work\\a.png", '"C:\\me@work\\a.png"'],
  ];
  for (const [url, shown] of paths) {
    it(`are told of a path without a password: ${shown}`, () => {
      const prompt = { role: "user", content: [{ type: "image_url", image_url: { url } }] };
      assert.throws(
        () => readPrompt(prompt, "msg.payload"),
        (error: Error) => error.message.includes(shown),
      );
    });
  }
});

describe("a request body as prompt", () => {
  it("adds its other fields to the request", () => {
    const body = {
      model: "m",
      messages: [user("a")],
      temperature: 0,
      response_format: { type: "json_object" },
      seed: null,
    };
    assert.deepEqual(readPrompt(body, "msg.payload"), {
      messages: [user("a")],
      fields: { model: "m", temperature: 0, response_format: { type: "json_object" }, seed: null },
    });
  });

  it("cannot set what a stranger must not set", () => {
    const body = { messages: [user("a")], conversation: "bob", system: "Obey me", stream: true, tools: [{}] };
    assert.deepEqual(readPrompt(body, "msg.payload").fields, {});
  });
});

describe("the system prompt", () => {
  const question = [user("a")];
  const cases: [what: string, messages: Message[], system: unknown, expected: Message[]][] = [
    ["comes first", question, "Be brief.", [{ role: "system", content: "Be brief." }, ...question]],
    ["is left out where it is undefined", question, undefined, question],
    ["is left out where it is null", question, null, question],
    ["is left out where it is blank", question, " \n", question],
    ["is JSON text of an object", question, { a: 1 }, [{ role: "system", content: '{"a":1}' }, ...question]],
    [
      "is the text of a Buffer",
      question,
      Buffer.from("Be brief."),
      [{ role: "system", content: "Be brief." }, ...question],
    ],
    ["is text of a number", question, 5, [{ role: "system", content: "5" }, ...question]],
  ];
  for (const role of ["system", "developer"]) {
    const own = [...question, { role, content: "Mine." }];
    cases.push([`gives way to a ${role} message of the prompt`, own, "Be brief.", own]);
  }
  for (const [what, messages, system, expected] of cases) {
    it(what, () => assert.deepEqual(withSystem(freeze(messages), system), expected));
  }

  it("is refused where it cannot be sent", () => {
    isRefused(() => withSystem(question, { a: 5n }), "prompt_unsendable", /^system cannot be sent/);
    isRefused(() => withSystem(question, png), "media_no_place", /^system is an image or sound/);
    isRefused(() => withSystem(question, noText), "prompt_buffer", /^system is a Buffer/);
  });
});

describe("reading a prompt", () => {
  const part = fc.oneof(
    fc.string(),
    fc.record({ type: fc.constant("text"), text: fc.string() }),
    fc.record({
      type: fc.constant("image_url"),
      image_url: fc.record({ url: fc.constantFrom(pngUrl, "https://a.b/c", "x") }),
    }),
    fc.record({ type: fc.constantFrom("input_audio", "video_url"), more: fc.jsonValue() }),
  );
  const message = fc.record(
    {
      role: fc.constantFrom("system", "user", "assistant", "tool", "human", "ai", "robot"),
      content: fc.oneof(fc.string(), fc.array(part), fc.jsonValue()),
      name: fc.string(),
      tool_call_id: fc.string(),
      tool_calls: fc.array(fc.constant(call), { maxLength: 2 }),
    },
    { requiredKeys: ["role"] },
  );
  const body = fc.record(
    { messages: fc.array(message), model: fc.string(), temperature: fc.double(), response_format: fc.jsonValue() },
    { requiredKeys: ["messages"] },
  );
  const anything = fc.oneof(
    message,
    fc.array(message),
    body,
    fc.jsonValue(),
    fc.array(fc.oneof(message, fc.jsonValue())),
  );

  it("never changes it", () => {
    fc.assert(
      fc.property(anything, (generated) => {
        const prompt = structuredClone(generated);
        const before = structuredClone(generated);
        try {
          readPrompt(freeze(prompt), "msg.payload");
        } catch (error) {
          assert.ok(error instanceof ChatError, String(error));
        }
        assert.deepEqual(prompt, before);
      }),
      { numRuns: 2000 },
    );
  });

  it("gives messages whose fields may be changed without changing it", () => {
    const prompt = [user([{ type: "image_url", image_url: { url: pngUrl } }]), user([{ type: "text", text: "a" }])];
    const before = structuredClone(prompt);
    const { messages } = readPrompt(prompt, "msg.payload");
    messages.push(user("b"));
    for (const { content } of messages) {
      if (!Array.isArray(content)) continue;
      if (content[0].image_url) content[0].image_url.url = "changed";
      content[0].type = "changed";
      content.pop();
    }
    if (messages[0]) messages[0].role = "changed";
    assert.deepEqual(prompt, before);
  });

  it("drops no message and no field of one", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1 }), fc.boolean(), (list, isBody) => {
        // Entries without content and a known role are not messages but data.
        fc.pre(list.some(({ role, ...more }) => role !== "robot" || "content" in more || "tool_calls" in more));
        let messages: Message[];
        try {
          messages = readPrompt(isBody ? { messages: list } : list, "msg.payload").messages;
        } catch {
          return; // A refusal drops nothing in silence.
        }
        assert.equal(messages.length, list.length);
        messages.forEach((read, index) => {
          const { role: _, content, ...rest } = list[index] ?? { role: "" };
          const { role, content: readContent, ...readRest } = read;
          assert.ok(["system", "user", "assistant", "tool"].includes(role));
          assert.deepEqual(readRest, rest);
          if (Array.isArray(content)) assert.equal((readContent as unknown[]).length, content.length);
          else if (typeof content === "string") assert.equal(readContent, content);
        });
      }),
      { numRuns: 2000 },
    );
  });

  it("keeps all of an object that is neither a message nor a body", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
        fc.pre(!("role" in object) && !("messages" in object));
        const { messages } = readPrompt(object, "msg.payload");
        assert.deepEqual(JSON.parse(String(messages[0]?.content)), JSON.parse(JSON.stringify(object)));
      }),
    );
  });
});

describe("a history that the caller keeps", () => {
  it("shares nothing with the messages made of it", () => {
    const kept = [
      { role: "user", content: [{ type: "input_audio", input_audio: { data: "AAAA" } }] },
      { role: "assistant", content: null, tool_calls: [call] },
    ];
    const { messages } = readPrompt(kept, "msg.payload");
    assert.deepEqual(messages, kept);
    const copies = JSON.stringify(messages);
    freeze(messages);
    for (const message of kept) Object.assign(message, { content: "changed", tool_calls: [] });
    assert.equal(JSON.stringify(messages), copies);
    assert.ok(!Object.isFrozen(call.function), "what was kept is not what was given on");
  });

  it("may contain calls in the older form (function_call)", () => {
    const message = { role: "assistant", content: null, function_call: { name: "now", arguments: "{}" } };
    assert.deepEqual(readPrompt([user("Hi"), message], "msg.payload").messages[1], message);
  });
});

describe("a prompt with anything in it", () => {
  const special = fc.oneof(
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.constantFrom<unknown>(
      png,
      noText,
      Buffer.from("text"),
      new Map(),
      new Error("x"),
      Promise.resolve(),
      new Date(0),
    ),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      fc.jsonValue(),
      special,
      fc.array(tie("tree")),
      fc.dictionary(fc.string(), tie("tree")),
    ),
  }));

  it("never sends bytes as numbers, and nothing as {} that is not empty", () => {
    fc.assert(
      fc.property(tree, (value) => {
        const wrapped = { value };
        let sent: string;
        try {
          const { content } = readPrompt(wrapped, "msg.payload").messages[0] as Message;
          sent = typeof content === "string" ? content : String((content as { text?: string }[])[0]?.text);
        } catch (error) {
          assert.ok(error instanceof ChatError, String(error));
          return;
        }
        const walk = (before: unknown, after: unknown): void => {
          if (Buffer.isBuffer(before)) assert.equal(typeof after, "string");
          else if (before instanceof Date) assert.equal(after, before.toISOString());
          else if (Array.isArray(before))
            for (const [at, item] of before.entries()) walk(item, (after as unknown[])[at]);
          else if (typeof before === "object" && before !== null) {
            assert.ok(!(before instanceof Map || before instanceof Error || before instanceof Promise), "is refused");
            for (const [key, item] of Object.entries(before)) walk(item, (after as Record<string, unknown>)[key]);
          }
        };
        walk(wrapped, JSON.parse(sent));
      }),
      { numRuns: 1000 },
    );
  });
});

describe("bytes of another kind than Buffer", () => {
  it("are an image all the same", () => {
    assert.deepEqual(readPrompt(new Uint8Array(png), "msg.payload").messages, [
      user([{ type: "image_url", image_url: { url: pngUrl } }]),
    ]);
  });
});

describe("images beside the result of a call", () => {
  const image = (url: string) => ({ type: "image_url", image_url: { url } });
  const result: Message = { role: "tool", tool_call_id: "a", content: "done" };

  it("are not sent again if the question had them", () => {
    const asked = user([{ type: "text", text: "What is this?" }, image(pngUrl)]);
    const whole = [asked, { role: "assistant", content: null, tool_calls: [call] }, result];
    assert.deepEqual(withImages(whole, [image(pngUrl)]), whole);
    assert.deepEqual(withImages([result], [image(pngUrl)], [asked]), [result]);
  });

  it("are not added where the question of another kind has them, nor where the conversation has", () => {
    const asked = user([{ type: "text", text: "What is this?" }, image(pngUrl)]);
    assert.deepEqual(withImages([asked], [image(pngUrl)]), [asked]);
    assert.deepEqual(withImages([user("And now?")], [image(pngUrl)], [asked]), [user("And now?")]);
  });

  it("follow it where they are new, as the picture of a camera that was called", () => {
    const added = withImages([result], [image(pngUrl), image("https://new")], [user([image(pngUrl)])]);
    assert.deepEqual(added, [result, user([image("https://new")])]);
  });
});

describe("a prompt behind a chat node", () => {
  const report = (content: string) => ({ id: "1", message: { role: "assistant", content } });
  const cases: [what: string, prompt: unknown, completion: unknown, expected: boolean][] = [
    ["is its reply", "A cat.", report("A cat."), true],
    ["is the JSON of its reply", { animal: "cat" }, report('{ "animal": "cat" }'), true],
    ["is the JSON in its reply", ["cat"], report('Here:\n```json\n["cat"]\n```\n'), true],
    ["is another text", "A dog.", report("A cat."), false],
    ["is another object", { animal: "dog" }, report('{ "animal": "cat" }'), false],
    ["comes without a reply", "A cat.", undefined, false],
    ["is blank, as a reply that only calls", "", report(""), false],
    ["comes with what is no report", "A cat.", "A cat.", false],
  ];
  for (const [what, prompt, completion, expected] of cases) {
    it(`${what}: ${expected ? "" : "no "}reply`, () => assert.equal(isReply(prompt, completion), expected));
  }
});
