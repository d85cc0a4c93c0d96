import assert from "node:assert/strict";
import fc from "fast-check";
import type { ChatError } from "../../../../src/client/errors/chat-error";
import {
  buildRequest,
  type FormOptions,
  type RequestInput,
  readMessageOptions,
} from "../../../../src/conversation/request/build";
import { isRefused } from "../../../support/errors";

interface Question extends Partial<Omit<RequestInput, "options">> {
  /** `msg.huggingface` */
  huggingface?: unknown;
}

/** Builds the request body of a question. */
function build({ huggingface, ...rest }: Question = {}): Record<string, unknown> {
  const { request } = buildRequest({
    prompt: "Hi",
    promptName: "msg.payload",
    system: undefined,
    form: {},
    defaultModel: "org/default",
    serverStreams: true,
    grammar: "openai",
    options: readMessageOptions(huggingface, "msg.huggingface"),
    ...rest,
  });
  return request;
}

/** Returns the fields that a question adds to the request. */
function fields(question: Question): Record<string, unknown> {
  const { model, messages, stream, stream_options, ...rest } = build(question);
  return rest;
}

const body = (more: object) => ({ messages: [{ role: "user", content: "Hi" }], ...more });

const BLANK_FORM: FormOptions = {
  model: "",
  temperature: "",
  maxTokens: "",
  topP: "",
  stop: [],
  seed: "",
  frequencyPenalty: "",
  presencePenalty: "",
  reasoningEffort: "",
  extra: "{}",
};

