import assert from "node:assert/strict";
import { chunk, json, sse, startServer } from "../support/server";
import { type Editor, useEditor } from "./editor";

const CONFIG = "huggingface-config";
const CHAT = "huggingface-chat";
const TOOL = "huggingface-tool";

/** Globals of the page, for the functions that run in it. */
interface PageNode {
  id: string;
  type: string;
  validationErrors?: string[];
}
declare const RED: {
  actions: { invoke(name: string): void };
  editor: { edit(node: PageNode): void; editConfig(name: string, type: string, id: string): void };
  nodes: {
    filterNodes(filter: { type: string }): PageNode[];
    eachConfig(callback: (node: PageNode) => void): void;
    getType(type: string): { defaults: Record<string, { type?: string }> };
  };
};

/** Runs if anything treats it as html, and then adds an element. */
const html = (where: string) => `<img class="hostile" src="hostile" alt="${where}" onerror="globalThis.ran=this.alt">`;
/** Cannot become text: reading it throws. */
const unreadable = { toString: 1 };

type Values = Record<string, unknown>;

/** The properties of a chat node whose type is stored in another property. */
const typed = (value: (name: string) => string, type: (name: string) => string): Values =>
  Object.fromEntries(
    ["prompt", "images", "audio", "system", "conversation", "output"].flatMap((name) => [
      [name, value(name)],
      [`${name}Type`, type(name)],
    ]),
  );
/** Escapes html for a text in double quotes. */
const quoted = (where: string) => html(where).replaceAll('"', "'");

/** Values for properties that are read in a special way; all others get the same shapes. */
const SPECIAL: Record<string, Values[]> = {
  [CONFIG]: [
    { model: "org/model", fallback: ["org/model", html("fallback")] },
    { model: "org/model", headers: { [html("header name")]: html("header value") } },
    { model: "org/model", headers: JSON.stringify({ "Content-Length": html("reserved header"), [html("text")]: "x" }) },
    { model: "org/model", headers: { "X-Api-Key": html("unmarked secret") } },
  ],
  [CHAT]: [
    {
      ...typed(
        (name) => `"a" "${quoted(name)}"`,
        () => "jsonata",
      ),
      functions: [{ name: html("function"), description: html("words"), parameters: html("parameters") }],
      schema: `{"${quoted("keyword")}": 1, "type": "${quoted("type")}"}`,
      format: "json_schema",
    },
    {
      ...typed(
        (name) => `a.${html(name)}`,
        () => "msg",
      ),
      functions: [unreadable, { name: unreadable, description: unreadable, parameters: unreadable }],
      schema: JSON.stringify({ pattern: `(${html("pattern")}` }),
      format: "json_schema",
    },
    {
      ...typed(html, (name) => html(`${name}Type`)),
      functions: [html("function")],
      toolChoice: "function",
      toolName: html("toolName"),
      schema: JSON.stringify({ required: [html("twice"), html("twice")] }),
      format: "json_schema",
    },
    { store: html("store"), extra: JSON.stringify({ [html("extra")]: html("extra") }), schema: html("schema") },
  ],
  [TOOL]: [
    {
      name: html("name"),
      parameters: JSON.stringify({ properties: { [html("property")]: { enum: [html("value")] } } }),
    },
    { name: "a", parameters: JSON.stringify({ pattern: `(: ${html("pattern")}` }) },
  ],
};

