import assert from "node:assert/strict";
import fc from "fast-check";
import sinon from "sinon";
import { compileSchema } from "../../../../src/conversation/json/schema";
import { TimeBudget } from "../../../../src/conversation/json/time-budget";

describe("a schema", () => {
  const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };

  it("finds nothing wrong with what it allows", () => assert.deepEqual(compileSchema(city)({ city: "Paris" }), []));

  const wrong: [what: string, schema: Record<string, unknown>, value: unknown, says: RegExp][] = [
    ["a missing property", city, {}, /city/],
    [
      "a wrong type, with its place",
      { properties: { a: { items: city } } },
      { a: [{ city: 3 }] },
      /^a\.0\.city must be string/,
    ],
    ["the values that an enum allows", { enum: ["a", "b"] }, "c", /\["a","b"\]/],
    ["an additional property, by name", { additionalProperties: false }, { x: 1 }, /: x$/],
  ];
  for (const [what, schema, value, says] of wrong) {
    it(`reports ${what}`, () => assert.match(compileSchema(schema)(value).join("; "), says));
  }

  it("counts what an object itself has, whatever the name of a property", () => {
    const named = { type: "object", properties: { toString: { type: "null" } } };
    assert.deepEqual(compileSchema(named)({}), []);
    assert.match(compileSchema({ required: ["valueOf"] })({}).join(), /valueOf/);
  });

  it("reports at most ten problems", () => {
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

  it("may be of draft 2019-09; an older draft is read as draft-07", () => {
    const since = (draft: string) => compileSchema({ $schema: draft, dependentRequired: { a: ["b"] } })({ a: 1 });
    assert.notDeepEqual(since("https://json-schema.org/draft/2019-09/schema"), []);
    for (const draft of ["http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-07/schema#", "x"]) {
      assert.deepEqual(since(draft), []);
    }
  });

  it("may name a format", () => {
    const day = compileSchema({ properties: { day: { type: "string", format: "date" } } });
    assert.deepEqual(day({ day: "2026-02-28" }), []);
    assert.match(day({ day: "tomorrow" }).join(), /^day must match format "date"$/);
  });

  it("may have a pattern that is not strictly valid", () => {
    assert.deepEqual(compileSchema({ pattern: "^[\\w\\-]+$" })("a-b"), []);
  });

  it("may have unknown keywords and formats", () => {
    assert.deepEqual(compileSchema({ type: "string", format: "color", "x-order": 1 })("red"), []);
  });

  it("may have the same id as another one", () => {
    assert.deepEqual(compileSchema({ $id: "a", type: "string" })("x"), []);
    assert.notDeepEqual(compileSchema({ $id: "a", type: "number" })("x"), []);
  });

  it("that is not valid is refused with the reason", () => {
    assert.throws(() => compileSchema({ type: "strin" }), /type/);
  });

  it("with patterns that backtrack endlessly is stopped soon, however many there are", () => {
    const validate = compileSchema({ items: { pattern: "^(a+)+$" }, patternProperties: { "^(b+)+$": {} } });
    const evil = Array.from({ length: 1000 }, () => `${"a".repeat(60)}!`);
    // Without a limit this would take years.
    assert.match(validate(evil).join(), /longer than 0\.25 s$/);
    assert.deepEqual(validate(["aaa"]), []);
  });

  it("that is huge or refers to itself is refused or read soon", () => {
    let deep: Record<string, unknown> = {};
    for (let depth = 0; depth < 3000; depth++) deep = { properties: { a: deep } };
    const wide = {
      anyOf: Array.from({ length: 30_000 }, (_, index) => ({ properties: { [`p${index}`]: { const: index } } })),
    };
    const round = { $ref: "#" };
    for (const schema of [deep, wide, round]) {
      try {
        compileSchema(schema)({ a: 1 });
      } catch (error) {
        assert.ok(error instanceof Error);
      }
    }
  });

  it("of Ajv's own asynchronous kind is refused: its failures would come as unhandled rejections", () => {
    assert.throws(() => compileSchema({ $async: true, type: "string" }), /\$async/);
  });

  it("leaves nothing behind: after thousands of them the heap is as small as before", function () {
    assert.ok(global.gc, "the options of .mocharc.json are missing");
    this.timeout(120_000);
    let index = 0;
    const compile = (count: number) => {
      for (const end = index + count; index < end; index++) compileSchema({ const: index })(index);
    };
    const heap = () => {
      global.gc?.();
      return process.memoryUsage().heapUsed;
    };
    compile(500);
    const before = heap();
    compile(2500);
    assert.ok(heap() - before < 1_400_000);
  });

  it("stays in the cache only while all in it are small, and without the errors it found", () => {
    assert.ok(global.gc, "the options of .mocharc.json are missing");
    const heap = () => {
      global.gc?.();
      return process.memoryUsage().heapUsed;
    };
    const before = heap();
    for (let index = 0; index < 30; index++) compileSchema({ description: `${index}${"x".repeat(2e6)}` });
    compileSchema({ items: { type: "string" } })(Array.from({ length: 100_000 }, () => 1));
    assert.ok(heap() - before < 30_000_000);
  });

  it("that cannot be compiled is refused every time, but compiled only once", () => {
    // Only a machine six times as fast could compile this within the limit.
    const properties = Object.fromEntries(
      Array.from({ length: 40_000 }, (_, index) => [`p${index}`, { properties: { a: { pattern: `a${index}` } } }]),
    );
    const run = sinon.spy(TimeBudget.prototype, "run");
    try {
      for (let time = 0; time < 3; time++) assert.throws(() => compileSchema({ properties }), /more than 0\.4 s/);
      assert.equal(run.callCount, 1);
    } finally {
      run.restore();
    }
  });

  it("says why a value cannot be checked: it is too deep, or has methods' names", () => {
    const tree = compileSchema({ type: "object", additionalProperties: { $ref: "#" } });
    let deep = {};
    for (let level = 0; level < 100_000; level++) deep = { a: deep };
    assert.deepEqual(tree(deep), ["the value is nested too deep"]);
    const different = compileSchema({ uniqueItems: true });
    assert.deepEqual(different([{ valueOf: 1 }, { valueOf: 2 }]), [
      "the value has a property named valueOf or toString, which cannot be compared",
    ]);
  });

  it("never throws, whatever the value", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        compileSchema(city)(value);
      }),
    );
  });
});
