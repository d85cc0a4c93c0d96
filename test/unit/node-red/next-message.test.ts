import assert from "node:assert/strict";
import { messageText } from "../../../src/node-red/next-message";
import { quickly } from "../../support/cpu";

describe("a message that is written for the form", () => {
  const hide = (text: string) => text.replaceAll("hf_abc", "***");
  const rows: [what: string, msg: object, written: unknown][] = [
    ["hides secrets in texts", { payload: ["is hf_abc", { a: "hf_abc" }] }, { payload: ["is ***", { a: "***" }] }],
    [
      "hides what is secret by its name",
      { headers: { cookie: "a", "x-api-key": "b", b: 1 } },
      { headers: { cookie: "***", "x-api-key": "***", b: 1 } },
    ],
    ["names a text that is too large", { a: "x".repeat(70_000), b: 1 }, { a: "(70000 characters)", b: 1 }],
    ["names bytes that are too many", { a: Buffer.alloc(60_000), b: 1 }, { a: "(60000 bytes)", b: 1 }],
    ["hides secrets in bytes of text", { a: Buffer.from("is hf_abc") }, { a: "is ***" }],
    ["leaves out what is of Node-RED", { _msgid: "1", _linkSource: [], req: {}, res: {}, b: 1 }, { b: 1 }],
    ["names what JSON cannot say", { a: () => 1, b: Symbol("x"), c: undefined }, { a: "(function)", b: "(symbol)" }],
    ["keeps null, false and 0", { a: null, b: false, c: 0 }, { a: null, b: false, c: 0 }],
  ];
  for (const [what, msg, written] of rows) {
    it(what, () => assert.deepEqual(JSON.parse(messageText(msg as never, hide)), written));
  }

  it("is as long as may be", () => {
    const rows = Array.from({ length: 50_000 }, (_, i) => ({ i }));
    const text = messageText({ payload: "Hi", rows } as never, hide);
    assert.ok(text.length > 20_000 && text.length <= 64 * 1024, String(text.length));
  });

  it("is short, and soon written, whatever it holds", () => {
    const circle: Record<string, unknown> = { a: 1 };
    Object.assign(circle, { self: circle, both: [circle, circle] });
    const wide = Array.from({ length: 1_000_000 }, (_, i) => [i, [i, [i]]]);
    for (const msg of [circle, { wide }, { text: "ü".repeat(30_000), more: '"'.repeat(60_000) }]) {
      assert.ok(quickly(() => messageText(msg as never, hide)).length <= 64 * 1024);
    }
  });
});
