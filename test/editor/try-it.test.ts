import assert from "node:assert/strict";
import { chatFlow, type NodeRed, startNodeRed } from "../support/node-red";
import { json, replyChunks, sse, startServer, type TestServer, usageChunk } from "../support/server";
import { type Editor, useEditor } from "./editor";

declare const RED: { actions: { invoke(name: string): void } };

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

/** Only its first bytes are checked. */
const WAV = Buffer.from("RIFF\x24\x00\x00\x00WAVEfmt ", "latin1");

describe("the workbench below the try-it box", () => {
  let editor: Editor;
  let red: NodeRed;
  let server: TestServer;
  useEditor((its) => {
    editor = its;
  });
  before(async () => {
    red = await startNodeRed();
    server = await startServer();
  });
  after(() => server.close());

  const open = async (chat: object = {}) => {
    server.handle((_, response) => sse(response, [...replyChunks(["Hel", "lo"]), usageChunk(7, 2)]));
    // Beside the other nodes, which would cover it.
    const flow = chatFlow(server.url, { x: 200, y: 300, ...chat });
    await editor.loadAnew();
    await red.deploy(flow, { config: { token: "hf_the_stored_token" } });
    await editor.load();
    return editor.edit("chat");
  };
  const box = () => editor.page.locator("#huggingface-chat-try");
  const bench = () => editor.page.locator(".huggingface-workbench");
  const unfold = () => bench().locator("summary").click();
  const ask = async (prompt?: string): Promise<void> => {
    if (prompt !== undefined) await box().locator("textarea").fill(prompt);
    await box().locator("button").click();
  };
  const replied = () =>
    box()
      .locator("[role=log]", { hasText: /^Hello$/ })
      .waitFor();

  it("says that a prompt is missing, and asks nothing", async () => {
    const form = await open();
    const before = server.requests.length;
    await ask("  ");
    await box().locator("[role=status]", { hasText: "Type a prompt above." }).waitFor();
    assert.equal(server.requests.length, before);
    await form.cancel();
  });

  it("asks with a whole message, and with images that are chosen", async () => {
    const form = await open({ prompt: "{{question}}!", promptType: "template" });
    await unfold();
    await bench().locator("textarea").fill('{ "question": "Why" }');
    await bench().locator("input[type=file]").setInputFiles({ name: "a.png", mimeType: "image/png", buffer: PNG });
    await bench().locator("text=Images: 1").waitFor();
    await ask("ignored");
    await replied();
    const [text, image] = server.last.body.messages[0].content;
    assert.deepEqual(text, { type: "text", text: "Why!" });
    assert.match(image.image_url.url, /^data:image\/png;base64,iVBOR/);
    await bench().locator("button", { hasText: "Remove" }).click();
    for (const width of [300, 600, 900]) assert.deepEqual(await form.overflowing(width), [], `${width} px`);
    await form.cancel();
  });

  const drop = async (name: string, type: string, content: Buffer) => {
    const data = await editor.page.evaluateHandle(
      ([base64, fileName, fileType]) => {
        const transfer = new DataTransfer();
        const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
        transfer.items.add(new File([bytes], fileName, { type: fileType }));
        return transfer;
      },
      [content.toString("base64"), name, type] as const,
    );
    await box().dispatchEvent("drop", { dataTransfer: data });
  };

  it("takes sound that is chosen or dropped, and says what it does not take", async () => {
    const form = await open();
    await drop("a.wav", "audio/x-wav", WAV);
    await bench().locator("text=Sound: 1").waitFor();
    await bench()
      .locator("input[type=file]")
      .setInputFiles([
        { name: "b.mp3", mimeType: "audio/mpeg", buffer: Buffer.from("ID3\x04\x00\x00", "latin1") },
        { name: "a.png", mimeType: "image/png", buffer: PNG },
      ]);
    await bench().locator("text=Images: 1 · Sound: 2").waitFor();
    await drop("a.ogg", "audio/ogg", Buffer.from("OggS"));
    await bench().locator("[role=status]", { hasText: "a.ogg is neither an image nor WAV or MP3." }).waitFor();
    await ask("What is it?");
    await replied();
    const parts = server.last.body.messages[0].content;
    const kinds = parts.map((part: { type: string; input_audio?: { format: string } }) => [
      part.type,
      part.input_audio?.format,
    ]);
    const images = [["image_url", undefined]];
    assert.deepEqual(kinds, [["text", undefined], ...images, ["input_audio", "wav"], ["input_audio", "mp3"]]);
    await form.cancel();
  });

  const costs: [what: string, usage: object, figures: RegExp][] = [
    ["the cost", { cost: 0.00025 }, /^7 tokens in, 2 out · .* · \$0\.00025 · stop$/],
    ["a cost of less than a millionth", { cost: 6e-7 }, / · \$0\.0000006 · stop$/],
    ["that it was free", { cost: 0 }, / · \$0\.00 · stop$/],
    ["no cost where nobody tells it", {}, /^7 tokens in, 2 out · [^$]* · stop$/],
  ];
  for (const [what, usage, figures] of costs) {
    it(`shows ${what} of the question among its figures`, async () => {
      const form = await open();
      const told = { ...usageChunk(7, 2), usage: { prompt_tokens: 7, completion_tokens: 2, ...usage } };
      server.handle((_, response) => sse(response, [...replyChunks(["Hel", "lo"]), told]));
      await ask("Hi");
      await replied();
      const shown = box().locator("[role=status].huggingface-hint").first();
      await shown.filter({ hasText: "stop" }).waitFor();
      assert.match((await shown.textContent()) ?? "", figures);
      await form.cancel();
    });
  }

  it("asks the stand-in of the configuration where its server is away", async () => {
    const form = await open();
    await form.cancel();
    const away = await startServer();
    const flow = chatFlow(away.url, { x: 200, y: 300 }, { otherwise: "other", retries: 0 });
    const other = { id: "other", type: "huggingface-config", name: "Cloud", model: "org/b", baseUrl: server.url };
    await away.close();
    await editor.loadAnew();
    await red.deploy([...flow, other]);
    await editor.load();
    const again = await editor.edit("chat");
    await ask("Hi");
    await replied();
    assert.equal(server.last.body.model, "org/b");
    await editor.page.locator(".huggingface-try-text", { hasText: /Cloud was asked in place of/ }).waitFor();
    await again.cancel();
  });

  it("takes images that are dropped on it", async () => {
    const form = await open();
    await drop("a.png", "image/png", PNG);
    await bench().locator("text=Images: 1").waitFor();
    await ask("");
    await replied();
    assert.equal(server.last.body.messages[0].content[0].type, "image_url");
    await form.cancel();
  });

  it("copies the request, also for curl, without the token", async () => {
    await editor.page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    const form = await open();
    await ask("It's me");
    await replied();
    await unfold();
    const copied = async (label: string): Promise<string> => {
      await bench().locator("button", { hasText: label }).click();
      await bench().locator("[role=status]", { hasText: "Copied." }).waitFor();
      return editor.page.evaluate(() => navigator.clipboard.readText());
    };
    const curl = await copied("Copy as curl");
    assert.match(curl, /^curl -N 'http:/);
    assert.match(curl, /-H "authorization: Bearer \$HF_TOKEN"/);
    assert.ok(curl.includes(String.raw`It'\''s me`));
    const request = JSON.parse(await copied("Copy request"));
    assert.deepEqual(request.body, server.last.body);
    assert.equal(request.headers.authorization, "Bearer ***");
    await form.cancel();
  });

  it("takes the next message of the node", async () => {
    const form = await open();
    await unfold();
    const waits = editor.page.waitForRequest((request) => request.url().endsWith("/huggingface/next"));
    await bench().locator("button", { hasText: "Use the next message" }).click();
    await waits;
    await bench().locator("[role=status]", { hasText: "Waiting" }).waitFor();
    await new Promise((resolve) => setTimeout(resolve, 200));
    red.send("chat", { payload: "From the flow", topic: "a" });
    await red.next("reply");
    const taken = bench().locator("textarea");
    await editor.page.waitForFunction(
      () => document.querySelector<HTMLTextAreaElement>(".huggingface-try-message")?.value,
    );
    assert.deepEqual(JSON.parse(await taken.inputValue()), { payload: "From the flow", topic: "a" });
    await form.cancel();
  });

  it("shows the last questions while they come, by an action, and their texts only if somebody wants them", async () => {
    const form = await open();
    await form.cancel();
    await editor.select("chat");
    await editor.page.evaluate(() => RED.actions.invoke("huggingface:show-questions"));
    const list = editor.page.locator(".huggingface-questions");
    await list.locator("text=No questions yet.").waitFor();
    red.send("chat", { payload: "first text" });
    await red.next("reply");
    const line = list.locator("tbody tr");
    await line.filter({ hasText: "7 in, 2 out" }).filter({ hasText: "stop" }).waitFor();
    const keep = list.locator("input[type=checkbox]");
    const starts = editor.page.waitForRequest((request) => request.url().endsWith("/huggingface/texts"));
    await keep.check();
    await starts;
    await list.locator(".huggingface-keeping-dot").waitFor();
    await list.locator("text=Texts are kept until").waitFor();
    server.handle((_, response) => json(response, 401, { error: "who?" }));
    red.send("chat", { payload: "second text" });
    await red.next("error");
    await list.locator(".huggingface-questions-texts", { hasText: "second text" }).waitFor();
    await line.filter({ hasText: "auth_error" }).waitFor();
    assert.doesNotMatch((await list.textContent()) ?? "", /first text/);
    await keep.uncheck();
    await red.until(() => red.log.some(({ text }) => /no longer kept/.test(text)), "the end");
    await editor.page.locator("#node-dialog-cancel").click();
  });

  it("shows the totals of a configuration in its form", async () => {
    const form = await open();
    red.send("chat", { payload: "Hi" });
    await red.next("reply");
    const config = await editor.editConfig("config", "edit");
    await editor.page.locator(".huggingface-totals", { hasText: /questions, \d+ tokens/ }).waitFor();
    await config.cancel();
    await form.cancel();
  });
});