describe("the request", () => {
  it("contains only the model, the messages and `stream` if nothing else is set", () => {
    const bare = {
      model: "org/default",
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
      stream_options: { include_usage: true },
    };
    assert.deepEqual(build(), bare);
    assert.deepEqual(build({ form: BLANK_FORM, huggingface: {} }), bare, "blank is not sent");
    assert.deepEqual(build({ form: { ...BLANK_FORM, stop: [""], extra: "" } }), bare, "nor is a blank stop");
  });

  it("begins with the model, which a router reads first", () => {
    const request = build({ prompt: body({ seed: 1, model: "a" }), huggingface: { temperature: 0, model: "b" } });
    assert.ok(JSON.stringify(request).startsWith('{"model":"b",'));
  });

  it("does not ask for a stream if the server cannot stream", () => {
    assert.deepEqual(build({ serverStreams: false }), {
      model: "org/default",
      messages: [{ role: "user", content: "Hi" }],
      stream: false,
    });
  });

  it("has the API's names for the fields of the form", () => {
    const form = {
      temperature: 0.5,
      maxTokens: 10,
      topP: 0.9,
      stop: ["END", "", "\n"],
      seed: 7,
      frequencyPenalty: -1.5,
      presencePenalty: 1,
      reasoningEffort: "high",
      extra: { top_k: 3 },
    };
    assert.deepEqual(fields({ form }), {
      temperature: 0.5,
      max_tokens: 10,
      top_p: 0.9,
      stop: ["END", "\n"],
      seed: 7,
      frequency_penalty: -1.5,
      presence_penalty: 1,
      reasoning_effort: "high",
      top_k: 3,
    });
  });

  const numbers: [value: unknown, sent: number][] = [
    [0, 0],
    ["0", 0],
    [0.25, 0.25],
    ["0.25", 0.25],
    [" 5 ", 5],
    ["-1.5", -1.5],
    ["1e-3", 0.001],
  ];
  for (const [value, sent] of numbers) {
    it(`sends the number ${sent} for ${JSON.stringify(value)}`, () => {
      const expected = { temperature: sent, seed: sent };
      assert.deepEqual(fields({ form: { temperature: value, seed: value } }), expected);
      assert.deepEqual(fields({ huggingface: { temperature: value, seed: value } }), expected);
      assert.deepEqual(fields({ form: { extra: { temperature: value, seed: value } } }), expected);
      assert.deepEqual(fields({ prompt: body({ temperature: value, seed: value }) }), expected);
    });
  }

  it("sends any number as it is", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const expected = Object.is(value, -0) ? 0 : value;
        assert.equal((fields({ huggingface: { temperature: value } }).temperature as number) + 0, expected);
        assert.equal(fields({ form: { temperature: String(value) } }).temperature, expected);
      }),
    );
  });

  for (const value of ["warm", "0,5", " ", "NaN", Number.NaN, Number.POSITIVE_INFINITY, true, {}, [1]]) {
    it(`is refused with the temperature ${typeof value === "number" ? value : JSON.stringify(value)}`, () => {
      isRefused(() => build({ form: { temperature: value } }), "option_number", /^temperature is/);
      isRefused(
        () => build({ huggingface: { temperature: value } }),
        "option_number",
        /^msg\.huggingface\.temperature is/,
      );
    });
  }

  const stops: [value: unknown, sent: unknown][] = [
    ["END", ["END"]],
    [
      ["a", "b"],
      ["a", "b"],
    ],
  ];
  it("sends none of the form's stop sequences if the message has an empty list", () => {
    assert.deepEqual(fields({ form: { stop: ["END"] }, huggingface: { stop: [] } }), {});
  });

  it("has no stream options for a server that does not stream, nor a tool choice of a pasted body", () => {
    const prompt = { messages: [{ role: "user", content: "Hi" }], stream_options: {}, tool_choice: "auto", tools: [] };
    const { request } = buildRequest({
      prompt,
      promptName: "msg.payload",
      system: "",
      form: {},
      options: readMessageOptions(undefined, "msg.huggingface"),
      defaultModel: "org/name",
      serverStreams: false,
      grammar: "openai",
    });
    assert.deepEqual(Object.keys(request), ["model", "messages", "stream"]);
  });

  for (const [value, sent] of stops) {
    it(`sends the stop ${JSON.stringify(value)} as an array`, () => {
      assert.deepEqual(fields({ huggingface: { stop: value } }), { stop: sent });
    });
  }

  it("is refused with a stop that is not a string", () => {
    isRefused(() => build({ huggingface: { stop: ["a", 5] } }), "option_stop", /msg\.huggingface\.stop/);
    isRefused(() => build({ huggingface: { stop: {} } }), "option_stop");
  });

  it("is refused with a model or reasoning effort that is not a string", () => {
    isRefused(() => build({ huggingface: { model: 5 } }), "option_text", /msg\.huggingface\.model/);
    isRefused(() => build({ huggingface: { reasoning_effort: 5 } }), "option_text");
  });

  it("is refused with a variable that the environment does not have", () => {
    isRefused(
      () => build({ form: { temperature: "${TEMP}" } }),
      "env_missing",
      /^Variable not set: TEMP, named in the field temperature/,
    );
    isRefused(() => build({ form: { model: "${MODEL}" } }), "env_missing", /MODEL/);
  });

  it("takes the name of a model that an environment has as a number", () => {
    assert.equal(build({ form: { model: 7 } }).model, "7");
    isRefused(() => build({ form: { model: {} } }), "option_text", /^model must be text/);
  });

  it("is refused with a tool choice that is not one, or without the variable that names it", () => {
    const tools = [{ type: "function" as const, function: { name: "f" } }];
    const choose = (choice: unknown, name?: unknown) => build({ tools, toolChoice: { choice, name } });
    isRefused(() => choose("any"), "option_choice", /^toolChoice is "any".*auto, none, required, function/);
    isRefused(() => choose("${CHOICE}"), "env_missing", /CHOICE, named in the field toolChoice/);
    isRefused(() => choose("function", "${NAME}"), "env_missing", /NAME, named in the field toolName/);
    isRefused(() => choose("function", " "), "tool_name_missing");
    assert.deepEqual(choose("function", " f ").tool_choice, { type: "function", function: { name: "f" } });
  });

  it("is refused without a model", () => isRefused(() => build({ defaultModel: " " }), "model_missing"));
});

