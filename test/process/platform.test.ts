import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { platformProblem } from "../../src/client/internal";
import { flowNode, type Message, type NodeDef, tab, tabId } from "../support/node-red";
import { OwnNodeRed } from "../support/own-node-red";
import { root } from "../support/root";
import { reply, startServer, type TestServer } from "../support/server";

const clientFolder = path.join(root, "nodes/client");

/** Returns the binary of another Node.js, as `npm run test:compat` or the user installed it. */
function otherNode(version: string): string {
  const binary = `node_modules/node-${process.platform}-${process.arch}/bin/node`;
  return path.join(root, `.compat/runtime-${version}`, binary);
}

/** Asks two questions in a process with the client alone, and returns their outcome. */
async function askTwice(server: TestServer, prelude: string, between = "", nodeOptions: string[] = []) {
  const script = `
    const fs = require("node:fs");
    const { ChatClient, ChatError } = require(${JSON.stringify(clientFolder)});
    const ends = [];
    process.on("uncaughtException", (error) => ends.push({ uncaught: String(error) }));
    process.on("unhandledRejection", (error) => ends.push({ uncaught: String(error) }));
    const client = new ChatClient({ baseUrl: ${JSON.stringify(server.url)}, retries: 0, timeout: 5 });
    const ask = () => client.complete({ model: "m", messages: [], stream: true }).then(
      ({ message }) => ends.push({ text: message.content }),
      (error) => ends.push({ isOurs: error instanceof ChatError, key: error.key, message: String(error), cause: error.cause }),
    );
    (async () => {
      ${prelude}
      await ask();
      ${between}
      await ask();
      await client.close();
      console.log(JSON.stringify(ends));
    })();`;
  const child = spawn(process.execPath, [...nodeOptions, "-e", script], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      output += data;
    });
  }
  await new Promise((resolve) => child.on("close", resolve));
  const line = output.split("\n").find((text) => text.startsWith("["));
  assert.ok(line, output);
  return JSON.parse(line) as Message[];
}

describe("whether questions can be asked on a machine", () => {
  const undici7 = { version: "7.30.2", engines: { node: ">=20.18.1" } };
  const undici8 = { version: "8.13.1", engines: { node: ">=22.19.0" } };
  const cases: [version: string, undici: unknown, key: string | undefined][] = [
    ["18.20.8", undici7, "node_too_old"],
    ["20.18.0", undici7, "node_too_old"],
    ["20.9.0", undici7, "node_too_old"],
    ["20.18.1", undici7, undefined],
    ["20.20.2", undici7, undefined],
    ["21.7.3", undici7, undefined],
    ["22.12.0", undici7, undefined],
    ["24.0.0-nightly", undici7, undefined],
    ["20.20.2", undici8, "undici_unfit"],
    ["21.7.3", undici8, "undici_unfit"],
    ["22.12.0", undici8, "undici_unfit"],
    ["22.19.0", undici8, undefined],
    ["24.21.0", undici8, undefined],
    ["22.12.0", undefined, undefined],
    ["22.12.0", { engines: { node: "*" } }, undefined],
  ];
  for (const [version, undici, key] of cases) {
    const name = `undici ${(undici as typeof undici7 | undefined)?.version}`;
    it(`${key ?? "they can"}: Node.js ${version}, ${name}`, () => {
      const problem = platformProblem(version, undici);
      assert.equal(problem?.key, key);
      if (problem) assert.ok(problem.message.includes(version), problem.message);
    });
  }

  it("is fine for this Node.js", () => assert.equal(platformProblem(), undefined));
});

describe("Node-RED on a machine where no question can be asked", function () {
  this.timeout(60_000);
  let folder: string;
  let red: OwnNodeRed | undefined;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "huggingface-platform-"));
    const undici8 = JSON.stringify({ name: "undici", version: "8.13.1", engines: { node: ">=99.0.0" } });
    writeFileSync(
      path.join(folder, "undici-8.cjs"),
      `const fs = require("node:fs"), read = fs.readFileSync;
       fs.readFileSync = (file, ...more) =>
         String(file).endsWith("undici/package.json") ? ${JSON.stringify(undici8)} : read(file, ...more);`,
    );
  });
  afterEach(async () => {
    await red?.remove();
    red = undefined;
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const cases: [what: string, options: () => string, node: string | undefined, says: RegExp, status: string][] = [
    [
      "an undici that needs a newer Node.js",
      () => `--require=${path.join(folder, "undici-8.cjs")}`,
      undefined,
      /undici 8\.13\.1.*99\.0\.0/,
      "needs undici 7",
    ],
    ["no WebAssembly", () => "--jitless", undefined, /WebAssembly.*--jitless/, "needs WebAssembly"],
    ["Node.js 18", () => "", otherNode("18"), /Node\.js 20\.18\.1 or newer/, "needs Node.js 20.18.1"],
  ];
  for (const [what, options, node, says, status] of cases) {
    it(`says what is needed, once in the log, on the node and in each error: ${what}`, async function () {
      if (node && !existsSync(node)) {
        console.log(`        left out: there is no ${node}`);
        this.skip();
      }
      red = new OwnNodeRed(askingFlow("http://127.0.0.1:9"), {}, "", { NODE_OPTIONS: options() });
      if (node) red.node = node;
      await red.start();
      for (let i = 0; i < 2; i++) {
        const { code, message, shown } = await ask(red);
        assert.equal(code, "provider_unavailable");
        assert.match(message, says);
        assert.deepEqual(shown, { fill: "red", shape: "ring", text: status });
      }
      assert.equal(red.output.match(/\[error\] huggingface: .*/g)?.length, 1, red.output);
      assert.doesNotMatch(red.output, /Internal error|report it|Uncaught/);
    });
  }
});

