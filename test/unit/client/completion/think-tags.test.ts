import assert from "node:assert/strict";
import fc from "fast-check";
import { ThinkTagParser } from "../../../../src/client/completion/think-tags";

/** Splits a reply that arrives in these deltas. */
function split(deltas: string[]): { text: string; reasoning: string } {
  const parser = new ThinkTagParser();
  const parts = { text: "", reasoning: "" };
  const add = (text: string) => {
    parts.text += text;
    parts.reasoning += parser.reasoning;
  };
  for (const delta of deltas) {
    const isOver = parser.isOver;
    add(parser.push(delta));
    if (isOver) assert.equal(parser.reasoning, "", "reasoning after the text");
  }
  add(parser.end());
  return parts;
}

describe("a leading <think>…</think>", () => {
  const cases: [reply: string, text: string, reasoning: string][] = [
    ["Hello", "Hello", ""],
    ["  Hello\n", "  Hello\n", ""],
    ["<think>Hm.</think>Hello", "Hello", "Hm."],
    ["<think>\nHm.\n</think>\n\nHello\n", "Hello\n", "\nHm.\n"],
    ["\n <think>Hm.</think>Hello", "Hello", "Hm."],
    ["<think></think>\n\nHello", "Hello", ""],
    ["<think>Never closed", "", "Never closed"],
    ["<think>Almost </thin", "", "Almost </thin"],
    ["<think>a < b </ </think", "", "a < b </ </think"],
    ["<think>a</</think>b", "b", "a</"],
    ["<think>Hm.</think>", "", "Hm."],
    ["<think>Hm.</think>  \n", "", "Hm."],
    ["<think>a</think>b<think>c</think>d", "b<think>c</think>d", "a"],
    ["<think>a</think> <think>c</think>d", "<think>c</think>d", "a"],
    ["Tags: <think>a</think>", "Tags: <think>a</think>", ""],
    ["<thinking>a</thinking>b", "<thinking>a</thinking>b", ""],
    ["<thin", "<thin", ""],
    ["<", "<", ""],
    [" \n", " \n", ""],
    ["<b>bold</b>", "<b>bold</b>", ""],
    ["</think>b", "</think>b", ""],
    ["", "", ""],
  ];
  for (const [reply, text, reasoning] of cases) {
    it(`of ${JSON.stringify(reply)} leaves the text ${JSON.stringify(text)}`, () => {
      assert.deepEqual(split(reply ? [reply] : []), { text, reasoning });
      assert.deepEqual(split([...reply]), { text, reasoning }, "character by character");
    });
  }

  it("is found however the reply is split", () => {
    const reply = fc
      .array(fc.constantFrom("<think>", "</think>", "<", "</", "think", ">", " ", "\n", "a", "Hm. ", "😀"))
      .map((words) => words.join(""));
    fc.assert(
      fc.property(reply, fc.array(fc.nat(80)), (whole, cuts) => {
        const places = [...new Set([0, ...cuts.filter((cut) => cut < whole.length), whole.length])].sort(
          (a, b) => a - b,
        );
        const deltas = places.slice(1).map((end, index) => whole.slice(places[index], end));
        assert.deepEqual(split(deltas), split(whole ? [whole] : []));
      }),
      { numRuns: 2000 },
    );
  });

  it("is passed on as it arrives, not at its end", () => {
    const seen: string[] = [];
    const parser = new ThinkTagParser();
    for (const delta of ["<think>", "one", " two", "</think>", "three", " four"]) {
      const text = parser.push(delta);
      if (parser.reasoning) seen.push(`reasoning ${parser.reasoning}`);
      if (text) seen.push(`text ${text}`);
    }
    assert.deepEqual(seen, ["reasoning one", "reasoning  two", "text three", "text  four"]);
  });
});
