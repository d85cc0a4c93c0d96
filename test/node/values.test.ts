import assert from "node:assert/strict";
import { chatFlow, level, type Message, type NodeRed } from "../support/node-red";
import { reply, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

const PNG = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");

describe("what a message holds", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("ok"));

  const deploy = (chat: Message = {}) => red.deploy(chatFlow(server.url, chat));
  const ask = async (message: Message): Promise<Message> => {
    red.send("chat", message);
    await red.next("reply");
    return server.last.body;
  };
  const warnings = () => red.logOf("chat", level.warn).map(({ text }) => text);

  describe("in a template", () => {
    const template = (prompt: string) => deploy({ prompt, promptType: "template" });

    it("may come from contexts and the environment, as in core's template node", async () => {
      process.env["HF_TEMPLATE_TEST"] = "<from env>";
      await template(
        "{{flow.persona}}, {{global.site.name}}, {{flow[default].persona}}, {{env.HF_TEMPLATE_TEST}}, {{#flow.list}}[{{.}} {{global.site.name}} {{payload}}]{{/flow.list}}",
      );
      const context = red.node("chat").context();
      context.flow.set("persona", "pirate");
      context.flow.set("list", [1, 2]);
      context.global.set("site", { name: "Oslo" });
      const { messages } = await ask({ payload: "hi" });
      assert.equal(messages[0].content, "pirate, Oslo, pirate, <from env>, [1 Oslo hi][2 Oslo hi]");
      delete process.env["HF_TEMPLATE_TEST"];
    });

    it("counts before a context of the same name", async () => {
      await template("{{flow.persona}}");
      red.node("chat").context().flow.set("persona", "pirate");
      const { messages } = await ask({ flow: { persona: "captain" } });
      assert.equal(messages[0].content, "captain");
    });

    for (const braces of ["{{payload}}", "{{{payload}}}", "{{&payload}}"]) {
      it(`is the text of a Buffer, and JSON of an object: ${braces}`, async () => {
        await template(`Say ${braces}`);
        const cases: [payload: unknown, text: string][] = [
          [Buffer.from("21 °C <b>"), "21 °C <b>"],
          [{ a: [1, Buffer.from("x")] }, '{"a":[1,"x"]}'],
          [0, "0"],
          [false, "false"],
        ];
        for (const [payload, text] of cases) {
          assert.equal((await ask({ payload })).messages[0].content, `Say ${text}`);
        }
      });

      it(`is refused where it is no text: ${braces}`, async () => {
        await template(`Say ${braces}`);
        for (const [payload, says] of [
          [PNG, /^\{\{payload\}\} is an image or sound/],
          [Buffer.from([255, 0]), /^\{\{payload\}\} is a Buffer that is neither/],
          [new Map([[1, 2]]), /^\{\{payload\}\} cannot be sent: it is of type Map/],
        ] as const) {
          red.send("chat", { payload });
          const { error } = await red.next("error");
          assert.equal(error.code, "invalid_input");
          assert.match(error.message, says);
        }
      });
    }

    it("is refused as a promise in a context, which may never end, and not waited for", async () => {
      for (const promise of [new Promise(() => {}), Promise.resolve("late"), Promise.reject(new Error("no"))]) {
        promise.catch(() => {});
        await template("Say {{flow.later}}");
        red.node("chat").context().flow.set("later", promise);
        red.send("chat", {});
        const { error } = await red.next("error");
        assert.equal(error.code, "invalid_input");
        assert.match(error.message, /^\{\{flow\.later\}\} cannot be sent: it is of type Promise/);
      }
    });

    it("is warned of once where nothing has that name, and left blank", async () => {
      await template("Hi {{payload.nmae}}!{{#tone}} Be {{tone}}.{{/tone}}{{^tone}} Be kind.{{/tone}}");
      for (let count = 0; count < 2; count++) {
        assert.equal((await ask({ payload: { name: "Bo" } })).messages[0].content, "Hi ! Be kind.");
      }
      assert.equal(warnings().length, 1);
      assert.match(warnings()[0] ?? "", /Nothing is known as \{\{payload\.nmae\}\}.*"Prompt"/);
    });
  });

  it("is left blank in a template where it is null, without a word", async () => {
    await deploy({ prompt: "Hi {{payload}}!", promptType: "template" });
    assert.equal((await ask({ payload: null })).messages[0].content, "Hi !");
    assert.deepEqual(warnings(), []);
  });

  it("is a system prompt as text, too", async () => {
    await deploy({ system: "persona", systemType: "msg" });
    const { messages } = await ask({ payload: "hi", persona: Buffer.from("You are a pirate.") });
    assert.deepEqual(messages[0], { role: "system", content: "You are a pirate." });
  });

  it("is JSON of an object that a variable holds, in a field for text, and no key of a conversation", async () => {
    const env = [
      { name: "PERSONA", type: "json", value: '{"tone":"kind"}' },
      { name: "LIST", type: "json", value: "[1,{}]" },
    ];
    const withEnv = (chat: Message) =>
      red.deploy(chatFlow(server.url, chat).map((node) => (node.type === "tab" ? { ...node, env } : node)));
    await withEnv({ system: "${PERSONA}", systemType: "str", prompt: "${LIST}", promptType: "str" });
    assert.deepEqual((await ask({})).messages, [
      { role: "system", content: '{"tone":"kind"}' },
      { role: "user", content: "[1,{}]" },
    ]);
    await withEnv({ conversation: "${PERSONA}", conversationType: "str" });
    red.send("chat", { payload: "hi" });
    assert.equal((await red.next("error")).error.code, "invalid_input");
  });

  it("is no key of a conversation if it is blank, also with a space in it", async () => {
    await deploy({ conversation: "topic", conversationType: "msg" });
    await ask({ payload: "one", topic: " " });
    assert.equal((await ask({ payload: "two", topic: " " })).messages.length, 1);
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0] ?? "", /^.*No conversation key/s);
  });

  it("is asked with a hint if it is the timestamp of an inject node as it was dragged: once", async () => {
    await deploy();
    for (let count = 0; count < 2; count++) {
      const payload = Date.now();
      assert.equal((await ask({ payload })).messages[0].content, String(payload));
    }
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0] ?? "", /msg\.payload is a timestamp.*inject/);
    await ask({ payload: 1_700_000_000_000 });
    assert.equal(warnings().length, 1, "other numbers are numbers");
    await deploy();
    red.forget();
    await ask({ payload: Number.NaN });
    assert.deepEqual(warnings(), [], "and so is what is not a number");
  });

  it("may name fields as the form does, which is sent and warned of once with the right name", async () => {
    await deploy();
    for (let count = 0; count < 2; count++) {
      const body = await ask({ payload: "hi", huggingface: { maxTokens: 5, temperature: 0, top_k: 3 } });
      assert.equal(body.maxTokens, 5);
      assert.equal(body.top_k, 3);
    }
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0] ?? "", /msg\.huggingface\.maxTokens .* Write max_tokens instead/);
    for (const [name, apiName] of [
      ["reasoningEffort", "reasoning_effort"],
      ["format", "response_format"],
      ["toolName", "tool_choice"],
      ["schemaName", "response_format"],
    ] as const) {
      assert.equal((await ask({ payload: "hi", huggingface: { [name]: "x" } }))[name], "x");
      assert.match(warnings().at(-1) ?? "", new RegExp(`msg\\.huggingface\\.${name} .* Write ${apiName} instead`));
    }
  });

  it("may name fields that only the node can set: they are sent, with one warning each that names the form's field", async () => {
    await deploy();
    for (const [name, label] of [
      ["maxSteps", "Max. tool rounds"],
      ["onError", "When it fails"],
      ["maxHistoryTokens", "Tokens kept"],
    ] as const) {
      const before = warnings().length;
      for (let count = 0; count < 2; count++) {
        assert.equal((await ask({ payload: "hi", huggingface: { [name]: "3" } }))[name], "3");
      }
      assert.equal(warnings().length, before + 1);
      assert.match(warnings().at(-1) ?? "", new RegExp(`msg\\.huggingface\\.${name} .* set "${label}" in the node`));
    }
  });

  it("is on the reply without the error that the question was asked about", async () => {
    await deploy();
    red.send("chat", { payload: "What does it mean?", error: { message: "no sun", source: { id: "x" } } });
    assert.ok(!("error" in (await red.next("reply"))));
  });
});
