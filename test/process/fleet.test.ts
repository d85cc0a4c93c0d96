import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { missingServices } from "../../dev/fleet/services";
import { root } from "../support/root";

const CONVERSATIONS = 40;

/** The run of `npm run fleet`, smaller. */
describe("a fleet of two workers behind a broker", function () {
  this.timeout(150_000);

  before(function () {
    const missing = missingServices();
    if (!missing) return;
    console.log(`      Not installed: ${missing}. The fleet is not run.`);
    this.skip();
  });

  it("answers every question once and in order though one is killed", async () => {
    const args = ["--import", "tsx", path.join("dev", "fleet", "index.ts"), "--conversations", String(CONVERSATIONS)];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      cwd: root,
      maxBuffer: 16 * 1024 * 1024,
    }).catch((error) => error);
    assert.match(stdout, /^\{/, stderr);
    const { questionsPerSecond, kill, problems } = JSON.parse(stdout);
    assert.deepEqual(problems, []);
    assert.equal(kill.asked, CONVERSATIONS * 4);
    assert.equal(kill.answered, kill.asked);
    assert.ok(kill.askedAgain > 0, "the worker had nothing to lose when it was killed");
    // How fast it is, is for `npm run fleet` to say: here other work may go on beside it.
    assert.ok(questionsPerSecond.one > 0 && questionsPerSecond.two > 0, JSON.stringify(questionsPerSecond));
  });
});
