import assert from "node:assert/strict";
import { chatFlow, proxyNode, tlsConfig } from "../support/node-red";
import { startProxy } from "../support/proxy";
import {
  chunk,
  type Handler,
  json,
  reply,
  sse,
  startServer,
  startTlsServer,
  type TestServer,
  usage,
} from "../support/server";
import { callRound } from "../support/tools";
import { type Editor, type Form, traysAtRest, useEditor } from "./editor";

const MODELS = Array.from({ length: 1000 }, (_, index) => ({
  id: `org/model-${String(index).padStart(4, "0")}`,
  architecture: { input_modalities: index % 10 === 0 ? ["text", "image"] : ["text"] },
  providers: [
    {
      provider: "novita",
      context_length: 8192 * (1 + (index % 4)),
      pricing: { input: index / 100, output: index / 50 },
      first_token_latency_ms: 500,
      throughput: index,
      supports_tools: index % 2 === 0,
      supports_structured_output: index % 3 === 0,
    },
    { provider: "groq", status: "live", is_free: true },
  ],
}));

describe("the form of a configuration and its server", function () {
  this.timeout(90_000);
  let editor: Editor;
  let server: TestServer;
  let chat: Handler;
  let models: unknown;
  let form: Form;
  let config: Form;

  useEditor((its) => (editor = its));
  before(async () => {
    server = await startServer((request, response, index) =>
      request.url === "/v1/models" ? json(response, 200, { data: models }) : chat(request, response, index),
    );
  });
  after(() => server?.close());
  beforeEach(async () => {
    chat = (_, response) =>
      json(
        response,
        200,
        { choices: [{ message: { content: "Hi" } }], model: "org/it" },
        { "x-inference-provider": "groq" },
      );
    models = MODELS;
    await editor.loadAnew();
    await editor.addNode("huggingface-chat", 200, 80);
    form = await editor.edit();
    config = await editor.editConfig("config", "add");
    await config.fill("model", "org/model");
    await config.fill("baseUrl", server.url);
  });

  const test = async (): Promise<string> => {
    await editor.page.locator("#huggingface-config-test button").click();
    const result = editor.page.locator(".huggingface-test-result");
    await editor.page.waitForFunction(
      () => !document.querySelector<HTMLButtonElement>("#huggingface-config-test button")?.disabled,
    );
    return (await result.textContent()) ?? "";
  };

  it("is tested as it is in the form, before it was ever deployed", async () => {
    await config.fill("token", "hf_typed_now");
    assert.match(await test(), /^org\/it answers, through groq, in \d+\.\d s\.$/);
    assert.equal(server.last.headers.authorization, "Bearer hf_typed_now");
    assert.equal(server.last.body.model, "org/model");
    assert.equal(server.last.body.max_tokens, 1);
  });

  it("says how large the context window is, where the server tells", async () => {
    const loaded = { models: [{ name: "org/model", context_length: 4096 }] };
    const answer = { choices: [{ message: { content: "Hi" } }], model: "org/model", system_fingerprint: "fp_ollama" };
    chat = (request, response) => json(response, 200, request.url === "/api/ps" ? loaded : answer);
    assert.match(await test(), /^org\/model answers, .*\. Context window: 4096 tokens\.$/);
    loaded.models = [];
    assert.match(await test(), /^org\/model answers, .* in \d+\.\d s\.$/);
  });

  it("keeps the stored token from another address, and says so", async () => {
    await config.fill("token", "hf_stored_token");
    await config.done();
    await form.done();
    await editor.deploy();
    const other = await startServer((_, response) => json(response, 401, { error: "Who are you?" }));
    form = await editor.edit();
    config = await editor.editConfig("config", "edit");
    assert.match(await test(), /answers/);
    assert.equal(server.last.headers.authorization, "Bearer hf_stored_token");
    await config.fill("baseUrl", other.url);
    assert.match(await test(), /Token missing .*Who are you\?.*enter it again/);
    assert.equal(other.last.headers.authorization, undefined);
    await config.fill("token", "hf_for_the_other");
    assert.doesNotMatch(await test(), /enter it again/);
    assert.equal(other.last.headers.authorization, "Bearer hf_for_the_other");
    assert.doesNotMatch(await editor.page.content(), /hf_stored_token/);
    await other.close();
  });

  it("explains what fails", async () => {
    const tls = await startTlsServer(reply("ok"));
    chat = (_, response) => json(response, 401, { error: "no" });
    assert.match(await test(), /^Token missing .* Enter one in the configuration/);
    await config.fill("token", "hf_wrong");
    assert.match(await test(), /^Token refused/);
    for (const [url, says] of [
      ["http://nowhere.invalid", /^Host not found/],
      [tls.url, /^Certificate not accepted/],
      ["nonsense", /^Base URL not valid/],
    ] as const) {
      await config.fill("baseUrl", url);
      assert.match(await test(), says);
    }
    await config.fill("model", "");
    await config.fill("baseUrl", server.url);
    assert.match(await test(), /^No model set/);
    await tls.close();
  });

  it("lists a thousand models to search, sort and choose from, with who runs them", async () => {
    await editor.page.locator("#huggingface-config-pick").click();
    const picker = editor.page.locator(".huggingface-picker");
    const lines = picker.locator("tbody tr");
    const count = picker.locator(".huggingface-picker-filters .huggingface-hint");
    await lines.first().waitFor();
    assert.equal(await count.textContent(), "1000 / 1000");
    assert.ok((await lines.count()) <= 200, "only what can be seen soon is made");
    await picker.locator(".huggingface-picker-list").evaluate((list) => {
      list.scrollTop = list.scrollHeight;
    });
    await editor.page.waitForFunction(() => document.querySelectorAll(".huggingface-picker tbody tr").length > 100);

    await picker.getByLabel("tools").check();
    await picker.getByLabel("images").check();
    assert.equal(await count.textContent(), "100 / 1000");
    await picker.locator("th", { hasText: "Tokens/s" }).locator("button").click();
    assert.match((await lines.first().textContent()) ?? "", /^org\/model-0990/);
    await picker.getByLabel("Search").fill("0120 novita");
    assert.equal(await lines.count(), 1);
    assert.match(
      (await lines.first().textContent()) ?? "",
      /^org\/model-0120toolsJSON schemaimagesnovita, groq8k\$1\.20\$2\.400\.5120$/,
    );
    await lines.first().locator("button").press("Enter");
    const providers = picker.locator(".huggingface-picker-providers label");
    assert.deepEqual(await providers.allTextContents(), [
      "automatic: the fastest, unless your account prefers another",
      ":fastest, always the fastest",
      ":cheapest, always the cheapest",
      ":preferred, in the order that your account says",
      "novita: 8k tokens, $1.20 in and $2.40 out for a million tokens, first token after 0.5 s, 120 tokens/s, tools, JSON schema",
      "groq: free for now",
    ]);
    await providers.filter({ hasText: "novita: 8k tokens" }).locator("input").check();
    for (const width of [300, 600, 900]) assert.deepEqual(await config.overflowing(width), [], `${width} px`);
    await editor.page.locator("#node-dialog-ok").last().click();
    await picker.waitFor({ state: "detached" });
    assert.equal(await config.value("model"), "org/model-0120:novita");
  });

  it("lists models for the keyboard alone", async () => {
    await editor.page.locator("#huggingface-config-pick").click();
    const picker = editor.page.locator(".huggingface-picker");
    await picker.locator("tbody tr").first().waitFor();
    const focused = () => editor.page.evaluate(() => document.activeElement?.textContent);
    const press = async (...keys: string[]) => {
      for (const key of keys) await editor.page.keyboard.press(key);
      return focused();
    };
    // The tray takes the focus again when it has slid in.
    await traysAtRest(editor.page);
    await picker.getByLabel("Search").focus();
    assert.equal(await press("ArrowDown"), "org/model-0000");
    assert.equal(await press("ArrowDown", "ArrowDown", "ArrowUp"), "org/model-0001");
    assert.equal(await press("End"), "org/model-0099", "the last one that was made so far");
    assert.equal(await press("Home", "ArrowUp", "ArrowDown", "ArrowDown", "Enter"), "org/model-0001");
    assert.equal(await picker.locator("tr.selected button").textContent(), "org/model-0001");
    await picker.getByLabel(":preferred").check();
    await editor.page.locator("#node-dialog-ok").last().click();
    await picker.waitFor({ state: "detached" });
    assert.equal(await config.value("model"), "org/model-0001:preferred");
  });

  it("asks the server once, and does not try again", async () => {
    chat = (_, response) => json(response, 503, { error: "Busy" });
    const before = server.requests.length;
    assert.match(await test(), /Busy/);
    assert.equal(server.requests.length, before + 1);
  });

  it("lists models that have only ids, and says so where there is no list", async () => {
    models = [{ id: "llama3.2" }, { id: "qwen" }];
    await config.fill("token", "another");
    await editor.page.locator("#huggingface-config-pick").click();
    const picker = editor.page.locator(".huggingface-picker");
    await picker.locator("tbody tr", { hasText: "qwen" }).click();
    assert.equal(await picker.locator(".huggingface-picker-providers label").count(), 0);
    await editor.page.locator("#node-dialog-ok").last().click();
    await picker.waitFor({ state: "detached" });
    assert.equal(await config.value("model"), "qwen");

    models = undefined;
    await config.fill("token", "yet-another");
    await editor.page.locator("#huggingface-config-pick").click();
    await picker.locator(".huggingface-problem", { hasText: "gives no list of models" }).waitFor();
    await editor.page.locator("#node-dialog-cancel").last().click();
    await picker.waitFor({ state: "detached" });
    assert.equal(await config.value("model"), "qwen");
  });

  it("tells of a listed model its licence, its page, what it hears, and what cached tokens cost", async () => {
    const pricing = { input: 1, output: 2, cache_read: 0.1 };
    models = [
      {
        id: "org/ears",
        license: "apache-2.0",
        architecture: { input_modalities: ["text", "audio", "video"] },
        providers: [{ provider: "novita", pricing }],
      },
      { id: "org/own", license: "mit" },
    ];
    await config.fill("token", "for-facts");
    await editor.page.locator("#huggingface-config-pick").click();
    const picker = editor.page.locator(".huggingface-picker");
    const lines = picker.locator("tbody tr");
    await lines.first().waitFor();
    const badges = (index: number) => lines.nth(index).locator(".huggingface-badge").allTextContents();
    assert.deepEqual([await badges(0), await badges(1)], [["sound", "video"], []]);
    const unlisted = picker.locator(".huggingface-problem");
    assert.equal(await unlisted.textContent(), "org/model is not in this list.");

    await lines.first().click();
    assert.equal(await unlisted.count(), 0);
    const about = picker.locator(".huggingface-picker-about");
    assert.equal(await about.textContent(), "Licence: apache-2.0 Open the model's page");
    const link = about.locator("a");
    assert.equal(await link.getAttribute("href"), "https://huggingface.co/org/ears");
    assert.equal(await link.getAttribute("target"), "_blank");
    assert.match((await link.getAttribute("rel")) ?? "", /noopener/);
    const prices = "novita: $1.00 in and $2.00 out for a million tokens, $0.10 for a million cached tokens";
    assert.equal(await picker.locator(".huggingface-picker-providers label").last().textContent(), prices);
    for (const width of [300, 600, 900]) assert.deepEqual(await config.overflowing(width), [], `${width} px`);

    await lines.nth(1).click();
    assert.equal((await about.textContent())?.trim(), "Licence: mit");
    assert.equal(await link.count(), 0, "no page of Hugging Face for the model of another server");
    await editor.page.locator("#node-dialog-cancel").last().click();
    await picker.waitFor({ state: "detached" });
  });

  it("lists the models of its server for the chat node's own field, too", async () => {
    models = [{ id: "org/small" }, { id: "org/large" }];
    const pick = editor.page.locator("#huggingface-chat-pick");
    await config.cancel();
    assert.equal(await pick.isDisabled(), true, "without a configuration");
    config = await editor.editConfig("config", "add");
    await config.fill("model", "org/model");
    await config.fill("baseUrl", server.url);
    await config.fill("token", "for-the-chat");
    await config.done();
    await form.tabAt(1);
    const asked = server.requests.length;
    await form.openOver(pick);
    const picker = editor.page.locator(".huggingface-picker");
    await picker.locator("tbody tr", { hasText: "org/large" }).click();
    await form.closeOver();
    assert.equal(await form.value("model"), "org/large");
    assert.deepEqual(
      server.requests.slice(asked).map(({ url, headers }) => [url, headers.authorization]),
      [["/v1/models", "Bearer for-the-chat"]],
    );
    await form.done();
    const [id = ""] = await editor.ids("huggingface-chat");
    assert.equal(await editor.property(id, "model"), "org/large");
  });

  it("shows when the token comes from the environment", async () => {
    const hint = editor.page.locator("#huggingface-config-environment");
    assert.equal(await hint.textContent(), "");
    await config.cancel();
    process.env.HUGGINGFACE_API_KEY = "hf_environment";
    try {
      config = await editor.editConfig("config", "add");
      await hint.filter({ hasText: "HUGGINGFACE_API_KEY" }).waitFor();
      assert.doesNotMatch(await editor.page.content(), /hf_environment/);
    } finally {
      delete process.env.HUGGINGFACE_API_KEY;
    }
  });
});

