import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { missingServices } from "../../dev/fleet/services";
import { root } from "../support/root";

const CONVERSATIONS = 24;
/** A worker is frozen for twice that time. */
const OUTAGE_S = 3;
const FAULTS = ["kill", "broker", "store", "freeze"];

/** Runs `npm run fleet` with fewer conversations and shorter outages. */
describe("a fleet of two workers behind a broker", function () {
  this.timeout(400_000);

  before(function () {
    const missing = missingServices();
    if (!missing) return;
    console.log(`      Not installed: ${missing}. The fleet is not run.`);
    this.skip();
  });

  it("answers every question once and in order though a worker, the broker and the store go, and a worker freezes", async () => {
    const size = ["--conversations", String(CONVERSATIONS), "--seconds", String(OUTAGE_S), "--workers", "1,2"];
    const args = ["--import", "tsx", path.join("dev", "fleet", "index.ts"), ...size];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      cwd: root,
      maxBuffer: 16 * 1024 * 1024,
    }).catch((error) => error);
    assert.match(stdout, /^\{/, stderr);
    const { questionsPerSecond, ratios, remark, problems, ...faults } = JSON.parse(stdout);
    assert.deepEqual(problems, []);
    assert.deepEqual(Object.keys(faults), FAULTS);
    for (const [fault, { asked, answered }] of Object.entries<{ asked: number; answered: number }>(faults)) {
      assert.equal(asked, CONVERSATIONS * 5, fault);
      assert.equal(answered, asked, fault);
    }
    assert.ok(faults["kill"].askedAgain > 0, "the worker had nothing to lose when it was killed");
    assert.ok(faults["broker"].askedAgain > 0, "nothing was under way when the broker went");
    // How much faster two are depends on what else runs on the machine.
    assert.deepEqual(
      [Object.keys(questionsPerSecond), Object.keys(ratios)],
      [
        ["1", "2"],
        ["1", "2"],
      ],
    );
    assert.match(remark, /cores were shared/);
  });
});