describe("thinking that is switched off", () => {
  const OFF = { enable_thinking: false, thinking: false };
  const kwargsOf = (question: Question, mayKnow = true) =>
    fields({ ...question, mayKnowTemplates: () => mayKnow })["chat_template_kwargs"];

  it("is said to the chat template as well, from the form, the message and a pasted request", () => {
    assert.deepEqual(fields({ form: { ...BLANK_FORM, reasoningEffort: "none" }, mayKnowTemplates: () => true }), {
      reasoning_effort: "none",
      chat_template_kwargs: OFF,
    });
    assert.deepEqual(kwargsOf({ huggingface: { reasoning_effort: "none" } }), OFF);
    assert.deepEqual(kwargsOf({ prompt: body({ reasoning_effort: "none" }) }), OFF);
  });

  it("may have blanks around its name", () => {
    const { reasoning_effort, chat_template_kwargs } = build({
      form: { reasoningEffort: " none " },
      mayKnowTemplates: () => true,
    });
    assert.equal(reasoning_effort, "none");
    assert.ok(chat_template_kwargs);
    assert.deepEqual(fields({ form: { reasoningEffort: " " } }), {});
  });

  it("is said under what the user has set, and not where that is null", () => {
    const set = { reasoning_effort: "none", chat_template_kwargs: { thinking: true, x: 1 } };
    assert.deepEqual(kwargsOf({ huggingface: set }), { enable_thinking: false, thinking: true, x: 1 });
    assert.equal(kwargsOf({ huggingface: { ...set, chat_template_kwargs: null } }), undefined);
  });

  it("is not said for another effort, without one, or to a host that knows no templates", () => {
    assert.equal(kwargsOf({ huggingface: { reasoning_effort: "low" } }), undefined);
    assert.equal(kwargsOf({}), undefined);
    assert.equal(kwargsOf({ huggingface: { reasoning_effort: "none" } }, false), undefined);
    assert.deepEqual(kwargsOf({ huggingface: { chat_template_kwargs: { x: 1 } } }), { x: 1 });
  });
});

describe("the precedence of a field's values", () => {
  const places: [name: string, question: (field: string, value: unknown) => Question][] = [
    ["msg.huggingface", (field, value) => ({ huggingface: { [field]: value } })],
    ["the form", (field, value) => ({ form: { [field === "max_tokens" ? "maxTokens" : field]: value } })],
    ["the extra fields", (field, value) => ({ form: { extra: JSON.stringify({ [field]: value }) } })],
    ["a pasted body", (field, value) => ({ prompt: body({ [field]: value }) })],
  ];
  const merged = (questions: Question[]): Question => {
    const form = Object.assign({}, ...questions.map((question) => question.form));
    return { ...Object.assign({}, ...questions), form };
  };

  const fieldsOf: [field: string, value: (place: number) => unknown][] = [
    ["model", (place) => `model ${place}`],
    ["temperature", (place) => place / 10],
    ["max_tokens", (place) => place],
  ];
  for (const [field, value] of fieldsOf) {
    places.forEach(([name], first) => {
      it(`prefers ${field} of ${name} to those that follow`, () => {
        const questions = places.slice(first).map(([, question], offset) => question(field, value(first + offset)));
        assert.equal(build(merged(questions))[field], value(first));
      });

      it(`skips ${field} of ${name} if it is blank`, () => {
        const questions = places
          .slice(first)
          .map(([, question], offset) => question(field, offset === 0 ? "" : value(first + offset)));
        const next = first + 1 < places.length ? value(first + 1) : undefined;
        assert.equal(build(merged(questions))[field], next ?? (field === "model" ? "org/default" : undefined));
      });
    });
  }

  it("takes the configuration's model last", () => {
    assert.equal(build({ form: { model: "org/form" } }).model, "org/form");
    assert.equal(build({ form: { model: "  " } }).model, "org/default");
    assert.equal(build({ huggingface: { model: " org/name:groq " } }).model, "org/name:groq");
    assert.equal(build({ huggingface: { model: " " }, form: { model: "org/form" } }).model, "org/form");
  });

  it("removes the node's value if msg.huggingface has null", () => {
    const form = { temperature: 0.5, maxTokens: 10, stop: ["END"], extra: { top_k: 3, tools: [{}], custom: 1 } };
    const huggingface = { temperature: null, stop: null, top_k: null, tools: null, stream_options: null };
    const request = build({ form, huggingface });
    for (const name of Object.keys(huggingface)) assert.equal(name in request, false, name);
    assert.equal(request.max_tokens, 10);
    assert.equal(request.custom, 1);
  });

  it("falls back to the configuration's model if null removes the node's", () => {
    assert.equal(build({ form: { model: "org/form" }, huggingface: { model: null } }).model, "org/default");
  });

  it("treats undefined as not set", () => {
    assert.deepEqual(fields({ form: { temperature: 1 }, huggingface: { temperature: undefined, custom: undefined } }), {
      temperature: 1,
    });
  });
});