describe("the owner of a token in the form of a configuration", function () {
  this.timeout(90_000);
  let editor: Editor;
  let server: TestServer;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  let owner: object;

  useEditor((its) => (editor = its));
  before(async () => {
    server = await startTlsServer((request, response, index) =>
      request.url === "/api/whoami-v2" ? json(response, 200, owner) : reply("Hi")(request, response, index),
    );
    // The names of Hugging Face lead to a server on this machine.
    proxy = await startProxy(undefined, server.port);
  });
  after(async () => {
    await server?.close();
    await proxy?.close();
  });

  const fineGrained = (...permissions: string[]) => ({
    name: "ada",
    orgs: [{ name: "acme" }, { name: "poor", canPay: false }],
    auth: {
      accessToken: {
        displayName: "flows",
        role: "fineGrained",
        fineGrained: { global: [], scoped: [{ entity: { name: "acme" }, permissions }] },
      },
    },
  });

  it("is told by the connection test, with what is missing and who can be billed", async () => {
    await editor.loadAnew();
    await editor.show(
      [
        ...chatFlow("https://router.huggingface.co/v1", { x: 200, y: 300 }, { proxy: "proxy", tls: "tls" }),
        proxyNode({ url: proxy.url }),
        tlsConfig({ verifyservercert: false }),
      ],
      { config: { token: "hf_the_stored_token" } },
    );
    const form = await editor.edit("chat");
    const config = await editor.editConfig("config", "edit");
    const told = editor.page.locator(".huggingface-test-owner");
    const test = async (): Promise<string[]> => {
      await editor.page.locator("#huggingface-config-test button").click();
      await editor.page.locator(".huggingface-test-result.huggingface-good").waitFor();
      return told.locator("> div").allTextContents();
    };
    owner = fineGrained("inference.serverless.write");
    const whose = 'Token "flows" of ada (fine-grained).';
    assert.deepEqual(await test(), [whose, "Can be billed: acme."]);
    const list = await config.input("billTo").getAttribute("list");
    const offered = editor.page.locator(`datalist#${list} option`);
    assert.deepEqual(await offered.evaluateAll((all) => all.map((option) => option.getAttribute("value"))), ["acme"]);

    owner = fineGrained("repo.content.read");
    const missing = 'The permission "Make calls to Inference Providers" is missing.';
    assert.deepEqual(await test(), [whose, `${missing} Make a token that has it`]);
    const href = (await told.locator("a").getAttribute("href")) ?? "";
    assert.match(href, /^https:\/\/huggingface\.co\/settings\/tokens\/new\?.*inference\.serverless\.write/);
    assert.equal(await offered.count(), 0);
    for (const width of [300, 600, 900]) assert.deepEqual(await config.overflowing(width), [], `${width} px`);
    await config.cancel();
    await form.cancel();
  });
});

