import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { serverOf } from "../../src/shared/servers";
import { type Editor, type Form, useEditor } from "./editor";

const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Node-RED's variables as a dark theme has them: this Node-RED may have none. */
const DARK = `:root {
  --red-ui-primary-background: #222; --red-ui-secondary-background: #1c1c1c; --red-ui-tertiary-background: #2a2a2a;
  --red-ui-primary-text-color: #eee; --red-ui-secondary-text-color: #bbb; --red-ui-tertiary-text-color: #aaa;
  --red-ui-form-text-color: #eee; --red-ui-form-input-background: #111; --red-ui-form-placeholder-color: #aaa;
  --red-ui-tab-background: #222; --red-ui-tab-background-active: #333; --red-ui-tab-background-inactive: #222;
  --red-ui-tab-text-color-active: #eee; --red-ui-tab-text-color-inactive: #ccc; --red-ui-text-color-link: #8bc4ff;
  --red-ui-workspace-button-background: #333; --red-ui-workspace-button-color: #ddd; --red-ui-form-button-background: #333;
  --red-ui-list-item-background: #222; --red-ui-text-color-error: #ff8080; --red-ui-text-color-success: #7fd87f;
}`;

/** What a tray of a width shows at first. */
interface View {
  /** fields with the buttons beside them, and buttons of their own; without the tabs */
  controls: string[];
  height: number;
  /** hints of more than one line */
  longHints: string[];
  /** what is too low for a finger */
  small: string[];
  /** options that are wider than their select */
  cut: string[];
}

