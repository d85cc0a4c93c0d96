import assert from "node:assert/strict";
import fc from "fast-check";
import type { AssistantMessage } from "../../../../src/client/internal";
import { meantName, offeredTools } from "../../../../src/conversation/run/call-names";
import { CALL_MARKERS } from "../../../../src/conversation/run/text-call-gate";
import { TextCalls } from "../../../../src/conversation/run/text-calls";
import { quickly } from "../../../support/cpu";

const declared = (name: string, properties: object, required: string[] = []) => ({
  type: "function",
  function: { name, parameters: { type: "object", properties, required } },
});
const OFFERED = offeredTools([
  declared("get_weather", { city: { type: "string" }, days: { type: "integer" } }, ["city"]),
  declared("get_time", {}),
  { type: "function", function: { name: "free" } },
]);
assert.ok(OFFERED);

/** Lets a reply come in pieces, and says what became of it. */
function read(pieces: string[]) {
  let streamed = "";
  const texts = new TextCalls(OFFERED as NonNullable<typeof OFFERED>, (delta) => {
    streamed += delta;
  });
  for (const piece of pieces) texts.push(piece);
  const early = streamed;
  const message: AssistantMessage = { role: "assistant", content: pieces.join("") };
  const isWarned = texts.finish(message);
  texts.flush();
  const calls = message.tool_calls?.map((call) => [call.function.name, JSON.parse(call.function.arguments)]);
  return { early, streamed, calls, content: message.content, isWarned };
}

/** One character a piece, and the whole. */
const ways = (text: string) => [[text], [...text]];

const PARIS = ["get_weather", { city: "Paris" }];
const JSON_CALL = '{"name": "get_weather", "arguments": {"city": "Paris"}}';

describe("a call that a model writes as text", () => {
  const cases: [what: string, text: string, calls: unknown[]][] = [
    ["between Hermes' tags", `<tool_call>\n${JSON_CALL}\n</tool_call>`, [PARIS]],
    ["as Granite's list", `<tool_call>[${JSON_CALL}]</tool_call>`, [PARIS]],
    ["as Granite's list without the last tag", `<tool_call>[${JSON_CALL}, ${JSON_CALL}]`, [PARIS, PARIS]],
    [
      "twice in a row",
      `<tool_call>${JSON_CALL}</tool_call>\n<tool_call>{"name":"get_time","arguments":{}}</tool_call>\n`,
      [PARIS, ["get_time", {}]],
    ],
    ["without the last tag, which ended the reply", `<tool_call>${JSON_CALL}`, [PARIS]],
    [
      "in Mistral's list",
      `[TOOL_CALLS][${JSON_CALL}, {"name": "get_time", "arguments": {}}]`,
      [PARIS, ["get_time", {}]],
    ],
    [
      "in a list with brackets in a text",
      '[TOOL_CALLS] [{"name":"free","arguments":{"a":"]}"}}]',
      [["free", { a: "]}" }]],
    ],
    [
      "in tags that have no end",
      "<tool_call><function=get_time></function><tool_call><function=get_time></function>",
      [
        ["get_time", {}],
        ["get_time", {}],
      ],
    ],
    ["as Llama's function", '<function=get_weather>{"city": "Paris"}</function>', [PARIS]],
    [
      "as Qwen3-Coder's function, whose arguments are texts",
      "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
      [["get_weather", { city: "Paris", days: 3 }]],
    ],
    [
      "between Kimi's marks",
      '<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{"city": "Paris"}<|tool_call_end|><|tool_calls_section_end|>',
      [PARIS],
    ],
    ["as one JSON object", ` ${JSON_CALL}\n`, [PARIS]],
    [
      "as one JSON object with parameters",
      '{"type":"function","name":"get_weather","parameters":{"city":"Paris"}}',
      [PARIS],
    ],
    [
      "with its name behind",
      '{"arguments":{"city":"Paris","days":1},"name":"get_weather"}',
      [["get_weather", { city: "Paris", days: 1 }]],
    ],
    ["with its arguments in a JSON string", '{"name":"get_weather","arguments":"{\\"city\\":\\"Paris\\"}"}', [PARIS]],
    ["with more than the name for a name", '{"name":"functions.get_weather","arguments":{"city":"Paris"}}', [PARIS]],
  ];
  for (const [what, text, calls] of cases) {
    it(`is carried out: ${what}`, () => {
      for (const pieces of ways(text)) {
        const found = read(pieces);
        assert.deepEqual(found.calls, calls);
        assert.deepEqual([found.streamed.trim(), found.content, found.isWarned], ["", null, false]);
      }
    });
  }

  it("has an example for each marker", () => {
    for (const { open } of CALL_MARKERS)
      assert.ok(
        cases.some(([, text]) => text.includes(open)),
        open,
      );
  });

  it("may have text in front, which is streamed", () => {
    for (const pieces of ways(`I look. <tool_call>${JSON_CALL}</tool_call>`)) {
      const { streamed, calls, content } = read(pieces);
      assert.deepEqual([streamed, calls, content], ["I look. ", [PARIS], "I look. "]);
    }
  });
});

