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
      wires: [["count"], [], []],
    };
    const limits = [{ amount: 1000, unit: "questions", per: "month" }];
    const own = ["tab", "huggingface-config", "huggingface-chat"];
    red = new OwnNodeRed(
      [
        ...chatFlow(server.url, chat, { limits }).filter(({ type }) => own.includes(type)),
        flowNode("in", "http in", { url: "/ask", method: "get", wires: [["chat"]] }),
        flowNode("count", "change", {
          rules: [{ t: "set", p: 'headers["x-used"]', pt: "msg", to: "completion.limits[0].used", tot: "msg" }],
          wires: [["out"]],
        }),
        flowNode("out", "http response", { statusCode: "", headers: {} }),
      ],
      {
        httpAdminRoot: false,
        // Else each start asks for the version of npm.
        externalModules: { palette: { allowInstall: false } },
        contextStorage: { default: { module: "localfilesystem", config: { flushInterval: 1 } } },
      },
    );
  });
  after(async () => {
    await red.remove();
    await server.close();
  });

  /** What the limit said that was used. */
  let used = 0;
  const ask = async (question: string): Promise<string> => {
    const response = await fetch(`${red.url}/ask?question=${question}`);
    used = Number(response.headers.get("x-used"));
    return response.text();
  };
  const sent = () => server.last.body.messages.map(({ content }: Message) => content);
  /** Returns the content of the context store's files. */
  const stored = (): string => {
    const folder = path.join(red.userDir, "context");
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".json"));
    return files.map((file) => readFileSync(path.join(folder, file), "utf8")).join("\n");
  };

  it("goes on, and its limit counts on, after Node-RED was killed, and after it was ended in the middle of a question", async function () {
    // On Windows a signal kills a process at once, so nothing more is written.
    if (process.platform === "win32") this.skip();
    server.handle(inTurn(reply("1"), reply("2"), () => {}, reply("4")));
    await red.start();
    assert.equal(await ask("one"), "1");
    assert.equal(used, 1);
    while (!stored().includes('"one"') || !stored().includes("hf_limits_"))
      await new Promise((resolve) => setTimeout(resolve, 100));
    await red.end("SIGKILL");

    await red.start();
    assert.equal(await ask("two"), "2");
    assert.deepEqual(sent(), ["one", "1", "two"]);
    assert.equal(used, 2, "the limit counts on after a crash");
    const unanswered = ask("three").catch(() => {});
    await server.waitFor(3);
    await red.end("SIGTERM");
    await unanswered;

    await red.start();
    assert.equal(await ask("four"), "4");
    assert.deepEqual(sent(), ["one", "1", "two", "2", "four"]);
    assert.equal(used, 4, "and has lost nothing where Node-RED was ended");
  });
});