describe("html in a flow from elsewhere", function () {
  this.timeout(120_000);

  let editor: Editor;
  useEditor((started) => {
    editor = started;
  });
  beforeEach(() => editor.loadAnew());

  /** Fails if any of it was treated as html. */
  async function checkNothingRan(where: string): Promise<void> {
    const found = await editor.page.evaluate(() => ({
      ran: (globalThis as { ran?: string }).ran,
      elements: Array.from(document.querySelectorAll(".hostile")).map((element) => element.getAttribute("alt")),
    }));
    assert.deepEqual(found, { ran: undefined, elements: [] }, where);
  }

  /** Moves the mouse over everything that is marked as invalid, and waits for the tooltips. */
  async function hoverMarks(selector: string): Promise<void> {
    const count = await editor.page.locator(selector).count();
    if (count === 0) return;
    await editor.page.evaluate((marks) => {
      for (const mark of Array.from(document.querySelectorAll(marks))) {
        mark.dispatchEvent(new MouseEvent("mouseenter"));
        mark.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
      }
    }, selector);
    // All of them open after the same delay.
    const tooltips = editor.page.locator(".red-ui-popover, .red-ui-flow-port-tooltip");
    await tooltips.first().waitFor();
    await checkNothingRan(`the mouse is over ${selector}`);
    await editor.page.evaluate((marks) => {
      for (const mark of Array.from(document.querySelectorAll(marks))) {
        mark.dispatchEvent(new MouseEvent("mouseleave"));
        mark.dispatchEvent(new MouseEvent("mouseout", { bubbles: true }));
      }
    }, selector);
    await editor.page.waitForFunction(
      () => !document.querySelector(".red-ui-popover, .red-ui-flow-port-tooltip")?.checkVisibility(),
    );
  }

  /** Makes one node for each shape of a value, with it in all its properties, and nodes for the special values. */
  async function hostileNodes(type: string): Promise<object[]> {
    const names = await editor.page.evaluate((wanted) => {
      const { defaults } = RED.nodes.getType(wanted);
      return Object.keys(defaults).filter((name) => defaults[name]?.type === undefined);
    }, type);
    const shapes: ((name: string) => unknown)[] = [
      html,
      (name) => [html(name), html(name)],
      (name) => ({ [html(name)]: html(name) }),
      (name) => [{ name: html(name), description: html(name), parameters: html(name) }],
    ];
    const whole = shapes.map((shape) => Object.fromEntries(names.map((name) => [name, shape(name)])));
    return [...whole, ...(SPECIAL[type] ?? [])].map((values, index) => ({
      id: `${type}${index}`,
      type,
      ...(type === CONFIG ? {} : { z: "tab", x: 200, y: 40 + index * 40, wires: [[], [], []] }),
      ...values,
    }));
  }

  for (const type of [CONFIG, CHAT, TOOL]) {
    it(`runs nowhere: marks, sidebars and forms of a ${type}`, async () => {
      const nodes = await hostileNodes(type);
      const user = {
        id: "user",
        type: CHAT,
        z: "tab",
        x: 500,
        y: 40,
        name: html("user"),
        config: `${CONFIG}0`,
        wires: [],
      };
      await editor.importFlow([{ id: "tab", type: "tab", label: html("tab") }, ...nodes, user]);
      await checkNothingRan("after the import");
      await hoverMarks("#red-ui-workspace-chart .red-ui-flow-node-error");
      for (const sidebar of ["config", "info", "help"]) {
        await editor.page.evaluate((name) => RED.actions.invoke(`core:show-${name}-tab`), sidebar);
        await hoverMarks(".red-ui-palette-node-annotations.red-ui-flow-node-error");
        await checkNothingRan(`the sidebar ${sidebar}`);
      }
      const found = await editor.page.evaluate((wanted) => {
        const all = RED.nodes.filterNodes({ type: wanted });
        RED.nodes.eachConfig((node) => void (node.type === wanted && all.push(node)));
        return all.map(({ id, validationErrors = [] }) => ({ id, validationErrors }));
      }, type);
      assert.equal(found.length, nodes.length + (type === CHAT ? 1 : 0), "all are there");
      const reasons = found.flatMap(({ validationErrors }) => validationErrors);
      assert.deepEqual(
        reasons.filter((reason) => /[<>&]|hostile|onerror/.test(reason)),
        [],
        "reasons hold no values",
      );
      assert.deepEqual(
        reasons.filter((reason) => reason.includes("validation error")),
        [],
        "no validator fails",
      );
      for (const { id } of found) {
        await editor.page.evaluate(
          ([wanted, name]) => {
            const node = RED.nodes.filterNodes({ type: wanted }).find((other) => other.id === name);
            if (node) RED.editor.edit(node);
            else RED.editor.editConfig("", wanted, name);
          },
          [type, id] as const,
        );
        const buttons = type === CONFIG ? "node-config-dialog" : "node-dialog";
        await editor.page.locator(`#${buttons}-ok`).waitFor();
        // A list's field reports an error in its `title`, which browsers show as plain text.
        await hoverMarks('.huggingface-form .input-error:not([title]:not([title=""]))');
        await checkNothingRan(`the form of ${id}`);
        await editor.page.locator(`#${buttons}-cancel`).click();
        await editor.page.locator(`#${buttons}-ok`).waitFor({ state: "detached" });
      }
    });
  }

  it("runs nowhere that comes from a server: picker, connection test, Try it", async () => {
    const args = JSON.stringify({ [html("argument")]: html("value") });
    const server = await startServer((request, response) => {
      const list = [{ id: html("id"), providers: [{ provider: html("provider"), status: html("status") }] }];
      if (request.url === "/v1/models") return json(response, 200, { data: list });
      if (request.body.max_tokens === 1) return json(response, 500, { error: { message: html("error") } });
      const tool_calls = [{ index: 0, id: html("call id"), function: { name: html("call"), arguments: args } }];
      return sse(response, [
        chunk(undefined, { delta: { reasoning: html("reasoning"), content: html("reply") } }),
        chunk(undefined, { delta: { tool_calls }, finish_reason: html("finish reason") }),
      ]);
    });
    const common = { z: "tab", x: 200, wires: [[], [], []] };
    await editor.importFlow([
      { id: "tab", type: "tab", label: html("tab") },
      { id: "cfg", type: CONFIG, name: html("config"), model: html("model").replaceAll(" ", "/"), baseUrl: server.url },
      { id: "tool", type: TOOL, ...common, y: 40, name: html("tool") },
      { id: "chat", type: CHAT, ...common, y: 80, config: "cfg", tools: ["tool"] },
    ]);
    const [chat = ""] = await editor.ids(CHAT);
    await editor.reveal(chat);
    const form = await editor.edit(chat);
    await editor.page.locator(".huggingface-try-prompt").fill("Hi");
    await editor.page.locator(".huggingface-try button", { hasText: "Try it" }).click();
    await editor.page.waitForFunction(() => document.querySelector(".huggingface-try [role=status]")?.textContent);
    await checkNothingRan("Try it");
    await editor.editConfig("config", "edit");
    await editor.page.locator("#huggingface-config-test button").click();
    await editor.page.locator(".huggingface-test-result.huggingface-problem").waitFor();
    await checkNothingRan("the connection test");
    await editor.page.locator("#huggingface-config-pick").click();
    await editor.page.locator(".huggingface-picker tbody tr").first().click();
    await editor.page.locator(".huggingface-picker-providers input").first().waitFor();
    await checkNothingRan("the picker");
    await editor.page.locator("#node-dialog-ok").last().click();
    await editor.page.locator("#node-config-dialog-ok").click();
    await form.done();
    await checkNothingRan("the node in the flow");
    await server.close();
  });
});