describe("a call in a text that is none", () => {
  const cases: [what: string, text: string, isWarned: boolean][] = [
    ["an explanation", `Write <tool_call>${JSON_CALL}</tool_call> to ask.`, true],
    ["an explanation in a fence", `\`\`\`\n<tool_call>${JSON_CALL}</tool_call>\n\`\`\``, true],
    ["an unknown name", '<tool_call>{"name":"rm","arguments":{}}</tool_call>', true],
    ["one of two that is unknown", `[TOOL_CALLS][${JSON_CALL},{"name":"rm","arguments":{}}]`, true],
    ["missing arguments", "<function=get_weather>{}</function>", true],
    ["arguments of another type", '{"name":"get_weather","arguments":{"city":5}}', true],
    ["arguments of another function", '{"name":"get_time","arguments":{"city":"Paris"}}', true],
    ["a last tag with nothing behind it", "<tool_call><function=get_time></function><tool_call>", true],
    ["a tag with nothing behind it", "<tool_call><function=get_time></function><tool_call></tool_call>", true],
    ["broken JSON", '<tool_call>{"name": "get_weather", "arguments": {"city": </tool_call>', true],
    ["an object for an unknown function", '{"name":"rm","arguments":{}}', true],
    ["an object that only begins alike", '{"name":"get_weather","temperature":7}', false],
    ["an object with text behind", `${JSON_CALL} is a call.`, false],
    ["another object", '{"city":"Paris","name":"get_weather"}', false],
    ["a list", '["get_weather"]', false],
    ["a mention of the tags", "The tags are <tool_call> and </tool_call>.", false],
    ["HTML", "<b>bold</b> <table><tr>", false],
    ["GLM's form", "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n</tool_call>", true],
    ["GLM's form without arguments", "<tool_call>get_time</tool_call>", true],
    ["Mistral's later form", '[TOOL_CALLS]get_weather{"city": "Paris"}', true],
    ["Mistral's form with a mark", '[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}', true],
    [
      "harmony's form",
      '<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city": "Paris"}',
      true,
    ],
    ["GLM's form for an unknown name", "<tool_call>rm</tool_call>", false],
    ["nothing", "", false],
  ];
  for (const [what, text, isWarned] of cases) {
    it(`stays text: ${what}`, () => {
      for (const pieces of ways(text)) {
        const found = read(pieces);
        assert.equal(found.calls, undefined);
        assert.deepEqual([found.streamed, found.content], [text, text]);
        assert.equal(found.isWarned, isWarned);
      }
    });
  }
});