describe("what the forms show first", function () {
  this.timeout(90_000);
  let editor: Editor;
  let chat: string;

  useEditor((its) => (editor = its));
  beforeEach(async () => {
    // A failed test reloads the page.
    if ((await editor.node().count()) > 0) return;
    await editor.addNode("huggingface-chat", 200, 80);
    [chat = ""] = await editor.ids("huggingface-chat");
    await editor.page.evaluate(axe);
    // The compiler's helper for names of functions, some of which run in the page.
    await editor.page.evaluate("globalThis.__name = (named) => named");
  });

  /** Looks at the form on top in a tray of this width, of which the form has 40 px less. */
  async function look(form: Form, width: number): Promise<View> {
    assert.deepEqual(await form.overflowing(width - 40), [], `${width} px`);
    return editor.page.evaluate(() => {
      const form = Array.from(document.querySelectorAll<HTMLElement>(".huggingface-form")).at(-1) as HTMLElement;
      const visible = (selector: string) =>
        Array.from(form.querySelectorAll<HTMLElement>(selector)).filter((one) => one.checkVisibility());
      const nameOf = (one: HTMLElement) => one.id || one.className;
      const groups =
        ".huggingface-pair, .huggingface-text, .red-ui-typedInput-container, .huggingface-field:has(> div > select)";
      const fields = visible("input, select, textarea, button").filter(
        (one) => !one.closest(".red-ui-tabs, .monaco-editor"),
      );
      const context = document.createElement("canvas").getContext("2d") as CanvasRenderingContext2D;
      const isCut = (select: HTMLSelectElement) => {
        const { font, paddingLeft, paddingRight } = getComputedStyle(select);
        context.font = font;
        const room = select.clientWidth - Number.parseFloat(paddingLeft) - Number.parseFloat(paddingRight);
        return Array.from(select.options)
          .map(({ text }) => text)
          .filter((text) => context.measureText(text).width > room)
          .map((text) => `${nameOf(select)}: ${text}`);
      };
      const top = form.getBoundingClientRect().top;
      return {
        controls: [...new Set(fields.map((one) => one.closest<HTMLElement>(groups) ?? one))].map(nameOf),
        height: Math.max(...visible("*").map((one) => one.getBoundingClientRect().bottom)) - top,
        longHints: visible(".huggingface-hint")
          .filter(
            (hint) => hint.getBoundingClientRect().height > 1.6 * Number.parseFloat(getComputedStyle(hint).lineHeight),
          )
          .map((hint) => hint.textContent ?? ""),
        small: fields
          .filter(
            (one) => !one.matches("[type=checkbox], [type=radio], .red-ui-typedInput-input, .red-ui-searchBox-input"),
          )
          .filter((one) => one.getBoundingClientRect().height < 32 && !one.closest(".red-ui-typedInput-container"))
          .map(nameOf),
        // Names of other nodes are as long as they are.
        cut: fields.flatMap((one) =>
          one instanceof HTMLSelectElement && !one.parentElement?.style.display ? isCut(one) : [],
        ),
      };
    });
  }

  const violations = (): Promise<string[]> =>
    editor.page.evaluate(async () => {
      const { run } = (
        globalThis as unknown as {
          axe: { run(c: object, o: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
        }
      ).axe;
      const forms = document.querySelectorAll(".huggingface-form");
      const found = await run(forms[forms.length - 1] as object, { resultTypes: ["violations"] });
      return found.violations.map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 150)).join(" | ")}`,
      );
    });

  for (const width of [360, 500, 900]) {
    it(`is at most 8 controls of a chat and 4 of a configuration, in 600 px of height, ${width} px wide`, async () => {
      const form = await editor.edit(chat);
      const first = await look(form, width);
      assert.ok(first.controls.length <= 8, first.controls.join("\n"));
      assert.ok(first.height <= 600, `${first.height} px`);
      const config = await editor.editConfig("config", "add");
      for (const server of ["huggingface", "ollama", "endpoint", "other", "demo"]) {
        await config.page.locator("#huggingface-config-server").selectOption(server);
        const view = await look(config, width);
        // The button of the fold leads to the rest, as the tabs do; an address belongs to its server.
        const controls = view.controls.filter((name) => !/fold-button|baseUrl/.test(name));
        assert.ok(controls.length <= 4, controls.join("\n"));
        assert.ok(view.height <= 600, `${view.height} px`);
        for (const { longHints, small, cut } of [first, view]) {
          assert.deepEqual({ longHints, small, cut }, { longHints: [], small: [], cut: [] }, server);
        }
      }
      await config.cancel();
      await form.cancel();
    });
  }

  it("leaves no choice cut off, in a tray of 360 px", async () => {
    const form = await editor.edit(chat);
    await form.tab("Memory");
    await form.fillTyped("conversation", "topic");
    for (const tab of ["Model", "Output", "Tools", "Memory"]) {
      await form.tab(tab);
      if (tab === "Output") await form.input("stream").check();
      if (tab === "Output") {
        await form.input("format").selectOption("json_schema");
        await form.page.locator(".huggingface-schema .red-ui-editableList-addButton:visible").first().click();
      }
      const { cut, small } = await look(form, 360);
      assert.deepEqual({ cut, small }, { cut: [], small: [] }, tab);
    }
    await form.tab("Prompt");
    const config = await editor.editConfig("config", "add");
    for (const tab of ["Limits", "Requests"]) {
      await config.tab(tab);
      const { cut, small } = await look(config, 360);
      assert.deepEqual({ cut, small }, { cut: [], small: [] }, tab);
    }
    await config.cancel();
    await form.cancel();
  });

  it("can be used in a tray that was made narrower, with the tabs in sight", async () => {
    const form = await editor.edit(chat);
    const found = await editor.page.evaluate(() => {
      const tray = document.querySelector<HTMLElement>("#red-ui-editor-stack > .red-ui-tray") as HTMLElement;
      tray.style.width = "360px";
      const form = document.querySelector(".huggingface-form") as HTMLElement;
      const scroller = form.closest(".red-ui-tray-content") as HTMLElement;
      form.style.paddingBottom = "2000px";
      scroller.scrollTop = 500;
      const tabs = form.querySelector(".red-ui-tabs") as HTMLElement;
      return {
        width: form.getBoundingClientRect().width,
        tabs: tabs.getBoundingClientRect().top - scroller.getBoundingClientRect().top,
        cut: Array.from(form.querySelectorAll<HTMLElement>(".red-ui-tab-label > span"))
          .filter((label) => label.scrollWidth > label.clientWidth)
          .map((label) => label.textContent),
      };
    });
    assert.ok(found.width <= 320 && found.width > 300, `${found.width} px`);
    assert.ok(found.tabs >= 0 && found.tabs < 20, `${found.tabs} px from the top`);
    assert.deepEqual(found.cut, []);
    await form.cancel();
  });

  it("leads to the rest by keyboard", async () => {
    const form = await editor.edit(chat);
    const { page } = editor;
    const fold = page.locator(".huggingface-fold-button:visible");
    assert.equal(await fold.getAttribute("aria-expanded"), "false");
    assert.equal(await form.input("images").count(), 1);
    await form.input("system-text").focus();
    // The button of the larger editor comes first.
    for (const _ of ["expand", "fold"]) await page.keyboard.press("Tab");
    assert.equal(await fold.evaluate((button) => button === document.activeElement), true);
    await page.keyboard.press("Enter");
    assert.equal(await fold.getAttribute("aria-expanded"), "true");
    const folded = await fold.getAttribute("aria-controls");
    assert.equal(await page.locator(`#${folded}`).isVisible(), true);
    await page.keyboard.press("Tab");
    assert.equal(await page.locator(`#${folded} :focus`).count(), 1);
    await page.locator(".huggingface-fold-button:visible").press("Space");
    assert.equal(await page.locator(`#${folded}`).isVisible(), false);
    await form.cancel();
  });

  it("opens a fold in which something was changed, or is wrong", async () => {
    const setSeed = (seed: unknown) =>
      editor.page.evaluate(
        ([id, value]) => {
          const { RED } = globalThis as unknown as { RED: { nodes: { node(id: string): Record<string, unknown> } } };
          RED.nodes.node(id as string)["seed"] = value;
        },
        [chat, seed] as const,
      );
    const seedShown = async () => {
      const form = await editor.edit(chat);
      await form.tabAsItIs("Model");
      const isShown = await form.input("seed").isVisible();
      await form.cancel();
      return isShown;
    };
    for (const [seed, isShown] of [
      ["", false],
      ["42", true],
      [7, true],
      ["a", true],
    ] as const) {
      await setSeed(seed);
      assert.equal(await seedShown(), isShown, String(seed));
    }
    await setSeed("");
    const form = await editor.edit(chat);
    await form.tab("Tools");
    await form.input("toolChoice").selectOption("function");
    assert.equal(await form.isMarkedInvalid("toolName"), true);
    await editor.page.locator(".huggingface-fold-button:visible").click();
    assert.equal(await form.input("toolName").isVisible(), true, "a mistake stays in sight");
    await form.fill("toolName", "go");
    await editor.page.locator(".huggingface-fold-button:visible").click();
    assert.equal(await form.input("toolName").isVisible(), false);
    // Another tab's mistake, made elsewhere.
    await form.input("toolName").evaluate((input) => input.classList.add("input-error"));
    await form.input("toolName").waitFor({ state: "visible" });
    await form.cancel();
  });

  it("has no mistake that axe finds, in both themes, folded or not", async () => {
    const dark = await editor.page.addStyleTag({ content: DARK });
    for (const theme of ["dark", "light"]) {
      if (theme === "light") await dark.evaluate((style) => (style as unknown as HTMLElement).remove());
      const form = await editor.edit(chat);
      assert.deepEqual(await violations(), [], theme);
      for (const tab of ["Model", "Output", "Tools", "Memory", "Prompt"]) {
        await form.tab(tab);
        assert.deepEqual(await violations(), [], `${theme} ${tab}`);
      }
      const config = await editor.editConfig("config", "add");
      for (const server of ["huggingface", "ollama", "demo"]) {
        await config.page.locator("#huggingface-config-server").selectOption(server);
        assert.deepEqual(await violations(), [], `${theme} ${server}`);
      }
      for (const tab of ["Limits", "Requests"]) {
        await config.tab(tab);
        assert.deepEqual(await violations(), [], `${theme} ${tab}`);
      }
      await config.cancel();
      await form.cancel();
    }
  });
});

