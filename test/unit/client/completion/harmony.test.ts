import assert from "node:assert/strict";
import fc from "fast-check";
import { CompletionAccumulator } from "../../../../src/client/completion/accumulator";
import { quickly } from "../../../support/cpu";

/** The text and the reasoning of a reply whose content comes in these pieces, and what was told meanwhile. */
function read(pieces: string[]) {
  const { text, reasoning, told } = readAs(pieces, false);
  return { text, reasoning, told };
}

/** @param isEndExpected - the model is known to end its reasoning with a lone tag */
function readAs(pieces: string[], isEndExpected: boolean) {
  const told = { text: "", reasoning: "" };
  const accumulator = new CompletionAccumulator(
    {
      onText: (delta) => {
        told.text += delta;
      },
      onReasoning: (delta) => {
        told.reasoning += delta;
      },
    },
    isEndExpected,
  );
  for (const content of pieces) accumulator.add({ choices: [{ index: 0, delta: { content } }] });
  const { hasContent, contentSize } = accumulator;
  accumulator.end();
  const { content, reasoning = "" } = accumulator.build().message;
  const { hasLoneEnd, contentSize: finalSize } = accumulator;
  return { text: content, reasoning, told, hasContent, contentSize, finalSize, hasLoneEnd };
}

const HARMONY: [what: string, content: string, text: string, reasoning: string][] = [
  [
    "thoughts and the final text",
    "<|channel|>analysis<|message|>Two and two.<|end|><|start|>assistant<|channel|>final<|message|>four<|return|>",
    "four",
    "Two and two.",
  ],
  [
    "a start in front",
    "<|start|>assistant<|channel|>analysis<|message|>Hm.<|end|><|channel|>final<|message|>x < y",
    "x < y",
    "Hm.",
  ],
  [
    "a call, which is no reply",
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}<|call|>",
    "<|start|>assistant<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}",
    "Hm.",
  ],
  [
    "a call among the thoughts",
    "<|channel|>analysis to=functions.now<|message|>{}",
    "<|channel|>analysis to=functions.now<|message|>{}",
    "",
  ],
  ["thoughts alone", "<|channel|>analysis<|message|>Hm", "", "Hm"],
  ["the final text alone", "<|channel|>final<|message|>four", "four", ""],
  ["words about the markers", "<|channel|> is a marker", "<|channel|> is a marker", ""],
  ["a long text behind a marker", `<|channel|>${"a".repeat(400)}`, `<|channel|>${"a".repeat(400)}`, ""],
];

describe("harmony's markers in the text", () => {
  for (const [what, content, text, reasoning] of HARMONY) {
    it(`are read, however the reply is cut: ${what}`, () => {
      fc.assert(
        fc.property(fc.array(fc.nat(content.length), { maxLength: 6 }), (cuts) => {
          const at = [0, ...cuts, content.length].sort((a, b) => a - b);
          const pieces = at.slice(1).map((end, i) => content.slice(at[i], end));
          assert.deepEqual(read(pieces), { text, reasoning, told: { text, reasoning } });
        }),
      );
    });
  }
});

describe("a reply whose beginning may be a marker or a tag", () => {
  it("takes time in proportion to its length, whatever is in it", () => {
    const begin = "<|channel|>analysis<|message|>";
    const part = "<|start|>a<|message|>";
    const hostile = [[begin + part.repeat(50_000)], [begin, ...Array(50_000).fill(part)], Array(100_000).fill(" ")];
    for (const pieces of hostile) {
      quickly(() => read(pieces), String(pieces[0]).slice(0, 40));
    }
  });

  it("keeps the white space in front of a text, and takes it from before a tag", () => {
    for (const [rest, text, reasoning] of [
      ["Hi", " \n Hi", ""],
      ["", " \n ", ""],
      ["<", " \n <", ""],
      ["<think>Hm</think> Hi", "Hi", "Hm"],
    ] as const) {
      assert.deepEqual(read([...` \n ${rest}`]), { text, reasoning, told: { text, reasoning } });
    }
  });
});

