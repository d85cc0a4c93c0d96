import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Editor, type Form } from "../test/editor/editor";
import { stopNodeRed } from "../test/support/node-red";
import { json, replyChunks, sse, startServer, type TestServer } from "../test/support/server";
import { endWith } from "./failure";
import { animate, type Frame } from "./moving-picture";
import { packageRoot } from "./node-red";

/**
 * Takes the screenshots of the README in a real browser, as a new user sees Node-RED.
 *
 *     npm run screenshots                              into docs
 *     npm run screenshots -- <folder> dark de          into a folder, in the dark theme of Node-RED 5, in German
 */

const [folder = path.join(packageRoot, "docs"), theme = "light", language = "en-US"] = process.argv.slice(2);

const QUESTION = "In one sentence: what is Node-RED?";
const REPLY =
  "Node-RED is a tool with which you wire together devices, web services and programs, by drawing flows in a browser.";

/** A few models in the router's format, with invented figures. */
const MODELS = [
  model("deepseek-ai/DeepSeek-V3.2", 163_840, { novita: [0.27, 0.4, 900, 48], together: [0.6, 1.7, 410, 95] }),
  model("google/gemma-3-27b-it", 131_072, { nebius: [0.1, 0.3, 520, 61], scaleway: [0.25, 0.5, 330, 78] }, true),
  model("meta-llama/Llama-3.1-8B-Instruct", 131_072, {
    novita: [0.02, 0.05, 480, 110],
    cerebras: [0.1, 0.1, 190, 1900],
  }),
  model("moonshotai/Kimi-K2-Instruct", 262_144, { groq: [1, 3, 240, 280], novita: [0.57, 2.3, 1100, 33] }),
  model("openai/gpt-oss-20b", 131_072, { groq: [0.08, 0.3, 170, 950], together: [0.05, 0.2, 390, 160] }),
  model("openai/gpt-oss-120b", 131_072, { cerebras: [0.35, 0.75, 210, 2400], groq: [0.15, 0.6, 220, 480] }),
  model("Qwen/Qwen3-VL-30B-A3B-Instruct", 262_144, { novita: [0.2, 0.7, 870, 74] }, true),
  model("zai-org/GLM-4.6", 202_752, { zai: [0.6, 2.2, 760, 66], novita: [0.55, 2.2, 1400, 40] }),
];

const SCHEMA = JSON.stringify(
  {
    type: "object",
    properties: {
      customer: { type: "string", description: "Name of the sender" },
      items: { type: "array", items: { type: "string" }, description: "What is ordered" },
      urgency: { type: "string", enum: ["low", "normal", "high"] },
      total: { type: "number", description: "Sum in euros" },
    },
    required: ["customer", "items", "urgency"],
    additionalProperties: false,
  },
  null,
  2,
);

type Provider = [input: number, output: number, latency: number, throughput: number];

function model(id: string, context_length: number, providers: Record<string, Provider>, sees = false): object {
  return {
    id,
    architecture: { input_modalities: sees ? ["text", "image"] : ["text"] },
    providers: Object.entries(providers).map(([provider, [input, output, latency, throughput]]) => ({
      provider,
      status: "live",
      context_length,
      pricing: { input, output },
      first_token_latency_ms: latency,
      throughput,
      supports_tools: true,
      supports_structured_output: provider !== "novita",
    })),
  };
}

function startRouter(): Promise<TestServer> {
  const headers = { "x-inference-provider": "groq" };
  return startServer((request, response) => {
    if (request.url === "/v1/models") return json(response, 200, { data: MODELS });
    if (request.body?.stream)
      return sse(response, replyChunks(REPLY.match(/\S+ ?/g) ?? [], "stop", [16, 29]), { delayMs: 45, headers });
    const choices = [{ index: 0, message: { role: "assistant", content: REPLY }, finish_reason: "stop" }];
    return json(response, 200, { model: "openai/gpt-oss-20b", choices }, headers);
  });
}

const INJECT = {
  props: [{ p: "payload", v: QUESTION, vt: "str" }],
  repeat: "",
  crontab: "",
  once: false,
  onceDelay: 0.1,
};
const DEBUG = { active: true, tosidebar: true, complete: "payload", targetType: "msg" };

function flow(baseUrl: string): object[] {
  const at = (id: string, x: number, type: string): object => ({ id, z: "tab", x, y: 100, type });
  return [
    { id: "tab", type: "tab", label: "First flow" },
    { id: "config", type: "huggingface-config", name: "openai/gpt-oss-20b", model: "openai/gpt-oss-20b", baseUrl },
    { ...at("ask", 110, "inject"), name: "Ask", ...INJECT, wires: [["chat"]] },
    { ...at("chat", 300, "huggingface-chat"), config: "config", wires: [["reply"], [], []] },
    { ...at("reply", 490, "debug"), name: "Reply", ...DEBUG, wires: [] },
  ];
}

