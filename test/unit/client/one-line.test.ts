import assert from "node:assert/strict";
import { ChatError } from "../../../src/client/errors/chat-error";
import { errorFromResponse } from "../../../src/client/errors/from-response";
import { oneLine } from "../../../src/client/one-line";

describe("a text from outside", () => {
  const cases: [text: string, line: string][] = [
    ["org/model", "org/model"],
    ["two  spaces, é, 好, 👩‍🚀", "two  spaces, é, 好, 👩‍🚀"],
    ["a\r\n\tb", "a b"],
    ["x\u001b]0;title\u0007\u001b[31m", "x ]0;title [31m"],
    ["a\u0000\u007f\u0085b", "a b"],
    ["a\u2028b\u2029c", "a b c"],
    ["abc\u202edcba\u2066", "abcdcba"],
    ["x".repeat(1000), "x".repeat(1000)],
    ["x".repeat(1001), `${"x".repeat(1000)}…`],
    [`${"x".repeat(999)}😀y`, `${"x".repeat(999)}…`],
  ];
  for (const [text, line] of cases) {
    it(`is one line without control characters, not too long: ${JSON.stringify(text.slice(0, 40))}`, () =>
      assert.equal(oneLine(text), line));
  }

  it("is one line in an error's sentence, whatever it names", () => {
    const error = new ChatError("model_not_found", { model: "m\u001b[2J".repeat(500_000), message: "No." });
    assert.ok(error.message.length < 2000);
    assert.ok(!error.message.includes("\u001b"));
  });

  it("is one line in an error's code, and the model's name shows no secret", () => {
    const context = {
      model: "hf_a_token",
      host: "h",
      hasToken: true,
      redact: (text: string) => text.replace("hf_a_token", "***"),
    };
    const body = JSON.stringify({ error: { message: "no", code: `c\u001b${"d".repeat(60_000)}` } });
    const { cause, message } = errorFromResponse({ status: 404, headers: {}, body }, context);
    assert.equal(cause.code, `c ${"d".repeat(998)}…`);
    assert.ok(!message.includes("hf_a_token"));
  });
});
