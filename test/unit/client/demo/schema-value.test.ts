import assert from "node:assert/strict";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { valueFor } from "../../../../src/client/demo/schema-value";
import { quickly } from "../../../support/cpu";

const ajv = addFormats(new Ajv({ strict: false, ownProperties: true }));

function assertFits(schema: object): void {
  const value = valueFor(schema);
  assert.ok(ajv.validate(schema, value), `${JSON.stringify(value)} for ${JSON.stringify(schema)}: ${ajv.errorsText()}`);
}

describe("the demo's value for a schema", () => {
  const place = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
  const cases: [what: string, schema: object][] = [
    ["an object with required fields", { ...place, additionalProperties: false }],
    ["a choice", { enum: ["red", "green"] }],
    ["a constant", { const: 7 }],
    ["a number within limits", { type: "number", minimum: 2.5, exclusiveMaximum: 2.75, multipleOf: 0.25 }],
    ["a whole number above a limit", { type: "integer", exclusiveMinimum: 41 }],
    ["a whole number below zero", { type: "integer", maximum: -3 }],
    ["a multiple", { type: "integer", minimum: 8, multipleOf: 5 }],
    ["a text of a length", { type: "string", minLength: 12, maxLength: 12 }],
    ["a short text", { type: "string", maxLength: 2 }],
    ["a text of a pattern", { type: "string", pattern: "^[A-Z]{4}$" }],
    ["a list of a length", { type: "array", items: place, minItems: 3 }],
    ["an empty list", { type: "array", items: { type: "string" }, maxItems: 0 }],
    ["a tuple", { type: "array", prefixItems: [{ type: "number" }, { type: "boolean" }] }],
    ["one of several types", { type: ["null", "integer"] }],
    ["one of several schemas", { anyOf: [{ type: "null" }, place] }],
    ["all of several schemas", { allOf: [place, { properties: { zip: { type: "integer" } }, required: ["zip"] }] }],
    ["a definition", { $ref: "#/$defs/place", $defs: { place } }],
    ["a definition behind another", { $ref: "#/$defs/a", $defs: { a: { $ref: "#/$defs/b~1c" }, "b/c": place } }],
    ["a required field without a schema", { type: "object", required: ["anything"] }],
    ["a schema of anything", {}],
    ...["date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"].map(
      (format): [string, object] => [`a text in the format ${format}`, { type: "string", format }],
    ),
  ];
  for (const [what, schema] of cases) it(`fits: ${what}`, () => assertFits(schema));

  it("ends where a schema contains itself", () => {
    const node = { type: "object", properties: { next: { $ref: "#" }, list: { type: "array", items: { $ref: "#" } } } };
    assertFits(node);
    assert.ok(JSON.stringify(valueFor({ allOf: [{ $ref: "#" }] })).length < 100);
    assert.ok(
      JSON.stringify(valueFor({ type: "object", required: ["a"], properties: { a: { $ref: "#" } } })).length < 1000,
    );
  });

  const refs = Array.from({ length: 40 }, () => ({ $ref: "#" }));
  const long = (levels: number): object =>
    levels === 0 ? { type: "boolean" } : { type: "array", minItems: 1000, items: long(levels - 1) };
  const endless: [what: string, schema: object][] = [
    ["contains itself in many properties", { type: "object", properties: { ...refs } }],
    ["consists of itself many times", { allOf: refs }],
    ["demands long lists of long lists", long(4)],
    ["has a pattern that takes years", { type: "string", pattern: "^(\\.|[^x])*(\\.+)+x$", minLength: 100 }],
    ["has a reference with a wrong escape", { $ref: "#/%E0%A4%A" }],
  ];
  for (const [what, schema] of endless) {
    it(`is there soon where a schema ${what}`, () => {
      const text = quickly(() => JSON.stringify(valueFor(schema)));
      assert.ok(text.length < 100_000, `${text.length} characters`);
    });
  }

  it("fills a list of a thousand objects", () => {
    assertFits({ type: "array", items: place, minItems: 1000 });
  });

  it("fits whatever is built of these types, limits and choices", () => {
    // Ajv fails on objects that have these methods' names.
    const comparable = fc
      .jsonValue({ maxDepth: 1 })
      .filter((value) => !/"(valueOf|toString)"/.test(JSON.stringify(value)));
    const { schema } = fc.letrec<{ schema: object }>((tie) => ({
      schema: fc.oneof(
        { depthSize: "small" },
        fc.record({ type: fc.constant("string"), minLength: fc.nat(9), maxLength: fc.integer({ min: 9, max: 20 }) }),
        fc.record({
          type: fc.constant("integer"),
          minimum: fc.integer({ min: -9, max: 9 }),
          maximum: fc.integer({ min: 9, max: 99 }),
        }),
        fc.record({ type: fc.constantFrom("number", "boolean", "null") }),
        fc.record({
          enum: fc.uniqueArray(comparable, { minLength: 1, maxLength: 3, selector: JSON.stringify }),
        }),
        fc.record({ type: fc.constant("array"), items: tie("schema"), minItems: fc.nat(3) }),
        fc.record({ anyOf: fc.array(tie("schema"), { minLength: 1, maxLength: 3 }) }),
        fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie("schema"), { maxKeys: 4 }).map((properties) => ({
          type: "object",
          properties,
          required: Object.keys(properties),
          additionalProperties: false,
        })),
      ),
    }));
    fc.assert(fc.property(schema, assertFits), { numRuns: 300 });
  });
});
