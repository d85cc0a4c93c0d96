import assert from "node:assert/strict";
import { ChatError, isOfServer, isUnreached } from "../../../../src/client/internal";

type Key = ConstructorParameters<typeof ChatError>[0];

const ROWS: [key: Key, isOfServer: boolean, isUnreached: boolean][] = [
  ["host_unknown", true, true],
  ["connection_refused", true, true],
  ["connection_timeout", true, true],
  ["connection_closed", true, true],
  ["certificate", true, true],
  ["proxy_unreachable", true, true],
  ["silent", true, false],
  ["silent_at_home", true, false],
  ["server_timeout", true, false],
  ["server_failed", true, false],
  ["server_busy", true, false],
  ["reply_web_page", true, false],
  ["template_refused", true, false],
  ["credits_used_up", true, false],
  ["quota_used_up", true, false],
  ["refused", false, false],
  ["too_large", false, false],
  ["token_missing", false, false],
  ["token_refused", false, false],
  ["forbidden", false, false],
  ["rate_limited", false, false],
  ["queue_full", false, false],
  ["model_not_found", false, false],
  ["path_not_found", false, false],
  ["cancelled", false, false],
  ["files_exhausted", false, false],
  ["module_failed", false, false],
  ["internal", false, false],
];

describe("an error and another server", () => {
  for (const [key, ofServer, unreached] of ROWS) {
    it(`${key}: ${ofServer ? "" : "not "}worth asking it${unreached ? ", and the first one is left alone" : ""}`, () => {
      const error = new ChatError(key);
      assert.deepEqual([isOfServer(error), isUnreached(error)], [ofServer, unreached]);
    });
  }

  it("a limit of our own is meant, whatever the code", () => {
    const error = new ChatError("credits_used_up");
    Object.assign(error.cause, { limit: { amount: 1, unit: "usd", per: "day" } });
    assert.equal(isOfServer(error), false);
  });
});
