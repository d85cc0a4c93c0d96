import assert from "node:assert/strict";
import fc from "fast-check";
import { compileSchema } from "../../src/lib/conversation/schema";

describe("a schema", () => {
  const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

  it("finds nothing wrong with what it allows", () => assert.deepEqual(compileSchema(city)({ city: "Paris" }), []));

  const wrong: [what: string, schema: Record<string, unknown>, value: unknown, says: RegExp][] = [
    ["what is missing", city, {}, /city/],
    [
      "a wrong type, by its place",
      { properties: { a: { items: city } } },
      { a: [{ city: 3 }] },
      /^a\.0\.city must be string/,
    ],
    ["what an enum allows", { enum: ["a", "b"] }, "c", /\["a","b"\]/],
    ["what is too much, by its name", { additionalProperties: false }, { x: 1 }, /: x$/],
  ];
  for (const [what, schema, value, says] of wrong) {
    it(`tells ${what}`, () => assert.match(compileSchema(schema)(value).join("; "), says));
  }

  it("tells ten problems at most", () => {
    const value = Array.from({ length: 50 }, () => 1);
    assert.equal(compileSchema({ items: { type: "string" } })(value).length, 10);
  });

  it("may be of draft 2020-12", () => {
    const schema = {
      $schema: "https://json-schema.org/draft/2020-12/schema",
      prefixItems: [{ type: "string" }],
      items: false,
    };
    assert.deepEqual(compileSchema(schema)(["a"]), []);
    assert.notDeepEqual(compileSchema(schema)(["a", 1]), []);
  });

  it("may have keywords and formats that nobody knows", () => {
    assert.deepEqual(compileSchema({ type: "string", format: "color", "x-order": 1 })("red"), []);
  });

  it("may have the id of another one", () => {
    assert.deepEqual(compileSchema({ $id: "a", type: "string" })("x"), []);
    assert.notDeepEqual(compileSchema({ $id: "a", type: "number" })("x"), []);
  });

  it("that is none is refused with the reason", () => {
    assert.throws(() => compileSchema({ type: "strin" }), /type/);
  });

  it("with an evil pattern holds nothing up for long", () => {
    const validate = compileSchema({ pattern: "^(a+)+$" });
    const startedAt = performance.now();
    assert.notDeepEqual(validate(`${"a".repeat(60)}!`), []);
    assert.ok(performance.now() - startedAt < 500);
    assert.deepEqual(validate("aaa"), []);
  });

  it("leaves nothing behind: many different ones keep the heap flat", function () {
    if (!global.gc) this.skip();
    const compile = (from: number) => {
      for (let index = from; index < from + 300; index++) compileSchema({ const: index })(index);
    };
    const heap = () => {
      global.gc?.();
      return process.memoryUsage().heapUsed;
    };
    compile(0);
    compile(1000);
    const before = heap();
    compile(10_000);
    assert.ok(heap() - before < 5_000_000);
  });

  it("never throws, whatever the value", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        compileSchema(city)(value);
      }),
    );
  });
});
