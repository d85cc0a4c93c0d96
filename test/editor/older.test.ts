import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { NodeDef } from "../support/node-red";
import { root } from "../support/root";
import { type Editor, type Form, useEditor } from "./editor";

/** The properties of version 0.1.0 alone, as its editor wrote them. */
const NODES = {
  "huggingface-config": {
    name: "",
    model: "org/model",
    baseUrl: "https://router.huggingface.co/v1",
    timeout: 30,
    retries: 2,
    maxConcurrent: 10,
    maxQueued: 1000,
    wakeUp: 0,
    billTo: "",
    headers: {},
    serverStreams: true,
    tls: "",
    proxy: "",
  },
  "huggingface-chat": {
    name: "",
    config: "c1",
    model: "",
    prompt: "payload",
    promptType: "msg",
    system: "",
    systemType: "str",
    temperature: "",
    maxTokens: "",
    topP: "",
    stop: [],
    seed: "",
    frequencyPenalty: "",
    presencePenalty: "",
    reasoningEffort: "",
    extra: "{}",
    stream: false,
    chunk: "token",
    chunkInterval: 100,
    streamReasoning: false,
    tools: [],
    toolChoice: "auto",
    toolName: "",
    maxSteps: 10,
    toolTimeout: 30,
    output: "payload",
    outputType: "msg",
  },
  "huggingface-tool": { name: "get_weather", description: "", parameters: "", strict: false },
};

/** Where all but what a node cannot do without is missing. */
const SPARSE = {
  "huggingface-config": { name: "", model: "org/model" },
  "huggingface-chat": { name: "", config: "c1" },
  "huggingface-tool": { name: "get_weather" },
};

describe("the forms of a flow of an older version", function () {
  this.timeout(90_000);
  let editor: Editor;

  useEditor((its) => (editor = its));

  const byType = (list: NodeDef[]) => Object.fromEntries(list.map(({ x: _x, y: _y, ...node }) => [node.type, node]));
  const saved = async () => byType(await editor.flows());

  for (const [what, nodes] of [
    ["with the properties of 0.1.0", NODES],
    ["with hardly any", SPARSE],
  ] as const) {
    /** Looks at all tabs of the three forms. */
    const look = async (end: "done" | "cancel") => {
      for (const id of ["n1", "t2"]) {
        const form = await editor.edit(id);
        if (id === "n1") {
          for (const tab of ["Model", "Output", "Tools", "Memory", "Prompt"]) await form.tab(tab);
          const ofConfig = await editor.editConfig("config", "edit");
          for (const tab of ["Limits", "Requests"]) await ofConfig.tab(tab);
          await ofConfig[end]();
        }
        await form[end]();
      }
    };
    const deploy = async () => {
      await editor.loadAnew();
      await editor.importFlow([
        { id: "t1", type: "tab", label: "older" },
        { ...nodes["huggingface-config"], id: "c1", type: "huggingface-config" },
        {
          ...nodes["huggingface-chat"],
          id: "n1",
          type: "huggingface-chat",
          z: "t1",
          x: 200,
          y: 100,
          wires: [[], [], []],
        },
        { ...nodes["huggingface-tool"], id: "t2", type: "huggingface-tool", z: "t1", x: 200, y: 200, wires: [[]] },
      ]);
      await editor.deploy();
      await editor.load();
      await editor.reveal("n1");
      return saved();
    };

    for (const end of ["done", "cancel"] as const) {
      it(`leave it unchanged, ${what}, when they are only looked at and closed with ${end}`, async () => {
        const before = await deploy();
        for (const [type, properties] of Object.entries(nodes)) {
          for (const [name, value] of Object.entries(properties)) assert.deepEqual(before[type]?.[name], value, name);
          for (const name of ["onError", "conversation", "functions", "grammar"]) {
            if (!(name in properties)) assert.equal(name in (before[type] ?? {}), false, `the editor fills in ${name}`);
          }
        }
        await look(end);
        const now = byType(await editor.held());
        for (const type of Object.keys(nodes)) assert.deepEqual(now[type], before[type]);
        assert.equal(await editor.hasChanges(), false);
        assert.deepEqual(editor.problems, []);
      });
    }

    it(`change nothing but what is changed in them, ${what}`, async () => {
      const before = await deploy();
      const form = await editor.edit("n1");
      await form.tab("Output");
      assert.equal(await form.value("onError"), "catch");
      assert.equal(await form.type("conversation"), "str", "what holds for this node, not what a new one gets");
      await form.input("onError").selectOption("reply");
      await form.done();
      await editor.deploy();
      const after = await saved();
      assert.deepEqual(after, { ...before, "huggingface-chat": { ...before["huggingface-chat"], onError: "reply" } });
    });
  }

  it("show a flow of 0.1.0 in which every field is set, and export it with no changed line", async () => {
    const file = readFileSync(path.join(root, "test/fixtures/flow-0.1.0.json"), "utf8");
    const flow: NodeDef[] = JSON.parse(file);
    const [config, chat, tool] = ["config", "chat", "tool"].map(
      (name) => flow.find(({ type }) => type === `huggingface-${name}`) as NodeDef,
    ) as [NodeDef, NodeDef, NodeDef];
    await editor.loadAnew();
    await editor.importFlow(flow);
    await editor.deploy();
    await editor.load();
    await editor.reveal(chat.id);
    assert.deepEqual(Object.values(await editor.reasons()).flat(), [], "all valid");

    const form = await editor.edit(chat.id);
    const shows = async (of: Form, node: NodeDef, names: string) => {
      for (const name of names.split(" ")) assert.equal(await of.value(name), String(node[name]), name);
    };
    await shows(form, chat, "name config model promptType system systemType temperature maxTokens topP seed");
    await shows(form, chat, "frequencyPenalty presencePenalty reasoningEffort extra chunk chunkInterval toolChoice");
    await shows(form, chat, "toolName maxSteps toolTimeout conversation conversationType output outputType");
    assert.equal(await form.value("prompt-text"), chat["prompt"]);
    for (const name of ["stream", "streamReasoning"]) assert.equal(await form.input(name).isChecked(), true, name);
    assert.deepEqual(await form.list("stop"), [["END"], ["\\n\\n"]]);
    const ofConfig = await editor.editConfig("config", "edit");
    await shows(ofConfig, config, "name model baseUrl timeout retries maxConcurrent maxQueued wakeUp billTo tls proxy");
    assert.equal(await ofConfig.input("serverStreams").isChecked(), true);
    assert.deepEqual(await ofConfig.list("headers"), [["X-Trace", "on"]]);
    await ofConfig.done();
    await form.done();
    const ofTool = await editor.edit(tool.id);
    await shows(ofTool, tool, "name description");
    await ofTool.done();

    assert.equal(await editor.hasChanges(), false);
    const held = await editor.held();
    const exported = flow.map(({ id }) => held.find((node) => node.id === id));
    assert.equal(JSON.stringify(exported, null, 4), JSON.stringify(flow, null, 4));
  });
});
