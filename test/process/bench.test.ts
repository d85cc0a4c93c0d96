import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { root } from "../support/root";

/** Checks only that it measures, since a test cannot demand a fast or idle machine. */
describe("the benchmark", () => {
  it("measures our node beside the floor, and no chunk is lost", async function () {
    this.timeout(120_000);
    const args = ["--import", "tsx", "bench/run.ts", "--quick", "--only", "floor,ours", "--parts", "speed,paced"];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
    assert.match(stdout, /CPU per chunk, to floor +\| +1 x \| +\d+\.\d+ x/);
    assert.equal(stdout.match(/100 of 100 \|/g)?.length, 2, stdout);
  });
});