describe("the choice of a server", function () {
  this.timeout(90_000);
  let editor: Editor;

  useEditor((its) => (editor = its));

  const server = () => editor.page.locator("#huggingface-config-server");

  it("is read from the base URL", () => {
    for (const [baseUrl, id] of [
      ["", "huggingface"],
      ["https://router.huggingface.co/v1/", "huggingface"],
      ["https://router.huggingface.co/v1/chat/completions", "huggingface"],
      ["https://router.huggingface.co/novita/v1", "other"],
      ["https://x1.us-east-1.aws.endpoints.huggingface.cloud", "endpoint"],
      ["http://localhost:11434", "ollama"],
      ["http://127.0.0.1:8080/v1", "llamacpp"],
      ["http://[::1]:1234/v1", "lmstudio"],
      ["http://localhost:8000/v1", "vllm"],
      ["http://localhost:30000/v1", "sglang"],
      ["https://localhost:8000/v1", "other"],
      ["http://nas:11434/v1", "other"],
      ["http://localhost:8000/v1?x=1", "other"],
      ["demo:", "demo"],
      ["${SERVER}", "other"],
      ["nonsense", "other"],
    ] as const) {
      assert.equal(serverOf(baseUrl).id, id, baseUrl);
    }
  });

  it("fills in address and hints, and takes out the model that nobody chose", async () => {
    await editor.addNode("huggingface-chat", 200, 80);
    const [chat] = await editor.ids("huggingface-chat");
    const form = await editor.edit(chat);
    const config = await editor.editConfig("config", "add");
    const address = config.input("baseUrl");
    assert.deepEqual([await server().inputValue(), await address.isVisible()], ["huggingface", false]);
    for (const [id, baseUrl, isShown, model, timeout, token] of [
      ["ollama", "http://localhost:11434/v1", true, "", "300, then 30", ""],
      ["demo", "demo:", false, "", "30", ""],
      ["huggingface", "https://router.huggingface.co/v1", false, "openai/gpt-oss-20b", "30", "hf_…"],
      ["endpoint", "", true, "", "30", "hf_…"],
    ] as const) {
      await server().selectOption(id);
      assert.deepEqual([await address.inputValue(), await address.isVisible()], [baseUrl, isShown], id);
      assert.equal(await config.value("model"), model, id);
      assert.equal(await config.input("timeout").getAttribute("placeholder"), timeout, id);
      assert.equal(await config.input("token").getAttribute("placeholder"), token, id);
    }
    await config.fill("baseUrl", "http://my-own:8080/v1");
    assert.equal(await server().inputValue(), "endpoint", "what was chosen, while its address is written");
    await config.fill("baseUrl", "http://localhost:1234/v1");
    assert.equal(await server().inputValue(), "lmstudio", "an address that belongs to another");
    await config.fill("model", "my/choice");
    await server().selectOption("huggingface");
    await server().selectOption("vllm");
    assert.equal(await config.value("model"), "my/choice", "a model of the user's own stays");
    await config.done();
    const again = await editor.editConfig("config", "edit");
    assert.deepEqual([await server().inputValue(), await again.value("baseUrl")], ["vllm", "http://localhost:8000/v1"]);
    await again.cancel();
    await form.cancel();
  });

  it("leaves a deployed model alone when a form is only looked at", async () => {
    await editor.loadAnew();
    await editor.importFlow([
      { id: "t1", type: "tab", label: "local" },
      { id: "c1", type: "huggingface-config", name: "", model: "openai/gpt-oss-20b", baseUrl: "http://nas:11434/v1" },
      { id: "n1", type: "huggingface-chat", z: "t1", x: 200, y: 100, config: "c1", wires: [[], [], []] },
    ]);
    await editor.deploy();
    await editor.reveal("n1");
    const form = await editor.edit("n1");
    const config = await editor.editConfig("config", "edit");
    assert.deepEqual([await server().inputValue(), await config.value("model")], ["other", "openai/gpt-oss-20b"]);
    await config.done();
    await form.done();
    assert.equal(await editor.hasChanges(), false);
  });
});
