import assert from "node:assert/strict";
import type { Fixture } from "@copilotkit/aimock";
import type { BrowserContext, Page } from "playwright-core";
import { pointTo, readExamples } from "../../dev/examples";
import { type StandIn, startStandIn } from "../../dev/stand-in";
import { newContext, skipWithoutChromium } from "../support/browser";
import { getNodeRed, type NodeRed } from "../support/node-red";

/** Markdown as models write it, with what must stay text. */
const markdown: Fixture = {
  match: { userMessage: /in Markdown/ },
  response: {
    content: [
      "## A **list**\n\n- one `a < b`\n- *two*\n\n3. three\n4. four\n\n```html\n<b>code</b>\n\n# not a heading\n```\n",
      "See [this](javascript:document.title='run') and ![it](http://192.0.2.1/seen.png) <img src=x onerror=\"document.title='run'\">",
      "<script>document.title='run'</script>",
    ].join("\n"),
  },
  streamingProfile: { ttft: 0, tps: 1000, jitter: 0 },
};

/** Opens the example's page as a visitor does. */
describe("the web page of the examples", function () {
  this.timeout(60_000);
  let red: NodeRed;
  let standIn: StandIn;
  let context: BrowserContext;
  let page: Page;
  let troubles: string[];

  before(async function () {
    skipWithoutChromium(this);
    standIn = await startStandIn({ speed: 12, extra: [markdown] });
    red = await getNodeRed();
    context = await newContext();
  });
  after(async () => {
    await context?.close();
    await standIn?.stop();
  });

  beforeEach(async () => {
    const flow = readExamples().find((example) => example.name.includes("web page"))?.flow ?? [];
    await red.deploy(pointTo(standIn.baseUrl, flow));
    page = await context.newPage();
    troubles = [];
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on("requestfailed", (request) => {
      if (!request.url().startsWith(red.url)) troubles.push(`request to ${request.url()}`);
    });
    await page.goto(`${red.url}/chat`);
  });
  afterEach(async () => {
    await page?.close();
    await red?.reset();
  });

  async function say(text: string): Promise<void> {
    await page.getByLabel("Your message").fill(text);
    await page.getByRole("button", { name: "Send" }).click();
  }

  const answer = async (index = 0): Promise<string> =>
    (await page.locator(".assistant").nth(index).textContent()) ?? "";

  /** Waits until the page accepts the next question. */
  async function ended(): Promise<void> {
    await page.locator("#send:enabled").waitFor();
  }

  it("shows a reply while it comes, and then the whole of it", async () => {
    await say("Hello there");
    const seen = new Set<string>();
    while (await page.locator("#send").isDisabled()) {
      if ((await page.locator(".assistant").count()) > 0) seen.add(await answer());
    }
    assert.match(await answer(), /^Hello! .*What shall we talk about\?$/);
    assert.ok(seen.size > 3, `seen were only ${[...seen].join(" | ")}`);
    for (const part of seen) assert.ok((await answer()).startsWith(part.trimEnd()), part);
    assert.deepEqual(troubles, []);
  });

  it("sends the conversation so far with the next question", async () => {
    await say("Hello there");
    await ended();
    await say("What is Node-RED?");
    await ended();
    assert.match(await answer(1), /^Node-RED is a tool/);
    const request = standIn.server.getLastRequest()?.body as { messages: { role: string }[] } | undefined;
    assert.deepEqual(
      request?.messages.map((message) => message.role),
      ["system", "user", "assistant", "user"],
    );
  });

  it("shows an error of the server, and goes on", async () => {
    await say("Show me an error");
    await page.locator(".error").waitFor();
    assert.match((await page.locator(".error").textContent()) ?? "", /You asked for an error, and this is one\./);
    await say("Hello there");
    await ended();
    assert.match(await answer(), /^Hello!/);
    assert.deepEqual(troubles, []);
  });

  it("stops a reply, keeps what had come, and goes on", async () => {
    await say("Tell me a story");
    await page.waitForFunction(() => (document.querySelector(".assistant")?.textContent?.length ?? 0) > 10);
    await page.getByRole("button", { name: "Stop" }).click();
    await ended();
    const text = await answer();
    assert.ok(text.length > 10 && !text.endsWith("brave it is!"), text);
    assert.equal(await page.locator(".error").count(), 0);
    await say("Hello there");
    await ended();
    assert.match(await answer(1), /^Hello!/);
    assert.deepEqual(troubles, []);
  });

  it("shows Markdown, and nothing in it is run, loaded or linked", async () => {
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await say("Tell me in Markdown");
    await ended();
    const reply = page.locator(".assistant");
    const texts = (selector: string) => reply.locator(selector).allTextContents();
    assert.deepEqual(await texts("h3"), ["A list"]);
    assert.deepEqual(await texts("h3 strong"), ["list"]);
    assert.deepEqual(await texts("ul li"), ["one a < b", "two"]);
    assert.deepEqual(await texts("li code, li em"), ["a < b", "two"]);
    assert.deepEqual(await texts("ol[start='3'] li"), ["three", "four"]);
    assert.deepEqual(await texts("pre"), ["<b>code</b>\n\n# not a heading"]);
    const [text = ""] = await texts("p");
    assert.match(
      text,
      /this \(javascript:document\.title='run'\) and it \(http:\/\/192\.0\.2\.1\/seen\.png\) <img src=x/,
    );
    assert.match(text, /<script>/);
    assert.equal(await page.locator("#messages").locator("a, img, script, b, iframe").count(), 0);
    assert.equal(await page.title(), "Chat");
    assert.deepEqual(
      asked.filter((address) => address !== `${red.url}/chat`),
      [],
    );
    assert.deepEqual(troubles, []);
  });

  it("shows text as text", async () => {
    await say("<img src=x onerror=alert(1)>");
    await ended();
    assert.equal(await page.locator("#messages img").count(), 0);
    assert.match(await answer(), /<img src=x/);
    assert.deepEqual(troubles, []);
  });
});
