import assert from "node:assert/strict";
import fc from "fast-check";
import { CompletionAccumulator } from "../../../../src/client/completion/accumulator";
import type { PartialCompletion } from "../../../../src/client/types";

type Chunk = Record<string, unknown>;

/** Builds the completion from these chunks. */
function build(...chunks: Chunk[]): PartialCompletion {
  const builder = new CompletionAccumulator({});
  for (const chunk of chunks) builder.add(chunk);
  builder.end();
  return builder.build();
}

const delta = (fields: Chunk, more: Chunk = {}): Chunk => ({ choices: [{ index: 0, delta: fields, ...more }] });
const whole = (fields: Chunk, more: Chunk = {}): Chunk => ({ choices: [{ index: 0, message: fields, ...more }] });

/** As Perplexity sends it: a whole message, and an empty delta. */
const EMPTY = { delta: { role: "assistant", content: "" }, message: { role: "assistant", content: "Hi" } };

describe("the text of a completion", () => {
  const cases: [what: string, chunks: Chunk[], content: string | null][] = [
    [
      "pieces",
      [delta({ role: "assistant", content: "" }), delta({ content: "Hel" }), delta({ content: "lo" })],
      "Hello",
    ],
    ["a whole message", [whole({ role: "assistant", content: "Hello" })], "Hello"],
    ["null, blank and absent content", [delta({ content: null }), delta({ content: "" }), delta({})], ""],
    [
      "parts",
      [
        whole({
          content: [
            { type: "text", text: "Hel" },
            { type: "text", text: "lo" },
          ],
        }),
      ],
      "Hello",
    ],
    ["parts in pieces", [delta({ content: [{ type: "text", text: "Hel" }] }), delta({ content: "lo" })], "Hello"],
    [
      "a choice whose index counts tokens (old TGI)",
      [1, 2].map((index) => ({ choices: [{ index, delta: { content: "a" } }] })),
      "aa",
    ],
    ["the first choice alone", [{ choices: [{ message: { content: "a" } }, { message: { content: "b" } }] }], "a"],
    [
      "a last chunk that repeats the message",
      [delta({ content: "Hi" }), { choices: [{ delta: {}, message: { content: "Hi" } }] }],
      "Hi",
    ],
    ["a last chunk that repeats it without delta", [delta({ content: "Hi" }), whole({ content: "Hi" })], "Hi"],
    [
      "a message beside an empty delta, with a finish reason",
      [{ choices: [{ ...EMPTY, finish_reason: "stop" }] }],
      "Hi",
    ],
    [
      "a stream whose deltas have the message so far beside them",
      [
        { choices: [{ delta: { content: "" }, message: { content: "" } }] },
        { choices: [{ delta: { role: "assistant", content: "" }, message: { content: "H" } }] },
        { choices: [{ delta: { content: "Hi" }, message: { content: "Hi" } }] },
        { choices: [{ ...EMPTY, finish_reason: "stop" }] },
      ],
      "Hi",
    ],
    [
      "a stream whose last chunk repeats what is still held back",
      [delta({ content: "<th" }), { choices: [{ delta: {}, message: { content: "<th" }, finish_reason: "stop" }] }],
      "<th",
    ],
    ["a message beside a delta of null", [{ choices: [{ delta: null, message: { content: "Hi" } }] }], "Hi"],
    [
      "chunks without choices",
      [{ choices: [] }, {}, { choices: null }, { choices: [null] }, delta({ content: "Hi" })],
      "Hi",
    ],
    ["white space", [delta({ content: " \n" })], " \n"],
  ];
  for (const [what, chunks, content] of cases) {
    it(`is read from ${what}`, () => assert.deepEqual(build(...chunks).message, { role: "assistant", content }));
  }

  it("is read from the message of a whole reply that has an empty delta beside it, with or without a finish reason", () => {
    for (const more of [{}, { finish_reason: "stop" }, { finish_reason: null }]) {
      const builder = new CompletionAccumulator({});
      builder.add({ choices: [{ ...EMPTY, ...more }] }, 0, true);
      builder.end();
      assert.equal(builder.build().message.content, "Hi");
    }
  });

  it("is null beside calls, as the API writes it", () => {
    const { message } = build(delta({ tool_calls: [{ index: 0, id: "a", function: { name: "now", arguments: "" } }] }));
    assert.deepEqual(message, {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "a", type: "function", function: { name: "now", arguments: "{}" } }],
    });
  });

  it("is null beside an old function_call, too, which an empty list of calls does not hide", () => {
    const { message } = build(whole({ content: null, tool_calls: [], function_call: { name: "now", arguments: "" } }));
    assert.equal(message.content, null);
    assert.equal(message.tool_calls?.[0]?.function.name, "now");
  });

  it("stays beside calls where there is some", () => {
    const call = { id: "a", function: { name: "now", arguments: "{}" } };
    assert.equal(build(whole({ content: "Let me see.", tool_calls: [call] })).message.content, "Let me see.");
  });
});

