import assert from "node:assert/strict";
import Ajv from "ajv";
import fc from "fast-check";
import { schemaFromExample } from "../../../../src/editor/schema/example";
import { schemaProblems } from "../../../../src/editor/schema/schema-problems";

function schemaText(example: string): string {
  const made = schemaFromExample(example);
  if ("problem" in made) assert.fail(made.problem.key);
  return made.schema;
}
const schemaOf = (example: unknown) => JSON.parse(schemaText(JSON.stringify(example)));

const closed = (properties: object, required = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const string = { type: "string" };
const integer = { type: "integer" };

describe("a schema from an example", () => {
  const cases: [what: string, example: unknown, schema: object][] = [
    [
      "an object",
      { a: "x", b: 1, c: 1.5, d: true, e: null },
      closed({
        a: string,
        b: integer,
        c: { type: "number" },
        d: { type: "boolean" },
        e: { type: "null" },
      }),
    ],
    ["an object in an object", { a: { b: "x" } }, closed({ a: closed({ b: string }) })],
    ["an array", { a: ["x", "y"] }, closed({ a: { type: "array", items: string } })],
    ["whole and other numbers", [1, 2.5], { type: "array", items: { type: "number" } }],
    ["a value that may be missing", [null, "x"], { type: "array", items: { type: ["string", "null"] } }],
    ["several types", [1, "x", true], { type: "array", items: { type: ["integer", "string", "boolean"] } }],
    [
      "objects and others",
      [null, { a: 1 }],
      { type: "array", items: { anyOf: [closed({ a: integer }), { type: "null" }] } },
    ],
    [
      "objects that differ",
      [{ a: 1, b: 1 }, { a: 2 }],
      { type: "array", items: closed({ a: integer, b: integer }, ["a"]) },
    ],
    [
      "arrays of arrays",
      [[1], ["x"]],
      { type: "array", items: { type: "array", items: { type: ["integer", "string"] } } },
    ],
    ["nothing", [], { type: "array", items: {} }],
    ["an object of nothing", {}, closed({})],
    ["a text", "x", string],
  ];
  for (const [what, example, schema] of cases) {
    it(`is made of ${what}`, () => assert.deepEqual(schemaOf(example), schema));
  }

  it("keeps the order of the names", () => {
    const names = [...schemaText('{"b":1,"2":1,"a":1,"1":1}').matchAll(/"(\w)": \{/g)].map((match) => match[1]);
    assert.deepEqual(names, ["b", "2", "a", "1"]);
  });

  it("allows the example, and has no mistakes", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (example) => {
        const text = schemaText(JSON.stringify(example));
        // A blank name is a mistake in an example, too.
        assert.deepEqual(
          schemaProblems(text).filter(({ key }) => key !== "schema.nameless"),
          [],
        );
        const validate = new Ajv({ strict: false, ownProperties: true }).compile(JSON.parse(text));
        // JSON turns -0 into 0, as it does when the example is sent.
        assert.ok(validate(JSON.parse(JSON.stringify(example))), `${text} ${JSON.stringify(validate.errors)}`);
      }),
      { numRuns: 100 },
    );
  });

  it("reports where the example is not JSON", () => {
    assert.deepEqual(schemaFromExample('{\n  "a": tru }'), { problem: { key: "json.value", start: 9, end: 12 } });
  });
});
