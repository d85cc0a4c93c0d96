import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { chatFlow, flowNode } from "../support/node-red";
import { OwnNodeRed } from "../support/own-node-red";
import { chunk, type Handler, json, reply, sse, sseEvent, startServer, type TestServer } from "../support/server";

const DEEP = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
const call = (args: string) =>
  `data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":${args}}}]},"finish_reason":"tool_calls"}]}\n\n`;
const DONE = "data: [DONE]\n\n";
const MB = "x".repeat(1024 * 1024);

const events =
  (text: string): Handler =>
  (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" }).end(text);
  };
const packed =
  (makeText: () => string): Handler =>
  (_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" });
    response.end(gzipSync(makeText()));
  };

interface Attack {
  handler: Handler;
  /** the chat node to ask, unless the plain one */
  chat?: "lines" | "sentences";
  /** the code of the expected error; without one, a reply or calls are expected */
  code?: string;
}

const ATTACKS: Record<string, Attack> = {
  "arguments nested too deep, packed": { handler: packed(() => call(DEEP) + DONE) },
  "arguments nested too deep, behind comments": {
    handler: events(`: ${"x".repeat(300)}\n`.repeat(1000) + call(`{"a":${DEEP}}`) + DONE),
  },
  "usage, probabilities and a new field nested too deep": {
    handler: events(
      `data: {"choices":[{"delta":{"content":"ok"},"logprobs":{"content":[${DEEP}]},"finish_reason":"stop"}],"usage":{"a":${DEEP}},"new":${DEEP}}\n\n${DONE}`,
    ),
  },
  "hundreds of megabytes beside one letter": {
    handler: packed(() =>
      Array.from({ length: 300 }, (_, at) =>
        sseEvent({ choices: [{ delta: { content: at ? "" : "a" }, logprobs: { content: [`${at}${MB}`] } }] }),
      ).join(""),
    ),
    code: "provider_unavailable",
  },
  "a hundred thousand calls": {
    handler: (_, response) =>
      sse(
        response,
        Array.from({ length: 100 }, (_, part) => ({
          choices: [
            {
              delta: {
                tool_calls: Array.from({ length: 1000 }, (_, at) => ({
                  index: part * 1000 + at,
                  id: `call${part * 1000 + at}`,
                  function: { name: "f", arguments: "{}" },
                })),
              },
              finish_reason: part === 99 ? "tool_calls" : null,
            },
          ],
        })),
      ),
  },
  "millions of line ends in one event": {
    handler: (_, response) => sse(response, [chunk("\n".repeat(3_000_000)), chunk("end", { finish_reason: "stop" })]),
    chat: "lines",
  },
  "a long text of short sentences in one event": {
    handler: (_, response) => sse(response, [chunk("Yes. No. ".repeat(70_000), { finish_reason: "stop" })]),
    chat: "sentences",
  },
};

/** Starts Node-RED as users do, with little memory: whatever a server sends, it survives, and every question ends. */
describe("Node-RED as a process of its own", function () {
  this.timeout(120_000);
  let server: TestServer;
  let red: OwnNodeRed;

  before(async () => {
    server = await startServer();
    const own = ["tab", "huggingface-config", "huggingface-chat"];
    const wires = [["reply"], [], ["reply"]];
    const chat = (id: string, properties: object) =>
      flowNode(id, "huggingface-chat", { config: "config", prompt: "req.query.question", wires, ...properties });
    const answer = (id: string, func: string) =>
      flowNode(id, "function", { func, outputs: 1, noerr: 0, libs: [], wires: [["out"]] });
    red = new OwnNodeRed(
      [
        ...chatFlow(server.url, {}, { timeout: 60, retries: 0 }).filter(
          ({ type, id }) => own.includes(type) && id !== "chat",
        ),
        chat("plain", {}),
        chat("lines", { stream: true, chunk: "line" }),
        chat("sentences", { stream: true, chunk: "sentence" }),
        ...["plain", "lines", "sentences"].map((id) =>
          flowNode(`in-${id}`, "http in", { url: `/${id}`, method: "get", wires: [[id]] }),
        ),
        flowNode("catch", "catch", { scope: null, wires: [["error"]] }),
        answer("reply", "msg.payload = { text: String(msg.payload).slice(0, 100) }; return msg;"),
        answer("error", "msg.payload = { code: msg.error.code, message: msg.error.message }; return msg;"),
        flowNode("out", "http response", { statusCode: "", headers: {} }),
      ],
      { httpAdminRoot: "/" },
      "",
      { NODE_OPTIONS: "--max-old-space-size=192" },
    );
    await red.start();
  });
  after(async () => {
    await red?.remove();
    await server?.close();
  });

  const ask = async (chat: string): Promise<{ text?: string; code?: string; message?: string }> =>
    (await fetch(`${red.url}/${chat}?question=Hi`)).json() as Promise<{ text?: string; code?: string }>;

  for (const [what, { handler, chat = "plain", code }] of Object.entries(ATTACKS)) {
    it(`answers after ${what}`, async () => {
      server.handle(handler);
      const answer = await ask(chat);
      assert.equal(answer.code, code, `${answer.message}\n${red.output.slice(-2000)}`);
      assert.notEqual(answer.message?.includes("inside the node"), true, answer.message);
      server.handle(reply("ok"));
      assert.deepEqual(await ask("plain"), { text: "ok" });
    });
  }

  it("answers after a list of models that is nested too deep", async () => {
    server.handle((_, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end(`{"data":[{"id":"a/b","deep":${DEEP}}]}`);
    });
    const listed = await fetch(`${red.url}/huggingface/models/config`);
    assert.deepEqual(
      ((await listed.json()) as { models: { id: string }[] }).models.map(({ id }) => id),
      ["a/b"],
    );
    server.handle((_, response) => json(response, 200, JSON.parse('{"data": "none"}')));
    await fetch(`${red.url}/huggingface/models/config`);
    server.handle(reply("ok"));
    assert.deepEqual(await ask("plain"), { text: "ok" });
  });
});
