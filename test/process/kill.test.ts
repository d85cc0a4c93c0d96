import assert from "node:assert/strict";
import { killAtRandom } from "../../dev/kill";

/** A few, so that a change that breaks it is seen; `npm run kill` does as many as wanted. */
const TIMES = 6;

describe("a Node-RED that is killed at random moments", function () {
  this.timeout(600_000);

  it("answers the next question of every key, and has lost no more than its store had not written", async function () {
    // Windows has no SIGKILL that leaves nothing written.
    if (process.platform === "win32") this.skip();
    const { kills, problems } = await killAtRandom(TIMES);
    assert.deepEqual(problems, []);
    assert.equal(kills, TIMES);
  });
});
