import assert from "node:assert/strict";
import { ChatError } from "../../src/client/errors/chat-error";
import { CLIENT_ERRORS } from "../../src/client/errors/table";
import { CONVERSATION_ERRORS } from "../../src/conversation/errors";
import { NODE_RED_ERRORS, REWORDED } from "../../src/node-red/errors";

const SENTENCES = JSON.stringify([CLIENT_ERRORS, CONVERSATION_ERRORS, NODE_RED_ERRORS, REWORDED]);
const PLACES = new Set(SENTENCES.match(/__[a-z_]+?__/g));

/**
 * Matches an error that has more than one line, or a place that was not filled in. It names our places: what a server said may
 * have underscores of its own.
 */
export const UNFINISHED = new RegExp(`[\\r\\n]|${[...PLACES].join("|")}`);

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