describe("a process without file descriptors", function () {
  this.timeout(60_000);
  let server: TestServer;
  let red: OwnNodeRed | undefined;
  before(async () => {
    server = await startServer(reply("Hello"));
  });
  afterEach(async () => {
    await red?.remove();
    red = undefined;
  });
  after(() => server.close());

  it("has a clear error as the first one of its life, and goes on when there are some again", async () => {
    const take = "const taken = []; try { for (;;) taken.push(fs.openSync(process.execPath)); } catch {}";
    const free = "for (const file of taken) fs.closeSync(file);";
    const [first, second] = await askTwice(server, take, free);
    assert.equal(first?.isOurs, true, JSON.stringify(first));
    assert.equal(first?.key, "module_failed");
    assert.equal(first?.cause.code, "EMFILE");
    assert.equal(first?.cause.retryable, true);
    assert.deepEqual(second, { text: "Hello" });
  });

  // Each of these is another module; the next question finds its part of undici loaded.
  for (const nth of [1, 2, 3, 10, 30, 60, 90, 110]) {
    it(`has a clear error and goes on where the read number ${nth} fails`, async () => {
      const fail = `let reads = 0; const read = fs.readFileSync;
        fs.readFileSync = (...args) => {
          if (++reads !== ${nth}) return read(...args);
          throw Object.assign(new Error("EMFILE: too many open files, open 'x'"), { code: "EMFILE" });
        };`;
      const [first, second] = await askTwice(server, fail);
      if (!first?.text) assert.match(String(first?.key), /^(module_failed|files_exhausted)$/, JSON.stringify(first));
      assert.deepEqual(second, { text: "Hello" });
    });
  }

  it("has a clear error where the connection gets none", async () => {
    const [first, second] = await askTwice(
      server,
      `const net = require("node:net"), connect = net.Socket.prototype.connect;
       net.Socket.prototype.connect = function () {
         net.Socket.prototype.connect = connect;
         process.nextTick(() => this.destroy(Object.assign(new Error("connect EMFILE"), { code: "EMFILE" })));
         return this;
       };`,
    );
    assert.equal(first?.key, "files_exhausted", JSON.stringify(first));
    assert.deepEqual(second, { text: "Hello" });
  });

  /** Lets modules of these names fail. */
  const broken = (names: RegExp) => `const Module = require("node:module"), load = Module._load;
    Module._load = (name, ...more) => {
      if (${names}.test(name)) throw new Error(name.replace(/[/].*/, "") + " is broken");
      return load(name, ...more);
    };`;

  it("asks with all of undici where its files are not where they were", async () => {
    assert.deepEqual(await askTwice(server, broken(/^undici\/lib\//)), [{ text: "Hello" }, { text: "Hello" }]);
  });

  it("has a clear error where undici cannot be loaded, each time", async () => {
    for (const end of await askTwice(server, broken(/^undici(\/|$)/))) {
      assert.equal(end.key, "module_failed", JSON.stringify(end));
      assert.match(end.message, /undici is broken/);
    }
  });

  it("lets Node-RED go on, whose error goes to the catch node", async () => {
    red = new OwnNodeRed(askingFlow(server.url), {}, "functionGlobalContext: { fs: require('node:fs') }");
    await red.start();
    const failed = await ask(red, "?take=1");
    assert.equal(failed.code, "provider_unavailable", JSON.stringify(failed));
    assert.match(failed.message, /EMFILE/);
    assert.equal((await ask(red)).text, "Hello");
    assert.doesNotMatch(red.output, /Uncaught/);
  });
});

/** Answers http requests with the outcome of a question, which may be the first error of the process. */
function askingFlow(baseUrl: string): NodeDef[] {
  const take = `if (msg.req.query.take) {
      const fs = global.get("fs"), taken = [];
      try { for (;;) taken.push(fs.openSync(process.execPath)); } catch {}
      flow.set("taken", taken);
    }
    msg.payload = "Hi";
    return msg;`.replace("process.execPath", JSON.stringify(process.execPath));
  const give = `for (const file of flow.get("taken") ?? []) global.get("fs").closeSync(file);
    flow.set("taken", []);
    const { error } = msg;
    msg.payload = error ? { code: error.code, message: error.message, shown: flow.get("shown") } : { text: msg.payload };
    return msg;`;
  const config = { id: "config", type: "huggingface-config", model: "m", baseUrl, retries: 0, timeout: 5 };
  return [
    tab(),
    { ...config, z: tabId },
    flowNode("in", "http in", { url: "/ask", method: "get", wires: [["take"]] }),
    flowNode("take", "function", { func: take, outputs: 1, wires: [["chat"]] }),
    flowNode("chat", "huggingface-chat", { config: "config", wires: [["give"], [], []] }),
    flowNode("catch", "catch", { scope: ["chat"], wires: [["give"]] }),
    flowNode("status", "status", { scope: ["chat"], wires: [["shown"]] }),
    flowNode("shown", "function", {
      func: 'flow.set("shown", msg.status && (({ source, ...rest }) => rest)(msg.status));',
      outputs: 0,
    }),
    flowNode("give", "function", { func: give, outputs: 1, wires: [["out"]] }),
    flowNode("out", "http response", {}),
  ];
}

async function ask(red: OwnNodeRed, query = ""): Promise<Message> {
  return (await fetch(`${red.url}/ask${query}`)).json() as Promise<Message>;
}