describe("a text among tools", () => {
  it("waits only while it can still become a call", () => {
    const waits: [text: string, streamed: string][] = [
      ["A < b", "A < b"],
      ["A <tool", "A "],
      ["A <tools", "A <tools"],
      ["A [TOOL", "A "],
      ["A [1]", "A [1]"],
      ["A <tool_call>x", "A <tool_call>x"],
      [`A <tool_call>${JSON_CALL}</tool_call>`, "A "],
      [`A <tool_call>${JSON_CALL}</tool_call> or`, `A <tool_call>${JSON_CALL}</tool_call> or`],
      ["A {", "A {"],
      ['{"na', ""],
      ['{"name":"get_weather"', ""],
      ['{"name":"rm"', '{"name":"rm"'],
      ['{"city"', '{"city"'],
      ["{x", "{x"],
    ];
    for (const [text, streamed] of waits) {
      for (const pieces of ways(text)) assert.equal(read(pieces).early, streamed, text);
    }
  });

  const part = fc.oneof(
    fc.constantFrom(...CALL_MARKERS.map(({ open }) => open), "</tool_call>", "</function>", "<|tool_call_end|>"),
    fc.constantFrom(
      JSON_CALL,
      `[${JSON_CALL}]`,
      "get_time>",
      "{",
      "}",
      "[",
      "]",
      '"',
      "\\",
      " ",
      "\n",
      "<",
      '"name":"get_time"',
    ),
    fc.string({ maxLength: 5 }),
  );

  it("keeps its values as they are, but for the line breaks beside the tags", () => {
    const values = ["", "Paris", " Paris ", "a\nb", "\na\n", "<b>", "</parameter", "<parameter=x>"];
    for (const value of values) {
      for (const [before, after] of [["", ""] as const, ["\n", "\n"] as const]) {
        const text = `<function=get_weather>\n<parameter=city>${before}${value}${after}</parameter>\n</function>`;
        const bare = before ? value : value.replace(/^\n/, "").replace(/\n$/, "");
        assert.deepEqual(read([text]).calls, [["get_weather", { city: bare }]], JSON.stringify(text));
      }
    }
    const broken = ["<function=get_time>a</function>", "<function=get_time></parameter></function>"];
    for (const text of broken) assert.equal(read([text]).calls, undefined, text);
  });

  it("comes to the same however it is cut, and nothing of it is lost", () => {
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(20), { maxLength: 30 }), (parts, sizes) => {
        const text = parts.join("");
        const pieces: string[] = [];
        let at = 0;
        for (const size of sizes) {
          pieces.push(text.slice(at, at + size));
          at += size;
        }
        pieces.push(text.slice(at));
        const whole = read([text]);
        const cut = read(pieces);
        assert.deepEqual(cut, { ...whole, early: cut.early });
        if (!whole.calls) assert.equal(whole.streamed, text);
        else assert.equal(whole.streamed.trim(), whole.content?.trim() ?? "");
      }),
      { numRuns: 2000 },
    );
  });

  it("takes time in proportion to its length, whatever is in it", () => {
    const hostile = [
      "<tool_call>{",
      "<function=a",
      "[TOOL_CALLS][",
      '{"name":"get_time","arguments":"',
      "<",
      "[TOOL_CALLS][]x",
    ];
    for (const begin of hostile) {
      quickly(() => read([begin, ...Array.from({ length: 20_000 }, () => begin)]), begin);
      quickly(() => read([begin.repeat(20_000)]), begin);
    }
  });

  it("takes time in proportion to its length, whatever is inside", () => {
    const inside: [begin: string, part: string][] = [
      ["<|tool_call_begin|>a", " ".repeat(10)],
      ["<function=get_time>", "<parameter=a"],
      ["<function=get_time>", "<parameter=a>"],
      ["<function=get_time>", "<parameter=a>\n\n</parameter>"],
      ["", "<|tool_call_begin|>get_time:0<|tool_call_argument_begin|>{}<|tool_call_end|>"],
      ["", "<tool_call>{}</tool_call>"],
      ["", "<tool_call><function=get_time></function>"],
      ["<tool_call><function=get_time></function>", "<tool_call>"],
      ["[TOOL_CALLS][", `${'{"name":"get_time","arguments":{}},'.repeat(8)}`],
    ];
    for (const [begin, part] of inside) {
      const text = begin + part.repeat(20_000);
      quickly(() => read([text]), text.slice(0, 40));
    }
  });
});

describe("a name with characters that no name may have", () => {
  const cases: [name: string, meant: string][] = [
    ["get_weather", "get_weather"],
    ["get_weather<|channel|>commentary", "get_weather"],
    ["functions.get_weather", "get_weather"],
    ["$get_weather", "get_weather"],
    ['get_weather" city="Paris', "get_weather"],
    ["get_weather.get_weather", "get_weather"],
    ["get_weather.get_time", "get_weather.get_time"],
    ["get.time", "get_time"],
    ["my.tool", "my.tool"],
    ["unknown", "unknown"],
  ];
  for (const [name, meant] of cases) {
    it(`is the one part that is offered, or stays as it came: ${name}`, () => {
      assert.equal(meantName(name, OFFERED as NonNullable<typeof OFFERED>), meant);
    });
  }

  it("stays where it is offered as it is", () => {
    assert.equal(meantName("my.tool", new Map([["my.tool", undefined]])), "my.tool");
  });
});
