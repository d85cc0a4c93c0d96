import assert from "node:assert/strict";
import type { NodeAPI } from "node-red";
import { makeTranslate } from "../../../src/node-red/red";

describe("a text of the nodes", () => {
  const translate = makeTranslate({
    _: (key: string, params: object) => JSON.stringify([key, params]),
  } as unknown as NodeAPI);

  it("names nothing with control characters, or of any length", () => {
    const text = translate("warning.x", { model: `a\u001b[2J\n${"b".repeat(5000)}`, count: 5 });
    const [key, params] = JSON.parse(text);
    assert.equal(key, "huggingface-chat.warning.x");
    assert.deepEqual(params, { model: `a [2J ${"b".repeat(994)}…`, count: 5 });
  });
});
