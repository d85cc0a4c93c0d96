import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { npmCommand } from "../../dev/npm";
import { newContext, skipWithoutChromium } from "../support/browser";
import { chatFlow, flowNode } from "../support/node-red";
import { OwnNodeRed } from "../support/own-node-red";
import { root } from "../support/root";
import { reply, startServer, type TestServer } from "../support/server";

const pkg = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
const languages = readdirSync(path.join(root, "nodes/locales"));
const run = promisify(execFile);

/** Loaded into Node-RED's process before all else: prints where it connects to. */
const HOOK = `const { Socket } = require("node:net");
const { connect } = Socket.prototype;
Socket.prototype.connect = function (...args) {
  console.log("CONNECTED TO", JSON.stringify(args[0]));
  return connect.apply(this, args);
};`;

/** The package as users get it: packed, installed by npm into an empty user directory, and loaded from there. */
describe("the packed package", function () {
  this.timeout(180_000);
  let red: OwnNodeRed;
  let server: TestServer;
  let folder: string;
  let startMs = 0;

  before(async function () {
    folder = mkdtempSync(path.join(tmpdir(), "huggingface-packed-"));
    server = await startServer(reply("Hi"));
    const own = ["tab", "huggingface-config", "huggingface-chat"];
    const flow = [
      ...chatFlow(server.url, { prompt: "req.query.q", wires: [["out"], [], []] }).filter(({ type }) =>
        own.includes(type),
      ),
      flowNode("in", "http in", { url: "/ask", method: "get", wires: [["chat"]] }),
      flowNode("out", "http response", { statusCode: "", headers: {} }),
    ];
    const hook = path.join(folder, "hook.cjs");
    writeFileSync(hook, HOOK);
    const settings = {
      nodesDir: path.join(folder, "none"),
      editorTheme: { tours: false, palette: { catalogues: [] } },
    };
    red = new OwnNodeRed(flow, settings, "", { NODE_OPTIONS: `--require "${hook.replaceAll("\\", "/")}"` });
    mkdirSync(path.join(folder, "none"));
    writeFileSync(path.join(red.userDir, "package.json"), '{ "name": "user-directory", "private": true }');
    const npm = (...args: string[]) => run(...npmCommand(...args), { cwd: red.userDir });
    await npm("pack", root, "--ignore-scripts", "--pack-destination", folder);
    const [packed = ""] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
    try {
      await npm("install", path.join(folder, packed), "--prefer-offline", "--no-audit", "--no-fund", "--omit=dev");
    } catch (error) {
      const { stderr = "" } = error as { stderr?: string };
      if (!/ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ECONNRESET/.test(stderr)) throw error;
      console.log("      SKIPPED: npm does not reach its registry.");
      this.skip();
    }
    const startedAt = performance.now();
    await red.start();
    startMs = performance.now() - startedAt;
  });
  after(async () => {
    await red?.remove();
    await server?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  const get = async (url: string, accept = "application/json") => {
    const response = await fetch(`${red.url}/${url}`, { headers: { accept } });
    assert.equal(response.status, 200, url);
    return response;
  };

  it("is loaded from the user directory, without an error", async () => {
    const sets = (await (await get("nodes")).json()) as { module: string; types: string[]; err?: string }[];
    const ours = sets.filter(({ module }) => module === pkg.name);
    assert.deepEqual(
      ours.flatMap(({ types, err }) => [...types, ...(err ? [err] : [])]).sort(),
      Object.keys(pkg["node-red"].nodes).sort(),
    );
    assert.ok(existsSync(path.join(red.userDir, "node_modules", pkg.name, "package.json")));
  });

  it("asks", async () => {
    assert.equal(await (await get("ask?q=Hello")).text(), "Hi");
  });

  it("leads a newcomer to a reply with 8 clicks, within 60 s, and without a connection", async function () {
    skipWithoutChromium(this);
    const context = await newContext({ viewport: { width: 1280, height: 900 } });
    context.setDefaultTimeout(20_000);
    try {
      const page = await context.newPage();
      const before = red.output.length;
      const startedAt = performance.now();
      await page.goto(red.url);
      await page.locator('.red-ui-palette-node[data-palette-type="huggingface-chat"]').waitFor();
      await page.locator("#red-ui-loading-progress").waitFor({ state: "hidden" });
      let clicks = 0;
      const click = async (selector: string, text?: string) => {
        clicks++;
        const found = page.locator(selector, text === undefined ? {} : { hasText: text });
        await found.locator("visible=true").first().click();
      };
      // The key that the menu names; Node-RED does not show an imported tab by itself.
      clicks++;
      await page.keyboard.press("Control+i");
      await click(".red-ui-clipboard-dialog-tabs li a", "Examples");
      await click(".red-ui-treeList-label", pkg.name);
      await click(".red-ui-treeList-label", "01 - Ask a model");
      await click("#red-ui-clipboard-dialog-ok");
      await click(".red-ui-tab a", "Ask a model");
      // Once, on a busy machine, the tab was not shown after its click; why is not known. A person clicks again.
      const shown = page.locator(".red-ui-tab.active", { hasText: "Ask a model" });
      await shown
        .waitFor({ timeout: 3000 })
        .catch(() => page.locator(".red-ui-tab a", { hasText: "Ask a model" }).click());
      await shown.waitFor();
      await click("#red-ui-header-button-deploy");
      await page.getByText("Successfully deployed").waitFor();
      await click('[id="a1f0c3d25e6b0003"] .red-ui-flow-node-button-button');
      await page.locator(".red-ui-flow-node-status-label", { hasText: "You asked:" }).waitFor();
      assert.ok(startMs + performance.now() - startedAt < 60_000);
      assert.equal(clicks, 8);
      const output = red.output.slice(before);
      assert.doesNotMatch(output, /CONNECTED TO/);
      assert.equal((await (await get("ask?q=Hello")).text()) && red.output.includes("CONNECTED TO"), true, "the hook");
    } finally {
      await context.close();
    }
  });

  it("has its icon, its forms and what they load", async () => {
    assert.match(await (await get(`icons/${pkg.name}/huggingface.svg`)).text(), /<svg/);
    for (const script of ["validators", "forms"])
      assert.match(await (await get(`resources/${pkg.name}/${script}.js`)).text(), /huggingfaceEditor/);
    assert.match(await (await get(`resources/${pkg.name}/forms.css`)).text(), /huggingface-form/);
    const forms = await (await get("nodes", "text/html")).text();
    for (const type of Object.keys(pkg["node-red"].nodes))
      assert.ok(forms.includes(`data-template-name="${type}"`), type);
  });

  it("has its texts and its help in every language", async () => {
    for (const language of languages) {
      for (const type of Object.keys(pkg["node-red"].nodes)) {
        const texts = await (await get(`locales/${pkg.name}/${type}?lng=${language}`)).json();
        const file = path.join(root, `nodes/locales/${language}/${type}.json`);
        assert.deepEqual(texts, JSON.parse(readFileSync(file, "utf8")), `${type}, ${language}`);
      }
      const response = await fetch(`${red.url}/nodes`, {
        headers: { accept: "text/html", "accept-language": language },
      });
      const help = await response.text();
      const [, first = ""] = readFileSync(
        path.join(root, `nodes/locales/${language}/huggingface-chat.html`),
        "utf8",
      ).split("\n");
      assert.ok(help.includes(first), `${language}: ${first}`);
    }
  });

  it("has its examples", async () => {
    const all = await (await get(`library/examples/flows/${pkg.name}`)).text();
    for (const file of readdirSync(path.join(root, "examples"))) assert.ok(all.includes(path.parse(file).name), file);
  });
});
