import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { BrowserContext, Page } from "playwright-core";
import { dashboardFlow, pointTo } from "../../dev/examples";
import { npmCommand } from "../../dev/npm";
import { eventually } from "../editor/editor";
import { newContext, skipWithoutChromium } from "../support/browser";
import type { Message, NodeDef } from "../support/node-red";
import { OwnNodeRed } from "../support/own-node-red";
import { root } from "../support/root";
import { chunk, type Response, type SeenRequest, sseEvent, startServer, type TestServer } from "../support/server";

const PACKAGE = "@flowfuse/node-red-dashboard";
const flow: NodeDef[] = JSON.parse(readFileSync(dashboardFlow, "utf8"));

/** A question that the model has begun to answer, and goes on with as the test says. */
class Question {
  constructor(
    readonly request: SeenRequest,
    readonly response: Response,
  ) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
  }

  write(text: string): void {
    this.response.write(sseEvent(chunk(text)));
  }

  end(text: string): void {
    this.write(text);
    this.response.end(`${sseEvent(chunk(undefined, { finish_reason: "stop" }))}data: [DONE]\n\n`);
  }
}

/** The dashboard's page, with its connection. */
interface Dashboard extends HTMLElement {
  __vue_app__: { _context: { provides: { $socket: { id: string; emit(...message: unknown[]): void } } } };
}

/** A browser with the page open. */
class Visitor {
  readonly troubles: string[] = [];

  private constructor(
    private readonly context: BrowserContext,
    readonly page: Page,
  ) {}

  static async open(url: string): Promise<Visitor> {
    const context = await newContext();
    const page = await context.newPage();
    const visitor = new Visitor(context, page);
    page.on("pageerror", (error) => visitor.troubles.push(String(error)));
    page.on("dialog", (dialog) => {
      visitor.troubles.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(url)) visitor.troubles.push(request.url());
    });
    await page.goto(`${url}/dashboard/chat`);
    await page.getByLabel("Your message").waitFor();
    return visitor;
  }

  async ask(text: string): Promise<void> {
    await this.page.getByLabel("Your message").fill(text);
    await this.page.getByRole("button", { name: "Send" }).click();
  }

  /** What stands in the boxes of a kind. */
  texts(kind: string): Promise<string[]> {
    return this.page.locator(`.hf-${kind}`).allTextContents();
  }

  /** Waits until the last reply is this text. */
  async sees(text: string): Promise<void> {
    await eventually(async () => assert.equal((await this.texts("assistant")).at(-1)?.trim(), text));
  }

  async ended(): Promise<void> {
    await this.page.getByRole("button", { name: "Send" }).and(this.page.locator(":enabled")).waitFor();
  }

  socketId(): Promise<string> {
    return this.page.evaluate(
      () => document.querySelector<Dashboard>("#app")?.__vue_app__._context.provides.$socket.id ?? "",
    );
  }

  /** Says to Node-RED what the page itself never does. */
  emits(...message: unknown[]): Promise<void> {
    return this.page.evaluate((said) => {
      document.querySelector<Dashboard>("#app")?.__vue_app__._context.provides.$socket.emit(...said);
    }, message);
  }

  close(): Promise<void> {
    return this.context.close();
  }
}

