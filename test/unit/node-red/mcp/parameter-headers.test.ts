import assert from "node:assert/strict";
import { hasSendableHeaders } from "../../../../src/node-red/mcp/parameter-headers";

type Schema = Record<string, unknown>;

const text = (header: unknown, type: unknown = "string"): Schema => ({ type, "x-mcp-header": header });
const object = (properties: Schema, more: Schema = {}): Schema => ({ type: "object", properties, ...more });

describe("parameters that are sent as headers", () => {
  const good: [string, Schema][] = [
    ["none", object({ city: { type: "string" } })],
    ["a text", object({ city: text("City") })],
    ["a whole number and a truth value", object({ days: text("Days", "integer"), snow: text("Snow", "boolean") })],
    ["one inside an object", object({ place: object({ city: text("City") }) })],
    ["a parameter whose name is that of the mark", object({ "x-mcp-header": { type: "string" } })],
    [
      "a mark in a value",
      object({ city: { type: "string", default: { "x-mcp-header": 1 }, enum: [{ "x-mcp-header": "" }] } }),
    ],
  ];
  for (const [name, schema] of good) it(`are good: ${name}`, () => assert.equal(hasSendableHeaders(schema), true));

  const bad: [string, Schema][] = [
    ["on the whole schema", object({}, { "x-mcp-header": "All" })],
    ["without a name", object({ city: text("") })],
    ["with a name that is no text", object({ city: text(7) })],
    ["with a name that ends the header", object({ city: text("City\r\nCookie: a") })],
    ["with a space in the name", object({ city: text("The City") })],
    ["of a number that may have a fraction", object({ days: text("Days", "number") })],
    ["of an object", object({ place: text("Place", "object") })],
    ["without a type", object({ city: { "x-mcp-header": "City" } })],
    ["twice, by capitals alone", object({ a: text("City"), b: text("city") })],
    ["in the items of a list", object({ cities: { type: "array", items: text("City") } })],
    ["in a choice", object({ city: { anyOf: [text("City")] } })],
    ["below a choice", object({}, { oneOf: [object({ city: text("City") })] })],
    ["in a definition", object({}, { $defs: { city: text("City") } })],
    ["in further properties", object({}, { additionalProperties: text("City") })],
  ];
  for (const [name, schema] of bad) it(`are not: ${name}`, () => assert.equal(hasSendableHeaders(schema), false));
});