describe("the reasoning of a completion", () => {
  const text = [{ type: "text", text: "Hm." }];
  const cases: [what: string, chunks: Chunk[]][] = [
    ["reasoning", [delta({ reasoning: "Hm." })]],
    ["reasoning_content", [delta({ reasoning_content: "Hm." })]],
    ["reasoning_text", [delta({ reasoning_text: "Hm." })]],
    ["thinking", [delta({ thinking: "Hm." })]],
    ["reasoning_details", [delta({ reasoning_details: [{ type: "reasoning.text", text: "Hm." }] })]],
    ["a summary in reasoning_details", [delta({ reasoning_details: [{ type: "reasoning.summary", summary: "Hm." }] })]],
    ["a whole message", [whole({ content: "", reasoning_content: "Hm." })]],
    ["two names at once, which say the same", [delta({ reasoning: "Hm.", reasoning_details: [{ text: "Hm." }] })]],
    ["a name that is null beside one that is not", [delta({ reasoning_content: null, reasoning: "Hm." })]],
    ["thinking parts (Mistral)", [delta({ content: [{ type: "thinking", thinking: text }] })]],
    ["a thinking part whose text is bare", [delta({ content: [{ type: "thinking", thinking: "Hm." }] })]],
    ["<think> at the beginning", [delta({ content: "<thi" }), delta({ content: "nk>Hm.</think>\n\n" })]],
    ["pieces", [delta({ reasoning: "H" }), delta({ reasoning: "m." })]],
    [
      "a field, and the same before a lone end tag",
      [delta({ reasoning: "Hm." }), delta({ content: "Hm.\n</think>\n\n" })],
    ],
  ];
  for (const [what, chunks] of cases) {
    it(`is kept out of the text: ${what}`, () => {
      const { message } = build(...chunks, delta({ content: "Hello" }));
      assert.deepEqual(message, { role: "assistant", content: "Hello", reasoning: "Hm." });
    });
  }

  it("is absent where there is none, or none that can be read", () => {
    const chunks = [delta({ reasoning: null }), delta({ reasoning: "" }), delta({ reasoning_details: [] })];
    chunks.push(delta({ reasoning_details: [{ type: "reasoning.encrypted", data: "xyz" }] }));
    assert.deepEqual(build(...chunks).message, { role: "assistant", content: "" });
  });

  const returned: [what: string, chunks: Chunk[], toReturn: unknown][] = [
    ["pieces", [delta({ reasoning_content: "H" }), delta({ reasoning_content: "m." })], { reasoning_content: "Hm." }],
    ["blank", [delta({ reasoning_content: "" }), delta({ content: "Hi" })], { reasoning_content: "" }],
    ["first blank", [delta({ reasoning_content: "" }), delta({ reasoning: "Hm." })], { reasoning: "Hm." }],
    ["null", [delta({ reasoning_content: null })], undefined],
    ["between tags", [delta({ content: "<think>Hm.</think>Hi" })], undefined],
  ];
  for (const [what, chunks, toReturn] of returned) {
    it(`goes back as it came: ${what}`, () => assert.deepEqual(build(...chunks).reasoningToReturn, toReturn));
  }

  it("stays in the text where the tag is not at the beginning", () => {
    assert.deepEqual(build(delta({ content: "Say <think>x</think>" })).message, {
      role: "assistant",
      content: "Say <think>x</think>",
    });
  });
});

