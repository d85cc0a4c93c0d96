import assert from "node:assert/strict";
import { chatFlow, level, type Message, type NodeRed } from "../support/node-red";
import { completion, type Handler, inTurn, json, type TestServer, usage } from "../support/server";
import { valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const LONG = "This is a sentence with some words in it. ".repeat(800);

/** A server that has read so many tokens of any prompt. */
const reads =
  (tokens: number, fields: Message = {}): Handler =>
  (_, response) =>
    json(response, 200, completion("Yes.", { usage: usage(tokens, 2), ...fields }));

describe("a prompt that the server has cut in silence", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  const ask = async (msg: Message = {}): Promise<Message> => {
    red.send("chat", { payload: LONG, ...msg });
    return red.next("reply");
  };
  const warnings = () => red.logOf("chat").filter((entry) => entry.level === level.warn);

  const servers: [what: string, fields: Message, cure: RegExp][] = [
    ["Ollama", { system_fingerprint: "fp_ollama" }, /OLLAMA_CONTEXT_LENGTH.*num_ctx/],
    ["llama.cpp", { system_fingerprint: "b4321-1a2b3c4d" }, /--ctx-size/],
    ["llama.cpp, by its timings", { timings: { prompt_n: 5 } }, /--ctx-size/],
    ["another server", {}, /larger context window/],
  ];
  for (const [what, fields, cure] of servers) {
    it(`shows in the reply, the status, and one warning a model that says what to do: ${what}`, async () => {
      server.handle(reads(4096, fields));
      await red.deploy(chatFlow(server.url));
      for (let turn = 0; turn < 2; turn++) assert.equal((await ask()).completion.truncated_prompt, true);
      const status = red.statuses("chat").at(-1);
      assert.deepEqual([status?.fill, status?.text], ["yellow", "prompt cut"]);
      assert.equal(warnings().length, 1);
      assert.match(warnings()[0]?.text ?? "", cure);
      await ask({ huggingface: { model: "org/other" } });
      assert.equal(warnings().length, 2);
    });
  }

  it("shows also where only the first round was cut", async () => {
    server.handle(
      inTurn(
        (_, response) =>
          json(
            response,
            200,
            completion("", {
              usage: usage(2048, 2),
              choices: [
                {
                  index: 0,
                  finish_reason: "tool_calls",
                  message: {
                    role: "assistant",
                    content: null,
                    tool_calls: [{ id: "a", type: "function", function: { name: "get_time", arguments: "{}" } }],
                  },
                },
              ],
            }),
          ),
        reads(9900),
      ),
    );
    await red.deploy([...chatFlow(server.url, { tools: ["tool-get_time"] }), ...valueTool("get_time", "noon")]);
    assert.equal((await ask()).completion.truncated_prompt, true);
  });

  it("is not suspected where the server has read all", async () => {
    server.handle(reads(9900));
    await red.deploy(chatFlow(server.url));
    assert.ok(!("truncated_prompt" in (await ask()).completion));
    assert.equal(red.statuses("chat").at(-1)?.fill, "green");
    assert.deepEqual(warnings(), []);
  });
});

describe("a long conversation", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  it("begins each request like the one before, so that prompt caches count", async () => {
    server.handle((request, response) => json(response, 200, completion(`Answer ${request.body.messages.length}.`)));
    await red.deploy(
      chatFlow(server.url, {
        system: "Be brief.",
        conversation: "topic",
        conversationType: "msg",
        serverStreams: false,
      }),
    );
    for (let turn = 0; turn < 200; turn++) {
      red.send("chat", { payload: `Question ${turn}: what is it about?`, topic: "a" });
      await red.next("reply");
    }
    const bodies = server.requests.map(({ body }) => JSON.stringify(body.messages).slice(0, -1));
    assert.equal(bodies.length, 200);
    let all = 0;
    let alike = 0;
    bodies.forEach((body, at) => {
      const before = bodies[at - 1] ?? "";
      let same = 0;
      while (same < before.length && body[same] === before[same]) same++;
      all += body.length;
      alike += same;
    });
    assert.ok(alike / all >= 0.85, String(alike / all));
    assert.ok(server.requests.every(({ body }) => body.messages.length <= 52));
  });
});
