import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { compileSchema } from "../../../../src/conversation/json/schema";
import { SCHEMA_WORDS, SchemaMistake } from "../../../../src/conversation/json/schema-mistake";
import { root } from "../../../support/root";

describe("a mistake in a schema", () => {
  const TYPES = "not a type: it must be one of string, number, integer, boolean, array, object, null";
  const SCHEMA = "a schema should be here: an object, true or false";
  const cases: [schema: Record<string, unknown>, says: string][] = [
    [{ type: "strin" }, `type: ${TYPES}`],
    [{ type: ["string", "text"] }, `type: ${TYPES}`],
    [{ properties: { city: { type: "text" } } }, `properties.city.type: ${TYPES}`],
    [{ properties: { type: { type: "text" } } }, `properties.type.type: ${TYPES}`],
    [{ properties: { city: "string" } }, `properties.city: ${SCHEMA}`],
    [{ properties: [] }, "properties: properties must be an object"],
    [{ required: "city" }, "required: required must be a list of names"],
    [{ required: [1] }, "required: required must be a list of names"],
    [{ enum: "a" }, "enum: enum must be a list of values"],
    [{ anyOf: {} }, "anyOf: anyOf must be a list of schemas"],
    [{ anyOf: [{}, 5] }, `anyOf.1: ${SCHEMA}`],
    [{ items: 5 }, `items: ${SCHEMA}`],
    [{ items: { minLength: -1 } }, "items.minLength: minLength must be a whole number, at least 0"],
    [{ minimum: "0" }, "minimum: minimum must be a number"],
    [{ multipleOf: 0 }, "multipleOf: multipleOf must be a number above 0"],
    [{ uniqueItems: "yes" }, "uniqueItems: uniqueItems must be true or false"],
    [{ description: 1 }, "description: description must be a text"],
    [{ examples: "a" }, "examples: examples must be a list"],
    [{ properties: { "a/b~c": { title: 1 } } }, "properties.a/b~c.title: title must be a text"],
  ];
  for (const [schema, says] of cases) {
    it(`is told in the words of the form: ${JSON.stringify(schema)}`, () => {
      for (const $schema of [undefined, "https://json-schema.org/draft/2020-12/schema"]) {
        const whole = $schema ? { $schema, ...schema } : schema;
        assert.throws(
          () => compileSchema(whole),
          (error) => error instanceof SchemaMistake && error.message === says,
          says,
        );
      }
    });
  }

  it("has the words of the form, word for word", () => {
    const file = path.join(root, "nodes/locales/en-US/huggingface-config.json");
    const form = JSON.parse(readFileSync(file, "utf8"))["huggingface-config"].schema;
    for (const [key, words] of Object.entries(SCHEMA_WORDS)) assert.equal(form[key], words);
  });
});
