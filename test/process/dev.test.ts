import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { root } from "../support/root";
import { freePort } from "../support/server";

const ours = "@hf-flows/node-red-huggingface";

/** `npm run dev` in a copy of the project, so that files can be saved. */
describe("npm run dev", function () {
  this.timeout(240_000);
  let folder: string;
  let port: number;
  let output = "";
  let child: ChildProcess | undefined;

  before(async () => {
    folder = realpathSync(mkdtempSync(path.join(tmpdir(), "huggingface-dev-")));
    for (const name of ["src", "nodes", "resources", "icons", "dev", "examples", "package.json", "tsconfig.json"])
      cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
    symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"), "junction");
    port = await freePort();
  });
  after(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function start(): ChildProcess {
    output = "";
    const started = spawn(process.execPath, ["-r", "./dev/check-node.cjs", "-r", "tsx/cjs", "dev/watch.ts"], {
      cwd: folder,
      env: { ...process.env, PORT: String(port), EXAMPLES_DIR: path.join(folder, ".node-red") },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [started.stdout, started.stderr]) {
      stream?.on("data", (data) => {
        output += data;
      });
    }
    return started;
  }

  async function stop(): Promise<number | null> {
    if (!child || child.exitCode !== null) return child?.exitCode ?? null;
    const ended = new Promise<number | null>((resolve) => child?.once("close", resolve));
    child.kill("SIGTERM");
    return ended;
  }

  /** Resolves when new output, after the first `from` characters, matches. */
  async function says(pattern: RegExp, from = 0): Promise<void> {
    while (!pattern.test(output.slice(from))) {
      if (child?.exitCode !== null) throw new Error(`ended: ${output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Saves a file with a change, and waits until the output reports it. */
  async function save(name: string, change: (text: string) => string, awaited = /Ready after/): Promise<void> {
    const from = output.length;
    const file = path.join(folder, name);
    writeFileSync(file, change(readFileSync(file, "utf8")));
    await says(awaited, from);
  }

  async function get(url: string, accept = "*/*"): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${port}/${url}`, { headers: { accept } });
    assert.equal(response.status, 200, url);
    return response.text();
  }

  it("says so when its port is taken, before it builds", async () => {
    const other = net.createServer();
    await new Promise<void>((resolve) => other.listen(port, "127.0.0.1", resolve));
    child = start();
    const code = await new Promise((resolve) => child?.once("close", resolve));
    await new Promise((resolve) => other.close(resolve));
    assert.equal(code, 1);
    assert.match(output, new RegExp(`port ${port} is taken\\. .*PORT=\\d+ npm run dev`));
    assert.doesNotMatch(output, /Building/);
  });

  it("says that it builds, and when the editor is ready", async () => {
    child = start();
    await says(/Building …[\s\S]*Ready after [\d.]+ s: http:\/\/127\.0\.0\.1:\d+\//);
    assert.match(await get(`resources/${ours}/forms.js`), /huggingfaceEditor/);
  });

  it("follows the scripts of the editor, without a new start", async () => {
    await save(
      "src/editor/tool-form.ts",
      (text) => `${text}console.log("changed forms");\n`,
      /Ready .*load the page anew/,
    );
    assert.match(await get(`resources/${ours}/forms.js`), /changed forms/);
  });

  it("follows the code of the nodes", async () => {
    await save("src/client/retry.ts", (text) => `${text}export const changed = "changed code";\n`);
    await save("src/huggingface-tool.ts", (text) => `console.log(require("./client/retry").changed);\n${text}`);
    assert.match(output, /changed code/);
  });

  it("follows html and texts", async () => {
    await save("nodes/huggingface-tool.html", (text) => text.replace('color: "#FFCC66"', 'color: "#FFCC67"'));
    assert.match(await get("nodes", "text/html"), /#FFCC67/);
    await save("nodes/locales/en-US/huggingface-tool.json", (text) => text.replace(/"Tool|"tool|": "/, "$&changed "));
    assert.match(await get(`locales/${ours}/huggingface-tool?lng=en-US`), /changed /);
  });

  it("goes on as it is while the code has mistakes, and follows when they are gone", async () => {
    const mistake = 'export const wrong: number = "text";\n';
    await save("src/huggingface-tool.ts", (text) => `${text}${mistake}`, /has mistakes/);
    assert.match(await get(`resources/${ours}/forms.js`), /huggingfaceEditor/);
    await save("src/editor/tool-form.ts", (text) => `${text}const = 1;\n`, /The forms are as they were/);
    await save("src/editor/tool-form.ts", (text) => text.replace("const = 1;\n", ""), /Ready .*load the page anew/);
    await save("src/huggingface-tool.ts", (text) => text.replace(mistake, ""), /Ready .*http/);
  });

  it("ends with all that it has started", async () => {
    assert.equal(await stop(), 0);
    const server = net.createServer();
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
    await new Promise((resolve) => server.close(resolve));
  });
});
