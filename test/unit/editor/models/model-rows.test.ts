import assert from "node:assert/strict";
import fc from "fast-check";
import {
  chooseRows,
  joinModel,
  type ModelRow,
  readModelRows,
  showPrice,
  showRate,
  showTokens,
  splitModel,
} from "../../../../src/editor/models/model-rows";

const MODELS = [
  {
    id: "org/big",
    architecture: { input_modalities: ["text", "image"] },
    providers: [
      {
        provider: "novita",
        is_free: true,
        context_length: 131_072,
        pricing: { input: 1, output: 3 },
        throughput: 20,
        supports_tools: true,
      },
      {
        provider: "groq",
        status: "error",
        context_length: 8192,
        pricing: { input: 2, output: 2 },
        first_token_latency_ms: 300,
        throughput: 500,
        supports_structured_output: true,
      },
    ],
  },
  { id: "org/small", providers: [{ provider: "groq", pricing: { input: 0.1, output: 0.2 }, supports_tools: false }] },
  { id: "local" },
];
const ALL = { text: "", tools: false, json: false, images: false };
const ids = (rows: ModelRow[]) => rows.map(({ id }) => id);

describe("a server's list of models", () => {
  const rows = readModelRows(MODELS);

  it("shows the best of all providers, and the smallest context", () => {
    const { providers, ...big } = rows[0] as ModelRow;
    assert.deepEqual(big, {
      id: "org/big",
      context: 8192,
      input: 1,
      output: 2,
      latency: 0.3,
      throughput: 500,
      tools: true,
      json: true,
      images: true,
      audio: false,
      video: false,
      licence: undefined,
    });
    assert.deepEqual(
      providers.map(({ name, isLive, isFree }) => [name, isLive, isFree]),
      [
        ["novita", true, true],
        ["groq", false, false],
      ],
    );
  });

  it("may contain only ids", () => {
    const local = rows[2] as ModelRow;
    assert.deepEqual([local.providers, local.context, local.tools], [[], undefined, false]);
  });

  it("is sorted by any column, unknown values last", () => {
    assert.deepEqual(ids(chooseRows(rows, ALL, "id", false)), ["local", "org/big", "org/small"]);
    assert.deepEqual(ids(chooseRows(rows, ALL, "input", false)), ["org/small", "org/big", "local"]);
    assert.deepEqual(ids(chooseRows(rows, ALL, "input", true)), ["org/big", "org/small", "local"]);
  });

  it("is filtered by words of the id or a provider, and by what a model can do", () => {
    const chosen = (filter: object) => ids(chooseRows(rows, { ...ALL, ...filter }, "id", false));
    assert.deepEqual(chosen({ text: "GROQ org" }), ["org/big", "org/small"]);
    assert.deepEqual(chosen({ text: "novita" }), ["org/big"]);
    assert.deepEqual(chosen({ tools: true }), ["org/big"]);
    assert.deepEqual(chosen({ json: true, images: true }), ["org/big"]);
    assert.deepEqual(chosen({ text: "nobody" }), []);
  });

  it("is read, whatever the server sent", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        for (const list of [value, [value], [{ id: "x", providers: value }], [{ id: "x", providers: [value] }]]) {
          chooseRows(readModelRows(list), { ...ALL, text: "x" }, "context", true);
        }
      }),
    );
  });
});

describe("a model's name", () => {
  for (const [name, id, suffix] of [
    ["org/a", "org/a", ""],
    [" org/a:groq ", "org/a", "groq"],
    ["", "", ""],
    ["hf.co/org/a:Q4:x", "hf.co/org/a", "Q4:x"],
  ] as const) {
    it(`has parts: "${name}"`, () => {
      assert.deepEqual(splitModel(name), { id, suffix });
      assert.equal(joinModel(id, suffix), name.trim());
    });
  }
});

describe("a model's name in a list", () => {
  it("is kept whole if the server lists it with a colon, as Ollama does", () => {
    const rows = readModelRows([{ id: "llama3.2:3b" }, { id: "llama3.2" }]);
    assert.deepEqual(splitModel("llama3.2:3b", rows), { id: "llama3.2:3b", suffix: "" });
    assert.deepEqual(splitModel("llama3.2:1b", rows), { id: "llama3.2", suffix: "1b" });
  });
});

describe("figures of a model", () => {
  it("are short", () => {
    assert.deepEqual([undefined, 512, 8192, 131_072, 1_048_576].map(showTokens), ["", "512", "8k", "131k", "1M"]);
    assert.deepEqual([undefined, 0, 0.1, 12].map(showPrice), ["", "$0.00", "$0.10", "$12.00"]);
    assert.deepEqual([0.05, 0.015, 0.004, 0.0000123].map(showPrice), ["$0.05", "$0.015", "$0.004", "$0.000012"]);
    assert.deepEqual([6e-7, 1.234e-8].map(showPrice), ["$0.0000006", "$0.000000012"]);
    assert.deepEqual([undefined, 0.61, 24.7, 9.96].map(showRate), ["", "0.6", "25", "10"]);
  });
});
