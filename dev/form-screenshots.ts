import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { Editor, type Form, themes } from "../test/editor/editor";
import { stopNodeRed } from "../test/support/node-red";
import { endWith } from "./failure";

/**
 * Takes screenshots of every tab of every form, in a narrow and in a wide tray and in each theme of this Node-RED, to be looked at.
 *
 *     node --import tsx dev/form-screenshots.ts <folder>                  as Node-RED looks
 *     node --import tsx dev/form-screenshots.ts <folder> theme.min.css    also with the styles of a theme
 */

const [folder = "form-screenshots", ...styles] = process.argv.slice(2);
const WIDTHS = [360, 900];
const TABS = ["ask", "parameters", "format", "tools", "memory"];

const at = (id: string, type: string, y: number): object => ({ id, z: "tab", x: 300, y, type });
const FLOW = [
  { id: "tab", type: "tab", label: "Forms" },
  { id: "config", type: "huggingface-config", name: "", model: "openai/gpt-oss-20b", baseUrl: "demo:" },
  { id: "home", type: "huggingface-config", name: "Home", model: "llama3.2", baseUrl: "http://127.0.0.1:11434/v1" },
  { id: "mcp", type: "huggingface-mcp", name: "Hugging Face", url: "https://huggingface.co/mcp" },
  {
    ...at("chat", "huggingface-chat", 100),
    ...{ name: "Assistant", config: "config", tools: ["weather"], mcp: ["mcp"], stream: true, chunk: "interval" },
    ...{ format: "json_schema", conversation: "topic", conversationType: "msg", stop: ["END"] },
    functions: [{ name: "lamp", description: "Switches a lamp", parameters: "" }],
    wires: [[], [], []],
  },
  { ...at("blank", "huggingface-chat", 160), config: "", wires: [[], [], []] },
  {
    ...at("weather", "huggingface-tool", 220),
    ...{ name: "weather", description: "Tells the weather of a city", strict: false, wires: [[]] },
    parameters: JSON.stringify({
      type: "object",
      properties: { city: { type: "string", description: "Name of the city" }, days: { type: "integer" } },
      required: ["city"],
    }),
  },
  { ...at("http", "http request", 280), name: "", method: "GET", ret: "txt", url: "", wires: [[]] },
  { ...at("mqtt", "mqtt in", 340), name: "", topic: "", qos: "2", broker: "", inputs: 0, wires: [[]] },
];

/** Takes the form in front in all widths, without and with styles. */
async function take({ page }: Editor, name: string): Promise<void> {
  for (const width of WIDTHS) {
    await page.evaluate((px) => {
      const trays = document.querySelectorAll<HTMLElement>(".red-ui-tray");
      const tray = trays[trays.length - 1];
      if (tray) tray.style.width = `${px}px`;
      window.dispatchEvent(new Event("resize"));
    }, width);
    for (const file of ["", ...styles]) {
      const style = file && (await page.addStyleTag({ content: readFileSync(file, "utf8") }));
      await page.mouse.move(5, 5);
      await page.waitForTimeout(250);
      const picture = [name, width, ...(file ? [path.basename(file).split(".")[0]] : [])].join("-");
      await page
        .locator(".red-ui-tray")
        .last()
        .screenshot({ path: path.join(folder, `${picture}.png`) });
      if (style) await style.evaluate((element) => (element as Element).remove());
    }
  }
}

async function unfold(editor: Editor): Promise<void> {
  await editor.page.evaluate(() => {
    for (const details of Array.from(document.querySelectorAll<HTMLDetailsElement>(".huggingface-form details")))
      details.open = true;
  });
  for (const fold of await editor.page.locator(".huggingface-form [aria-expanded=false]:visible").all())
    await fold.click();
}

async function chatForm(editor: Editor, id: string, theme: string): Promise<void> {
  const form: Form = await editor.edit(id);
  for (const [index, tab] of TABS.entries()) {
    await form.tabAt(index);
    await unfold(editor);
    await take(editor, `${theme}-${id}-${tab}`);
  }
  await form.tabAt(0);
  await form.cancel();
}

async function configForm(editor: Editor, id: string, theme: string): Promise<void> {
  const form = await editor.editConfigNode(`huggingface-${id}`, id);
  await take(editor, `${theme}-${id}`);
  await unfold(editor);
  await take(editor, `${theme}-${id}-all`);
  await form.cancel();
}

async function allForms(theme: "light" | "dark"): Promise<void> {
  const editor = await Editor.start(themes.length > 1 ? { theme } : {});
  try {
    await editor.page.setViewportSize({ width: 1280, height: 1100 });
    await editor.importFlow(FLOW);
    await editor.reveal("chat");
    for (const id of ["chat", "blank"]) await chatForm(editor, id, theme);
    for (const id of ["weather", "http", "mqtt"]) {
      const form = await editor.edit(id);
      await take(editor, `${theme}-${id}`);
      await form.cancel();
    }
    for (const id of ["config", "mcp"]) await configForm(editor, id, theme);
  } finally {
    await editor.stop();
  }
}

async function main(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  try {
    for (const theme of themes) await allForms(theme);
  } finally {
    await stopNodeRed();
  }
  console.log(`Pictures: ${folder}`);
}

main().then(() => process.exit(0), endWith());