describe("the deltas of a completion", () => {
  it("are reported in order, text and reasoning separately, none of them empty", () => {
    const reported: string[] = [];
    const builder = new CompletionAccumulator({
      onText: (delta) => reported.push(`text ${delta}`),
      onReasoning: (delta) => reported.push(`reasoning ${delta}`),
    });
    for (const fields of [
      { content: "" },
      { reasoning: "a" },
      { reasoning: "" },
      { reasoning: "b", content: "c" },
      { content: "d" },
    ]) {
      builder.add(delta(fields));
    }
    assert.deepEqual(reported, ["reasoning a", "reasoning b", "text c", "text d"]);
  });

  it("are reported at the end if they began like a tag that never came", () => {
    const reported: string[] = [];
    const builder = new CompletionAccumulator({ onText: (delta) => reported.push(delta) });
    builder.add(delta({ content: "<thi" }));
    assert.deepEqual(reported, []);
    builder.end();
    assert.deepEqual(reported, ["<thi"]);
  });

  const beginnings: [what: string, fields: Chunk, hasContent: boolean][] = [
    ["text", { content: "a" }, true],
    ["reasoning", { reasoning: "a" }, true],
    ["a call", { tool_calls: [{ index: 0, id: "a", function: { name: "now" } }] }, true],
    ["a role alone", { role: "assistant", content: "" }, false],
    ["an empty list of calls", { tool_calls: [] }, false],
  ];
  for (const [what, fields, hasContent] of beginnings) {
    it(`${hasContent ? "count" : "do not count"} as content: ${what}`, () => {
      const builder = new CompletionAccumulator({});
      builder.add(delta(fields));
      assert.equal(builder.hasContent, hasContent);
      assert.equal(builder.hasChoice, true);
    });
  }

  it("are counted in characters", () => {
    const builder = new CompletionAccumulator({});
    builder.add(delta({ content: "abc", reasoning: "de" }));
    assert.equal(builder.size, 5);
    builder.add(delta({ tool_calls: [{ index: 0, function: { name: "now", arguments: "{}" } }] }));
    // Each call counts 100 more, since it takes memory besides its text.
    assert.equal(builder.size, 5 + 100 + 5);
  });

  it("make the same text however it is split", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.string())), (deltas) => {
        const { message } = build(
          ...deltas.map(([isText, text]) => delta(isText ? { content: text } : { reasoning: text })),
        );
        const joined = (wanted: boolean) =>
          deltas
            .filter(([isText]) => isText === wanted)
            .map(([, text]) => text)
            .join("");
        fc.pre(!joined(true).includes("<think>"));
        assert.equal(message.content, joined(true));
        assert.equal(message.reasoning ?? "", joined(false));
      }),
    );
  });
});

describe("the finish reason of a completion", () => {
  for (const reason of [
    "stop",
    "length",
    "tool_calls",
    "content_filter",
    "eos_token",
    "eos",
    "error",
    "something_new",
  ]) {
    it(`is passed on as the server sent it: ${reason}`, () => {
      const chunks = [delta({ content: "a" }, { finish_reason: null }), delta({}, { finish_reason: reason })];
      assert.equal(build(...chunks, { choices: [], usage: {} }).finish_reason, reason);
    });
  }

  it("is kept when a later chunk has none", () => {
    assert.equal(build(delta({}, { finish_reason: "stop" }), delta({}, { finish_reason: null })).finish_reason, "stop");
  });

  for (const reason of [null, undefined, ""]) {
    it(`has not come with ${JSON.stringify(reason)}`, () => {
      const builder = new CompletionAccumulator({});
      builder.add(delta({ content: "a" }, { finish_reason: reason }));
      assert.equal(builder.hasFinished, false);
      assert.equal("finish_reason" in builder.build(), false);
    });
  }
});

