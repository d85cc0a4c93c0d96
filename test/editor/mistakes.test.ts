import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CHAT_FIELDS } from "../../src/shared/chat-fields";
import { CONFIG_FIELDS } from "../../src/shared/config-fields";
import type { Field } from "../../src/shared/field";
import { MCP_FIELDS } from "../../src/shared/mcp-fields";
import { CHAT_DEFAULTS, CONFIG_DEFAULTS, MCP_DEFAULTS } from "../support/defaults";
import { root } from "../support/root";
import { type Editor, useEditor } from "./editor";

const CONFIG = "huggingface-config";
const CHAT = "huggingface-chat";
const MCP = "huggingface-mcp";

type Values = Record<string, unknown>;
/** A property's valid values, and its invalid ones with their tooltips; each alone or with other properties. */
interface Row {
  good: unknown[];
  bad: [value: unknown, reason: string | RegExp][];
  beside?: Values;
}
const anything: Row = { good: ["", "any words"], bad: [] };
const number = (label: string, kind: string, range: string, good: unknown[], bad: unknown[]): Row => ({
  good: ["", "${NAME}", ...good],
  bad: ["many", "0x10", ...bad].map((value) => [value, `${label}: must be a ${kind}${range && `, ${range}`}`]),
});
const range = (label: string, from: number, to: number): Row => ({
  good: ["", "${NAME}", from, String(to)],
  bad: ["x", from - 0.1, to + 0.1].map((value) => [value, `${label}: must be a number from ${from} to ${to}`]),
});
const flag = (label: string): Row => ({
  good: [true, "false", "1", "${NAME}"],
  bad: [["perhaps", `${label}: must be true or false`]],
});
const choice = (label: string, words: string[]): Row => ({
  good: [...words, "", "${NAME}"],
  bad: [["another", `${label}: must be one of ${words.join(", ")}`]],
});
const limitProblem = (row: number) => `Limits: #${row} must have an amount, a unit and a period that exist`;
const nothingThere = (label: string) => `${label}: Invalid property expression: zero-length`;

const config: Partial<Record<keyof typeof CONFIG_DEFAULTS, Row>> = {
  name: anything,
  model: {
    good: ["org/model", "${NAME}"],
    bad: [
      ["", "Model: property value missing"],
      ["two words", "Model: needs a name without spaces"],
    ],
  },
  baseUrl: {
    good: ["", "http://localhost:8080", "https://server.example/v1/?a=b", "demo:", "${NAME}"],
    bad: [
      ...["localhost:8080", "ftp://server/v1", "https://", "http://a b", "http://server:port"].map(
        (value): [string, string] => [value, "Base URL: must be an address that begins with http:// or https://"],
      ),
      ["https://me:word@server/v1", "Base URL: may hold no user name or password; use the token or a header"],
    ],
  },
  timeout: number("Timeout", "number", "at least 1", ["1", 2.5], ["0", "-1"]),
  retries: number("Retries", "whole number", "at least 0", ["0", 3], ["1.5", "-1"]),
  maxConcurrent: number("Parallel requests", "whole number", "at least 1", ["1"], ["0", "1.5"]),
  maxQueued: number("Queue limit", "whole number", "at least 0", ["0"], ["-1"]),
  wakeUp: number("Wake-up time", "number", "at least 0", ["0", "600"], ["-1"]),
  billTo: anything,
  headers: {
    good: [{}, { "X-Team": "blue" }, '{"X-Team": "blue"}', "", "${NAME}"],
    bad: [
      [{ "X Team": "blue" }, "Headers: #1 is not a valid header name"],
      [{ "Content-Length": "1" }, "Headers: #1 is set by the connection itself"],
      ["X-Team: blue", "Headers: must be a JSON object"],
    ],
  },
  limits: {
    good: [
      [],
      "",
      "${NAME}",
      [{ amount: "5", unit: "usd", per: "day" }],
      [{ amount: "", unit: "tokens", per: "hour" }],
    ],
    bad: [
      [[{ amount: -1, unit: "usd", per: "day" }], limitProblem(1)],
      [
        [
          { amount: 1, unit: "usd", per: "day" },
          { amount: 1, unit: "euro", per: "day" },
        ],
        limitProblem(2),
      ],
      [["five"], limitProblem(1)],
      ["five", limitProblem(1)],
    ],
  },
  fallback: {
    good: [[], ["org/model", "${NAME}"], "org/model"],
    bad: [[["org/model", "two words"], "Fallback models: #2 must be a name without spaces"]],
  },
  serverStreams: flag("the server can stream"),
  grammar: choice("JSON schema", ["openai", "tgi"]),
  tls: { good: [""], bad: [] },
  proxy: { good: [""], bad: [] },
  otherwise: {
    good: ["", "c0", "not there"],
    bad: [],
  },
  stickyProvider: flag("keep the provider within a conversation"),
  endpointsUseEnvironment: flag("send its token to dedicated endpoints too"),
  traceContent: flag("include prompts and replies"),
};