const LONE: [what: string, content: string, text: string, reasoning: string][] = [
  ["on a line of its own", "The user greets me.\n</think>\n\nHello!", "Hello!", "The user greets me."],
  ["behind white space", "Hm.\n  </think>Hello!", "Hello!", "Hm."],
  ["at the very beginning", "</think>\nHello!", "Hello!", ""],
  ["behind words", "The tag </think> ends it.\n</think>\nYes.", "The tag </think> ends it.\n</think>\nYes.", ""],
  ["the second one", "Hm.\n</think>\nHello\n</think>\nyou", "Hello\n</think>\nyou", "Hm."],
  ["behind a whole thought", "<think>Hm.</think>Write\n</think>\nthere", "Write\n</think>\nthere", "Hm."],
];

describe("a lone end of thinking", () => {
  for (const [what, content, text, reasoning] of LONE) {
    it(`counts only at the beginning of a line, and only the first: ${what}`, () => {
      for (const pieces of [[content], [...content], content.split(/(?=\n)/)]) {
        const found = read(pieces);
        assert.deepEqual([found.text, found.reasoning], [text, reasoning]);
      }
    });
  }

  it("is told of where the model left its beginning out", () => {
    assert.equal(readAs(["Hm.\n</think>\nHello"], false).hasLoneEnd, true);
    assert.equal(readAs(["Say </think> please"], false).hasLoneEnd, false);
    assert.equal(readAs(["<think>Hm.</think>Hello"], false).hasLoneEnd, false);
    assert.equal(readAs(["Hello"], false).hasLoneEnd, false);
  });
});

const EXPECTED: [what: string, content: string, text: string, reasoning: string][] = [
  ...LONE,
  ["no tag", "\n Hello, you <b>there</b>", "\n Hello, you <b>there</b>", ""],
  ["the beginning of a tag", "Hello\n</thi", "Hello\n</thi", ""],
  ["a whole thought", "<think>Hm.</think>Hello", "Hello", "Hm."],
  ["harmony's markers", "<|channel|>analysis<|message|>Hm.<|end|><|channel|>final<|message|>Hello", "Hello", "Hm."],
  ["a thought alone", "Hm.\n</think>\n", "", "Hm."],
  ["white space alone", " \n", " \n", ""],
];

describe("a reply of a model that is known to end its thinking with a lone tag", () => {
  for (const [what, content, text, reasoning] of EXPECTED) {
    it(`is told as what it is, however it is cut: ${what}`, () => {
      for (const pieces of [[content], [...content], content.split(/(?=\n)/)]) {
        const found = readAs(pieces, true);
        assert.deepEqual([found.text, found.reasoning], [text, reasoning]);
        assert.deepEqual(found.told, { text, reasoning });
        assert.equal(found.finalSize, text.length + reasoning.length, "what was held back counts once");
      }
    });
  }

  it("has begun with what is held back, and that counts towards its size", () => {
    const { hasContent, contentSize, told, text } = readAs(["I think", " of"], true);
    assert.deepEqual({ hasContent, contentSize, text }, { hasContent: true, contentSize: 10, text: "I think of" });
    assert.deepEqual(told, { text: "I think of", reasoning: "" });
  });

  it("is not held back where the reasoning comes in a field of its own", () => {
    const told: string[] = [];
    const accumulator = new CompletionAccumulator({ onText: (delta) => told.push(delta) }, true);
    for (const delta of [{ reasoning_content: "Hm." }, { content: "Hel" }, { content: "lo" }]) {
      accumulator.add({ choices: [{ index: 0, delta }] });
    }
    assert.deepEqual(told, ["Hel", "lo"]);
  });

  it("has the same text and reasoning as one of a model that is not known", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("</think>", "<think>", "</", "think>", "\n", " ", "a", "Hm.")), (pieces) => {
        const known = readAs(pieces, true);
        const unknown = read(pieces);
        assert.deepEqual([known.text, known.reasoning], [unknown.text, unknown.reasoning]);
        assert.equal(known.told.text, known.text);
      }),
    );
  });
});
