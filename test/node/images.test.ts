import assert from "node:assert/strict";
import { chatFlow, type Message, type NodeDef, type NodeRed } from "../support/node-red";
import { reply, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

/** Only the first bytes of these files are checked. */
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

  it("join the last user message, or become one if there is none", async () => {
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

  it("are a question without words", async () => {
    await red.deploy(chatFlow(server.url));
    for (const payload of ["", undefined, " "]) {
      red.send("chat", { payload, images: PNG });
      await red.next("reply");
      assert.deepEqual(server.last.body.messages, [{ role: "user", content: parts(PNG_URI).slice(1) }]);
    }
    red.send("chat", { payload: "", images: [] });
    assert.match((await red.next("error")).error.message, /msg\.payload is empty/);
  });

  it("are not added again to a conversation that has them: by msg.messages, or remembered", async () => {
    await red.deploy(chatFlow(server.url, { conversation: "topic", conversationType: "msg" }));
    const question = { payload: "What is it?", images: [PNG, ADDRESS] };
    for (const topic of [undefined, "a"]) {
      red.send("chat", { ...question, topic });
      const msg = await red.next("reply");
      assert.ok(msg.images, "the message keeps them");
      const next = topic ? "And now?" : [...msg.messages, { role: "user", content: "And now?" }];
      red.send("chat", { ...msg, payload: next });
      await red.next("reply");
      const { messages } = server.last.body;
      assert.equal(JSON.stringify(messages).split('image_url":{').length - 1, 2);
      assert.equal(messages.at(-1).content, "And now?");
    }
    red.send("chat", { payload: "And this?", topic: "a", images: [PNG, `${ADDRESS}&new=1`] });
    await red.next("reply");
    assert.deepEqual(server.last.body.messages.at(-1).content, [
      { type: "text", text: "And this?" },
      { type: "image_url", image_url: { url: `${ADDRESS}&new=1` } },
    ]);
  });

  it("are not sent to a chat node behind the one that had them", async () => {
    const [first, ...nodes] = chatFlow(server.url).filter(({ id }) => id === "chat");
    const others = chatFlow(server.url).filter(({ id }) => id !== "chat");
    const chat = { ...first, id: "first", wires: [["chat"], [], []] };
    assert.equal(nodes.length, 0);
    await red.deploy([chat, { ...first, id: "chat" }, ...others] as NodeDef[]);
    const before = server.requests.length;
    red.send("first", { payload: "What is it?", images: PNG });
    await red.next("reply");
    assert.deepEqual(server.requests[before]?.body.messages[0].content, parts(PNG_URI));
    assert.deepEqual(server.last.body.messages, [{ role: "user", content: "A cat." }]);
  });

  const refused: [what: string, images: unknown, says: RegExp][] = [
    ["text", "a cat", /msg\.images is not a PNG/],
    ["base64 of something else", Buffer.from("hello").toString("base64"), /msg\.images is not a PNG/],
    ["a Buffer of something else", Buffer.from("hello"), /msg\.images is not a PNG/],
    ["a picture of lines", "data:image/svg+xml,<svg/>", /msg\.images is not a PNG/],
    [
      "an address of a file",
      "file:///etc/passwd",
      /^Path in place of an image: msg\.images is "file:\/\/\/etc\/passwd".*Read the file/,
    ],
    ["a path", "/home/pi/cat.jpg", /^Path in place of an image: msg\.images is "\/home\/pi\/cat\.jpg".*Read the file/],
    ["a path of Windows", "C:\\Users\\me\\cat", /^Path in place of an image: msg\.images is/],
    ["the name of a file", "cat.png", /^Path in place of an image: msg\.images is/],
    [
      "an address without its beginning",
      "www.example.com/cat.jpeg?s=1",
      /^Path in place of an image: msg\.images .*https:\/\//,
    ],
    ["a number", 5, /msg\.images is not a PNG/],
    ["nothing among others", [PNG, null], /msg\.images\[1\] is not a PNG/],
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
