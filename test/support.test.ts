import assert from "node:assert/strict";
import https from "node:https";
import {
  catchInto,
  chatFlow,
  completeInto,
  flowNode,
  getNodeRed,
  level,
  type NodeRed,
  sink,
  statusInto,
  tab,
} from "./support/node-red";
import { SecretWatch } from "./support/secrets";
import {
  certificate,
  json,
  pieces,
  replyChunks,
  sse,
  startRawServer,
  startServer,
  startTlsServer,
} from "./support/server";
import { loadWire, wireSkipReason } from "./support/wire";

/** Tests the tools of the other tests, which would prove nothing if these were wrong. */
describe("test support", () => {
  describe("Node-RED", () => {
    let red: NodeRed;
    before(async () => {
      red = await getNodeRed();
    });
    afterEach(() => red.reset());

    it("captures messages by reference and counts done", async () => {
      await red.deploy([
        tab(),
        flowNode("work", "function", { func: "return msg;", outputs: 1, wires: [["sink"]] }),
        sink("sink", "out"),
        ...completeInto("complete", ["work"]),
      ]);
      const msg = { payload: 1 };
      red.send("work", msg);
      assert.equal(await red.next("out"), msg);
      assert.equal((await red.completed("work")).length, 1);
      assert.equal((await red.next("complete")).payload, 1);
    });

    it("shows errors, statuses and log lines", async () => {
      const func = 'node.status({ text: "busy" }); node.warn("careful"); throw new Error("no");';
      await red.deploy([
        tab(),
        flowNode("work", "function", { func, outputs: 1, wires: [[]] }),
        ...catchInto("error"),
        ...statusInto("status"),
      ]);
      red.send("work", {});
      assert.equal((await red.next("error")).error.message, "Error: no");
      assert.equal((await red.next("status")).status.text, "busy");
      assert.deepEqual(red.statuses("work").at(-1), { text: "busy" });
      assert.ok(red.logOf("work", level.warn).some((entry) => entry.text.includes("careful")));
    });

    it("says which type is missing", async () => {
      await assert.rejects(red.deploy([tab(), flowNode("a", "no-such-type")]), /no-such-type/);
    });

    it("serves the editor and http nodes", async () => {
      await red.deploy([
        tab(),
        flowNode("in", "http in", { url: "/hello", method: "get", wires: [["out"]] }),
        flowNode("out", "http response", { statusCode: "200" }),
      ]);
      assert.equal((await fetch(`${red.url}/hello`)).status, 200);
      assert.match(await (await fetch(red.url)).text(), /Node-RED/);
    });

    it("knows our nodes", async () => {
      await red.deploy(chatFlow("http://127.0.0.1:9"));
      assert.equal(red.node("chat").type, "huggingface-chat");
    });
  });

  describe("server", () => {
    it("streams events and tells when the client leaves", async () => {
      const server = await startServer((_request, response) => sse(response, replyChunks(["a"]), { end: false }));
      const controller = new AbortController();
      const response = await fetch(`${server.url}/v1/chat/completions`, {
        method: "POST",
        body: '{"stream":true}',
        signal: controller.signal,
      });
      await response.body?.getReader().read();
      assert.deepEqual(server.last.body, { stream: true });
      assert.ok(server.last.open);
      controller.abort();
      await server.last.closed;
      assert.ok(server.last.abortedAt);
      await server.close();
    });

    it("writes a body in pieces", async () => {
      const server = await startServer((_request, response) => pieces(response, "grüße", 1));
      assert.equal(await (await fetch(server.url)).text(), "grüße");
      await server.close();
    });

    it("speaks TLS", async () => {
      const server = await startTlsServer((_request, response) => json(response, 200, {}));
      const status = await new Promise((resolve, reject) => {
        https.get(server.url, { ca: certificate.cert }, (response) => resolve(response.statusCode)).on("error", reject);
      });
      assert.equal(status, 200);
      await server.close();
    });

    it("answers with bytes", async () => {
      const server = await startRawServer((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
      assert.equal(await (await fetch(server.url, { method: "POST", body: "x" })).text(), "ok");
      assert.match(server.received[0] ?? "", /^POST \/ HTTP\/1\.1[\s\S]*\r\n\r\nx$/);
      await server.close();
    });
  });

  it("finds secrets in the bytes of a message, and not in those beside them", () => {
    const secrets = new SecretWatch();
    secrets.learn({ config: { token: "hf_inTheSamePool" } });
    const shared = Buffer.from("RIFF hf_inTheSamePool");
    assert.equal(secrets.find("sound", shared).length, 1);
    assert.deepEqual(secrets.find("sound", shared.subarray(0, 4)), []);
  });

  it("loads the recorded replies where they are", function () {
    const wire = loadWire();
    if (!wire) {
      console.log(`      skipped: ${wireSkipReason}`);
      this.skip();
    }
    assert.deepEqual(wire.withoutExpectation, []);
    assert.ok(wire.cases.length > 0);
    assert.ok(wire.framing.every((entry) => Buffer.concat(entry.chunks).equals(entry.body)));
  });
});