describe("the usage of a completion", () => {
  const usage = {
    prompt_tokens: 1,
    completion_tokens: 2,
    total_tokens: 3,
    prompt_tokens_details: { cached_tokens: 0 },
  };
  const earlier = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
  const cases: [what: string, chunks: Chunk[]][] = [
    ["a chunk after the last choice", [delta({ content: "a" }), { choices: [], usage }]],
    ["the last choice", [delta({ content: "a" }), { ...delta({}, { finish_reason: "stop" }), usage }]],
    [
      "every chunk: the last counts",
      [
        { ...delta({ content: "a" }), usage: earlier },
        { ...delta({}), usage },
      ],
    ],
    [
      "a chunk before others with null",
      [
        { ...delta({}), usage },
        { ...delta({}), usage: null },
      ],
    ],
    [
      "x_groq",
      [
        { ...delta({}), x_groq: { id: "1" } },
        { ...delta({}), x_groq: { id: "1", usage } },
      ],
    ],
    [
      "the last x_groq",
      [
        { ...delta({}), x_groq: { usage: earlier } },
        { ...delta({}), x_groq: { usage } },
      ],
    ],
    ["usage beside x_groq", [{ ...delta({}), usage, x_groq: { usage: earlier } }]],
    ["usage before x_groq", [{ ...delta({}), x_groq: { usage: earlier }, usage }]],
    ["a whole reply", [{ ...whole({ content: "a" }), usage }]],
  ];
  for (const [what, chunks] of cases) {
    it(`is found in ${what}`, () => assert.deepEqual(build(...chunks).usage, usage));
  }

  it("is absent where the server never sends it", () => {
    assert.equal("usage" in build({ ...delta({ content: "a" }), usage: null }), false);
  });
});

describe("the log probabilities of a completion", () => {
  const token = (name: string) => ({ token: name, logprob: -0.1, bytes: null, top_logprobs: [] });

  it("are joined over the chunks", () => {
    const { logprobs } = build(
      delta({ content: "a" }, { logprobs: { content: [token("a")] } }),
      delta({ content: "b" }, { logprobs: null }),
      delta({ content: "c" }, { logprobs: { content: [token("b"), token("c")] } }),
    );
    assert.deepEqual(logprobs, { content: [token("a"), token("b"), token("c")] });
  });

  it("are those of a whole reply", () => {
    assert.deepEqual(build(whole({ content: "a" }, { logprobs: { content: [token("a")] } })).logprobs, {
      content: [token("a")],
    });
  });

  it("are passed on in a form that we do not know", () => {
    const old = { tokens: ["a"], token_logprobs: [-0.1] };
    assert.deepEqual(build(whole({ content: "a" }, { logprobs: old })).logprobs, old);
  });

  it("are kept when one reply has very many", () => {
    const many = Array.from({ length: 200_000 }, () => token("a"));
    const { logprobs } = build(whole({ content: "a" }, { logprobs: { content: many } }));
    assert.equal((logprobs as { content: unknown[] }).content.length, many.length);
  });

  it("are absent where there are none", () => {
    assert.equal("logprobs" in build(delta({ content: "a" }, { logprobs: null })), false);
  });
});

