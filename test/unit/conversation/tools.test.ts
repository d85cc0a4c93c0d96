import assert from "node:assert/strict";
import { checkBudget } from "../../../src/conversation/json/schema";
import { parseCall, readDeclarations, runTool, type Tool } from "../../../src/conversation/tools";
import { isRefused } from "../../support/errors";

/** What a tool gets of these arguments, or the error that the model is told. */
async function run(text: string, parameters: Tool["parameters"]): Promise<unknown> {
  const call = parseCall({ id: "a", type: "function", function: { name: "f", arguments: text } });
  let got: unknown;
  const tool: Tool = {
    name: "f",
    description: "",
    parameters,
    strict: false,
    run: async (called) => {
      got = called.arguments;
      return "";
    },
  };
  const report = await runTool(tool, call, ["f"], new AbortController().signal, checkBudget());
  return "error" in report ? report.error : got;
}

const optional = { type: "object", properties: { city: { type: "string" } } };
const required = { ...optional, required: ["city"] };

describe("arguments of a call", () => {
  for (const text of ["null", "[]", '""', '"[]"', '"null"', "", " "]) {
    it(`are none where they are ${JSON.stringify(text)} and the function requires none`, async () => {
      assert.deepEqual(await run(text, undefined), {});
      assert.deepEqual(await run(text, optional), {});
      assert.match(String(await run(text, required)), /^Wrong arguments/);
    });
  }

  it("are read from JSON in a JSON string, however often wrapped", async () => {
    let text = '{"city":"Paris"}';
    for (let times = 0; times < 3; times++) {
      text = JSON.stringify(text);
      assert.deepEqual(await run(text, required), { city: "Paris" });
    }
  });
});

describe("functions that a message declares", () => {
  it("are refused if one is missing, as `delete` leaves it", () => {
    const declared = Object.assign([{ name: "f" }], { 2: { name: "g" } });
    isRefused(() => readDeclarations(declared), "tool_not_declared", /msg\.huggingface\.tools\[1\]/);
  });
});
