import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import { chatFlow, type Message, type NodeRed } from "../support/node-red";
import { json, reply, replyChunks, sse, type TestServer, usageChunk } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

const TOKEN = "hf_the_stored_token";

describe("the last questions of a chat node", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("ok"));
  beforeEach(() => red.deploy(chatFlow(server.url, {}, { retries: 0 }), { config: { token: TOKEN } }));

  const get = async (path: string): Promise<Message> =>
    (await fetch(`${red.url}/huggingface/${path}`)).json() as Promise<Message>;
  const post = (path: string, body: unknown, signal?: AbortSignal): Promise<Response> =>
    fetch(`${red.url}/huggingface/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      ...(signal && { signal }),
    });
  const ask = async (payload: unknown): Promise<void> => {
    red.send("chat", { payload });
    await red.next("reply");
  };

  it("are numbers and names, and no text", async () => {
    server.handle((_, response) => sse(response, [...replyChunks(["secret reply"]), usageChunk(7, 2)]));
    await ask("secret question");
    server.handle((_, response) => json(response, 401, { error: "who?" }));
    red.send("chat", { payload: "again" });
    await red.next("error");
    const body = await get("questions/chat");
    const [good, bad] = body.questions;
    assert.deepEqual(
      { ...good, at: 0, first_ms: 0, total_ms: 0 },
      {
        at: 0,
        model: good.model,
        prompt_tokens: 7,
        completion_tokens: 2,
        first_ms: 0,
        total_ms: 0,
        rounds: 1,
        ended: "stop",
        hasFailed: false,
      },
    );
    assert.deepEqual([bad.ended, bad.hasFailed], ["auth_error", true]);
    assert.doesNotMatch(JSON.stringify(body), /secret|again|who/);
  });

  it("are fifty at most, outlive a deploy, and go with their node", async () => {
    const asked = (await get("questions/chat")).questions.length;
    for (let i = asked; i < 53; i++) await ask("Hi");
    assert.equal((await get("questions/chat")).questions.length, 50);
    await red.deploy(chatFlow(server.url, { temperature: 1 }));
    assert.equal((await get("questions/chat")).questions.length, 50);
    await red.deploy([]);
    assert.equal((await get("questions/chat")).error.code, "invalid_input");
    await red.deploy(chatFlow(server.url));
    assert.equal((await get("questions/chat")).questions.length, 0);
  });

  it("add up to the totals of their configuration", async () => {
    await red.deploy([]);
    await red.deploy(chatFlow(server.url, {}, { retries: 0 }));
    assert.equal((await get("totals/config")).since, undefined);
    server.handle((_, response) => sse(response, [...replyChunks(["ok"]), usageChunk(7, 2)]));
    await ask("a");
    await ask("b");
    server.handle((_, response) => json(response, 400, { error: "no" }));
    red.send("chat", { payload: "c" });
    await red.next("error");
    const { since, ...totals } = await get("totals/config");
    assert.deepEqual(totals, { questions: 3, failed: 1, prompt_tokens: 14, completion_tokens: 4, cost: 0 });
    assert.ok(Math.abs(since - Date.now()) < 60_000);
  });

  describe("and the next message", () => {
    const next = async (msg: Message): Promise<Message> => {
      const response = post("next", { id: "chat" });
      // The route must be waiting before the message comes.
      await new Promise((resolve) => setTimeout(resolve, 100));
      red.send("chat", msg);
      await red.next("reply");
      return (await (await response).json()) as Message;
    };

    it("is the one that comes first after the click, without secrets", async () => {
      const { message } = await next({
        payload: { text: "I am Ada", apiKey: "abc123", big: "x".repeat(70_000) },
        topic: "a",
        images: Buffer.alloc(9, Buffer.from("89504e470d0a1a0a00", "hex")),
        req: { headers: {} },
      }).catch(() => assert.fail("the question was lost"));
      const copy = JSON.parse(message);
      assert.deepEqual(copy, {
        payload: { text: "I am Ada", apiKey: "***", big: "(70000 characters)" },
        topic: "a",
        images: "data:image/png;base64,iVBORw0KGgoA",
      });
    });

    it("has what a question would read of it, and a name for what JSON cannot say", async () => {
      const { message } = await next({
        payload: Buffer.from("Grüße"),
        at: new Date(0),
        foreign: runInNewContext("({ at: new Date(0), bytes: new Uint8Array([0xff]) })"),
        map: new Map([[1, 2]]),
        failure: new Error("no"),
      });
      assert.deepEqual(JSON.parse(message), {
        payload: "Grüße",
        at: "1970-01-01T00:00:00.000Z",
        foreign: { at: "1970-01-01T00:00:00.000Z", bytes: "data:application/octet-stream;base64,/w==" },
        map: "(Map)",
        failure: "(Error)",
      });
    });

    it("is at most 64 KB", async () => {
      const { message } = await next({ payload: "Hi", rows: Array.from({ length: 50_000 }, (_, i) => ({ i })) });
      assert.ok(message.length <= 64 * 1024 && message.length > 100);
      JSON.parse(message);
    });

    it("may hold what throws, and is asked all the same", async () => {
      const msg = { payload: "Hi", bad: {} };
      Object.defineProperty(msg.bad, "x", {
        enumerable: true,
        get() {
          throw new Error("no");
        },
      });
      const response = post("next", { id: "chat" });
      await new Promise((resolve) => setTimeout(resolve, 100));
      red.red.nodes.getNode("chat")?.receive(msg);
      await red.next("reply");
      assert.equal(((await (await response).json()) as Message).error.code, "invalid_input");
    });

    it("is not taken once the browser is gone", async () => {
      const leave = new AbortController();
      const response = post("next", { id: "chat" }, leave.signal);
      await new Promise((resolve) => setTimeout(resolve, 50));
      leave.abort();
      await assert.rejects(response);
      await ask("Hi");
    });
  });

  describe("and their texts", () => {
    const logged = (text: RegExp) => red.log.filter((entry) => text.test(entry.text));
    /** Reads line by line. */
    const reader = (response: Response) => {
      const body = response.body?.getReader();
      let text = "";
      return async (): Promise<Message> => {
        for (;;) {
          const end = text.indexOf("\n");
          if (end > 0) {
            const line = text.slice(0, end);
            text = text.slice(end + 1);
            return JSON.parse(line);
          }
          const read = await body?.read();
          if (!read || read.done) throw new Error("no more lines");
          text += Buffer.from(read.value).toString();
        }
      };
    };

    it("are kept only while somebody looks, and Node-RED's log says so", async () => {
      await ask("before");
      const leave = new AbortController();
      const line = reader(await post("texts", { id: "chat" }, leave.signal));
      const { until } = await line();
      assert.ok(Math.abs(until - Date.now() - 15 * 60_000) < 10_000);
      await ask("now");
      const { kept } = await line();
      assert.deepEqual([kept.prompt, kept.reply], ["now", "ok"]);
      const again = new AbortController();
      const other = reader(await post("texts", { id: "chat" }, again.signal));
      await other();
      assert.equal((await other()).kept.prompt, "now", "somebody who comes later sees them, too");
      again.abort();
      await ask("x".repeat(70_000));
      assert.equal(Buffer.byteLength((await line()).kept.prompt), 64 * 1024);
      leave.abort();
      await red.until(() => logged(/no longer kept/).length === 1, "the line in the log");
      assert.equal(logged(/are kept in memory for 15 minutes/).length, 1);
      const third = new AbortController();
      const fresh = reader(await post("texts", { id: "chat" }, third.signal));
      assert.ok((await fresh()).until);
      await ask("after");
      assert.equal((await fresh()).kept.prompt, "after", "nothing is left of what was kept");
      third.abort();
      await red.until(() => logged(/no longer kept/).length === 2, "the end");
    });

    it("of no node are those of nobody", async () => {
      const line = reader(await post("texts", { id: "nobody" }));
      assert.equal((await line()).error.code, "invalid_input");
    });
  });
});
