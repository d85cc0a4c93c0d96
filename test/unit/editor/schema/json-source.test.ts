import assert from "node:assert/strict";
import fc from "fast-check";
import { type JsonNode, parseSource, position, printJson, set } from "../../../../src/editor/schema/json-source";
import { quickly } from "../../../support/cpu";

function parse(text: string): JsonNode {
  const parsed = parseSource(text);
  if ("problem" in parsed) assert.fail(`${parsed.problem.key} at ${parsed.problem.start}`);
  return parsed.root;
}

/** Returns a value without the record of how it was written. */
function forget(node: JsonNode): JsonNode {
  const { raw: _, ...made } = node;
  if (made.kind === "object") {
    const entries = made.entries.map(({ key, value }) => ({ key: { ...key }, value: forget(value) }));
    return { ...made, entries };
  }
  if (made.kind === "array") return { ...made, items: made.items.map(forget) };
  return node;
}

describe("a JSON text", () => {
  it("is written as it was read", () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(undefined, 2, "\t"), (json, indent) => {
        const text = JSON.stringify(JSON.parse(json), null, indent);
        assert.equal(printJson(parse(text)), text);
      }),
    );
  });

  it("means the same when all of it is rewritten", () => {
    fc.assert(
      fc.property(fc.json(), (text) => assert.deepEqual(JSON.parse(printJson(forget(parse(text)))), JSON.parse(text))),
    );
  });

  it("is accepted and refused as JSON.parse does", () => {
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"',
      "1",
      "-",
      "0",
      ".5",
      "e3",
      "true",
      "nul",
      " ",
      "\n",
      "\\u12",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 7 }), (parts) => {
        const text = parts.join("");
        let valid = true;
        try {
          JSON.parse(text);
        } catch {
          valid = false;
        }
        assert.equal("root" in parseSource(text), valid, text);
      }),
      { numRuns: 3000 },
    );
  });

  const mistakes: [text: string, key: string, found: string][] = [
    ["", "json.end", ""],
    ['{"a": 1', "json.end", ""],
    ['{"a": 1 "b"', "json.objectEnd", '"'],
    ["[1 2]", "json.arrayEnd", "2"],
    ["{a: 1}", "json.key", "a"],
    ['{"a": 1,}', "json.key", "}"],
    ['{"a" 1}', "json.colon", "1"],
    ["[1,]", "json.value", "]"],
    ["{'a': 1}", "json.key", "'a'"],
    ["undefined", "json.value", "undefined"],
    ["[01]", "json.value", "01"],
    ['"a\nb"', "json.string", '"'],
    ["{} x", "json.rest", "x"],
    ["[".repeat(1000), "json.deep", "["],
  ];
  for (const [text, key, found] of mistakes) {
    it(`reports ${key} for ${JSON.stringify(text.slice(0, 20))}`, () => {
      const parsed = parseSource(text);
      assert.ok("problem" in parsed);
      assert.equal(parsed.problem.key, key);
      assert.equal(text.slice(parsed.problem.start, parsed.problem.end), found);
    });
  }

  it("with a long unterminated string is refused at once", () => {
    assert.ok("problem" in quickly(() => parseSource(`["${"a".repeat(100_000)}`)));
    assert.ok("root" in quickly(() => parseSource(`["${"a".repeat(1_000_000)}"]`)));
  });

  it("has lines and columns", () => {
    assert.deepEqual(position("ab\r\nc\nde", 8), { line: 3, column: 3 });
    assert.deepEqual(position("", 0), { line: 1, column: 1 });
  });

  it("keeps its indent and its line ends when something is added", () => {
    const text = '{\r\n\t"a": [1,\r\n2]\r\n}';
    const root = parse(text);
    assert.ok(root.kind === "object");
    assert.equal(printJson(set(root, "b", parse("{}")), text), '{\r\n\t"a": [1,\r\n2],\r\n\t"b": {}\r\n}');
  });
});
