import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { asCurl } from "../../../src/editor/curl";

describe("a request as a command of curl", () => {
  it("is what a shell hands to curl, with the token of the environment", () => {
    const body = { model: "a", messages: [{ role: "user", content: 'It\'s $HOME `x`\n"y" \\ ü' }] };
    const headers = { authorization: "Bearer ***", "x-api-key": "***", "x-note": "a'b" };
    const command = asCurl({ url: "https://a.example/v1?q='1'", headers, body });
    const script = `curl() { printf '%s\\0' "$@"; }\n${command}`;
    const given = execFileSync("sh", ["-c", script], { env: { HF_TOKEN: "hf_mine" }, encoding: "utf8" });
    assert.deepEqual(given.split("\0").slice(0, -1), [
      ...["-N", "https://a.example/v1?q='1'"],
      ...["-H", "authorization: Bearer hf_mine", "-H", "x-api-key: ***", "-H", "x-note: a'b"],
      ...["--data-raw", JSON.stringify(body)],
    ]);
  });
});
