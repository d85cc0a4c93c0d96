import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fillIn } from "../../src/client/errors/chat-error";
import { flowNode, tab } from "../support/node-red";
import { OwnNodeRed } from "../support/own-node-red";
import { root } from "../support/root";
import { json, reply, startServer, type TestServer } from "../support/server";

/** Errors and status texts are in the language of Node-RED's settings. */
for (const language of ["de", "zh-TW"]) {
  describe(`huggingface-chat in a Node-RED that speaks ${language}`, function () {
    this.timeout(60_000);
    let server: TestServer;
    let red: OwnNodeRed;
    const file = path.join(root, `nodes/locales/${language}/huggingface-chat.json`);
    const texts = JSON.parse(readFileSync(file, "utf8"))["huggingface-chat"];

    before(async () => {
      server = await startServer(reply("Hi"));
      const keep = 'const all = global.get("all") || []; all.push(msg.status.text); global.set("all", all);';
      red = new OwnNodeRed(
        [
          tab(),
          { id: "config", type: "huggingface-config", name: "", model: "m", baseUrl: server.url, retries: 0 },
          flowNode("in", "http in", { url: "/ask", method: "get", wires: [["chat"]] }),
          flowNode("chat", "huggingface-chat", { config: "config", prompt: "req.query.q", wires: [["out"], [], []] }),
          flowNode("speak", "http in", { url: "/speak", method: "get", wires: [["speaker"]] }),
          flowNode("speaker", "huggingface-chat", {
            config: "config",
            prompt: "req.query.q",
            stream: true,
            chunk: "sentence",
            wires: [[], ["first"], []],
          }),
          // The first piece is the response.
          flowNode("first", "switch", {
            property: "parts.index",
            propertyType: "msg",
            rules: [{ t: "eq", v: "0", vt: "num" }],
            outputs: 1,
            wires: [["out"]],
          }),
          flowNode("out", "http response", { statusCode: "", headers: {} }),
          flowNode("catch", "catch", { scope: null, uncaught: false, wires: [["say"]] }),
          flowNode("say", "change", {
            rules: [{ t: "set", p: "payload", pt: "msg", to: "error.message", tot: "msg" }],
            wires: [["out"]],
          }),
          flowNode("status", "status", { scope: ["chat"], wires: [["keep"]] }),
          flowNode("keep", "function", { func: keep, outputs: 0, libs: [] }),
          flowNode("statuses", "http in", { url: "/statuses", method: "get", wires: [["read"]] }),
          flowNode("read", "change", {
            rules: [{ t: "set", p: "payload", pt: "msg", to: "all", tot: "global" }],
            wires: [["out"]],
          }),
        ],
        { httpAdminRoot: false, lang: language },
      );
      await red.start();
    });
    after(async () => {
      await red?.remove();
      await server?.close();
    });

    it("says in it what is wrong", async () => {
      const ask = async (query: string) => (await fetch(`${red.url}/ask${query}`)).text();
      assert.equal(await ask(""), fillIn(texts.errors.prompt_empty, { name: "msg.req.query.q" }));
      server.handle((_, response) => json(response, 500, { error: "Busy" }));
      assert.equal(await ask("?q=Hi"), fillIn(texts.errors.server_failed, { status: 500, message: "Busy." }));
    });

    it("cuts sentences as that language does", async () => {
      server.handle(reply("Er kommt am 3. Oktober. Danach geht er. Gut so!"));
      const first = await (await fetch(`${red.url}/speak?q=Hi`)).text();
      assert.equal(first, language === "de" ? "Er kommt am 3. Oktober. " : "Er kommt am 3. ");
    });

    it("says in it what it does", async () => {
      server.handle(reply("Hi"));
      await (await fetch(`${red.url}/ask?q=Hi`)).text();
      const statuses = (await (await fetch(`${red.url}/statuses`)).json()) as string[];
      assert.ok(statuses.includes(texts.status.asking), statuses.join(", "));
    });
  });
}
