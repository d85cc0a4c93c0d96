import assert from "node:assert/strict";
import fc from "fast-check";
import { type RowFields, readValues, showValues } from "../../../../src/editor/schema/schema-row";
import {
  nameProblem,
  propertyNames,
  type Row,
  readRows,
  type SchemaRows,
  writeRows,
} from "../../../../src/editor/schema/schema-rows";

function read(text: string): SchemaRows {
  const found = readRows(text);
  if (!("rows" in found)) assert.fail(`no rows in ${text}`);
  return found;
}

const show = (value: unknown) => JSON.stringify(value, null, 2);

const row = (fields: Partial<RowFields>): Row => ({
  name: "a",
  type: "string",
  description: "",
  required: false,
  values: [],
  items: "string",
  ...fields,
});

/** Returns the text after a change to one row. */
function change(text: string, index: number, fields: Partial<RowFields>): string {
  const found = read(text);
  return writeRows(
    found,
    found.rows.map((old, i) => (i === index ? { ...old, ...fields } : old)),
  );
}

describe("the rows of a schema", () => {
  const shown: [what: string, schema: unknown, type: string, more?: Partial<RowFields>][] = [
    ["a text", { type: "string" }, "string"],
    ["a text with a format", { type: "string", format: "date" }, "string"],
    ["a nested object", { type: "object", properties: { b: { type: "string" } } }, "object"],
    ["an enum", { enum: ["x", "y, z"] }, "enum", { values: ["x", "y, z"] }],
    ["an enum of numbers", { type: "integer", enum: [1, 2] }, "other"],
    ["an array of anything", { type: "array" }, "array", { items: "any" }],
    ["an array of integers", { type: "array", items: { type: "integer", minimum: 0 } }, "array", { items: "integer" }],
    ["an array of arrays", { type: "array", items: { type: "array" } }, "array", { items: "other" }],
    ["a choice", { anyOf: [{ type: "string" }] }, "other"],
    ["several types", { type: ["string", "null"] }, "other"],
    ["a type named enum", { type: "enum" }, "other"],
    ["a boolean schema", true, "other"],
    ["no schema at all", 7, "other"],
  ];
  for (const [what, schema, type, more] of shown) {
    it(`show ${what} as ${type}`, () => {
      const [first] = read(show({ properties: { a: schema } })).rows;
      const { origin: _, ...fields } = first as Row;
      assert.deepEqual(fields, { ...row({ type: type as RowFields["type"] }), ...more });
    });
  }

  for (const text of [
    "[]",
    "true",
    '{"type":"array"}',
    '{"properties":[]}',
    '{"required":"a"}',
    '{"type":["object"]}',
  ]) {
    it(`cannot show ${text}`, () => assert.deepEqual(readRows(text), { unfit: true }));
  }

  it("do not exist for a blank text, and leave it blank", () => {
    for (const text of ["", " \n"]) {
      assert.equal(writeRows(read(text), []), text);
      assert.deepEqual(read(text).rows, []);
    }
  });

  it("make a schema if there was none", () => {
    const rows = [
      row({ name: "city", required: true, description: "where" }),
      row({ name: "unit", type: "enum", values: ["C", "F"] }),
      row({ name: "days", type: "array", items: "integer" }),
      row({ name: "any", type: "array", items: "any" }),
    ];
    const expected = {
      type: "object",
      properties: {
        city: { type: "string", description: "where" },
        unit: { type: "string", enum: ["C", "F"] },
        days: { type: "array", items: { type: "integer" } },
        any: { type: "array" },
      },
      required: ["city"],
    };
    for (const text of ["", "{}"]) assert.deepEqual(JSON.parse(writeRows(read(text), rows)), expected);
    const closed = writeRows(read(""), rows, { closed: true });
    assert.deepEqual(JSON.parse(closed), { ...expected, additionalProperties: false });
  });

  const WILD = `{ "$schema": "x", "required": ["gone", "b"],
	"properties": {
		"2": {"type":"string"},
		"1": {"type":"number", "maximum": 12345678901234567890},
		"b": {"anyOf": [{}, true], "x-mine": 1e2},
		"__proto__": {"type": "object", "properties": {"deep": {"$ref": "#/$defs/d"}}}
	}, "$defs": {"d": {"type": "string"}}, "additionalProperties": false }`;

  it("change only what was edited, and the text only around it", () => {
    assert.equal(change(WILD, 0, {}), WILD);
    const changed = change(WILD, 1, { description: "new" });
    assert.ok(changed.includes('"maximum": 12345678901234567890'), changed);
    assert.ok(changed.includes('{"anyOf": [{}, true], "x-mine": 1e2}'), changed);
    assert.deepEqual(propertyNames(changed), ["2", "1", "b", "__proto__"]);
    const { properties, ...rest } = JSON.parse(changed);
    const { properties: before, ...restBefore } = JSON.parse(WILD);
    assert.deepEqual(rest, restBefore);
    assert.deepEqual(properties, {
      ...before,
      1: { ...before[1], description: "new" },
      ["__proto__"]: { type: "object", properties: { deep: { $ref: "#/$defs/d" } } },
    });
    assert.deepEqual(Object.keys(properties), Object.keys(before));
  });

  it("keep their place in the required list when renamed", () => {
    const schema = show({ properties: { a: {}, b: {}, c: {} }, required: ["c", "stray", "a", "b"] });
    assert.deepEqual(JSON.parse(change(schema, 0, { name: "z" })).required, ["c", "stray", "z", "b"]);
    assert.deepEqual(JSON.parse(change(schema, 0, { required: false })).required, ["c", "stray", "b"]);
  });

  it("leave no empty list when none is required any more", () => {
    assert.deepEqual(JSON.parse(change('{"properties":{"a":{}},"required":["a"]}', 0, { required: false })), {
      properties: { a: {} },
    });
  });

  it("stay separate with the same name, and can be renamed again", () => {
    const schema = show({ properties: { a: { type: "string" }, b: { type: "number" } }, required: ["a"] });
    const found = read(schema);
    const twice = found.rows.map((old) => ({ ...old, name: "a" }));
    assert.equal(nameProblem(twice, 1), "twice");
    const text = writeRows(found, twice);
    assert.deepEqual(propertyNames(text), ["a", "a"]);
    assert.deepEqual(
      read(text).rows.map(({ type }) => type),
      ["string", "number"],
    );
    const parted = writeRows(
      found,
      twice.map((old, i) => (i === 1 ? { ...old, name: "b" } : old)),
    );
    assert.equal(parted, schema);
  });

  it("report that they have no name", () => assert.equal(nameProblem([row({ name: " " })], 0), "nameless"));

  const changes: [what: string, from: unknown, fields: Partial<RowFields>, to: unknown][] = [
    ["array to text", { type: "array", items: { type: "string" } }, { type: "string" }, { type: "string" }],
    ["enum to text", { enum: ["a"], title: "t" }, { type: "string" }, { type: "string", title: "t" }],
    ["text to enum", { type: "string" }, { type: "enum", values: ["a"] }, { type: "string", enum: ["a"] }],
    ["choice to text", { anyOf: [{}], description: "d" }, { type: "string" }, { type: "string", description: "d" }],
    ["a described choice", { anyOf: [{}] }, { description: "d" }, { anyOf: [{}], description: "d" }],
    ["a described true", true, { description: "d" }, { description: "d" }],
    ["a described false", false, { description: "d" }, { not: {}, description: "d" }],
    ["a described nothing", 7, { description: "d" }, 7],
    ["a description less", { description: "d", type: "null" }, { description: "" }, { type: "null" }],
    [
      "items",
      { type: "array", items: { type: "string", minLength: 1 } },
      { items: "number" },
      { type: "array", items: { type: "number", minLength: 1 } },
    ],
    ["items of any kind", { type: "array", items: { type: "string" } }, { items: "any" }, { type: "array" }],
    [
      "other items",
      { type: "array", items: { anyOf: [{}] } },
      { items: "object" },
      { type: "array", items: { type: "object" } },
    ],
  ];
  for (const [what, from, fields, to] of changes) {
    it(`change ${what}`, () => {
      assert.deepEqual(JSON.parse(change(show({ properties: { a: from } }), 0, fields)).properties.a, to);
    });
  }

  const names = fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor", "1", "0", "a"));
  const anyRow = fc.record({
    name: names,
    type: fc.constantFrom("string", "number", "integer", "boolean", "array", "object", "enum" as const),
    description: fc.string(),
    required: fc.boolean(),
    values: fc.array(fc.string()),
    items: fc.constantFrom("any", "string", "number", "integer", "boolean", "object" as const),
  });

  it("are read back from the schema that they make", () => {
    fc.assert(
      fc.property(fc.uniqueArray(anyRow, { selector: ({ name }) => name }), (rows) => {
        const back = read(writeRows(read(""), rows as Row[])).rows;
        const plain = rows.map((made) => ({
          ...made,
          values: made.type === "enum" ? made.values : [],
          items: made.type === "array" ? made.items : "string",
        }));
        assert.deepEqual(
          back.map(({ origin: _, ...fields }) => fields),
          plain,
        );
      }),
    );
  });

  const anySchema = fc
    .tuple(
      fc.dictionary(
        names.filter((name) => !["type", "properties", "required"].includes(name)),
        fc.jsonValue(),
      ),
      fc.dictionary(
        names,
        fc.oneof(
          fc.jsonValue(),
          fc.dictionary(fc.constantFrom("type", "enum", "items", "anyOf", "title", "description"), fc.jsonValue()),
          fc.constantFrom(
            { type: "string" },
            { type: "array", items: { type: "string", title: "t" } },
            { enum: ["a"] },
          ),
        ),
      ),
      fc.array(names),
    )
    .map(([rest, properties, required]) => ({ ...rest, type: "object", properties, required }));
  const layout = fc.constantFrom(undefined, 2, 4, "\t");

  it("leave everything else as it was, whatever happens to one of them", () => {
    const edit = fc.record({
      index: fc.nat(),
      fields: fc.record(
        {
          name: names,
          description: fc.string(),
          required: fc.boolean(),
          type: fc.constantFrom("string", "array", "enum" as const),
        },
        { requiredKeys: [] },
      ),
    });
    fc.assert(
      fc.property(anySchema, layout, edit, (schema, indent, { index, fields }) => {
        const text = JSON.stringify(schema, null, indent);
        const found = read(text);
        assert.equal(writeRows(found, [...found.rows]), text);
        if (found.rows.length === 0) return;
        const at = index % found.rows.length;
        const changed = read(change(text, at, fields));
        for (const [i, other] of found.rows.entries()) {
          const now = changed.rows[i] as Row;
          if (i !== at) assert.equal(now.origin?.entry.value.raw, other.origin?.entry.value.raw);
        }
        const { properties: _, required, ...rest } = JSON.parse(changed.text);
        const { properties: _old, required: before, ...restBefore } = JSON.parse(text);
        assert.deepEqual(rest, restBefore);
        const involved = new Set([found.rows[at]?.name, fields.name]);
        const others = (list: string[] = []) => list.filter((name) => !involved.has(name));
        assert.deepEqual(others(required), others(before));
      }),
    );
  });

  it("leave the rest as it was when deleted or reordered", () => {
    fc.assert(
      fc.property(anySchema, layout, fc.nat(), fc.boolean(), (schema, indent, index, isMove) => {
        const text = JSON.stringify(schema, null, indent);
        const found = read(text);
        const rows = found.rows.filter((_, i) => i !== index % found.rows.length);
        const taken = found.rows[index % found.rows.length];
        if (isMove && taken) rows.push(taken);
        const changed = read(writeRows(found, rows));
        assert.deepEqual(
          changed.rows.map(({ origin }) => origin?.entry.value.raw),
          rows.map(({ origin }) => origin?.entry.value.raw),
        );
        if (isMove) assert.deepEqual(JSON.parse(changed.text), JSON.parse(text));
      }),
    );
  });
});

describe("the values of an enum", () => {
  it("can be written in a line and read back", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" })), (values) => {
        assert.deepEqual(readValues(showValues(values)), values);
      }),
    );
  });

  const lines: [string, string[]][] = [
    ["red, green , blue,", ["red", "green", "blue"]],
    ['"a, b", c', ["a, b", "c"]],
    ['""', [""]],
    ["light blue", ["light blue"]],
  ];
  for (const [line, values] of lines) it(`read ${line}`, () => assert.deepEqual(readValues(line), values));

  it("never throw while they are typed", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', ",", "\\", "a", " ", "u") }), (line) => void readValues(line)),
    );
  });
});
