import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chatFlow, flowNode, type NodeDef } from "../support/node-red";
import { OwnNodeRed } from "../support/own-node-red";
import { inTurn, json, reply, startServer, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";

/** A chat node that remembers each person in a store, and takes `?person=…&question=…` or `&reset=true` by http. */
function asked(name: string, store: string, chat: Record<string, unknown> = {}): NodeDef[] {
  const query = { conversation: "req.query.person", conversationType: "msg", prompt: "req.query.question" };
  const reset = { t: "set", p: "reset", pt: "msg", to: "req.query.reset", tot: "msg" };
  return [
    flowNode(`${name}-in`, "http in", { url: `/${name}`, method: "get", wires: [[`${name}-reset`]] }),
    flowNode(`${name}-reset`, "change", { rules: [reset], wires: [[name, `${name}-done`]] }),
    flowNode(name, "huggingface-chat", {
      name: "",
      config: "config",
      store,
      ...query,
      ...chat,
      wires: [[`${name}-out`], [], []],
    }),
    flowNode(`${name}-catch`, "catch", { name: "", scope: [name], wires: [[`${name}-out`]] }),
    // A reset sends nothing: this answers it.
    flowNode(`${name}-done`, "switch", {
      property: "reset",
      propertyType: "msg",
      rules: [{ t: "nnull" }],
      wires: [[`${name}-out`]],
    }),
    flowNode(`${name}-out`, "http response", { statusCode: "", headers: {} }),
  ];
}

const ownNodes = (url: string): NodeDef[] =>
  chatFlow(url, {}, { retries: 0 }).filter(({ type }) => ["tab", "huggingface-config"].includes(type));

describe("what is left of a person after msg.reset", function () {
  this.timeout(60_000);
  let server: TestServer;
  let red: OwnNodeRed;
  const stores = ["cached", "direct"];

  before(async () => {
    server = await startServer();
    red = new OwnNodeRed(
      [
        ...ownNodes(server.url),
        ...stores.flatMap((store) => asked(store, store, { tools: ["tool-look"] })),
        ...valueTool("look", "found"),
      ],
      {
        contextStorage: {
          default: { module: "memory" },
          cached: { module: "localfilesystem", config: { flushInterval: 1 } },
          direct: { module: "localfilesystem", config: { cache: false, base: "direct" } },
        },
      },
    );
  });
  after(async () => {
    await red.remove();
    await server.close();
  });

  /** Returns the files of the user directory that hold one of these texts, written in whatever way the nodes do. */
  const findIn = (...texts: string[]): string[] => {
    const forms = texts.flatMap((text) => [text, encodeURIComponent(text), Buffer.from(text).toString("hex")]);
    const files = readdirSync(red.userDir, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    const paths = files.map((file) => path.join(file.parentPath, file.name));
    return paths.filter((file) => {
      const bytes = bytesOf(file);
      return forms.some((form) => bytes.includes(form));
    });
  };
  const get = (store: string, query: Record<string, string>) =>
    fetch(`${red.url}/${store}?${new URLSearchParams(query)}`).then((response) => response.text());
  /** Waits for the store, which writes once a second. */
  const until = async (holds: () => boolean, what: string) => {
    for (let waited = 0; !holds(); waited += 100) {
      assert.ok(waited < 15_000, what);
      await sleep(100);
    }
  };

  const ofAnna = ["anna@example.com", "allergic to nuts", "Tulpenweg 7", "Noted for Anna", "quarrel"];
  const ofBen = ["ben@example.com", "afraid of dogs"];

  it("is no byte in the user directory, whether the store keeps a cache or not, and others keep theirs", async () => {
    await red.start();
    for (const store of stores) {
      server.handle(
        inTurn(
          callRound({ id: "a", name: "look", args: '{"at":"Tulpenweg 7"}' }),
          reply("Noted for Anna"),
          (_, response) => json(response, 400, { error: { message: "I do not take allergic to nuts" } }),
          reply("Hello"),
        ),
      );
      assert.equal(
        await get(store, { person: "anna@example.com", question: "I am allergic to nuts" }),
        "Noted for Anna",
      );
      await get(store, { person: "anna@example.com", question: "about our quarrel" });
      assert.equal(await get(store, { person: "ben@example.com", question: "I am afraid of dogs" }), "Hello");
    }
    await until(() => findIn(...ofAnna).length >= 2 && findIn(...ofBen).length >= 2, "the stores wrote nothing");
    for (const store of stores) await get(store, { person: "anna@example.com", reset: "true" });
    await until(() => findIn(...ofAnna).length === 0, "something is left of Anna");
    // What would be written later would show by now, or when Node-RED ends.
    await sleep(1500);
    assert.deepEqual(findIn(...ofAnna), []);
    await red.end("SIGTERM");
    assert.deepEqual(findIn(...ofAnna), []);
    assert.equal(findIn(...ofBen).length, 2);
  });

  it("is nothing in what Node-RED has logged, where a Catch node takes the errors", () => {
    const words = ofAnna.filter((text) => red.output.includes(text));
    assert.deepEqual(words, []);
  });
});

/** Reads a file; nothing if it is gone meanwhile: the store writes another one beside it and renames that. */
function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return Buffer.alloc(0);
    throw error;
  }
}

