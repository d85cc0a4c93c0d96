import assert from "node:assert/strict";
import fc from "fast-check";
import { spy } from "sinon";
import { findJson, readWrittenJson } from "../../../../src/conversation/json/find-json";

const first = (text: string): unknown => findJson(text).next().value;

describe("JSON in what a model writes", () => {
  const cases: [what: string, text: string, value: unknown][] = [
    ["alone", ' {"a": 1}\n', { a: 1 }],
    ["of another kind than an object", "5", 5],
    ["after a byte order mark", '\uFEFF{"a": 1}', { a: 1 }],
    ["in a fence", '```json\n{"a": 1}\n```', { a: 1 }],
    ["in a fence between words", 'Sure!\n\n```JSON\n{"a": "```"}\n```\nAnything else?', { a: "```" }],
    ["in an indented fence", "1. So:\n   ```\n   [1]\n   ```", [1]],
    ["in a fence that is not closed", '```json\n{"a": 1}', { a: 1 }],
    ["in a fence of one line", '```json {"a": 1}```', { a: 1 }],
    ["between words", 'The values are {"a": [1, 2]}, I think.', { a: [1, 2] }],
    ["after a bracket in the text", 'Use {x} and [y]: {"a": "}"}', { a: "}" }],
    ["after a bracket that is never closed", 'A { or so: {"a": 1}', { a: 1 }],
    ["with quotes and backslashes in it", 'So: {"a": "\\"}\\\\"}.', { a: '"}\\' }],
    ["after a thinking part", '<think>{"a": 0}?</think>\n{"a": 1}', { a: 1 }],
    ["after a thinking part whose beginning is missing", 'Is it {"a": 0}?\n</think>\n{"a": 1}', { a: 1 }],
    ["that names the end of a thinking part", '{"a": "</think>"}', { a: "</think>" }],
  ];
  for (const [what, text, value] of cases) {
    it(`is found ${what}`, () => assert.deepEqual(first(text), value));
  }

  const levels = (count: number) => "[".repeat(count) + "]".repeat(count);
  const unusable: [what: string, json: string][] = [
    ["has a key __proto__", '{"__proto__": {"amount": 1}}'],
    ["has one in an object", '{"a": {"__proto__": null}}'],
    ["has one in a list of lists", '[[1, {"b": [{"__proto__": 1}]}]]'],
    ["has one in escapes", '{"\\u005f_proto__": {"amount": 1}}'],
    ["is nested deeper than 500 levels", levels(501)],
    ["is nested very deep", levels(100_000)],
  ];
  for (const [what, json] of unusable) {
    it(`is not taken where it ${what}, whatever is around it`, () => {
      assert.equal(readWrittenJson(json), undefined);
      for (const text of [json, `So: ${json}.`, `\`\`\`json\n${json}\n\`\`\``])
        assert.deepEqual([...findJson(text)], []);
    });
  }

  it("is accepted with 500 levels, and with __proto__ as a string", () => {
    for (const json of [levels(500), '{"a": "__proto__"}', '["__proto__"]']) {
      assert.deepEqual(readWrittenJson(json), { value: JSON.parse(json) });
    }
  });

  for (const text of ["", "no", "{", "{'a': 1}", "```\n```", '{"a": 1', "[1, 2", "</think>"]) {
    it(`is not found in ${JSON.stringify(text)}`, () => assert.deepEqual([...findJson(text)], []));
  }

  it("is found more than once, in order", () => {
    assert.deepEqual([...findJson('[1] says: {"a": 1}')], [[1], { a: 1 }]);
  });

  it("is the same value, whatever text without brackets surrounds it", () => {
    const value = fc.oneof(fc.array(fc.jsonValue(), { minLength: 1 }), fc.dictionary(fc.string(), fc.jsonValue()));
    const words = fc.string().map((text) => text.replace(/[[\]{}]|<\/think>|```/g, ""));
    fc.assert(
      fc.property(words, value, words, (before, json, after) => {
        const text = JSON.stringify(json);
        fc.pre(!text.includes('"__proto__":'));
        assert.deepEqual(first(`${before} ${text} ${after}`), JSON.parse(text));
      }),
    );
  });

  it("is found in one pass through the text, even if there is none", () => {
    // If every bracket or quote began another search, this would take minutes.
    for (const part of ["{", '{"', '{"\\"', "[`", "```a\n", "```\n{", "</think>"]) {
      assert.deepEqual([...findJson(part.repeat(200_000))], [], part);
    }
  });

  it("is parsed once where it is the whole text", () => {
    const parse = spy(JSON, "parse");
    try {
      // A million levels in 1 MB take V8 a tenth of a second each time.
      assert.deepEqual([...findJson("[".repeat(1000))], []);
      assert.equal(parse.callCount, 1);
    } finally {
      parse.restore();
    }
  });
});
