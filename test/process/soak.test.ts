import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { root } from "../support/root";

const SECONDS = 5;

describe("the soak test", function () {
  this.timeout(90_000);

  it("finds every question ended once and nothing left over, in a short run", async () => {
    const args = ["--expose-gc", "--import", "tsx", path.join("dev", "soak", "index.ts"), "--seconds", String(SECONDS)];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root }).catch((error) => error);
    const { asked, ends, problems } = JSON.parse(stdout);
    assert.deepEqual(problems, []);
    assert.equal(ends.reply + ends.calls + ends.error + ends.redeploy, asked);
    for (const [how, count] of Object.entries(ends)) assert.ok(Number(count) > 0, `none has ended in ${how}`);
  });
});