/** Writes a line for each name that is looked up and each connection that is opened, from the first moment on. */
const WATCH = `
const net = require("node:net"), tls = require("node:tls"), dns = require("node:dns"), dgram = require("node:dgram");
const note = (what) => what && process.stdout.write("[watched] " + what + "\\n");
const watch = (of, name, say) => {
  const before = of[name];
  of[name] = function (...args) { note(say(args)); return before.apply(this, args); };
};
const target = ([first, second]) => {
  const { host, port, path } = Array.isArray(first) ? first[0] : typeof first === "object" ? first : { port: first, host: second };
  return (host ?? path ?? "127.0.0.1") + ":" + port;
};
watch(net.Socket.prototype, "connect", (args) => "connect " + target(args));
watch(tls, "connect", (args) => "tls " + target(args));
watch(dgram.Socket.prototype, "send", () => "dgram");
for (const of of [dns, dns.promises]) {
  for (const name of Object.keys(of)) {
    // An address is looked up nowhere.
    const say = ([host]) => (net.isIP(host) ? "" : "dns " + host);
    if (/^(lookup|resolve)/.test(name)) watch(of, name, say);
  }
}
`;

describe("connections of Node-RED with these nodes", function () {
  this.timeout(60_000);
  let server: TestServer;
  let red: OwnNodeRed;
  let folder: string;

  before(async () => {
    server = await startServer(reply("Hello"));
    const router = { id: "router", type: "huggingface-config", name: "", model: "openai/gpt-oss-20b" };
    const flow = [
      ...ownNodes(server.url),
      { ...router, baseUrl: "https://router.huggingface.co/v1" },
      ...asked("local", "default"),
      ...asked("hub", "default", { config: "router", tools: ["tool-look"] }),
      ...valueTool("look", "found"),
    ];
    folder = mkdtempSync(path.join(tmpdir(), "huggingface-watch-"));
    const watch = path.join(folder, "watch.cjs");
    writeFileSync(watch, WATCH);
    const options = [process.env["NODE_OPTIONS"], `--require ${watch}`].filter(Boolean).join(" ");
    red = new OwnNodeRed(flow, {}, "", { NODE_OPTIONS: options, HF_TOKEN: "hf_of-nobody-but-as-long-as-others" });
    await red.start();
  });
  after(async () => {
    await red.remove();
    await server.close();
    rmSync(folder, { recursive: true });
  });

  const watched = (): string[] => [...red.output.matchAll(/^\[watched\] (.*)$/gm)].map(([, what = ""]) => what);

  it("are none at the start, and none at a deploy", async () => {
    assert.deepEqual(watched(), []);
    const flows = await (await fetch(`${red.url}/flows`)).json();
    for (const type of ["full", "nodes", "reload"]) {
      const started = red.output.split("Started").length;
      const response = await fetch(`${red.url}/flows`, {
        method: "POST",
        headers: { "content-type": "application/json", "node-red-deployment-type": type },
        body: JSON.stringify(flows),
      });
      assert.ok(response.ok);
      for (let waited = 0; red.output.split("Started").length === started && waited < 10_000; waited += 50)
        await sleep(50);
    }
    await sleep(300);
    assert.deepEqual(watched(), []);
  });

  it("are those to the server of a question alone", async () => {
    assert.equal(await (await fetch(`${red.url}/local?question=Hi`)).text(), "Hello");
    assert.deepEqual([...new Set(watched())], [`connect 127.0.0.1:${server.port}`]);
  });
});
