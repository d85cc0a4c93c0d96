import assert from "node:assert/strict";
import fc from "fast-check";
import { functionProblems, isJsonObject, schemaText } from "../../../../src/editor/fields/declared-functions";
import { schemaProblems } from "../../../../src/editor/schema/schema-problems";

describe("the mistakes of a schema", () => {
  const cases: [what: string, text: string, found: [key: string, at: string][]][] = [
    ["none in a blank text", " ", []],
    ["none in a schema", '{"type":"object","properties":{"a":{"type":["string","null"]}},"required":["a"]}', []],
    ["none in unknown keywords", '{"type":"object","x-mine":[1],"format":"color","default":{"type":"strin"}}', []],
    ["JSON", '{"type":', [["json.end", ""]]],
    ["an array", "[1]", [["schema.object", "[1]"]]],
    ["an unknown type", '{"properties":{"a":{"type":"strin"}}}', [["schema.type", '"strin"']]],
    ["one type of several", '{"type":["string","nul"]}', [["schema.type", '"nul"']]],
    ["no type at all", '{"type":[]}', [["schema.type", "[]"]]],
    ["required", '{"required":"a"}', [["schema.names", '"a"']]],
    [
      "what is required",
      '{"required":["a",1,"a"]}',
      [
        ["schema.names", "1"],
        ["schema.twice", '"a"'],
      ],
    ],
    ["an enum", '{"enum":"a"}', [["schema.values", '"a"']]],
    ["a pattern", '{"pattern":"("}', [["schema.pattern", '"("']]],
    ["a pattern of names", '{"patternProperties":{"(":{}}}', [["schema.pattern", '"("']]],
    ["properties", '{"properties":["a"]}', [["schema.map", '["a"]']]],
    ["a property", '{"properties":{"a":"string"}}', [["schema.schema", '"string"']]],
    [
      "names",
      '{"properties":{"a":{},"":{},"a":{}}}',
      [
        ["schema.nameless", '""'],
        ["schema.twice", '"a"'],
      ],
    ],
    ["keywords", '{"type":"string","type":"number"}', [["schema.twice", '"type"']]],
    ["a choice", '{"anyOf":[]}', [["schema.list", "[]"]]],
    ["deep down", '{"items":{"not":{"anyOf":[{"minLength":-1}]}}}', [["schema.count", "-1"]]],
    [
      "limits",
      '{"minimum":"1","multipleOf":0,"uniqueItems":1}',
      [
        ["schema.number", '"1"'],
        ["schema.positive", "0"],
        ["schema.flag", "1"],
      ],
    ],
    ["items", '{"items":[{},3]}', [["schema.schema", "3"]]],
  ];
  for (const [what, text, found] of cases) {
    it(`are found: ${what}`, () => {
      const problems = schemaProblems(text).map(({ key, start, end }) => [key, text.slice(start, end)]);
      assert.deepEqual(problems, found);
    });
  }

  it("name the keyword", () => {
    assert.deepEqual(schemaProblems('{"maxItems":"1"}')[0]?.params, { keyword: "maxItems" });
  });

  it("are searched for in any value without an error", () => {
    fc.assert(fc.property(fc.json(), (text) => void schemaProblems(text)));
    fc.assert(fc.property(fc.string(), (text) => void schemaProblems(text)));
  });
});

describe("the functions of a node", () => {
  const good = { name: "a", description: "", parameters: "" };
  const cases: [what: string, functions: unknown, found: [key: string, index: number][]][] = [
    ["none", [], []],
    ["left out", undefined, []],
    ["good ones", [good, { ...good, name: "get_weather-2", parameters: '{"type":"object"}' }], []],
    ["parameters as an object", [{ ...good, parameters: { type: "object" } }], []],
    ["no list", "{}", [["list", 0]]],
    ["no function", [null], [["name", 0]]],
    ["a name with spaces", [{ ...good, name: "two words" }], [["name", 0]]],
    ["a blank name", [good, { ...good, name: "" }], [["name", 1]]],
    ["a long name", [{ ...good, name: "a".repeat(65) }], [["name", 0]]],
    ["a name twice", [good, good], [["twice", 1]]],
    ["the name of a tool node", [{ ...good, name: "tool" }], [["tool", 0]]],
    ["parameters that are not JSON", [{ ...good, parameters: "{" }], [["parameters", 0]]],
    ["parameters that are not an object", [{ ...good, parameters: "[]" }], [["parameters", 0]]],
    ["parameters that are not a schema", [{ ...good, parameters: { type: "strin" } }], [["parameters", 0]]],
  ];
  for (const [what, functions, found] of cases) {
    it(`are checked: ${what}`, () => {
      assert.deepEqual(
        functionProblems(functions, ["tool"]).map(({ key, index }) => [key, index]),
        found,
      );
    });
  }

  it("have their parameters as text", () => {
    assert.equal(schemaText(undefined), "");
    assert.equal(schemaText('{"a":1}'), '{"a":1}');
    assert.equal(schemaText({ a: 1 }), '{\n  "a": 1\n}');
    assert.equal(schemaText([1]), undefined);
  });

  it("distinguish a JSON object from other JSON", () => {
    for (const value of ["{}", ' {"a":1} ', {}]) assert.equal(isJsonObject(value), true);
    for (const value of ["", "[]", "{", "null", null, [], 1, undefined]) assert.equal(isJsonObject(value), false);
  });
});
