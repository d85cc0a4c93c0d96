import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { root } from "../support/root";

interface Run {
  code: number | null;
  output: string;
  errors: string;
  /** the pieces of output, with their time in ms since the start */
  pieces: { at: number; text: string }[];
}

/** Runs the demo in a separate process as a user does, except for the build. */
function runDemo(env: NodeJS.ProcessEnv = {}): Promise<Run> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, ["--import", "tsx", "dev/demo.ts"], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const run: Run = { code: null, output: "", errors: "", pieces: [] };
    child.stdout.on("data", (data) => {
      run.pieces.push({ at: performance.now() - started, text: String(data) });
      run.output += data;
    });
    child.stderr.on("data", (data) => {
      run.errors += data;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ ...run, code }));
  });
}

function leftovers(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith("huggingface-demo-"));
}

describe("the demo", () => {
  it("asks the stand-in where there is no token, prints pieces, reply and usage, and cleans up", async () => {
    const before = leftovers();
    const run = await runDemo();
    assert.equal(run.code, 0, run.errors);
    assert.match(run.output, /^HF_TOKEN is not set: questions go to a stand-in on this machine/);
    assert.match(run.output, /Stream: +Node-RED is a tool .* browser\.\n/);
    assert.match(run.output, /Reply: +Node-RED is a tool .* browser\.\n/);
    assert.match(run.output, /Usage: +\{.*"total_tokens":\d+/);
    const stream = run.pieces.filter((piece) => !/^(HF_TOKEN|Node-RED \d|\n?Reply)/.test(piece.text));
    assert.ok(stream.length > 5, "the reply came in one piece");
    assert.deepEqual(leftovers(), before);
  });

  it("says in one line why it failed, without the token", async () => {
    const token = "hf_thisTokenIsMadeUp";
    // With an unreachable proxy, the demo never reaches Hugging Face, wherever the tests run.
    const run = await runDemo({ HF_TOKEN: token, https_proxy: "http://127.0.0.1:9", http_proxy: "http://127.0.0.1:9" });
    assert.equal(run.code, 1);
    assert.match(run.output, /^HF_TOKEN is set: questions go to Hugging Face/);
    assert.match(run.errors, /^The demo failed: .+$/m);
    assert.ok(!(run.output + run.errors).includes(token));
  });
});
