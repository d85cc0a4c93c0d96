import assert from "node:assert/strict";
import { CHAT_DEFAULTS, CONFIG_DEFAULTS } from "../support/defaults";
import type { NodeDef } from "../support/node-red";
import { type Editor, useEditor } from "./editor";

const CONFIG = "huggingface-config";
const CHAT = "huggingface-chat";
/** A field that takes its value from the environment. */
const env = (name: string) => `\${${name}}`;

/** Returns a flow without what the editor rearranges: the order of nodes, and the place of wider nodes on the grid. */
const byId = (flow: NodeDef[]) => Object.fromEntries(flow.map(({ id, x: _x, ...node }) => [id, node]));

const TOKEN = "hf_secretOfTheFormTest";

describe("the forms in the editor", function () {
  this.timeout(90_000);
  let editor: Editor;

  useEditor((its) => (editor = its));

  const deployed = async (type: string): Promise<NodeDef> => {
    const found = (await editor.flows()).filter((node) => node.type === type);
    assert.equal(found.length, 1, `nodes of type ${type} in the deployed flow`);
    return found[0] as NodeDef;
  };

  it("come up from the palette with one input and three labelled outputs", async () => {
    await editor.addNode(CHAT, 260, 120);
    const node = editor.node();
    assert.equal(await node.count(), 1);
    assert.equal(await node.locator(".red-ui-flow-port-input").count(), 1);
    assert.equal(await node.locator(".red-ui-flow-port-output").count(), 3);
    assert.deepEqual(await editor.portLabels(CHAT), ["Prompt", "Reply", "Stream", "Tool calls"]);
    const icon = editor.page.locator(`.red-ui-palette-node[data-palette-type="${CHAT}"] .red-ui-palette-icon`);
    assert.match(await icon.evaluate((element) => getComputedStyle(element).backgroundImage), /huggingface\.svg/);
  });

  it("say what is missing in a new node", async () => {
    assert.deepEqual(await editor.validationErrors(CHAT), ["Configuration: property value missing"]);
  });

  it("show only the rows that matter", async () => {
    const form = await editor.edit();
    const shown = async () => {
      const rows = [
        "chunk",
        "chunkInterval",
        "chunkLanguage",
        "streamReasoning",
        "prompt-text",
        "system-text",
        "store",
        "maxMessages",
      ];
      const visible = await Promise.all(rows.map((row) => form.input(row).isVisible()));
      return rows.filter((_, index) => visible[index]);
    };
    assert.deepEqual(await shown(), ["system-text"]);
    await form.chooseType("prompt", "template");
    await form.chooseType("system", "msg.");
    assert.deepEqual(await shown(), ["prompt-text"]);

    await form.tab("Output");
    assert.deepEqual(await shown(), []);
    await form.input("stream").check();
    assert.deepEqual(await shown(), ["chunk", "streamReasoning"]);
    await form.input("chunk").selectOption("interval");
    assert.deepEqual(await shown(), ["chunk", "chunkInterval", "streamReasoning"]);
    await form.input("chunk").selectOption("snapshot");
    assert.deepEqual(await shown(), ["chunk", "chunkInterval", "streamReasoning"]);
    await form.input("chunk").selectOption("sentence");
    assert.deepEqual(await shown(), ["chunk", "chunkLanguage", "streamReasoning"]);
    await form.input("stream").uncheck();
    assert.deepEqual(await shown(), []);

    await form.tab("Memory");
    assert.deepEqual(await shown(), []);
    await form.chooseType("conversation", "msg.");
    await form.fillTyped("conversation", "topic");
    assert.deepEqual(await shown(), ["store", "maxMessages"]);
    const stores = form.input("store").locator("option");
    const names = await stores.evaluateAll((all) => all.map((option) => option.getAttribute("value")));
    assert.deepEqual(names, ["", "memory", "file", "slow"]);
    await form.fillTyped("conversation", "");
    assert.deepEqual(await shown(), []);
    assert.equal(await form.isMarkedInvalid("conversation"), false, "a blank key is none");
    await form.cancel();
  });

  it("keep the defaults when a form is only looked at", async () => {
    const form = await editor.edit();
    const config = await editor.editConfig("config", "add");
    assert.equal(await config.value("model"), "openai/gpt-oss-20b");
    await config.fill("model", "org/model");
    await config.done();
    await form.done();
    await editor.deploy();

    const { id, z, ...saved } = await deployed(CONFIG);
    assert.deepEqual(saved, {
      type: CONFIG,
      name: "",
      model: "org/model",
      baseUrl: "https://router.huggingface.co/v1",
      timeout: "",
      retries: 2,
      maxConcurrent: 10,
      maxQueued: 1000,
      wakeUp: "0",
      billTo: "",
      headers: {},
      serverStreams: true,
      endpointsUseEnvironment: true,
      traceContent: false,
      grammar: "openai",
      limits: [],
      fallback: [],
      otherwise: "",
      stickyProvider: true,
      tls: "",
      proxy: "",
    });
    const chat = await deployed(CHAT);
    assert.equal(chat.config, id);
    assert.equal(chat.chunkInterval, 100);
    assert.deepEqual([chat.prompt, chat.promptType, chat.system, chat.systemType], ["payload", "msg", "", "str"]);
    assert.deepEqual(
      [chat.conversation, chat.conversationType],
      ["", "msg"],
      "a new node's, not the runtime's default",
    );
    assert.deepEqual(chat.stop, []);
    assert.deepEqual(await editor.validationErrors(CHAT), []);
  });

  it("mark what cannot be", async () => {
    const form = await editor.edit();
    await form.tab("Model");
    const bad = {
      temperature: ["abc", "-1", "0x10"],
      maxTokens: ["0", "1.5"],
      topP: ["1.1"],
      seed: ["0.5"],
      frequencyPenalty: ["3"],
      presencePenalty: ["-2.5", "two"],
    };
    const good = {
      temperature: ["0", "0.7", env("TEMPERATURE")],
      maxTokens: ["1"],
      topP: ["1", ".5"],
      seed: ["-7"],
      frequencyPenalty: ["-2"],
      presencePenalty: ["2", ""],
    };
    for (const [values, invalid] of [
      [bad, true],
      [good, false],
    ] as const) {
      for (const [property, list] of Object.entries(values)) {
        for (const value of list) {
          await form.fill(property, value);
          assert.equal(await form.isMarkedInvalid(property), invalid, `${property} = "${value}"`);
        }
      }
    }
    await form.fill("temperature", "abc");
    for (const [value, invalid] of [
      ["[1]", true],
      ["{", true],
      ['{"top_k": 40}', false],
      ["", false],
      ["{}", false],
    ] as const) {
      await form.fillTyped("extra", value);
      assert.equal(await form.isMarkedInvalid("extra"), invalid, `extra = ${value}`);
    }
    await form.fill("model", "two words");
    assert.equal(await form.isMarkedInvalid("model"), true);
    await form.fill("model", "");
    await form.tab("Memory");
    await form.fillTyped("conversation", "key");
    for (const property of ["maxMessages", "maxHistoryTokens"]) {
      for (const [value, invalid] of [
        ["0", true],
        ["1.5", true],
        ["20", false],
        [env("MOST"), false],
        ["", false],
      ] as const) {
        await form.fill(property, value);
        assert.equal(await form.isMarkedInvalid(property), invalid, `${property} = ${value}`);
      }
    }
    await form.fillTyped("conversation", "");
    await form.tab("Prompt");

    const config = await editor.editConfig("config", "edit");
    for (const [value, invalid] of [
      ["", true],
      ["two words", true],
      ["org/model:cheapest", false],
      [env("MODEL"), false],
      ["", true],
    ] as const) {
      await config.fill("model", value);
      assert.equal(await config.isMarkedInvalid("model"), invalid, `model = "${value}"`);
    }
    for (const [value, invalid] of [
      ["localhost:8080", true],
      ["ftp://server/v1", true],
      ["https://", true],
      ["", false],
      [env("SERVER"), false],
      ["http://localhost:8080", false],
    ] as const) {
      await config.fill("baseUrl", value);
      assert.equal(await config.isMarkedInvalid("baseUrl"), invalid, `baseUrl = "${value}"`);
    }
    await config.tab("Limits");
    for (const [property, value] of Object.entries({
      timeout: "0",
      retries: "1.5",
      maxConcurrent: "0",
      maxQueued: "-1",
      wakeUp: "a while",
    })) {
      await config.fill(property, value);
      assert.equal(await config.isMarkedInvalid(property), true, `${property} = "${value}"`);
    }
    await config.done();
    await form.done();
    assert.deepEqual(await editor.validationErrors(CHAT), [
      "Configuration: invalid configuration node",
      "Temperature: must be a number, at least 0",
    ]);
    assert.deepEqual(await editor.validationErrors(CONFIG), [
      "Model: property value missing",
      "Timeout: must be a number, at least 1",
      "Retries: must be a whole number, at least 0",
      "Parallel requests: must be a whole number, at least 1",
      "Queue limit: must be a whole number, at least 0",
      "Wake-up time: must be a number, at least 0",
    ]);
    // Reloading without a deploy restores the former state.
    await editor.load();
    assert.deepEqual(await editor.validationErrors(CHAT), []);
  });

  it("say what a blank time-out means at this address", async () => {
    const form = await editor.edit();
    const config = await editor.editConfig("config", "edit");
    for (const [baseUrl, shown] of [
      ["https://router.huggingface.co/v1", "30"],
      ["http://nas:11434/v1", "300, then 30"],
      ["http://192.168.1.7:8080", "300, then 30"],
      ["https://example.com/v1", "30"],
      ["nonsense", "30"],
    ] as const) {
      await config.fill("baseUrl", baseUrl);
      assert.equal(await config.input("timeout").getAttribute("placeholder"), shown, baseUrl);
    }
    await config.fill("baseUrl", "http://nas:11434/v1");
    await config.tab("Limits");
    const [needed, given] = await config.input("timeout").evaluate((input: HTMLInputElement) => {
      const { font, paddingLeft, paddingRight } = getComputedStyle(input);
      const canvas = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
      canvas.font = font;
      const inside = input.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight);
      return [canvas.measureText(input.placeholder).width, inside] as const;
    });
    assert.ok(needed <= given, `the placeholder needs ${needed} px of ${given}`);
    await config.done();
    await form.done();
    await editor.load();
  });

  const configValues = {
    name: "my model",
    model: "meta-llama/Llama-3.1-8B-Instruct:cheapest",
    baseUrl: "http://127.0.0.1:8080/v1?x=1",
    timeout: "12.5",
    retries: "0",
    maxConcurrent: "3",
    maxQueued: env("MAX_QUEUED"),
    wakeUp: "600",
    billTo: "my-org",
  };
  const headers = { "X-First": "a b", "X-Secret": env("SECRET") };
  const chatValues = {
    name: "my chat",
    model: "openai/gpt-oss-20b",
    temperature: "0",
    maxTokens: "64",
    topP: "0.25",
    seed: "42",
    frequencyPenalty: "-0.5",
    presencePenalty: "1.5",
    reasoningEffort: "a word of its own",
    chunk: "interval",
    chunkInterval: "250",
  };
  const prompt = 'Translate into {{language}}:\n\t"{{payload}}" <b>\\n\n\nÜber & out';
  const system = "You are terse.\nTwo lines, \\n no escape.";
  const stop = ["\n\n", "a\tb\\n", "END", " space "];
  const stopShown = ["\\n\\n", "a\\tb\\\\n", "END", " space "];

  it("save every field of both", async () => {
    const form = await editor.edit();
    const config = await editor.editConfig("config", "edit");
    for (const property of ["name", "model", "baseUrl"] as const) await config.fill(property, configValues[property]);
    await config.fill("token", TOKEN);
    await config.tab("Limits");
    for (const property of ["timeout", "retries", "maxConcurrent", "maxQueued", "wakeUp"] as const) {
      await config.fill(property, configValues[property]);
    }
    await config.tab("Requests");
    await config.fill("billTo", configValues.billTo);
    await config.input("serverStreams").uncheck();
    await config.input("grammar").selectOption("tgi");
    for (const model of ["org/second:novita", "org/third", ""]) await config.addLine("fallback", [model]);
    for (const header of Object.entries(headers)) await config.addLine("headers", header);
    await config.addLine("headers", ["", "without a name"]);
    await config.editOther("tls", "#node-config-input-servername", "server.example");
    await config.editOther("proxy", "#node-config-input-url", "http://proxy.example:3128");
    await config.done();

    await form.fill("name", chatValues.name);
    await form.chooseType("prompt", "template");
    await form.input("prompt-text").fill(prompt);
    await form.input("system-text").fill(system);
    await form.chooseType("images", "flow.");
    await form.fillTyped("images", "camera.last");
    await form.tab("Output");
    await form.input("stream").check();
    await form.input("chunk").selectOption(chatValues.chunk);
    await form.fill("chunkInterval", chatValues.chunkInterval);
    await form.input("streamReasoning").check();
    await form.chooseType("output", "flow.");
    await form.fillTyped("output", "answers.last");
    await form.tab("Model");
    for (const property of [
      "temperature",
      "maxTokens",
      "reasoningEffort",
      "topP",
      "seed",
      "frequencyPenalty",
      "presencePenalty",
    ] as const) {
      await form.fill(property, chatValues[property]);
    }
    for (const text of [...stopShown, ""]) await form.addLine("stop", [text]);
    await form.fill("model", chatValues.model);
    await form.fillTyped("extra", '{"top_k":40}');
    await form.tab("Memory");
    await form.chooseType("conversation", "msg.");
    await form.fillTyped("conversation", "req.session.id");
    await form.input("store").selectOption("file");
    await form.fill("maxMessages", "20");
    await form.fill("maxHistoryTokens", "4000");
    await form.done();
    await editor.deploy();
    await editor.load();

    const tls = await deployed("tls-config");
    const proxy = await deployed("http proxy");
    const { id, z: _z, ...savedConfig } = await deployed(CONFIG);
    assert.deepEqual(savedConfig, {
      ...CONFIG_DEFAULTS,
      type: CONFIG,
      ...configValues,
      headers,
      serverStreams: false,
      endpointsUseEnvironment: true,
      traceContent: false,
      grammar: "tgi",
      fallback: ["org/second:novita", "org/third"],
      tls: tls.id,
      proxy: proxy.id,
    });
    const { id: _id, z: _zChat, x: _x, y: _y, wires, ...savedChat } = await deployed(CHAT);
    assert.deepEqual(savedChat, {
      ...CHAT_DEFAULTS,
      type: CHAT,
      config: id,
      ...chatValues,
      prompt,
      promptType: "template",
      system,
      systemType: "str",
      stop,
      extra: '{"top_k":40}',
      stream: true,
      streamReasoning: true,
      format: "text",
      schemaName: "reply",
      schema: "",
      strict: true,
      repairs: 1,
      tools: [],
      images: "camera.last",
      imagesType: "flow",
      store: "file",
      maxMessages: "20",
      maxHistoryTokens: "4000",
      functions: [],
      toolChoice: "auto",
      toolName: "",
      maxSteps: 10,
      toolTimeout: 30,
      conversation: "req.session.id",
      conversationType: "msg",
      output: "answers.last",
      outputType: "flow",
    });
    assert.deepEqual(wires, [[], [], []]);
    assert.deepEqual(await editor.validationErrors(CHAT), []);
    assert.deepEqual(await editor.validationErrors(CONFIG), []);
  });

  it("offer to switch thinking off first", async () => {
    const form = await editor.edit();
    const first = form.input("reasoningEffort").locator("xpath=following-sibling::datalist/option").first();
    assert.deepEqual([await first.getAttribute("value"), await first.getAttribute("label")], ["none", "off"]);
    await form.cancel();
  });

  it("keep the token out of the flow and of the form", async () => {
    assert.equal(JSON.stringify(await editor.flows()).includes(TOKEN), false);
    assert.deepEqual(await editor.credentials(CONFIG, (await deployed(CONFIG)).id), {
      has_token: true,
      has_secretHeaders: false,
      has_secretHeadersEdited: false,
    });
  });

  it("show every field as it was saved", async () => {
    const before = await editor.flows();
    const form = await editor.edit();
    for (const [property, value] of Object.entries(chatValues)) {
      assert.equal(await form.value(property), value, property);
    }
    assert.equal(await form.type("prompt"), "template");
    assert.equal(await form.value("prompt-text"), prompt);
    assert.equal(await form.value("system-text"), system);
    assert.equal(await form.input("stream").isChecked(), true);
    assert.equal(await form.input("streamReasoning").isChecked(), true);
    assert.deepEqual((await form.list("stop")).flat(), stopShown);
    assert.deepEqual([await form.type("output"), await form.value("output")], ["flow", "answers.last"]);
    assert.deepEqual([await form.type("conversation"), await form.value("conversation")], ["msg", "req.session.id"]);
    assert.deepEqual([await form.type("images"), await form.value("images")], ["flow", "camera.last"]);
    const remembered = await Promise.all(["store", "maxMessages", "maxHistoryTokens"].map((name) => form.value(name)));
    assert.deepEqual(remembered, ["file", "20", "4000"]);
    assert.equal(await form.value("extra"), '{"top_k":40}');

    const config = await editor.editConfig("config", "edit");
    for (const [property, value] of Object.entries(configValues)) {
      assert.equal(await config.value(property), value, property);
    }
    assert.equal(await config.value("token"), "__PWRD__");
    assert.equal(await config.input("token").getAttribute("type"), "password");
    assert.equal(await config.input("serverStreams").isChecked(), false);
    assert.equal(await config.value("grammar"), "tgi");
    assert.deepEqual((await config.list("fallback")).flat(), ["org/second:novita", "org/third"]);
    assert.deepEqual(await config.list("headers"), Object.entries(headers));
    await config.done();
    await form.done();
    assert.equal(await editor.hasChanges(), false, "opening and closing the forms changed something");

    // Once more with a change to another field.
    const again = await editor.edit();
    await again.fill("name", "another name");
    await again.done();
    await editor.deploy();
    assert.deepEqual(
      byId(await editor.flows()),
      byId(before.map((node) => (node.type === CHAT ? { ...node, name: "another name" } : node))),
    );
  });

  it("open a text in the larger editor and take it back", async () => {
    const form = await editor.edit();
    await form.chooseType("prompt", "text");
    await form.input("prompt-text").fill("One line.");
    await form.expand("prompt", (text) => `${text}\nAnd another.`);
    assert.equal(await form.value("prompt-text"), "One line.\nAnd another.");
    await form.cancel();
  });

  it("name the node after what it is called, or its model", async () => {
    const label = async () => (await editor.node().locator(".red-ui-flow-node-label").textContent())?.trim();
    assert.equal(await label(), "another name");
    for (const [property, expected] of [
      ["name", chatValues.model],
      ["model", configValues.model],
    ] as const) {
      const form = await editor.edit();
      if (property === "model") await form.tab("Model");
      await form.fill(property, "");
      await form.done();
      // The editor breaks long labels into lines and drops the space there.
      assert.equal((await label())?.replaceAll(" ", ""), expected);
    }
    await editor.load();
  });

  it("are nowhere wider than their box", async () => {
    const widths = [300, 420, 600, 900];
    const form = await editor.edit();
    for (const tab of ["Model", "Output", "Tools", "Memory", "Prompt"]) {
      await form.tab(tab);
      for (const width of widths) assert.deepEqual(await form.overflowing(width), [], `chat, ${tab}, ${width} px`);
    }
    const config = await editor.editConfig("config", "edit");
    for (const tab of ["Model", "Limits", "Requests"]) {
      await config.tab(tab);
      for (const width of widths) assert.deepEqual(await config.overflowing(width), [], `config, ${tab}, ${width} px`);
    }
    await config.cancel();
    await form.cancel();
  });

  it("show what holds where a flow from elsewhere leaves a property out", async () => {
    await editor.page.evaluate(() => {
      const { RED } = globalThis as unknown as {
        RED: { nodes: { filterNodes(o: object): Record<string, unknown>[] } };
      };
      const node = RED.nodes.filterNodes({ type: "huggingface-chat" })[0] ?? {};
      for (const name of ["prompt", "promptType", "chunk", "outputType", "output"]) delete node[name];
    });
    const form = await editor.edit();
    assert.equal(await form.value("prompt"), "payload");
    assert.equal(await form.type("prompt"), "msg");
    assert.equal(await form.value("chunk"), "token");
    assert.equal(await form.type("output"), "msg");
    await form.cancel();
  });

  it("have a help text", async () => {
    for (const type of [CHAT, CONFIG]) {
      const help = await editor.help(type);
      assert.match(help, /<h3[^>]*>References<\/h3>/, type);
      assert.match(help, /<dl class="message-properties">/, type);
    }
  });
});