const chat: Partial<Record<keyof typeof CHAT_DEFAULTS, Row>> = {
  name: anything,
  config: { good: ["c0"], bad: [["", "Configuration: property value missing"]] },
  model: { good: ["", "org/model", "${NAME}"], bad: [["two words", "Other model: must be a name without spaces"]] },
  prompt: { good: ["payload", "a.b[0]", "${NAME}"], bad: [["", nothingThere("Prompt")]] },
  promptType: { good: ["msg", "flow", "str", "template"], bad: [] },
  images: {
    good: ["images", "", "${NAME}"],
    bad: [["a..b", "Images: Invalid property expression: unexpected . at position 2"]],
  },
  imagesType: { good: ["msg", "flow"], bad: [] },
  audio: {
    good: ["audio", "", "${NAME}"],
    bad: [["a..b", "Sound: Invalid property expression: unexpected . at position 2"]],
  },
  audioType: { good: ["msg", "flow"], bad: [] },
  system: { good: ["payload", "${NAME}"], bad: [["", nothingThere("System prompt")]], beside: { systemType: "msg" } },
  systemType: { good: ["str", "env"], bad: [] },
  temperature: number("Temperature", "number", "at least 0", [0, "0.7", ".5"], ["-1"]),
  maxTokens: number("Max. tokens", "whole number", "at least 1", ["1"], ["0", "1.5"]),
  topP: range("Top p", 0, 1),
  stop: { good: [[], ["END", "${NAME}"], "END"], bad: [] },
  seed: number("Seed", "whole number", "", ["-7", 0], ["0.5"]),
  frequencyPenalty: range("Frequency penalty", -2, 2),
  presencePenalty: range("Presence penalty", -2, 2),
  reasoningEffort: anything,
  extra: {
    good: ["", "{}", { top_k: 40 }, "${NAME}"],
    bad: [
      ...["[1]", "{", "5"].map((value): [string, string] => [value, "Extra fields: must be a JSON object"]),
      ...["messages", "stream", "token", "headers", "baseUrl"].map((name): [string, string] => [
        JSON.stringify({ top_k: 40, [name]: "x" }),
        `Extra fields: ${name} may not stand here`,
      ]),
    ],
  },
  stream: flag("send the reply on output 2 while it is written"),
  chunk: choice("Send as", ["token", "interval", "sentence", "line", "snapshot"]),
  chunkInterval: range("Interval", 0, 3600000),
  chunkLanguage: anything,
  streamReasoning: flag("send the model's reasoning too"),
  progress: flag("send how much of the prompt the server has read"),
  format: choice("Response format", ["text", "json_object", "json_schema"]),
  schemaName: {
    good: ["reply", "", "${NAME}"],
    bad: [["two words", "Name: must be 1 to 64 letters, digits, _ or -"]],
    beside: { format: "json_schema", schema: "{}" },
  },
  schema: {
    good: ["{}", { type: "object" }, "${NAME}"],
    bad: [
      ["", "Properties: is missing"],
      ["[]", "Properties: line 1, column 1: a schema is an object in braces"],
    ],
    beside: { format: "json_schema" },
  },
  strict: flag("Strict"),
  repairs: number("Repairs", "whole number", "at least 0", ["0"], ["-1", "0.5"]),
  tools: { good: [[]], bad: [] },
  mcp: { good: [[]], bad: [] },
  mcpTools: { good: [[], [{ use: "only", names: ["search"], ask: "never", seen: {} }], "${NAME}"], bad: [] },
  approval: { good: [""], bad: [] },
  functions: {
    good: [[], [{ name: "go", description: "", parameters: "" }], "${NAME}"],
    bad: [
      [[{ name: "g o" }], "Functions: #1: A name has 1 to 64 letters, digits, _ or -"],
      ["go", "Functions: must be a list"],
    ],
  },
  toolChoice: choice("Choice", ["auto", "none", "required", "function"]),
  toolName: {
    good: ["get_weather", "${NAME}"],
    bad: ["", "get weather"].map((value) => [value, "Function: must be 1 to 64 letters, digits, _ or -"]),
    beside: { toolChoice: "function" },
  },
  maxSteps: number("Max. tool rounds", "whole number", "at least 1", ["1"], ["0", "1.5"]),
  toolTimeout: number("Tool timeout", "number", "at least 0", ["0", "0.5"], ["-1"]),
  conversation: {
    good: ["topic", "${NAME}", ""],
    bad: [],
    beside: { conversationType: "msg" },
  },
  onError: choice("When it fails", ["catch", "reply"]),
  statusShows: choice("Status shows", ["tokens", "cost"]),
  conversationType: { good: ["str", "env"], bad: [] },
  store: {
    good: ["", "memory", "file", "${NAME}"],
    bad: [["cloud", /^Context store: must be one of .*memory/]],
  },
  maxMessages: number("Messages kept", "whole number", "at least 1", ["1"], ["0", "1.5"]),
  maxHistoryTokens: number("Tokens kept", "whole number", "at least 1", ["1"], ["0", "1.5"]),
  output: { good: ["payload", "a.b"], bad: [["", nothingThere("Reply goes to")]] },
  outputType: { good: ["msg", "flow", "global"], bad: [] },
};