/** Node-RED and the dashboard that others wrote, of today, fetched into a folder of its own. */
describe(`the chat page with ${PACKAGE}`, function () {
  this.timeout(300_000);
  let server: TestServer;
  let red: OwnNodeRed | undefined;
  const questions = new Map<string, Question>();
  let visitors: Visitor[] = [];

  before(async function () {
    skipWithoutChromium(this);
    server = await startServer((request, response) => {
      const { content } = request.body.messages.at(-1);
      const text = typeof content === "string" ? content : content[0].text;
      questions.set(text, new Question(request, response));
    });
    red = new OwnNodeRed(pointTo(server.url, flow), {});
    const args = [
      "install",
      "--no-audit",
      "--no-fund",
      "--no-save",
      "--ignore-scripts",
      "--prefix",
      red.userDir,
      PACKAGE,
    ];
    try {
      await promisify(execFile)(...npmCommand(...args), { cwd: red.userDir, timeout: 200_000 });
    } catch {
      console.log(`        skipped: npm cannot fetch ${PACKAGE} here`);
      this.skip();
    }
    await red.start();
  });
  afterEach(async () => {
    for (const { response } of questions.values()) if (!response.writableEnded) response.end();
    questions.clear();
    const seen = visitors.flatMap(({ troubles }) => troubles);
    await Promise.all(visitors.map((visitor) => visitor.close()));
    visitors = [];
    assert.deepEqual(seen, []);
  });
  after(async () => {
    await red?.remove();
    await server?.close();
  });

  async function open(): Promise<Visitor> {
    const visitor = await Visitor.open(red?.url ?? "");
    visitors.push(visitor);
    return visitor;
  }

  /** Waits until the model was asked. */
  async function asked(text: string): Promise<Question> {
    let question: Question | undefined;
    await eventually(async () => {
      question = questions.get(text);
      assert.ok(question, `"${text}" was not asked; ${red?.output}`);
    });
    assert.ok(question);
    return question;
  }
  const messagesOf = ({ request }: Question): Message[] => request.body.messages;

  it("gives each of two browsers its own text, which grows, and its own conversation", async () => {
    const [anna, ben] = [await open(), await open()];
    await anna.ask("I am Anna");
    await ben.ask("I am Ben");
    const [hers, his] = [await asked("I am Anna"), await asked("I am Ben")];
    hers.write("Hello ");
    await anna.sees("Hello");
    his.write("Good day, ");
    await ben.sees("Good day,");
    hers.end("Anna");
    await anna.sees("Hello Anna");
    await anna.ended();
    assert.deepEqual(await ben.texts("assistant"), ["Good day, "]);
    his.end("Ben");
    await ben.sees("Good day, Ben");
    await ben.ended();
    assert.deepEqual(await anna.texts("user"), ["I am Anna"]);
    assert.deepEqual(await anna.texts("assistant"), ["Hello Anna"]);

    await anna.ask("Who am I?");
    const next = await asked("Who am I?");
    next.end("Anna");
    assert.deepEqual(
      messagesOf(next)
        .slice(1)
        .map(({ content }) => content),
      ["I am Anna", "Hello Anna", "Who am I?"],
    );
  });

  it("ends the model's work with Stop, and keeps what had come", async () => {
    const [anna, ben] = [await open(), await open()];
    await anna.ask("A long story");
    await ben.ask("Another story");
    const [hers, his] = [await asked("A long story"), await asked("Another story")];
    hers.write("Once upon");
    his.write("In the beginning");
    await anna.sees("Once upon");
    await anna.page.getByRole("button", { name: "Stop" }).click();
    await anna.ended();
    await hers.request.closed;
    assert.ok(hers.request.abortedAt !== undefined);
    assert.equal(his.request.open, true);
    await anna.sees("Once upon");
    his.end(" was a word");
    await ben.sees("In the beginning was a word");
  });

  it("begins anew with New chat, and ends the work for a page that is closed", async () => {
    const anna = await open();
    await anna.ask("Remember 7");
    (await asked("Remember 7")).end("Yes");
    await anna.ended();
    await anna.page.getByRole("button", { name: "New chat" }).click();
    assert.deepEqual(await anna.texts("user"), []);
    await anna.ask("Which number?");
    const question = await asked("Which number?");
    assert.equal(messagesOf(question).length, 2);
    question.write("None");
    await anna.sees("None");
    await anna.close();
    await question.request.closed;
    assert.ok(question.request.abortedAt !== undefined);
  });

  it("shows Markdown, and runs and loads nothing of a reply or a question", async () => {
    const anna = await open();
    const evil = "<img src=http://192.0.2.1/a.png onerror=alert(1)><script>alert(2)</script>{{ question }}";
    await anna.ask(evil);
    (await asked(evil)).end(
      `## A **list**\n\n- one\n- ![it](http://192.0.2.1/b.png)\n\n[go](javascript:alert(3)) ${evil}`,
    );
    await anna.ended();
    const reply = anna.page.locator(".hf-assistant");
    assert.equal(await reply.locator("h3 strong").textContent(), "list");
    assert.equal(await reply.locator("li").count(), 2);
    assert.equal(await anna.page.locator(".hf-messages").locator("img, script, a").count(), 0);
    assert.ok((await reply.textContent())?.endsWith(evil));
    assert.deepEqual(await anna.texts("user"), [evil]);
  });

  it("takes from a hostile page only a text, and nothing that reaches another browser", async () => {
    const [anna, eve] = [await open(), await open()];
    await anna.ask("My secret is 7");
    const hers = await asked("My secret is 7");
    hers.write("I ");
    await anna.sees("I");
    const template = flow.find(({ type }) => type === "ui-template")?.id ?? "";
    const forged = {
      ...{ _client: { socketId: await anna.socketId() }, conversation: await anna.socketId(), reset: true },
      huggingface: { model: "costly" },
    };
    await eve.emits("widget-action", template, { ...forged, ui_update: { format: "<template>taken</template>" } });
    await eve.emits("widget-change", template, { payload: { turn: 1, text: "taken", done: true }, ...forged });
    for (const payload of [{ stop: true }, { forget: true }, "lost"]) {
      await eve.emits("widget-send", template, { payload, ...forged });
      await eve.emits("widget-send", template, [{ payload, ...forged }]);
    }
    const picture = "http://192.0.2.1/seen.png";
    await eve.emits("widget-send", template, { payload: { turn: 2, text: "Which secret?", picture }, ...forged });
    const question = await asked("Which secret?");
    assert.deepEqual(messagesOf(question).slice(1), [{ role: "user", content: "Which secret?" }]);
    assert.notEqual(question.request.body.model, "costly");
    question.end("None");
    hers.end("keep it");
    await anna.sees("I keep it");
    assert.deepEqual(await anna.texts("user"), ["My secret is 7"]);
    const ben = await open();
    assert.deepEqual(await ben.texts("message"), []);
  });

  it("sends a chosen picture, made small enough, with the question", async () => {
    const anna = await open();
    await anna.page.locator(".hf-file").setInputFiles(path.join(root, "docs/models.png"));
    await anna.page.locator(".hf-chosen").waitFor();
    await anna.ask("What is this?");
    const question = await asked("What is this?");
    question.end("A table");
    await anna.sees("A table");
    const [, part] = messagesOf(question).at(-1)?.["content"] ?? [];
    const { url } = part.image_url;
    assert.match(url, /^data:image\/jpeg;base64,/);
    assert.ok(url.length < 700_000);
    assert.equal(await anna.page.locator(".hf-user img").getAttribute("src"), url);
    await anna.page
      .locator(".hf-file")
      .setInputFiles({ name: "a.png", mimeType: "image/png", buffer: Buffer.from("no") });
    await eventually(async () => assert.deepEqual(await anna.texts("error"), ["This file is not a picture."]));
  });

  it("shows why a question failed, and takes the next one", async () => {
    const anna = await open();
    await anna.ask("Fail");
    const { response } = await asked("Fail");
    response.write(sseEvent({ error: { message: "no such luck", code: 400 } }));
    response.end();
    await eventually(async () => assert.match((await anna.texts("error")).join(), /no such luck/));
    await anna.ask("Again");
    (await asked("Again")).end("Fine");
    await anna.sees("Fine");
  });
});
