import assert from "node:assert/strict";
import fc from "fast-check";
import { isTooDeep, jsonLength, writeJson } from "../../../src/client/nesting";

/** Makes lists or objects with this many levels. */
const lists = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));
const objects = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);

describe("a JSON value that is too deep to be kept", () => {
  const cases: [what: string, value: unknown, expected: boolean][] = [
    ["a text", "x", false],
    ["null", null, false],
    ["500 lists", lists(500), false],
    ["501 lists", lists(501), true],
    ["500 objects", objects(500), false],
    ["501 objects", objects(501), true],
    ["what no recursion gets through", lists(200_000), true],
    ["something deep after something flat", [1, { a: "x", b: objects(499) }], true],
    ["a key __proto__", JSON.parse('{"__proto__":1}'), true],
    ["a key __proto__ further down", JSON.parse('[{"a":{"__proto__":{}}}]'), true],
    ["an ordinary usage", { prompt_tokens: 1, prompt_tokens_details: { cached_tokens: 0 } }, false],
  ];
  for (const [what, value, expected] of cases) {
    it(`is ${expected ? "" : "not "}${what}`, () => assert.equal(isTooDeep(value), expected));
  }
});

describe("JSON text of a value too deep for JSON.stringify", () => {
  it("is the same as that of JSON.stringify", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        assert.equal(writeJson(plain), JSON.stringify(plain));
      }),
    );
  });

  for (const text of [
    "[".repeat(50_000) + "]".repeat(50_000),
    `${'{"a":[1,'.repeat(20_000)}null${"]}".repeat(20_000)}`,
    '{"__proto__":{"a":[{},[],"\\"",1.5,true]}}',
  ]) {
    it(`is the text that it was read from: ${text.slice(0, 20)}`, () =>
      assert.equal(writeJson(JSON.parse(text)), text));
  }
});

describe("the length of JSON text", () => {
  it("is known without writing the text, except for a few characters a value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        const text = JSON.stringify(plain);
        const length = jsonLength(plain);
        assert.ok(length <= 5 * text.length + 5, `${length} for ${text}`);
        assert.ok(length * 24 >= text.length, `${length} for ${text}`);
      }),
    );
  });

  it("is known of a deep value, too", () => assert.equal(jsonLength(lists(100_000)) >= 200_000, true));
});