const mcp: Partial<Record<keyof typeof MCP_DEFAULTS, Row>> = {
  name: anything,
  url: {
    good: ["https://huggingface.co/mcp", "http://localhost:3000/mcp?a=b", "${NAME}"],
    bad: [
      ...["", "server.example/mcp", "demo:", "ftp://server/mcp"].map((value): [string, string] => [
        value,
        "Server URL: must be an address that begins with http:// or https://",
      ]),
      ["https://me:word@server/mcp", "Server URL: may hold no user name or password; use the token or a header"],
    ],
  },
  account: { good: ["", "c0"], bad: [] },
  believe: flag("believe what the server says of its tools"),
  tls: { good: [""], bad: [] },
  proxy: { good: [""], bad: [] },
  headers: {
    good: [{}, { "X-Team": "blue" }, "${NAME}"],
    bad: [[{ "X Team": "blue" }, "Headers: #1 is not a valid header name"]],
  },
};

const keyLiteral =
  "Conversation: this text is the same for every message, so all share one conversation; choose the type in front of the field";

/** Adds rows for the number fields, from their limits; all other fields need a row by hand. */
function complete(type: string, fields: readonly Field[], table: Partial<Record<string, Row>>): Record<string, Row> {
  const texts = JSON.parse(readFileSync(join(root, `nodes/locales/en-US/${type}.json`), "utf8"));
  const rows = fields.map(({ name, kind, min, max, integer }): [string, Row] => {
    const row = table[name];
    if (row) return [name, row];
    assert.equal(kind, "number", `${name} has no row`);
    const kindOf = integer ? "whole number" : "number";
    const limits = max !== undefined ? ` from ${min} to ${max}` : min !== undefined ? `, at least ${min}` : "";
    const reason = `${texts[type].label[name]}: must be a ${kindOf}${limits}`;
    const bad = ["many", ...(min === undefined ? [] : [min - 1]), ...(max === undefined ? [] : [max + 1])];
    return [name, { good: ["", "${NAME}", min ?? max ?? 1], bad: bad.map((value) => [value, reason]) }];
  });
  return Object.fromEntries(rows);
}