async function firstFlow(editor: Editor): Promise<void> {
  const { page } = editor;
  await page.setViewportSize({ width: 1080, height: 400 });
  await page.evaluate(() => (globalThis as unknown as Red).RED.sidebar.show("debug"));
  await page.locator(".red-ui-palette-node[data-palette-type=huggingface-tool]").scrollIntoViewIfNeeded();
  const [ask = ""] = await editor.ids("inject");
  await editor.node(ask).locator(".red-ui-flow-node-button-button").click();
  const reply = page.locator(".red-ui-debug-msg-type-string", { hasText: "Node-RED is" });
  await reply.first().waitFor();
  // In Node-RED 5 the reply may be half hidden in a low window.
  await reply.first().dispatchEvent("click");
  // The workspace has scrolled while the pictures' size was set, and a click has chosen the node.
  await page.locator("#red-ui-workspace-chart").evaluate((chart) => chart.scrollTo(0, 0));
  await page.locator("#red-ui-workspace-chart").click({ position: { x: 100, y: 220 } });
  await page.mouse.move(700, 300);
  // Node-RED's note about the deploy disappears by itself.
  await page.locator(".red-ui-notification-compact, .red-ui-notification").first().waitFor({ state: "detached" });
  await take(editor, "first-flow");
  await page.setViewportSize({ width: 1280, height: 900 });
}

/** Films a question from the button to its reply. */
async function moving(editor: Editor): Promise<void> {
  const { page } = editor;
  await page.setViewportSize({ width: 1080, height: 300 });
  await page.evaluate(() => (globalThis as unknown as Red).RED.sidebar.show("debug"));
  await page.locator("#red-ui-sidebar-debug-clear, .red-ui-sidebar-debug-clear").first().dispatchEvent("click");
  await page.locator("#red-ui-workspace-chart").evaluate((chart) => chart.scrollTo(0, 0));
  await page.locator("#red-ui-workspace-chart").click({ position: { x: 100, y: 160 } });
  const shoot = (): Promise<Buffer> => page.screenshot({ scale: "css" });
  const frames: Frame[] = [{ png: await shoot(), ms: 1200 }];
  const [ask = ""] = await editor.ids("inject");
  const replies = page.locator(".red-ui-debug-msg-type-string", { hasText: "Node-RED is" });
  const before = await replies.count();
  await editor.node(ask).locator(".red-ui-flow-node-button-button").click();
  while (frames.length < 9 && (await replies.count()) === before) {
    frames.push({ png: await shoot(), ms: 250 });
    await page.waitForTimeout(200);
  }
  await replies.first().waitFor();
  await page.waitForTimeout(400);
  frames.push({ png: await shoot(), ms: 4000 });
  writeFileSync(path.join(folder, "first-flow-moving.png"), animate(frames));
  await page.setViewportSize({ width: 1280, height: 900 });
}

async function promptForm(editor: Editor, form: Form): Promise<void> {
  await form.page.locator("#node-input-system-text").fill("Answer in one sentence.");
  const box = form.page.locator("#huggingface-chat-try");
  await box.locator("textarea").fill(QUESTION);
  await box.locator("button").first().click();
  await box.locator("[role=status]", { hasText: "29" }).waitFor();
  await takeTray(editor, "prompt");
}

async function schemaForm(editor: Editor, form: Form): Promise<void> {
  await form.tabAt(2);
  await form.input("format").selectOption("json_schema");
  await form.fillCode(SCHEMA);
  await takeTray(editor, "schema");
  await form.tabAt(0);
}

async function modelPicker(editor: Editor): Promise<void> {
  const config = await editor.editConfig("config", "edit");
  await config.page.locator("#huggingface-config-pick").click();
  const picker = config.page.locator(".huggingface-picker");
  await picker.locator("tbody tr", { hasText: "openai/gpt-oss-20b" }).locator("button").click();
  await takeTray(editor, "models");
}

/** Takes a screenshot of the tray in front. */
async function takeTray(editor: Editor, name: string): Promise<void> {
  // A tooltip goes away, and whatever still slides or fades comes to rest.
  await editor.page.mouse.move(5, 895);
  await editor.page.waitForTimeout(500);
  const tray = editor.page.locator(".red-ui-tray").last();
  await tray.screenshot({ path: path.join(folder, `${name}.png`) });
}

async function take(editor: Editor, name: string): Promise<void> {
  await editor.page.screenshot({ path: path.join(folder, `${name}.png`) });
}

interface Red {
  RED: { sidebar: { show(id: string): void } };
}

async function main(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const router = await startRouter();
  const editor = await Editor.start({ language, theme: theme as "light" | "dark", scale: 1.5 });
  try {
    await editor.importFlow(flow(`${router.url}/v1`));
    const [chat = ""] = await editor.ids("huggingface-chat");
    await editor.reveal(chat);
    await editor.deploy();
    await firstFlow(editor);
    await moving(editor);
    const form = await editor.edit(chat);
    await promptForm(editor, form);
    await schemaForm(editor, form);
    await modelPicker(editor);
    if (editor.problems.length > 0) throw new Error(`the page reports ${editor.problems.join(", ")}`);
  } finally {
    await editor.stop();
    await router.close();
    await stopNodeRed();
  }
  console.log(`Pictures: ${folder}`);
}

main().then(() => process.exit(0), endWith());
