import assert from "node:assert/strict";
import { chatFlow, type Message, type NodeDef, type NodeRed, sink } from "../support/node-red";
import { inTurn, reply, type TestServer } from "../support/server";
import { callRound, valueTool } from "../support/tools";
import { useNodeRed } from "../support/use-node-red";

/** Only the first bytes of these files are checked. */
const FILES: Record<string, Buffer> = {
  wav: Buffer.from("RIFF\x24\x00\x00\x00WAVEfmt ", "latin1"),
  mp3: Buffer.from("ID3\x04\x00\x00\x00\x00\x00\x00", "latin1"),
};
const WAV = FILES.wav as Buffer;
const MP3 = FILES.mp3 as Buffer;
const MP3_FRAME = Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0xfe]), Buffer.alloc(20, 0xff)]);
const BASE64 = WAV.toString("base64");
const BIG = Buffer.concat([WAV, Buffer.alloc(10 * 1024 * 1024)]);
const partOf = (bytes: Buffer, format: string) => ({
  type: "input_audio",
  input_audio: { data: bytes.toString("base64"), format },
});

describe("sound beside the prompt", () => {
  let red: NodeRed;
  let server: TestServer;
  useNodeRed((its) => ({ red, server } = its), reply("A dog barks."));

  const ask = async (message: Message): Promise<unknown> => {
    red.send("chat", { payload: "What do you hear?", ...message });
    await red.next("reply");
    return server.last.body.messages.at(-1).content;
  };
  const words = { type: "text", text: "What do you hear?" };

  const forms: [what: string, audio: unknown, parts: object[]][] = [
    ["a Buffer with WAV", WAV, [partOf(WAV, "wav")]],
    ["a Buffer with MP3", MP3, [partOf(MP3, "mp3")]],
    [
      "a Buffer with MP3 without a tag",
      Buffer.from([0xff, 0xfb, 0x90, 0]),
      [partOf(Buffer.from([0xff, 0xfb, 0x90, 0]), "mp3")],
    ],
    ["a data URI", `data:audio/wav;base64,${BASE64}`, [partOf(WAV, "wav")]],
    ["a data URI of another type than it says", `data:audio/ogg;codecs=opus;base64,${BASE64}`, [partOf(WAV, "wav")]],
    ["base64", BASE64, [partOf(WAV, "wav")]],
    ["base64 in lines", MP3_FRAME.toString("base64").replace(/.{8}/g, "$&\r\n"), [partOf(MP3_FRAME, "mp3")]],
    ["base64 for addresses", MP3_FRAME.toString("base64url"), [partOf(MP3_FRAME, "mp3")]],
    ["other bytes", new Uint8Array(WAV), [partOf(WAV, "wav")]],
    ["a Buffer that has been through JSON", JSON.parse(JSON.stringify(WAV)), [partOf(WAV, "wav")]],
    ["a part of the API", partOf(WAV, "mp3"), [partOf(WAV, "wav")]],
    ["several", [WAV, MP3.toString("base64")], [partOf(WAV, "wav"), partOf(MP3, "mp3")]],
  ];
  for (const [what, audio, parts] of forms) {
    it(`may be ${what}`, async () => {
      await red.deploy(chatFlow(server.url));
      assert.deepEqual(await ask({ audio }), [words, ...parts]);
    });
  }

  for (const audio of [undefined, null, "", []]) {
    it(`may be none: ${JSON.stringify(audio)}`, async () => {
      await red.deploy(chatFlow(server.url));
      assert.equal(await ask({ audio }), words.text);
    });
  }

  const refused: [what: string, audio: unknown, says: RegExp][] = [
    [
      "an image",
      Buffer.from("89504e470d0a1a0a", "hex"),
      /^Not a sound that can be sent: msg\.audio is neither WAV nor MP3\. Convert it/,
    ],
    ["Ogg", Buffer.from("OggS\x00\x02"), /neither WAV nor MP3/],
    ["a path", "/home/pi/note.wav", /read a file first/],
    ["a path whose letters begin as an MP3 does in base64", "//srv/audio/note.mp3", /neither WAV nor MP3/],
    ["an address", "https://example.com/note.mp3", /neither WAV nor MP3/],
    ["a number", 5, /neither WAV nor MP3/],
    ["an object", { text: "hello" }, /neither WAV nor MP3/],
    ["one of several", [WAV, "no"], /msg\.audio\[1\] is neither/],
    ["too much", BIG, /^Sound too big: msg\.audio has 11 MB/],
    ["too much base64", BIG.toString("base64"), /^Sound too big: msg\.audio has 11 MB/],
  ];
  for (const [what, audio, says] of refused) {
    it(`is refused before any request: ${what}`, async () => {
      await red.deploy(chatFlow(server.url));
      red.send("chat", { payload: "?", audio });
      const { error } = await red.next("error");
      assert.equal(error.code, "invalid_input");
      assert.match(error.message, says);
      assert.equal(server.requests.length, 0);
    });
  }

  it("is a question without words, also as the prompt itself", async () => {
    await red.deploy(chatFlow(server.url));
    assert.deepEqual(await ask({ payload: "", audio: WAV }), [partOf(WAV, "wav")]);
    assert.deepEqual(await ask({ payload: MP3 }), [partOf(MP3, "mp3")]);
    red.send("chat", { payload: BIG });
    assert.match((await red.next("error")).error.message, /^Sound too big: msg\.payload has 11 MB/);
  });

  it("goes together with images, and comes from where the form says", async () => {
    await red.deploy(chatFlow(server.url, { audio: "note.data", stream: true }));
    const url = "https://example.com/dog.png";
    const image = { type: "image_url", image_url: { url } };
    assert.deepEqual(await ask({ images: url, note: { data: WAV, name: "dog" }, audio: "unused" }), [
      words,
      image,
      partOf(WAV, "wav"),
    ]);
    for (const msg of red.captured("stream")) assert.deepEqual([msg.note, msg.audio], [{ name: "dog" }, "unused"]);
    await red.deploy(chatFlow(server.url, { audio: "", audioType: "flow" }));
    assert.equal(await ask({ audio: "unused" }), words.text, "a blank one elsewhere is none");
  });

  it("is not added again to a conversation that has it, nor behind another chat node", async () => {
    await red.deploy(chatFlow(server.url, { conversation: "topic", conversationType: "msg" }));
    red.send("chat", { payload: words.text, audio: [WAV], topic: "a" });
    const msg = await red.next("reply");
    assert.ok(msg.audio, "the message keeps it");
    red.send("chat", { ...msg, payload: "And now?" });
    await red.next("reply");
    assert.equal(server.last.body.messages.at(-1).content, "And now?");
    assert.equal(JSON.stringify(server.last.body.messages).split('input_audio":{').length - 1, 1);
    const [chat, ...others] = [...chatFlow(server.url)].sort((a) => (a.id === "chat" ? -1 : 1)) as [
      NodeDef,
      ...NodeDef[],
    ];
    await red.deploy([{ ...chat, id: "first", wires: [["chat"], [], []] }, chat, ...others]);
    red.send("first", { payload: words.text, audio: WAV });
    await red.next("reply");
    assert.deepEqual(server.last.body.messages, [{ role: "user", content: "A dog barks." }]);
  });

  it("stays out of messages to tools", async () => {
    server.handle(inTurn(callRound({ id: "a", name: "weather" }), reply("7")));
    const flow = valueTool("weather", "7").map((node) =>
      node.type === "huggingface-tool" ? { ...node, wires: [["do-weather", "seen"]] } : node,
    );
    await red.deploy([...chatFlow(server.url, { tools: ["tool-weather"] }), ...flow, sink("seen", "tool")]);
    red.send("chat", { payload: "How warm?", audio: WAV, topic: "kept" });
    await red.next("reply");
    const seen = await red.next("tool");
    assert.deepEqual([seen.topic, "audio" in seen], ["weather", false]);
    const asked = JSON.stringify(server.requests[1]?.body.messages);
    assert.equal(asked.split('input_audio":{').length - 1, 1);
  });
});
