import assert from "node:assert/strict";
import { isDemanding, plainSchema } from "../../../../src/conversation/json/plain-schema";
import type { Schema } from "../../../../src/conversation/json/schema";
import { quickly } from "../../../support/cpu";

const one = (property: unknown, more: object = {}): Schema => ({
  type: "object",
  properties: { a: property },
  ...more,
});

const rows: [what: string, schema: Schema, plain: Schema][] = [
  [
    "a reference",
    one({ $ref: "#/$defs/x" }, { $defs: { x: { type: "string", enum: ["u"] } } }),
    one({ type: "string", enum: ["u"] }),
  ],
  [
    "what stands beside a reference",
    one({ $ref: "#/$defs/x", description: "A." }, { $defs: { x: { type: "string" } } }),
    one({ type: "string", description: "A." }),
  ],
  ["a reference that leads nowhere", one({ $ref: "#/$defs/x" }), one({})],
  ["a reference to elsewhere", one({ $ref: "https://example.com/x" }), one({})],
  ["references in a circle", one({ $ref: "#/$defs/x" }, { $defs: { x: { $ref: "#/$defs/x" } } }), one({})],
  ["a format", one({ type: "string", format: "uri" }), one({ type: "string", description: "(format: uri)" })],
  ["a choice with null", one({ anyOf: [{ type: "null" }, { type: "number" }] }), one({ type: "number" })],
  ["several types", one({ type: ["null", "integer"] }), one({ type: "integer" })],
  [
    "parts of one",
    one({ allOf: [{ type: "object", properties: { b: { type: "string" } }, required: ["b"] }] }),
    one({ type: "object", properties: { b: { type: "string" } }, required: ["b"] }),
  ],
  ["a constant", one({ const: "x" }), one({ enum: ["x"] })],
  [
    "what only some servers know",
    { ...one({ type: "string", pattern: "^a$" }), additionalProperties: false, $schema: "x" },
    one({ type: "string" }),
  ],
  [
    "items",
    one({ type: "array", items: { type: "string", format: "date" } }),
    one({ type: "array", items: { type: "string", description: "(format: date)" } }),
  ],
  [
    "a name that is a keyword",
    { type: "object", properties: { format: { type: "string", default: "x" } }, required: ["format", "gone"] },
    { type: "object", properties: { format: { type: "string" } }, required: ["format"] },
  ],
];

describe("a schema in the words that every server knows", () => {
  for (const [what, schema, plain] of rows) {
    it(`has ${what} in another way`, () => {
      assert.equal(isDemanding(schema), true);
      assert.deepEqual(plainSchema(schema), plain);
    });
  }

  it("is as it was where nothing demands more", () => {
    const schema = one({ type: "string", description: "A.", enum: ["b"] }, { required: ["a"] });
    assert.equal(isDemanding(schema), false);
    assert.deepEqual(plainSchema(schema), schema);
  });

  it("takes time in proportion to the number of its properties", () => {
    const names = Array.from({ length: 100_000 }, (_, at) => `p${at}`);
    const properties = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
    const schema = { type: "object", properties, required: names, additionalProperties: false };
    const { required } = quickly(() => plainSchema(schema));
    assert.deepEqual(required, names);
  });

  it("may have any number of properties", () => {
    const properties = Object.fromEntries(Array.from({ length: 200_000 }, (_, at) => [`p${at}`, {}]));
    assert.equal(isDemanding({ type: "object", properties }), false);
    assert.equal(isDemanding({ type: "object", list: Object.values(properties) }), false);
  });

  it("has an end where the schema refers to itself, or doubles with each level", () => {
    const tree = one({ $ref: "#" });
    assert.ok(JSON.stringify(plainSchema(tree)).length < 2000);
    const $defs = Object.fromEntries(
      Array.from({ length: 30 }, (_, n) => [
        `x${n}`,
        one(
          { $ref: `#/$defs/x${n + 1}` },
          { properties: { a: { $ref: `#/$defs/x${n + 1}` }, b: { $ref: `#/$defs/x${n + 1}` } } },
        ),
      ]),
    );
    assert.ok(JSON.stringify(plainSchema({ $ref: "#/$defs/x0", $defs })).length < 200_000);
  });
});
