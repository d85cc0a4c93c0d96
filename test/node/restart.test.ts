import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { chatFlow, flowNode, type Message } from "../support/node-red";
import { OwnNodeRed } from "../support/own-node-red";
import { inTurn, reply, startServer, type TestServer } from "../support/server";

describe("a conversation in a store on disk", function () {
  this.timeout(90_000);
  let server: TestServer;
  let red: OwnNodeRed;

  before(async () => {
    server = await startServer();
    const chat = {
      conversation: "kept",
      conversationType: "str",
      prompt: "req.query.question",
      wires: [["out"], [], []],
    };
    const own = ["tab", "huggingface-config", "huggingface-chat"];
    red = new OwnNodeRed(
      [
        ...chatFlow(server.url, chat).filter(({ type }) => own.includes(type)),
        flowNode("in", "http in", { url: "/ask", method: "get", wires: [["chat"]] }),
        flowNode("out", "http response", { statusCode: "", headers: {} }),
      ],
      {
        httpAdminRoot: false,
        contextStorage: { default: { module: "localfilesystem", config: { flushInterval: 1 } } },
      },
    );
  });
  after(async () => {
    await red.remove();
    await server.close();
  });

  const ask = async (question: string): Promise<string> => (await fetch(`${red.url}/ask?question=${question}`)).text();
  const sent = () => server.last.body.messages.map(({ content }: Message) => content);
  /** What stands in the files of the context store. */
  const stored = (): string => {
    const folder = path.join(red.userDir, "context");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".json"));
    return files.map((file) => readFileSync(path.join(folder, file), "utf8")).join("\n");
  };

  it("goes on after Node-RED was killed, and after it was ended in the middle of a question", async function () {
    // A signal ends a process of Windows at once, so nothing of it is written any more.
    if (process.platform === "win32") this.skip();
    server.handle(inTurn(reply("1"), reply("2"), () => {}, reply("4")));
    await red.start();
    assert.equal(await ask("one"), "1");
    while (!stored().includes('"one"')) await new Promise((resolve) => setTimeout(resolve, 100));
    await red.end("SIGKILL");

    await red.start();
    assert.equal(await ask("two"), "2");
    assert.deepEqual(sent(), ["one", "1", "two"]);
    const unanswered = ask("three").catch(() => {});
    await server.waitFor(3);
    await red.end("SIGTERM");
    await unanswered;

    await red.start();
    assert.equal(await ask("four"), "4");
    assert.deepEqual(sent(), ["one", "1", "two", "2", "four"]);
  });
});
