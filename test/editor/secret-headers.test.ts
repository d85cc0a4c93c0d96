import assert from "node:assert/strict";
import { json, type SeenRequest, startServer, type TestServer } from "../support/server";
import { type Editor, type Form, useEditor } from "./editor";

const CONFIG = "huggingface-config";
const DOTS = "__PWRD__";

describe("secret headers in the form of a configuration", function () {
  this.timeout(90_000);
  let editor: Editor;
  let server: TestServer;
  let form: Form;
  let config: Form;

  useEditor((its) => (editor = its));
  before(async () => {
    server = await startServer((_, response) => json(response, 200, { choices: [{ message: { content: "Hi" } }] }));
  });
  after(() => server?.close());
  beforeEach(async () => {
    server.requests.length = 0;
    await editor.loadAnew();
    await editor.importFlow([
      { id: "tab", type: "tab", label: "headers" },
      {
        id: "config",
        type: CONFIG,
        model: "org/model",
        baseUrl: server.url,
        headers: { "X-Api-Key": "plain-key", "X-Team": "blue" },
      },
      { id: "chat", type: "huggingface-chat", z: "tab", x: 200, y: 80, config: "config", wires: [[], [], []] },
    ]);
    await editor.reveal("chat");
  });

  const open = async (): Promise<void> => {
    form = await editor.edit("chat");
    config = await editor.editConfig("config", "edit");
    await config.tab("Requests");
  };
  const done = async (): Promise<void> => {
    await config.done();
    await form.done();
  };
  const line = (index: number) => config.input("headers-container").locator("li").nth(index);
  const lock = (index: number) => line(index).locator(".huggingface-header-secret");
  const value = (index: number) => line(index).locator(".huggingface-header-value");
  const name = (index: number) => line(index).locator(".huggingface-header-name");
  const headersOf = (request: SeenRequest): Record<string, unknown> =>
    Object.fromEntries(Object.entries(request.headers).filter(([header]) => header.startsWith("x-")));
  /** Returns what the connection test sends. */
  const sent = async (): Promise<Record<string, unknown>> => {
    const before = server.requests.length;
    await config.tab("Model");
    await editor.page.locator("#huggingface-config-test button").click();
    await editor.page.locator(".huggingface-test-result.huggingface-good").waitFor();
    await config.tab("Requests");
    assert.equal(server.requests.length, before + 1);
    return headersOf(server.last);
  };
  const deployedHeaders = async () => (await editor.flows()).find(({ id }) => id === "config")?.headers;

  it("have a hint where a flow from before holds one that is not marked, until it is", async () => {
    await open();
    const hint = (index: number) => line(index).locator(".huggingface-hint").textContent();
    assert.match((await hint(0)) ?? "", /stored in the flow/);
    assert.equal(await hint(1), "");
    assert.equal(await lock(0).getAttribute("aria-pressed"), "false");
    await lock(0).click();
    assert.equal(await hint(0), "");
    assert.equal(await lock(0).getAttribute("aria-pressed"), "true");
    assert.equal(await value(0).getAttribute("type"), "password");
    await lock(0).click();
    await value(0).fill("${API_KEY}");
    assert.equal(await hint(0), "", "a variable is none");
    await name(1).fill("Cookie");
    assert.match((await hint(1)) ?? "", /stored in the flow/);
    for (const width of [300, 600]) assert.deepEqual(await config.overflowing(width), [], `${width} px`);
    await config.cancel();
    await form.cancel();
    await open();
    await done();
    await editor.deploy();
    assert.deepEqual(await deployedHeaders(), { "X-Api-Key": "plain-key", "X-Team": "blue" }, "looked at only");
  });

  it("go into the credentials, and never come back", async () => {
    await open();
    await lock(0).click();
    await done();
    await open();
    assert.deepEqual(
      await config.list("headers"),
      [
        ["X-Team", "blue"],
        ["X-Api-Key", "plain-key"],
      ],
      "before the deploy",
    );
    await done();
    await editor.deploy();
    assert.deepEqual(await deployedHeaders(), { "X-Team": "blue" });
    assert.deepEqual(await editor.credentials(CONFIG, "config"), {
      has_token: false,
      has_secretHeaders: true,
      has_secretHeadersEdited: false,
    });
    await editor.load();
    await editor.reveal("chat");
    await open();
    await name(1).waitFor();
    assert.deepEqual(await config.list("headers"), [
      ["X-Team", "blue"],
      ["X-Api-Key", DOTS],
    ]);
    assert.deepEqual(await sent(), { "x-team": "blue", "x-api-key": "plain-key" });
    await done();
    assert.equal(await editor.hasChanges(), false, "looked at only");
    assert.doesNotMatch(await editor.page.content(), /plain-key/);
  });

  it("can be replaced, renamed, removed and unmarked, one without the other, deploy after deploy", async () => {
    await open();
    await lock(0).click();
    for (const [header, secret] of [
      ["X-Second", "second-value"],
      ["X-Third", "third-value"],
    ] as const) {
      await config.addLine("headers", [header, secret]);
      await lock(header === "X-Second" ? 2 : 3).click();
    }
    await done();
    await editor.deploy();

    await open();
    await line(3).waitFor();
    await name(1).fill("X-Renamed");
    await value(2).fill("replaced-value");
    await config.removeLine("headers", 3);
    await line(3).waitFor({ state: "detached" });
    const expected = { "x-team": "blue", "x-renamed": "plain-key", "x-second": "replaced-value" };
    assert.deepEqual(await sent(), expected, "before the deploy");
    await done();
    await open();
    assert.deepEqual(await config.list("headers"), [
      ["X-Team", "blue"],
      ["X-Renamed", DOTS],
      ["X-Second", "replaced-value"],
    ]);
    assert.deepEqual(await sent(), expected, "opened once more");
    await done();
    await editor.deploy();

    await open();
    await line(2).waitFor();
    assert.deepEqual(await config.list("headers"), [
      ["X-Team", "blue"],
      ["X-Renamed", DOTS],
      ["X-Second", DOTS],
    ]);
    assert.deepEqual(await sent(), expected, "after the deploy");
    await lock(1).click();
    assert.equal(await value(1).inputValue(), "", "a stored value cannot be shown");
    await value(1).fill("now-plain");
    await done();
    await editor.deploy();
    assert.deepEqual(await deployedHeaders(), { "X-Team": "blue", "X-Renamed": "now-plain" });

    await open();
    await line(2).waitFor();
    assert.deepEqual(await sent(), { "x-team": "blue", "x-renamed": "now-plain", "x-second": "replaced-value" });
    await config.removeLine("headers", 2);
    await line(2).waitFor({ state: "detached" });
    await done();
    await editor.deploy();
    assert.deepEqual(await editor.credentials(CONFIG, "config"), {
      has_token: false,
      has_secretHeaders: false,
      has_secretHeadersEdited: false,
    });
  });

  it("are tried with the chat node's own form, stored, changed or new", async () => {
    const tried = async (): Promise<Record<string, unknown>> => {
      const before = server.requests.length;
      await editor.page.locator(".huggingface-try-prompt").fill("Hi");
      await editor.page.locator(".huggingface-try button", { hasText: "Try it" }).click();
      await editor.page.waitForFunction(
        () => document.querySelector(".huggingface-try [role=log]")?.textContent === "Hi",
      );
      assert.equal(server.requests.length, before + 1);
      return headersOf(server.last);
    };
    await open();
    await lock(0).click();
    await config.done();
    const all = { "x-team": "blue", "x-api-key": "plain-key" };
    assert.deepEqual(await tried(), all, "new");
    await form.done();
    await editor.deploy();
    form = await editor.edit("chat");
    assert.deepEqual(await tried(), all, "stored");
    config = await editor.editConfig("config", "edit");
    await config.tab("Requests");
    await line(1).waitFor();
    await name(1).fill("X-Other");
    await config.done();
    assert.deepEqual(await tried(), { "x-team": "blue", "x-other": "plain-key" }, "changed");
    await form.cancel();
  });
});
