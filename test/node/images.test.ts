import assert from "node:assert/strict";
import { chatFlow, type Message, type NodeRed } from "../support/node-red";
import { reply, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

/** The beginnings of files, which is all that is looked at. */
const FILES: Record<string, Buffer> = {
  png: Buffer.from("89504e470d0a1a0a0000000d49484452", "hex"),
  jpeg: Buffer.from("ffd8ffe000104a46494600010100", "hex"),
  gif: Buffer.from("GIF89a\x01\x00\x01\x00", "latin1"),
  webp: Buffer.from("RIFF\x24\x00\x00\x00WEBPVP8 ", "latin1"),
};
const PNG = FILES.png as Buffer;
const PNG_URI = `data:image/png;base64,${PNG.toString("base64")}`;
const ADDRESS = "https://example.com/cat.png?size=1";

describe("images beside the prompt", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("A cat."));

  const ask = async (message: Message): Promise<unknown[]> => {
    red.send("chat", { payload: "What is it?", ...message });
    await red.next("reply");
    return server.last.body.messages.at(-1).content;
  };
  const parts = (...urls: string[]) => [
    { type: "text", text: "What is it?" },
    ...urls.map((url) => ({ type: "image_url", image_url: { url } })),
  ];

  for (const [type, bytes] of Object.entries(FILES)) {
    it(`may be a Buffer with a ${type}`, async () => {
      await red.deploy(chatFlow(server.url));
      assert.deepEqual(await ask({ images: bytes }), parts(`data:image/${type};base64,${bytes.toString("base64")}`));
    });
  }

  const forms: [what: string, images: unknown, urls: string[]][] = [
    ["an address, which is not fetched", ADDRESS, [ADDRESS]],
    ["a data URI", PNG_URI, [PNG_URI]],
    ["a data URI of another type than it says", PNG_URI.replace("png", "jpeg"), [PNG_URI]],
    ["base64", PNG.toString("base64"), [PNG_URI]],
    ["base64 in lines", PNG.toString("base64").replace(/.{8}/g, "$&\r\n"), [PNG_URI]],
    ["other bytes", new Uint8Array(PNG), [PNG_URI]],
    ["a Buffer that has been through JSON", JSON.parse(JSON.stringify(PNG)), [PNG_URI]],
    ["a part of the API", { type: "image_url", image_url: { url: ADDRESS } }, [ADDRESS]],
    ["several", [PNG, ADDRESS], [PNG_URI, ADDRESS]],
  ];
  for (const [what, images, urls] of forms) {
    it(`may be ${what}`, async () => {
      await red.deploy(chatFlow(server.url));
      assert.deepEqual(await ask({ images }), parts(...urls));
    });
  }

  for (const images of [undefined, null, "", []]) {
    it(`may be none: ${JSON.stringify(images)}`, async () => {
      await red.deploy(chatFlow(server.url));
      assert.equal(await ask({ images }), "What is it?");
    });
  }

  it("join the last message of the user, or are one where there is none", async () => {
    await red.deploy(chatFlow(server.url));
    const messages = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello!" },
    ];
    red.send("chat", {
      payload: [...messages, { role: "user", content: [{ type: "text", text: "?" }] }],
      images: ADDRESS,
    });
    await red.next("reply");
    assert.deepEqual(server.last.body.messages[0], messages[0]);
    assert.deepEqual(server.last.body.messages[2].content, [
      { type: "text", text: "?" },
      { type: "image_url", image_url: { url: ADDRESS } },
    ]);
    red.send("chat", { payload: [{ role: "system", content: "Say what it is." }], images: ADDRESS });
    await red.next("reply");
    assert.deepEqual(server.last.body.messages[1], {
      role: "user",
      content: [{ type: "image_url", image_url: { url: ADDRESS } }],
    });
  });

  it("come from where the form says, and stay out of the stream", async () => {
    await red.deploy(chatFlow(server.url, { images: "photo.data", stream: true }));
    assert.deepEqual(await ask({ photo: { data: PNG, name: "cat" } }), parts(PNG_URI));
    for (const msg of red.captured("stream")) assert.deepEqual(msg.photo, { name: "cat" });
  });

  const refused: [what: string, images: unknown, says: RegExp][] = [
    ["text", "a cat", /msg\.images is no PNG/],
    ["base64 of something else", Buffer.from("hello").toString("base64"), /msg\.images is no PNG/],
    ["a Buffer of something else", Buffer.from("hello"), /msg\.images is no PNG/],
    ["a picture of lines", "data:image/svg+xml,<svg/>", /msg\.images is no PNG/],
    ["an address of another kind", "file:///etc/passwd", /msg\.images is no PNG/],
    ["a number", 5, /msg\.images is no PNG/],
    ["nothing among others", [PNG, null], /msg\.images\[1\] is no PNG/],
    ["too much", Buffer.concat([PNG, Buffer.alloc(10 * 1024 * 1024)]), /11 MB/],
    ["too much base64", Buffer.concat([PNG, Buffer.alloc(10 * 1024 * 1024)]).toString("base64"), /11 MB/],
  ];
  for (const [what, images, says] of refused) {
    it(`are refused before any request: ${what}`, async () => {
      await red.deploy(chatFlow(server.url));
      const before = server.requests.length;
      red.send("chat", { payload: "What is it?", images });
      const caught = await red.next("error");
      assert.equal(caught.error.code, "invalid_input");
      assert.match(caught.error.message, says);
      assert.equal(server.requests.length, before);
    });
  }

  it("leave parts of other kinds as they are", async () => {
    await red.deploy(chatFlow(server.url));
    const content = [
      { type: "input_audio", input_audio: { data: "UklGRg==", format: "wav" } },
      { type: "video_url", video_url: { url: "https://example.com/a.mp4" } },
    ];
    red.send("chat", { payload: [{ role: "user", content }] });
    await red.next("reply");
    assert.deepEqual(server.last.body.messages[0].content, content);
  });
});
