import assert from "node:assert/strict";
import { isPromptCut } from "../../../../src/conversation/run/cut-prompt";
import { estimatePrompt } from "../../../../src/conversation/tokens";
import { loadWire, type WireName, wireSkipReason } from "../../../support/wire";

interface Said {
  role: string;
  content: string;
}

const TEXTS = {
  English:
    "The committee met on Tuesday to discuss the budget for the coming year, and after three hours of debate it was decided that most of the proposals would be postponed until the new figures arrive. ",
  German:
    "Der Ausschuss hat am Dienstag über den Haushalt des kommenden Jahres beraten, und nach drei Stunden wurde beschlossen, die meisten Vorschläge zu verschieben, bis neue Zahlen vorliegen. ",
  Chinese: "委员会星期二开会讨论明年的预算，经过三个小时的辩论，决定推迟大部分提案，直到新的数字到来。",
  Russian: "Комитет собрался во вторник, чтобы обсудить бюджет на следующий год, и отложил большинство предложений. ",
  JSON: '{"id": 4711, "name": "sensor-12", "value": 21.53, "unit": "°C", "time": "2026-03-14T09:26:53Z"},\n',
  code: "function add(first, second) {\n  if (first === undefined) return second;\n  return first + second;\n}\n",
};

/** Counts as a tokenizer does: short words are one token, long ones several; digits by threes, other characters one each. */
function count(messages: Said[]): number {
  let tokens = 0;
  for (const { content } of messages) {
    tokens += 5;
    for (const [piece] of content.matchAll(/[a-zA-Z]+|[\u0370-\u07ff]+|\p{N}{1,3}|\n+|[^\s]/gu)) {
      if (/^[a-zA-Z]/.test(piece)) tokens += Math.ceil(piece.length / 7);
      else tokens += /^[\u0370-\u07ff]/.test(piece) ? Math.ceil(piece.length / 4) : 1;
    }
  }
  return tokens;
}

/** Ollama drops the oldest messages; of one that is too long by itself it keeps both ends (`server/prompt.go`, `runner.go`). */
function ollama(messages: Said[], window: number): number {
  const [system = 0, ...others] = messages.map((message) => count([message]));
  let tokens = system + others.reduce((sum, each) => sum + each, 0);
  while (others.length > 1 && tokens > window) tokens -= others.shift() ?? 0;
  return Math.min(window, tokens);
}

/** llama.cpp took half windows out of the middle until the prompt was shorter than one (`server.cpp`, until 2025). */
function llamacpp(messages: Said[], window: number): number {
  const block = window / 2;
  const tokens = count(messages);
  return tokens < window ? tokens : tokens - Math.floor((tokens - block) / block) * block;
}