describe("unknown fields", () => {
  it("go into the request as they are", () => {
    const values = fc.dictionary(
      fc.stringMatching(/^x_[a-z]{1,8}$/),
      fc.oneof(fc.jsonValue(), fc.constantFrom("", null, 0, false, "5")),
    );
    fc.assert(
      fc.property(values, (unknown) => {
        assert.deepEqual(fields({ huggingface: unknown }), { ...unknown });
        assert.deepEqual(fields({ form: { extra: unknown } }), { ...unknown });
        assert.deepEqual(fields({ form: { extra: JSON.stringify(unknown) } }), JSON.parse(JSON.stringify(unknown)));
        assert.deepEqual(fields({ prompt: body(unknown) }), { ...unknown });
      }),
    );
  });

  it("are refused where JSON would lose what they hold, and not dropped in silence", () => {
    const values: [value: unknown, key: string, says: RegExp][] = [
      [new Map([[1, 2]]), "prompt_unsendable", /^msg\.huggingface\.x .*type Map/],
      [{ a: [new Set([1])] }, "prompt_unsendable", /^msg\.huggingface\.x\.a\[0\] .*type Set/],
      [() => 1, "prompt_unsendable", /^msg\.huggingface\.x .*type function/],
      [Symbol("x"), "prompt_unsendable", /^msg\.huggingface\.x .*type symbol/],
      [{ run: () => 1 }, "prompt_unsendable", /^msg\.huggingface\.x\.run .*type function/],
      [Buffer.from([255, 0]), "prompt_buffer", /^msg\.huggingface\.x is a Buffer/],
    ];
    for (const [x, key, says] of values) isRefused(() => fields({ huggingface: { x } }), key, says);
    assert.deepEqual(fields({ huggingface: { x: Buffer.from("text"), y: [Buffer.from("more")] } }), {
      x: "text",
      y: ["more"],
    });
  });

  it("may be objects, such as a response format of the server's own", () => {
    const response_format = { type: "regex", value: "a+" };
    assert.deepEqual(fields({ huggingface: { response_format } }), { response_format });
  });
});

describe("a field that a message may not set", () => {
  for (const name of ["token", "headers", "baseUrl"]) {
    it(`is ${name}, in every place`, () => {
      const says = new RegExp(`${name} is not allowed`);
      for (const value of ["x", "", null, { a: 1 }]) {
        isRefused(() => build({ huggingface: { [name]: value } }), "option_forbidden", says);
      }
      isRefused(() => build({ form: { extra: { [name]: "x" } } }), "option_forbidden", says);
      isRefused(() => build({ prompt: body({ [name]: "x" }) }), "option_forbidden", says);
    });
  }

  it("is refused without showing its value", () => {
    assert.throws(
      () => readMessageOptions({ token: "hf_secret" }, "msg.huggingface"),
      (error: ChatError) => !/hf_secret/.test(error.message),
    );
  });

  for (const n of [2, "3", 1.5]) {
    it(`is n: ${JSON.stringify(n)}`, () => {
      isRefused(() => build({ huggingface: { n } }), "n_not_one");
      isRefused(() => build({ form: { extra: { n } } }), "n_not_one");
      isRefused(() => build({ prompt: body({ n }) }), "n_not_one");
    });
  }

  it("is not n: 1", () => assert.deepEqual(fields({ huggingface: { n: 1 } }), { n: 1 }));

  const noOptions = ["gpt", "", 5, true, [], () => {}, new Map([["temperature", 0]]), new Date(0), Buffer.from("x")];
  for (const value of noOptions) {
    it(`is msg.huggingface as ${Object(value).constructor.name} ${JSON.stringify(value)}`, () => {
      isRefused(
        () => readMessageOptions(value, "msg.huggingface"),
        "options_not_object",
        /msg\.huggingface is of type/,
      );
    });
  }
});

