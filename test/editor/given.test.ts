import assert from "node:assert/strict";
import { CHAT_FIELDS } from "../../src/shared/chat-fields";
import { CONFIG_FIELDS } from "../../src/shared/config-fields";
import type { Field } from "../../src/shared/field";
import { CHAT_DEFAULTS } from "../support/defaults";
import { type Editor, type Form, useEditor } from "./editor";

const CONFIG = "huggingface-config";
const CHAT = "huggingface-chat";
const env = (name: string) => `\${${name}}`;

function numbersFromEnvironment(fields: readonly Field[]): Record<string, string> {
  return Object.fromEntries(fields.filter(({ kind }) => kind === "number").map(({ name }) => [name, env(name)]));
}

/** Every property from the environment, as a flow file may hold it. */
const configFromEnvironment = {
  ...numbersFromEnvironment(CONFIG_FIELDS),
  name: "",
  model: env("MODEL"),
  baseUrl: env("SERVER"),
  billTo: env("ORGANISATION"),
  headers: env("HEADERS"),
  limits: env("LIMITS"),
  fallback: env("FALLBACK"),
  otherwise: "",
  stickyProvider: env("STICKY"),
  serverStreams: env("STREAMS"),
  grammar: env("GRAMMAR"),
  tls: "",
  proxy: "",
  endpointsUseEnvironment: env("ENDPOINTS"),
  traceContent: env("TRACE_CONTENT"),
};
const chatFromEnvironment = {
  ...numbersFromEnvironment(CHAT_FIELDS),
  name: "",
  model: env("MODEL"),
  prompt: env("PROMPT"),
  promptType: "msg",
  images: env("IMAGES"),
  imagesType: "flow",
  audio: env("AUDIO"),
  audioType: "flow",
  system: env("SYSTEM"),
  systemType: "str",
  stop: env("STOP"),
  reasoningEffort: env("EFFORT"),
  extra: env("EXTRA"),
  stream: env("STREAM"),
  chunk: env("CHUNK"),
  chunkLanguage: env("LANGUAGE"),
  streamReasoning: env("REASONING"),
  progress: env("PROGRESS"),
  format: env("FORMAT"),
  schemaName: env("SCHEMA_NAME"),
  schema: env("SCHEMA"),
  strict: env("STRICT"),
  functions: env("FUNCTIONS"),
  toolChoice: env("CHOICE"),
  toolName: env("FUNCTION"),
  conversation: env("CONVERSATION"),
  conversationType: "msg",
  store: env("STORE"),
  output: env("OUTPUT"),
  outputType: "msg",
  onError: env("ON_ERROR"),
  statusShows: env("STATUS"),
};

/** Values as people, programs and older versions write them: numbers and booleans as text, a value for a list of one, some missing. */
const configByHand = {
  name: "",
  model: "org/model",
  baseUrl: "",
  timeout: "30",
  retries: "2",
  maxConcurrent: "10",
  maxQueued: "1000",
  wakeUp: "0",
  billTo: "",
  headers: '{"X-Team": "blue"}',
  fallback: "org/second",
  serverStreams: "false",
  grammar: "openai",
  tls: "",
  proxy: "",
};
const chatByHand = {
  // The editor itself fills in what is missing.
  ...CHAT_DEFAULTS,
  temperature: 0.5,
  stop: "END",
  extra: { top_k: 40 },
  stream: "false",
  streamReasoning: "true",
  strict: 0,
  format: "json_schema",
  schema: { type: "object" },
  maxMessages: null,
};

function flow(config: object, chat: object): object[] {
  return [
    { id: "t1", type: "tab", label: "given" },
    { id: "c1", type: CONFIG, ...config },
    { tools: [], ...chat, id: "n1", type: CHAT, z: "t1", x: 200, y: 200, config: "c1", wires: [[], [], []] },
  ];
}

describe("the forms of a flow that comes from elsewhere", function () {
  this.timeout(90_000);
  let editor: Editor;

  useEditor((its) => (editor = its));

  /** Imports and deploys the flow, and asserts that it is unchanged. */
  const deploy = async (config: object, chat: object): Promise<Record<string, unknown>> => {
    await editor.loadAnew();
    await editor.importFlow(flow(config, chat));
    await editor.deploy();
    // Only then does the editor know that no token is stored.
    await editor.load();
    await editor.reveal((await editor.ids(CHAT))[0] as string);
    const { [CONFIG]: savedConfig, [CHAT]: savedChat } = await saved();
    for (const [name, value] of Object.entries(config)) assert.deepEqual(savedConfig?.[name], value, name);
    for (const [name, value] of Object.entries({ ...chat, config: "c1" }))
      assert.deepEqual(savedChat?.[name], value, name);
    return saved();
  };
  const saved = async (): Promise<Record<string, Record<string, unknown>>> =>
    Object.fromEntries((await editor.flows()).map(({ x: _x, ...node }) => [node.type, node]));
  const change = async (act: (form: Form) => Promise<void>): Promise<void> => {
    const form = await editor.edit();
    await act(form);
    await form.done();
    await editor.deploy();
  };

  for (const [title, config, chat] of [
    ["where all comes from the environment", configFromEnvironment, chatFromEnvironment],
    ["that was written by hand", configByHand, chatByHand],
  ] as const) {
    it(`are valid ${title}, and change nothing when only looked at`, async () => {
      const before = await deploy(config, chat);
      assert.deepEqual(await editor.validationErrors(CHAT), []);
      assert.deepEqual(await editor.validationErrors(CONFIG), []);
      const form = await editor.edit();
      for (const tab of ["Model", "Output", "Tools", "Memory", "Prompt"]) await form.tab(tab);
      const ofConfig = await editor.editConfig("config", "edit");
      for (const tab of ["Limits", "Requests"]) await ofConfig.tab(tab);
      await ofConfig.done();
      await form.done();
      assert.equal(await editor.hasChanges(), false, "looking at it changed something");
      assert.deepEqual(await editor.validationErrors(CHAT), []);
      assert.deepEqual(await editor.validationErrors(CONFIG), []);

      await change((again) => again.fill("name", "a name"));
      assert.deepEqual(await saved(), { ...before, [CHAT]: { ...(before[CHAT] as object), name: "a name" } });
    });
  }

  it("show switches that stand as text, and change them once they are clicked", async () => {
    await deploy(configByHand, { ...chatByHand, strict: env("STRICT") });
    const form = await editor.edit();
    const ofConfig = await editor.editConfig("config", "edit");
    assert.equal(await ofConfig.input("serverStreams").isChecked(), false);
    await ofConfig.cancel();
    assert.equal(await form.input("stream").isChecked(), false);
    await form.tab("Output");
    assert.equal(await form.input("chunk").isVisible(), false);
    await form.input("stream").check();
    await form.input("strict").check();
    await form.done();
    await editor.deploy();
    const { [CHAT]: chat } = await saved();
    assert.deepEqual([chat?.stream, chat?.strict, chat?.streamReasoning], [true, true, "true"]);
  });

  it("show a choice that comes from the environment, and the rows that it may need", async () => {
    await deploy(configFromEnvironment, chatFromEnvironment);
    const form = await editor.edit();
    await form.tab("Output");
    assert.equal(await form.value("format"), env("FORMAT"));
    assert.equal(await form.input("repairs").isVisible(), true);
    await form.input("format").selectOption("text");
    assert.equal(await form.input("repairs").isVisible(), false);
    await form.tab("Tools");
    assert.equal(await form.input("toolName").isVisible(), true);
    await form.done();
    await editor.deploy();
    assert.equal((await saved())[CHAT]?.format, "text");
  });
});