/** Makes a node for each value of a table, named after its case. */
function nodes(type: string, table: Record<string, Row>, base: Values) {
  return Object.entries(table).flatMap(([property, { good, bad, beside }]) => {
    // A choice may need another field to be set.
    const rest = property === "toolChoice" ? { toolName: "go" } : property === "format" ? { schema: "{}" } : {};
    const cases = [...good.map((value) => [value] as const), ...bad];
    return cases.map(([value, reason], index) => ({
      id: `${type === CHAT ? "n" : "c"}_${property}_${index}`,
      reason,
      node: { ...base, ...rest, ...beside, [property]: value, type },
    }));
  });
}

describe("what the forms do not take", function () {
  this.timeout(90_000);
  let editor: Editor;

  useEditor((its) => (editor = its));

  for (const [type, table, base] of [
    [CONFIG, complete(CONFIG, CONFIG_FIELDS, config), { ...CONFIG_DEFAULTS, model: "org/model" }],
    [MCP, complete(MCP, MCP_FIELDS, mcp), { ...MCP_DEFAULTS, url: "https://server.example/mcp" }],
    [
      CHAT,
      complete(CHAT, CHAT_FIELDS, chat),
      { ...CHAT_DEFAULTS, config: "c0", z: "t1", x: 200, y: 200, wires: [[], [], []] },
    ],
  ] as const) {
    it(`${type}: every property of a flow, with the reason`, async () => {
      await editor.loadAnew();
      const cases = nodes(type, table, base);
      await editor.importFlow([
        { id: "t1", type: "tab", label: "mistakes" },
        { ...CONFIG_DEFAULTS, id: "c0", type: CONFIG, model: "org/model" },
        ...cases.map(({ id, node }) => ({ ...node, id })),
      ]);
      const found = await editor.reasons();
      for (const { id, reason, node } of cases) {
        const property = id.split("_")[1] as string;
        const what = `${property} = ${JSON.stringify((node as Values)[property])}`;
        const reasons = found[id] ?? ["is not there"];
        if (reason instanceof RegExp) assert.match(reasons.join(), reason, what);
        else assert.deepEqual(reasons, reason === undefined ? [] : [reason], what);
      }
      assert.deepEqual(editor.problems, [], "errors in the page");
    });
  }

  it("a configuration without a model, but with the demo as its server", async () => {
    await editor.loadAnew();
    const servers = { demo: "demo:", spaced: " demo: ", router: "", own: "http://localhost:8080", other: "${SERVER}" };
    await editor.importFlow(
      Object.entries(servers).map(([id, baseUrl]) => ({ ...CONFIG_DEFAULTS, id, type: CONFIG, model: "", baseUrl })),
    );
    const missing = ["Model: property value missing"];
    assert.deepEqual(await editor.reasons(), { demo: [], spaced: [], router: missing, own: missing, other: missing });
  });

  it("a conversation key that is the name of a property, but typed as text", async () => {
    await editor.loadAnew();
    const base = { ...CHAT_DEFAULTS, type: CHAT, config: "c0", z: "t1", x: 200, y: 200, wires: [[], [], []] };
    const texts = ["msg.topic", " flow.user", "global.user", "{{topic}}", "topic", "user msg.topic", "${NAME}"];
    await editor.importFlow([
      { id: "t1", type: "tab", label: "mistakes" },
      { ...CONFIG_DEFAULTS, id: "c0", type: CONFIG, model: "org/model" },
      ...texts.map((conversation, index) => ({ ...base, id: `n${index}`, conversation, conversationType: "str" })),
      { ...base, id: "msg", conversation: "msg.topic", conversationType: "msg" },
    ]);
    const found = await editor.reasons();
    for (const index of texts.keys()) assert.deepEqual(found[`n${index}`], index < 4 ? [keyLiteral] : [], texts[index]);
    assert.deepEqual(found["msg"], []);
  });
});
