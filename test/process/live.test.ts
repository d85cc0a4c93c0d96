import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { root } from "../support/root";
import { chunk, type Handler, json, replyChunks, sse, startServer, usageChunk } from "../support/server";

const TOKEN = "hf_ofNobodyButTried";

/** What a good server says to a question. */
function answer(question: string): string {
  const known: [RegExp, string][] = [
    [/one to ten/, "one two three four five"],
    [/my name\?/, "Zora"],
    [/^Hello!$/, "PINEAPPLE"],
    [/digits/, "1 2 3 4 5"],
    [/JSON object/, '{"city":"Paris"}'],
    [/21 degrees/, '{"city":"Paris","degrees":21}'],
    [/picture/, "A flow of nodes"],
    [/password/, "Marigold"],
  ];
  return known.find(([pattern]) => pattern.test(question))?.[1] ?? "391";
}

const good: Handler = async ({ body }, response) => {
  const { messages, tools, tool_choice, model, reasoning_effort, logprobs } = body;
  if (model !== "test/model") return json(response, 404, { error: { message: "The model does not exist." } });
  const { role, content } = messages.at(-1);
  const question = typeof content === "string" ? content : JSON.stringify(content);
  if (tools && role !== "tool") {
    const names = tool_choice?.function
      ? [tool_choice.function.name]
      : tools.map((tool: { function: { name: string } }) => tool.function.name);
    const calls = names.map((name: string, index: number) => ({
      index,
      id: `call_${index}`,
      type: "function",
      function: { name, arguments: '{"city":"Paris"}' },
    }));
    const delta = { role: "assistant", content: null, tool_calls: calls };
    return sse(response, [{ choices: [{ index: 0, delta, finish_reason: "tool_calls" }] }]);
  }
  const words = /500/.test(question)
    ? Array.from({ length: 500 }, (_, index) => `${index}\n`)
    : answer(question).split(/(?= )/);
  const events = replyChunks(words);
  if (reasoning_effort === "medium") events.unshift({ choices: [{ index: 0, delta: { reasoning: "Let me see." } }] });
  if (logprobs)
    events.unshift({ ...chunk(), choices: [{ index: 0, delta: {}, logprobs: { content: [{ token: "a" }] } }] });
  return sse(response, [...events, usageChunk(3, 4)], { delayMs: words.length > 100 ? 5 : 0 });
};

/** Runs it as `npm run live` does behind the build. */
async function live(...parameters: string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ["--import", "tsx", "dev/live.ts", ...parameters], {
    cwd: root,
    env: { ...process.env, HF_TOKEN: TOKEN },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}

describe("npm run live", function () {
  this.timeout(120_000);

  it("tries every feature at a server, with the token of the environment, and says that all went well", async () => {
    const server = await startServer(good);
    const { code, output } = await live(`${server.url}/v1`, "test/model");
    await server.close();
    assert.match(output, /\n18 ok, 0 no, 0 not supported\n/, output);
    assert.equal(code, 0);
    assert.equal(server.last.headers.authorization, `Bearer ${TOKEN}`);
    assert.ok(!output.includes(TOKEN));
    for (const line of [
      /^two tools at once +ok +[\d.]+ s {2}called get_weather, get_time$/m,
      /^bad model name +ok .*not_found/m,
    ]) {
      assert.match(output, line);
    }
  });

  it("tells what goes wrong from what a server does not do, and fails if something goes wrong", async () => {
    const server = await startServer(async (request, response, index) => {
      const { tools, logprobs, messages } = request.body;
      if (tools) return json(response, 501, { error: { message: "tools are not supported" } });
      if (/password/.test(JSON.stringify(messages))) return sse(response, replyChunks(["What?"]));
      return good(logprobs ? { ...request, body: { ...request.body, logprobs: false } } : request, response, index);
    });
    const { code, output } = await live(server.url, "test/model");
    await server.close();
    assert.equal(code, 1);
    for (const line of [
      /^one tool +not supported .*tools are not supported/m,
      /^logprobs +not supported .*none came$/m,
    ]) {
      assert.match(output, line);
    }
    assert.match(output, /^long prompt +no .*"What\?"/m);
    assert.match(output, /\n13 ok, 1 no, 4 not supported\n/);
  });

  it("says how it is used", async () => {
    const { code, output } = await live();
    assert.equal(code, 2);
    assert.match(output, /npm run live -- URL MODEL/);
  });
});