describe("the other fields of a completion", () => {
  it("are the first id, creation time and model that the server sends", () => {
    const { id, created, model } = build(
      { id: "", created: null, model: "", ...delta({}) },
      { id: "1", created: 5, model: "m", ...delta({}) },
      { id: "2", created: 6, model: "n", ...delta({}) },
    );
    assert.deepEqual({ id, created, model }, { id: "1", created: 5, model: "m" });
  });

  it("are absent where the server does not send them", () => {
    assert.deepEqual(build(delta({ content: "a" })), { message: { role: "assistant", content: "a" } });
  });

  it("name the provider, from the headers", () => {
    const builder = new CompletionAccumulator({});
    builder.setOrigin("novita", "Root=1-abc");
    builder.add(delta({ content: "a" }));
    assert.equal(builder.build().provider, "novita");
    assert.equal(builder.build().request_id, "Root=1-abc");
  });

  it("name the provider, from the body if no header does", () => {
    assert.equal(build({ provider: "DeepInfra", ...delta({}) }).provider, "DeepInfra");
  });

  it("are kept under `extra` if they are unknown, such as citations", () => {
    const citations = ["https://example.com"];
    const first = { object: "chat.completion.chunk", obfuscation: "x", citations, service_tier: null, ...delta({}) };
    const { extra } = build(first, { ...delta({}), system_fingerprint: "fp", time_info: { total: 1 } });
    assert.deepEqual(extra, { citations, system_fingerprint: "fp", time_info: { total: 1 } });
  });

  it("keep the values 0 and false", () => {
    assert.deepEqual(build({ created: 0, seed: 0, cached: false, ...delta({}) }), {
      created: 0,
      extra: { seed: 0, cached: false },
      message: { role: "assistant", content: "" },
    });
  });
});

describe("the size of a completion", () => {
  const BIG = "x".repeat(10_000);
  const event = (fields: Chunk) => ({ ...fields, length: JSON.stringify(fields).length });

  /** Returns the size after these events, each with the length of its JSON text. */
  function sizeOf(...chunks: Chunk[]): number {
    const builder = new CompletionAccumulator({});
    for (const chunk of chunks) builder.add(chunk, event(chunk).length);
    return builder.size;
  }

  const many = (make: (index: number) => Chunk) => Array.from({ length: 20 }, (_, index) => make(index));
  const kept: Record<string, (index: number) => Chunk> = {
    "log probabilities": (index) => delta({ content: "a" }, { logprobs: { content: [{ token: BIG + index }] } }),
    "further fields": (index) => ({ ...delta({ content: "a" }), [`k${index}`]: BIG }),
    "further fields that are objects": (index) => ({ ...delta({ content: "a" }), [`k${index}`]: { a: [BIG] } }),
    "many small fields": (index) => ({
      ...delta({}),
      ...Object.fromEntries(Array.from({ length: 1000 }, (_, field) => [`key ${index} ${field}`, "abc"])),
    }),
    "ids of calls": (index) => delta({ tool_calls: [{ index, id: BIG + index, function: { name: "f" } }] }),
    "names of calls": (index) => delta({ tool_calls: [{ index, id: `${index}`, function: { name: BIG } }] }),
    "arguments as text": (index) => delta({ tool_calls: [{ index, function: { name: "f", arguments: BIG } }] }),
    "arguments as objects": (index) =>
      delta({ tool_calls: [{ index, function: { name: "f", arguments: { [index]: BIG } } }] }),
    "details of reasoning": () => delta({ reasoning_details: [{ type: "reasoning.encrypted", data: BIG }] }),
    reasoning: () => delta({ reasoning: BIG }),
  };
  for (const [what, make] of Object.entries(kept)) {
    it(`grows with ${what}`, () => {
      const chunks = many(make);
      const size = sizeOf(...chunks);
      assert.ok(size >= 190_000, `${size}`);
      assert.ok(size <= 2 * JSON.stringify(chunks).length, `${size}`);
    });
  }

  const replaced: Record<string, (index: number) => Chunk> = {
    "a usage in every chunk": (index) => ({ ...delta({ content: "a" }), usage: { completion_tokens: index, x: BIG } }),
    "the same field again and again": (index) => ({ ...delta({ content: "a" }), timings: { a: BIG, index } }),
    "the same text again and again": () => ({ ...delta({ content: "a" }), system_fingerprint: BIG }),
    "the same id in every chunk": () => ({ ...delta({ content: "a" }), id: BIG, model: BIG }),
    "empty lists": () =>
      delta({ content: "a", reasoning_details: [], annotations: BIG }, { logprobs: { content: [] } }),
  };
  for (const [what, make] of Object.entries(replaced)) {
    it(`does not grow with ${what}`, () => {
      const size = sizeOf(...many(make));
      assert.ok(size <= 30_000, `${size}`);
    });
  }

  it("of plain text is the text alone", () => {
    assert.equal(sizeOf(...many(() => delta({ role: "assistant", content: "abc" }))), 60);
  });
});

