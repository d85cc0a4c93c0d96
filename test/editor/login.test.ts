import type { Page } from "playwright-core";
import { newContext, skipWithoutChromium } from "../support/browser";
import { chatFlow } from "../support/node-red";
import { ADMIN_AUTH, OwnNodeRed } from "../support/own-node-red";
import { chunk, json, sse, startServer, type TestServer } from "../support/server";

declare const RED: {
  nodes: { node(id: string): object };
  editor: { edit(node: object): void };
};

describe("the forms in an editor with a login", function () {
  this.timeout(90_000);
  let server: TestServer;
  let red: OwnNodeRed;

  before(async function () {
    skipWithoutChromium(this);
    server = await startServer((request, response) =>
      request.url === "/v1/models"
        ? json(response, 200, { data: [{ id: "org/listed" }] })
        : sse(response, [chunk("Hel")], { end: false, done: false }),
    );
    const own = ["tab", "huggingface-config", "huggingface-chat"];
    const flow = chatFlow(server.url, { wires: [[], [], []] }).filter(({ type }) => own.includes(type));
    red = new OwnNodeRed(flow, { editorTheme: { tours: false } }, ADMIN_AUTH);
    await red.start();
  });
  after(async () => {
    await red?.remove();
    await server?.close();
  });

  /** Opens the form of the chat node as a user who is already logged in. */
  const edit = async (user: string): Promise<Page> => {
    const page = await (await newContext()).newPage();
    page.setDefaultTimeout(20_000);
    await page.addInitScript((token) => {
      localStorage.setItem("auth-tokens", JSON.stringify({ access_token: token }));
    }, user);
    await page.goto(red.url);
    await page.locator("#red-ui-loading-progress").waitFor({ state: "hidden" });
    await page.locator(".red-ui-flow-node-group").first().waitFor();
    await page.evaluate(() => RED.editor.edit(RED.nodes.node("chat")));
    await page.locator("#huggingface-chat-try textarea").fill("Hi");
    await page.locator("#huggingface-chat-try button").click();
    return page;
  };

  it("try a prompt, and show the reply while it comes, for those who may write", async () => {
    const page = await edit("writer");
    await page.locator("#huggingface-chat-try [role=log]", { hasText: "Hel" }).waitFor();
    await page.locator("#huggingface-chat-try button").click();
    await server.last.closed;
    await page.locator("#node-input-btn-config-edit").click();
    await page.locator("#huggingface-config-pick").click();
    await page.locator(".huggingface-picker tbody tr", { hasText: "org/listed" }).waitFor();
    await page.close();
  });

  it("say that it needs the right to write to those who may only read", async () => {
    const before = server.requests.length;
    const page = await edit("reader");
    const text = /the right to change flows/;
    await page.locator("#huggingface-chat-try [role=status]", { hasText: text }).waitFor();
    if (server.requests.length !== before) throw new Error("the server was asked");
    await page.close();
  });
});
