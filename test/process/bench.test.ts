import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { fetchPackages } from "../support/npm-program";
import { root } from "../support/root";

/** Checks only that it measures, since a test cannot demand a fast or idle machine. */
describe("the benchmark", function () {
  this.timeout(300_000);

  async function reportOf(parts: string): Promise<string> {
    const args = ["--import", "tsx", "bench/run.ts", "--quick", "--only", "floor,ours", "--parts", parts];
    return (await promisify(execFile)(process.execPath, args, { cwd: root })).stdout;
  }

  it("measures our node beside the floor, and no chunk is lost", async () => {
    const stdout = await reportOf("speed,paced");
    assert.match(stdout, /CPU per chunk, to floor +\| +1 x \| +\d+\.\d+ x/);
    assert.equal(stdout.match(/100 of 100 \|/g)?.length, 2, stdout);
  });

  it("measures the start of Node-RED with the package as users install it, and its size", async function () {
    if (!(await fetchPackages("mustache"))) return this.skip();
    const report = await reportOf("start");
    assert.match(report, /time until flows run +\| +[\d,]+ ms \| +[\d,]+ ms/);
    assert.match(report, /@hf-flows\/node-red-huggingface \| \d\.\d+ MB/);
  });
});