describe("a completion's value that is nested too deep", () => {
  const deep = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));

  /** Builds the completion, and returns what was left out. */
  function buildWithout(...chunks: Chunk[]) {
    const builder = new CompletionAccumulator({});
    for (const chunk of chunks) builder.add(chunk);
    builder.end();
    return { completion: builder.build(), leftOut: builder.leftOut };
  }

  const fields: Record<string, (value: unknown) => Chunk> = {
    usage: (value) => ({ ...delta({ content: "Hi" }), usage: { a: value } }),
    citations: (value) => ({ ...delta({ content: "Hi" }), citations: value }),
    logprobs: (value) => delta({ content: "Hi" }, { logprobs: { content: [value] } }),
    reasoning_details: (value) => delta({ content: "Hi", reasoning_details: [{ text: "Hm.", value }] }),
  };
  for (const [name, make] of Object.entries(fields)) {
    for (const [what, value] of [
      ["20,000 levels", deep(20_000)],
      ["501 levels", deep(501)],
      ["a key __proto__", JSON.parse('{"__proto__":{"a":1}}')],
    ]) {
      it(`is left out, and the rest stays: ${name}, ${what}`, () => {
        const { completion, leftOut } = buildWithout(make(value), { fine: "yes" });
        assert.deepEqual(leftOut, [name]);
        assert.equal(completion.message.content, "Hi");
        assert.deepEqual(completion.extra, { fine: "yes" });
        assert.equal(completion.usage, undefined);
        assert.equal(completion.logprobs, undefined);
        assert.equal(completion.reasoningToReturn, undefined);
      });
    }
    it(`is kept up to 490 levels: ${name}`, () => assert.deepEqual(buildWithout(make(deep(490))).leftOut, []));
  }

  it("is left out where it stands for logprobs", () => {
    const { leftOut } = buildWithout(delta({ content: "Hi" }, { logprobs: { tokens: deep(20_000) } }));
    assert.deepEqual(leftOut, ["logprobs"]);
  });

  it("is left out wherever text may come in parts", () => {
    for (const [make, ends] of [
      [(value: unknown) => delta({ content: value }), "content"],
      [(value: unknown) => delta({ reasoning: value }), "reasoning"],
      [(value: unknown) => delta({ content: [{ thinking: value }] }), "thinking"],
    ] as const) {
      const { completion } = buildWithout(make(deep(100_000)), delta({ content: "Hi" }));
      assert.deepEqual(completion.message, { role: "assistant", content: "Hi" }, ends);
    }
  });

  it("is kept as the arguments of a call, which are text: whoever parses them checks the depth", () => {
    const args = JSON.parse(`{"a":${"[".repeat(20_000)}${"]".repeat(20_000)}}`);
    const call = { index: 0, id: "a", function: { name: "f", arguments: args } };
    const { completion } = buildWithout(delta({ tool_calls: [call] }));
    assert.equal(completion.message.tool_calls?.[0]?.function.arguments.length, 40_006);
  });
});
