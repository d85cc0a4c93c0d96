import assert from "node:assert/strict";
import { ERRORS, type Mistake, unwired, WARNINGS } from "../support/beginner-mistakes";
import { wasSoon } from "../support/cpu";
import { flowNode, tab } from "../support/node-red";
import { numberedReplies, startServer, type TestServer } from "../support/server";
import { type Editor, eventually, useEditor } from "./editor";

/** A mistake that ends in a warning, but leaves the status as it is. */
const UNNOTICED: (Omit<Mistake, "status"> & { status: RegExp })[] = [
  {
    what: "a typo in a template",
    chat: { prompt: "{{paylod}}?", promptType: "template" },
    status: /^0\.\d s$/,
    sidebar: "Nothing is known as {{paylod}}",
    cure: /paylod/,
  },
];

describe("a mistake of a beginner, in the editor", function () {
  this.timeout(60_000);
  let editor: Editor;
  let server: TestServer;
  const answer = numberedReplies();
  useEditor((its) => (editor = its));

  beforeEach(async () => {
    server = await startServer(answer);
  });
  afterEach(() => server.close());

  for (const [mistakes, level] of [
    [ERRORS, "error"],
    [[...WARNINGS, ...UNNOTICED], "warning"],
  ] as const) {
    for (const mistake of mistakes) {
      const { what, chat, config, url, token, nodes = [], payload = "Hi", handler, mark, cure } = mistake;
      it(`is seen as ${level === "error" ? "an error" : "a warning"}, with its cure: ${what}`, async () => {
        if (handler) server.handle(handler);
        const inject = { name: "Ask", props: [{ p: "payload" }], repeat: "", crontab: "", once: false };
        const baseUrl = url?.(server) ?? server.url;
        await editor.show(
          [
            tab(),
            { id: "config", type: "huggingface-config", name: "", model: "org/model", retries: 0, baseUrl, ...config },
            flowNode("ask", "inject", { ...inject, payload, payloadType: "str", x: 120, y: 300, wires: [["chat"]] }),
            flowNode("chat", "huggingface-chat", {
              ...{ name: "Assistant", config: "config", prompt: "payload", promptType: "msg", conversation: "" },
              ...{ x: 320, y: 300, ...unwired, ...chat },
            }),
            flowNode("reply-sink", "debug", { name: "Reply", active: false, x: 520, y: 300 }),
            ...nodes,
          ],
          token === undefined ? {} : { config: { token } },
        );
        await editor.page.evaluate(openDebug);
        const reasons = Object.values(await editor.reasons()).flat();
        if (mark)
          assert.ok(
            reasons.some((reason) => mark.test(reason)),
            `not marked: ${reasons}`,
          );
        else assert.deepEqual(reasons, [], "not marked");

        const clickedAt = performance.now();
        await editor.page.locator('[id="ask"] .red-ui-flow-node-button-button').click();
        const entry = editor.page.locator(`.red-ui-debug-msg-level-${level === "error" ? 20 : 30}`).first();
        await entry.waitFor();
        const message = async () => {
          const text = (await entry.locator(".red-ui-debug-msg-payload").first().textContent()) ?? "";
          return (level === "error" ? /message: "(.*)/s : /"(.*)/s).exec(text)?.[1] ?? text;
        };
        assert.equal((await message()).slice(0, 30), mistake.sidebar);
        await eventually(async () => {
          const below = await editor.page.locator('[id="chat"] .red-ui-flow-node-status-label').textContent();
          if (typeof mistake.status === "string") assert.equal(below, mistake.status);
          else assert.match(below ?? "", mistake.status);
        });
        if (mistake.atTool) {
          const below = editor.page.locator('[id="tool"] .red-ui-flow-node-status-label');
          await eventually(async () => assert.equal(await below.textContent(), mistake.atTool));
        }
        wasSoon(performance.now() - clickedAt, 5000);
        // Clicks show all of it: first on the error, then on its message.
        const handle = ".red-ui-debug-msg-object-handle";
        await entry.locator(handle).first().click();
        const row = entry.locator(".red-ui-debug-msg-object-entry", { hasText: /^message/ }).locator(handle);
        if ((await row.count()) > 0) await row.first().click();
        assert.match((await entry.textContent()) ?? "", cure);
      });
    }
  }
});

/** Runs in the page. Opens the debug sidebar, empty. */
function openDebug(): void {
  const { RED } = globalThis as unknown as { RED: { sidebar: { show(id: string): void } } };
  RED.sidebar.show("debug");
  document.querySelector<HTMLElement>("#red-ui-sidebar-debug-clear")?.click();
}
