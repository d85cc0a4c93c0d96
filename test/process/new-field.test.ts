import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { chatFlow, flowNode } from "../support/node-red";
import { OwnNodeRed } from "../support/own-node-red";
import { root } from "../support/root";
import { reply, startServer, type TestServer } from "../support/server";

const run = promisify(execFile);
const page = readFileSync(path.join(root, "CONTRIBUTING.md"), "utf8");

/** Finds a part of the page, and renames the field, which may exist already. */
function onPage(pattern: RegExp): string {
  const [, found] = pattern.exec(page) ?? [];
  assert.ok(found, `CONTRIBUTING.md has no ${pattern}`);
  return found.replace("topK", "newField").replace("top_k", "new_field");
}

/** Adds the field of CONTRIBUTING.md to a copy of the project as that page says. */
describe("a new field", function () {
  this.timeout(300_000);
  let folder: string;
  let server: TestServer;
  let red: OwnNodeRed;
  const at = (name: string) => path.join(folder, name);
  const read = (name: string) => readFileSync(at(name), "utf8");
  const node = (...args: string[]) => run(process.execPath, args, { cwd: folder });
  const generate = (...args: string[]) => node("--import", "tsx", "dev/generate.ts", ...args);

  /** Adds a line after each one that matches. */
  function addBehind(file: string, pattern: RegExp, ...lines: string[]): void {
    const rest = [...lines];
    const text = read(file).replace(pattern, (line) => `${line}${rest.shift() ?? ""}\n`);
    assert.equal(rest.length, 0, `${file} has too few lines ${pattern}`);
    writeFileSync(at(file), text);
  }

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "huggingface-field-"));
    const built = /^(nodes|resources)[\\/][^.]*\.(js|d\.ts)$|^nodes[\\/]mcp$/;
    const copied = ["src", "dev", "nodes", "resources", "icons", "examples", "docs/dashboard-chat.json"];
    for (const name of [
      ...copied,
      "test/fixtures/languages",
      "package.json",
      "package-lock.json",
      "tsconfig.json",
      "biome.json",
    ])
      cpSync(path.join(root, name), at(name), {
        recursive: true,
        filter: (file) => !built.test(path.relative(root, file)),
      });
    symlinkSync(path.join(root, "node_modules"), at("node_modules"), "junction");
    server = await startServer(reply("Hi"));
  });
  after(async () => {
    await red?.remove();
    await server.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it("is one line and its texts by hand, and `npm run generate` does the rest", async () => {
    addBehind("src/shared/chat-fields.ts", /^ *\{ name: "topP",.*\n/m, `  ${onPage(/^ *(\{ name: "topK",.*\},)$/m)}`);
    await assert.rejects(generate("--check"), /English texts of huggingface-chat lack label\.newField/);
    const texts = [onPage(/(`"topK": [^`]*`) under `label`/), onPage(/(`"topK": [^`]*`) under `tip`/)];
    for (const language of ["en-US", "de"]) {
      const lines = texts.map((text) => `      ${text.replaceAll("`", "")},`);
      addBehind(`nodes/locales/${language}/huggingface-chat.json`, /^ {6}"topP": .*\n/gm, ...lines);
    }
    await assert.rejects(generate("--check"), /Stale: .*Run: npm run generate/);
    await generate();
    await generate("--check");
    await node(
      "node_modules/@biomejs/biome/bin/biome",
      "check",
      "--vcs-enabled=false",
      "src/shared",
      "nodes",
      "examples",
      "docs/dashboard-chat.json",
    );
    assert.match(
      read("nodes/huggingface-chat.html"),
      /newField: \{ value: "", validate: rules\.number\("newField", \{ min: 1, integer: true \}\) \},/,
    );
    assert.match(
      read("nodes/huggingface-chat.html"),
      /id="node-input-topP">[\s\S]*id="node-input-newField">[\s\S]*id="node-input-seed">/,
    );
    for (const flow of ["examples/01 - Ask a model.json", "docs/dashboard-chat.json"])
      assert.match(read(flow), /^ {4}"newField": "",$/m);
    assert.match(read("nodes/locales/fr/huggingface-chat.json"), /"newField"/);
  });

  it("is sent with a question", async () => {
    await node("-r", "tsx/cjs", "dev/build.ts");
    const own = ["tab", "huggingface-config", "huggingface-chat"];
    const flow = [
      ...chatFlow(server.url, { newField: "40", prompt: "req.query.q", wires: [["out"], [], []] }).filter(({ type }) =>
        own.includes(type),
      ),
      flowNode("in", "http in", { url: "/ask", method: "get", wires: [["chat"]] }),
      flowNode("out", "http response", { statusCode: "", headers: {} }),
    ];
    red = new OwnNodeRed(flow, { nodesDir: folder });
    await red.start();
    assert.equal(await (await fetch(`${red.url}/ask?q=Hello`)).text(), "Hi");
    assert.equal(server.requests[0]?.body.new_field, 40);
  });
});