/** A sequence of numbers from 0 to 1, the same in each run. */
function sequence(): () => number {
  let state = 42;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

function conversation(text: string, tokens: number, turns: number): Said[] {
  const each = Math.max(1, Math.ceil(tokens / turns / (count([{ role: "user", content: text }]) - 5)));
  const said = Array.from({ length: turns }, (_, at) => ({
    role: at % 2 === 0 ? "user" : "assistant",
    content: text.repeat(each),
  }));
  return [{ role: "system", content: "Answer briefly." }, ...said];
}

describe("a prompt that a server has cut in silence", () => {
  it("is found at least 95 times of 100, where it is half as long again as the window or longer", () => {
    const next = sequence();
    const texts = Object.entries(TEXTS);
    const missed: string[] = [];
    for (let at = 0; at < 500; at++) {
      const [language, text] = texts[at % texts.length] as [string, string];
      const window = [2048, 4096, 8192][Math.floor(next() * 3)] as number;
      const times = 1.5 * 6 ** next();
      const turns = next() < 0.5 ? 1 : 2 * Math.floor(next() * 20) + 1;
      const messages = conversation(text, 1.02 * window * times, turns);
      assert.ok(count(messages) >= 1.5 * window);
      const cut = (at % 2 === 0 ? ollama : llamacpp)(messages, window);
      const usage = { prompt_tokens: cut, completion_tokens: 1 + Math.floor(next() * 300) };
      if (!isPromptCut({ model: "m", messages }, usage))
        missed.push(`${language} ${times} x ${window}, ${turns}: ${cut}`);
    }
    assert.ok(missed.length <= 25, missed.join("\n"));
  });

  it("is not suspected where all was read", () => {
    const next = sequence();
    const texts = Object.values(TEXTS);
    let suspected = 0;
    for (let at = 0; at < 500; at++) {
      const messages = conversation(
        texts[at % texts.length] as string,
        100 * 100 ** next(),
        1 + Math.floor(next() * 9),
      );
      // Tokenizers differ by a quarter.
      const tokens = Math.round(count(messages) * (0.8 + 0.45 * next()));
      if (isPromptCut({ model: "m", messages }, { prompt_tokens: tokens, completion_tokens: 77 })) suspected++;
    }
    // By chance a prompt comes near a full window.
    assert.ok(suspected <= 10, String(suspected));
  });

  const long = [{ role: "user", content: TEXTS.English.repeat(100) }];
  const cases: [what: string, usage: Record<string, unknown> | undefined, isCut: boolean][] = [
    ["no usage", undefined, false],
    ["no count of the prompt", { completion_tokens: 5 }, false],
    ["0 for a prompt from a cache", { prompt_tokens: 0, completion_tokens: 5 }, false],
    ["few tokens", { prompt_tokens: 1000, completion_tokens: 5 }, true],
    ["tokens in a cache beside them", { prompt_tokens: 1000, prompt_tokens_details: { cached_tokens: 3000 } }, false],
    ["cached tokens among them", { prompt_tokens: 1000, prompt_tokens_details: { cached_tokens: 900 } }, true],
    ["tokens read from a cache", { prompt_tokens: 100, cache_read_input_tokens: 3800 }, false],
    ["all tokens", { prompt_tokens: 3900, completion_tokens: 5 }, false],
    ["a window that is full with the reply", { prompt_tokens: 3900, completion_tokens: 190 }, true],
    ["a window that the prompt fills", { prompt_tokens: 4096, completion_tokens: 50 }, true],
  ];
  for (const [what, usage, isCut] of cases) {
    it(`is ${isCut ? "" : "not "}seen in ${what}`, () => {
      assert.equal(isPromptCut({ model: "m", messages: long }, usage), isCut);
    });
  }

  it("is not seen in images, which servers count in many ways", () => {
    const image = { type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(1e6)}` } };
    const messages = [{ role: "user", content: [{ type: "text", text: "What is this?" }, ...Array(8).fill(image)] }];
    assert.equal(isPromptCut({ model: "m", messages }, { prompt_tokens: 2100, completion_tokens: 20 }), false);
  });

  it("counts tools with the messages", () => {
    const tools = Array.from({ length: 20 }, (_, at) => ({
      type: "function",
      function: { name: `tool_${at}`, description: TEXTS.English, parameters: { type: "object", properties: {} } },
    }));
    const request = { model: "m", messages: [{ role: "user", content: "Hi" }] };
    assert.ok(estimatePrompt({ ...request, tools }) > estimatePrompt(request) + 20 * 30);
  });
});

describe("recorded replies that tell their tokens", () => {
  it("look like cut prompts at most once in 100", function () {
    const cases = (["wire", "wire-more"] satisfies WireName[]).flatMap((name) => loadWire(name)?.cases ?? []);
    if (cases.length === 0) {
      console.log(`      skipped: ${wireSkipReason}`);
      this.skip();
    }
    const told = cases.filter(({ request, expected }) => Array.isArray(request?.messages) && expected.usage);
    assert.ok(told.length >= 60, String(told.length));
    const suspected = told.filter(({ request, expected }) => isPromptCut(request, expected.usage));
    assert.ok(suspected.length <= told.length / 100, suspected.map(({ file }) => file).join("\n"));
    // None is long: the estimate itself must not be far too high either.
    const high = told.filter(({ request, expected }) => 0.6 * estimatePrompt(request) > expected.usage.prompt_tokens);
    assert.ok(high.length <= told.length / 10, high.map(({ file }) => file).join("\n"));
  });
});
