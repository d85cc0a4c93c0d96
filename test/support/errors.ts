import assert from "node:assert/strict";
import { ChatError } from "../../src/client/errors/chat-error";

/** Asserts that a call is refused before any request, with an error of this key and a complete sentence. */
export function isRefused(run: () => unknown, key: string, says = /./): void {
  assert.throws(run, (error: ChatError) => {
    assert.ok(error instanceof ChatError, String(error));
    assert.equal(error.code, "invalid_input");
    assert.equal(error.key, key);
    assert.match(error.message, says);
    assert.doesNotMatch(error.message, /__/);
    return true;
  });
}
