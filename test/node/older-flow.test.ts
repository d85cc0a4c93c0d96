import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { type Message, type NodeDef, type NodeRed, sink } from "../support/node-red";
import { root } from "../support/root";
import { inTurn, reply, type TestServer } from "../support/server";
import { callRound } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

const flow: NodeDef[] = JSON.parse(readFileSync(path.join(root, "test/fixtures/flow-0.1.0.json"), "utf8"));

describe("a flow of 0.1.0 in which every field is set", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its));

  it("runs as it did", async () => {
    const tab = flow.find(({ type }) => type === "tab")?.id;
    const chat = flow.find(({ type }) => type === "huggingface-chat")?.id ?? "";
    const own = flow.map((node) => {
      if (node.type === "huggingface-config") return { ...node, baseUrl: `${server.url}/v1` };
      return node.id === chat ? { ...node, wires: [["reply"], ["stream"], []] } : node;
    });
    server.handle(
      inTurn(callRound({ id: "c1", name: "look_up", args: '{"word":"tree"}' }), reply("Der Baum. Ein Baum.")),
    );
    await red.deploy([...own, sink("reply", "reply", { z: tab }), sink("stream", "stream", { z: tab })]);
    red.send(chat, { payload: "tree", language: "German", manner: "Be brief.", user: "ada" });

    const { answer, completion } = await red.next("reply");
    assert.equal(answer.text, "Der Baum. Ein Baum.");
    assert.equal(completion.steps[0].tool_calls[0].result, '{"word":"tree"}');
    assert.deepEqual(
      (await red.next("stream", 3)).map(({ payload }) => payload.trim()),
      ["", "Der Baum.", "Ein Baum."],
    );
    const [first, second] = server.requests;
    const { messages, tools, stream_options, ...body } = first?.body ?? {};
    assert.deepEqual(body, {
      model: "other/model",
      temperature: 0.5,
      max_tokens: 200,
      top_p: 0.9,
      stop: ["END", "\n\n"],
      seed: 7,
      frequency_penalty: 0.1,
      presence_penalty: -0.1,
      reasoning_effort: "low",
      top_k: 5,
      stream: true,
      tool_choice: { type: "function", function: { name: "look_up" } },
    });
    assert.deepEqual(
      messages.map(({ role, content }: Message) => [role, content]),
      [
        ["system", "Be brief."],
        ["user", "Translate into German: tree"],
      ],
    );
    assert.equal(tools[0].function.strict, true);
    assert.equal(tools[0].function.description, "Looks a word up");
    assert.equal(first?.headers["x-hf-bill-to"], "my-org");
    assert.equal(first?.headers["x-trace"], "on");
    assert.ok(second && stream_options);
    assert.deepEqual(red.logOf(chat, 30), []);
  });
});
