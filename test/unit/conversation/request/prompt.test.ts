import assert from "node:assert/strict";
import fc from "fast-check";
import { ChatError } from "../../../../src/client/errors/chat-error";
import { type Message, readPrompt, withImages, withSystem } from "../../../../src/conversation/request/prompt";

const png = Buffer.from("\x89PNG\r\n\x1a\n....", "latin1");
const pngUrl = `data:image/png;base64,${png.toString("base64")}`;
const user = (content: unknown): Message => ({ role: "user", content });
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

/** Freezes a value all through, so that writing to it throws. */
function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Buffer.isBuffer(value)) {
    for (const inner of Object.values(value)) freeze(inner);
    Object.freeze(value);
  }
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
    ["a message", { role: "user", content: "Hello" }, [user("Hello")]],
    [
      "a message with fields that we do not know",
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
    ["an object with a role that is no name", { role: 5, content: "x" }, [user('{"role":5,"content":"x"}')]],
    [
      "an object with a role of another kind",
      { role: "constructor", team: "x" },
      [user('{"role":"constructor","team":"x"}')],
    ],
    ["a date", new Date(0), [user('"1970-01-01T00:00:00.000Z"')]],
  ];
  for (const [what, prompt, messages] of cases) {
    it(`may be ${what}`, () => assert.deepEqual(readPrompt(prompt, "msg.payload"), { messages, fields: {} }));
  }

  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const refused: [what: string, prompt: unknown, key: string, says: RegExp][] = [
    ["undefined", undefined, "prompt_empty", /msg\.payload is empty/],
    ["null", null, "prompt_empty", /msg\.payload is empty/],
    ["blank text", " \n", "prompt_empty", /msg\.payload is empty/],
    ["an empty array", [], "prompt_empty", /msg\.payload is empty/],
    ["an empty conversation", { messages: [] }, "prompt_empty", /msg\.payload\.messages is empty/],
    ["a Buffer that is no image", Buffer.from("Hello"), "prompt_buffer", /msg\.payload is a Buffer/],
    ["a function", () => {}, "prompt_unsendable", /function/],
    ["a symbol", Symbol("x"), "prompt_unsendable", /symbol/],
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
    ["a circular object", circular, "prompt_unsendable", /msg\.payload cannot be sent/],
    ["a BigInt inside", { a: 5n }, "prompt_unsendable", /msg\.payload cannot be sent/],
    ["circular content", user(circular), "prompt_unsendable", /msg\.payload cannot be sent/],
    ["an unknown role", [{ role: "robot", content: "x" }], "message_role", /msg\.payload\[0\] has the role "robot"/],
    [
      "a role that is no text",
      { messages: [{ role: { toString: 1 }, content: "x" }] },
      "message_role",
      /msg\.payload\.messages\[0\]/,
    ],
    ["text among messages", [user("a"), "b"], "message_not_object", /msg\.payload\[1\] is no message/],
    ["null among messages", [user("a"), null], "message_not_object", /msg\.payload\[1\] is no message/],
    [
      "data among messages",
      { messages: [user("a"), 5] },
      "message_not_object",
      /msg\.payload\.messages\[1\] is no message/,
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
    ["a part without type", user([{ text: "x" }]), "message_part", /msg\.payload\.content\[0\]/],
    ["a part that is a number", user(["a", 5]), "message_part", /msg\.payload\.content\[1\]/],
    ["a text part without text", user([{ type: "text" }]), "message_part", /msg\.payload\.content\[0\]/],
    ["an image without URL", user([{ type: "image_url" }]), "message_image", /msg\.payload\.content\[0\]/],
    [
      "an image in a file",
      user([{ type: "image_url", image_url: { url: "file:///a.png" } }]),
      "message_image",
      /content\[0\]/,
    ],
    [
      "an image that is bare base64",
      user([{ type: "image_url", image_url: "iVBORw0K" }]),
      "message_image",
      /content\[0\]/,
    ],
    [
      "data that is no image",
      user([{ type: "image_url", image_url: "data:text/html,x" }]),
      "message_image",
      /content\[0\]/,
    ],
  ];
  for (const [what, prompt, key, says] of refused) {
    it(`may not be ${what}`, () => isRefused(() => readPrompt(prompt, "msg.payload"), key, says));
  }
});

describe("a request body as prompt", () => {
  it("gives its other fields of the API", () => {
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

  it("does not decide what a stranger must not decide", () => {
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
        // Without content and known role none of them is a message: they are data.
        fc.pre(list.some(({ role, ...more }) => role !== "robot" || "content" in more || "tool_calls" in more));
        let messages: Message[];
        try {
          messages = readPrompt(isBody ? { messages: list } : list, "msg.payload").messages;
        } catch {
          return; // refused, and so not dropped in silence
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

  it("keeps all of an object that is no message and no body", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (object) => {
        fc.pre(!("role" in object) && !("messages" in object));
        const { messages } = readPrompt(object, "msg.payload");
        assert.deepEqual(JSON.parse(String(messages[0]?.content)), JSON.parse(JSON.stringify(object)));
      }),
    );
  });
});

describe("a history that is kept elsewhere", () => {
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

  it("may hold calls of the older kind", () => {
    const message = { role: "assistant", content: null, function_call: { name: "now", arguments: "{}" } };
    assert.deepEqual(readPrompt([user("Hi"), message], "msg.payload").messages[1], message);
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

  it("are not sent again where the question had them", () => {
    const asked = user([{ type: "text", text: "What is this?" }, image(pngUrl)]);
    const whole = [asked, { role: "assistant", content: null, tool_calls: [call] }, result];
    assert.deepEqual(withImages(whole, [image(pngUrl)]), whole);
    assert.deepEqual(withImages([result], [image(pngUrl)], [asked]), [result]);
  });

  it("follow it where they are new, as the picture of a camera that was called", () => {
    const added = withImages([result], [image(pngUrl), image("https://new")], [user([image(pngUrl)])]);
    assert.deepEqual(added, [result, user([image("https://new")])]);
  });
});