describe("msg.huggingface", () => {
  it("may be absent", () => {
    assert.deepEqual(readMessageOptions(undefined, "msg.huggingface"), { source: "msg.huggingface", fields: {} });
    assert.deepEqual(readMessageOptions(null, "msg.huggingface"), { source: "msg.huggingface", fields: {} });
  });

  it("keeps the node's own options out of the request", () => {
    const options = readMessageOptions(
      { system: "s", conversation: "c", stream: "true", temperature: 0 },
      "msg.huggingface",
    );
    assert.deepEqual(options, {
      source: "msg.huggingface",
      system: "s",
      conversation: "c",
      stream: true,
      fields: { temperature: 0 },
    });
  });

  const streams: [value: unknown, stream: boolean | undefined][] = [
    [true, true],
    [false, false],
    ["true", true],
    ["false", false],
    ["", undefined],
    [null, undefined],
    [undefined, undefined],
  ];
  for (const [value, stream] of streams) {
    it(`reads stream ${JSON.stringify(value)} as ${stream}`, () => {
      assert.equal(readMessageOptions({ stream: value }, "msg.huggingface").stream, stream);
      assert.equal(build({ huggingface: { stream: value } }).stream, true, "the server streams all the same");
    });
  }

  it("is refused with a stream that is neither on nor off", () => {
    isRefused(
      () => readMessageOptions({ stream: "yes" }, "msg.huggingface"),
      "option_boolean",
      /msg\.huggingface\.stream/,
    );
  });

  it("may contain the messages and the system prompt, which replace the node's", () => {
    const huggingface = { messages: [{ role: "human", content: "a" }], system: "Be brief." };
    assert.deepEqual(build({ huggingface, system: "Be long.", prompt: undefined }).messages, [
      { role: "system", content: "Be brief." },
      { role: "user", content: "a" },
    ]);
    isRefused(() => build({ huggingface: { messages: "a" } }), "message_not_object", /msg\.huggingface\.messages/);
    assert.deepEqual(build({ huggingface: { messages: null } }).messages, [{ role: "user", content: "Hi" }]);
    isRefused(() => build({ huggingface: { messages: ["a", { role: "user", content: "b" }] } }), "message_not_object");
  });

  it("is not changed, and neither is anything else", () => {
    const input = {
      huggingface: { temperature: "0.5", stop: "END", tools: [{ name: "f", parameters: {} }], model: "m" },
      form: { extra: { top_k: "3" }, stop: ["a", ""] },
      prompt: body({ seed: "1" }),
    };
    const before = structuredClone(input);
    build(input);
    assert.deepEqual(input, before);
  });
});

describe("the extra fields", () => {
  for (const name of ["messages", "stream"]) {
    it(`may not contain ${name}`, () =>
      isRefused(() => build({ form: { extra: { [name]: null } } }), "extra_reserved"));
  }

  it("are refused in one line if they are not JSON", () => {
    assert.throws(
      () => build({ form: { extra: '{"a":\n\n}' } }),
      (error: ChatError) => {
        assert.equal(error.key, "json_invalid");
        assert.match(error.message, /^extra is not valid JSON/);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      },
    );
  });

  it("are refused if they are not an object", () => {
    for (const extra of ["5", "[]", "null", [], 5])
      isRefused(() => build({ form: { extra } }), "not_an_object", /^extra/);
  });
});