describe("the box that tries a prompt", function () {
  this.timeout(90_000);
  let editor: Editor;
  let server: TestServer;
  let form: Form;

  useEditor((its) => (editor = its));
  before(async () => {
    server = await startServer();
  });
  after(() => server?.close());
  beforeEach(async () => {
    await editor.loadAnew();
    await editor.addNode("huggingface-chat", 200, 80);
    form = await editor.edit();
    const config = await editor.editConfig("config", "add");
    await config.fill("model", "org/model");
    await config.fill("baseUrl", server.url);
    await config.fill("token", "hf_typed_now");
    await config.done();
  });

  const box = () => editor.page.locator("#huggingface-chat-try");
  const ask = async (prompt: string): Promise<void> => {
    await box().locator("textarea").fill(prompt);
    await box().locator("button").click();
  };
  const figures = () => box().locator("[role=status]");

  it("shows the reply and its reasoning while they come, with what is in the form, before any deploy", async () => {
    let finish = (): void => {};
    server.handle(async (_, response) => {
      await sse(response, [chunk(undefined, { delta: { reasoning: "Hm." } }), chunk("Hel")], {
        end: false,
        done: false,
      });
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      response.end(
        `data: ${JSON.stringify(chunk("lo", { finish_reason: "stop", usage: usage(7, 2) }))}\n\ndata: [DONE]\n\n`,
      );
    });
    await form.input("system-text").fill("Be brief.");
    await ask("Hi");
    await box().locator("[role=log]", { hasText: /^Hel$/ }).waitFor();
    assert.equal(await box().locator("button").textContent(), " Stop");
    finish();
    await figures().filter({ hasText: "7 tokens in, 2 out" }).waitFor();
    assert.equal(await box().locator("[role=log]").textContent(), "Hello");
    assert.equal(await box().locator("details > div").textContent(), "Hm.");
    assert.match((await figures().textContent()) ?? "", /first token after .* s · .* s in all · .*stop/);
    assert.equal(server.last.headers.authorization, "Bearer hf_typed_now");
    assert.equal(server.last.body.messages[0].content, "Be brief.");
    for (const width of [300, 600, 900]) assert.deepEqual(await form.overflowing(width), [], `${width} px`);
  });

  it("shows calls apart, and explains what fails", async () => {
    server.handle(callRound({ id: "a", name: "lamp", args: '{"on":true}' }));
    await ask("Light!");
    await box().locator(".huggingface-try-text", { hasText: 'lamp({"on":true})' }).waitFor();
    server.handle((_, response) =>
      json(response, 404, { error: { message: "no such model", code: "model_not_found" } }),
    );
    await ask("Hi");
    await figures()
      .filter({ hasText: /not available .*Check the model ID/ })
      .waitFor();
    await ask("");
    await figures().filter({ hasText: "Type a prompt above." }).waitFor();
  });

  it("can be stopped, and stops when the form is closed", async () => {
    server.handle((_, response) => sse(response, [chunk("Hel")], { end: false, done: false }));
    await ask("Hi");
    await box().locator("[role=log]", { hasText: "Hel" }).waitFor();
    await box().locator("button").click();
    await server.last.closed;
    await figures().filter({ hasText: "Stopped." }).waitFor();
    await ask("Hi");
    await box().locator("[role=log]", { hasText: "Hel" }).waitFor();
    await form.cancel();
    await server.last.closed;
  });
});
