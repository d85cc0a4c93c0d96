import assert from "node:assert/strict";
import type { ChatError } from "../../../../src/client/errors/chat-error";
import { imageUrl, LARGEST_IMAGE, readImages } from "../../../../src/conversation/request/media";
import { readSounds } from "../../../../src/conversation/request/sound";
import { isRefused } from "../../../support/errors";

const mp3 = Buffer.from("ID3....");
const png = Buffer.from("\x89PNG\r\n\x1a\n....", "latin1");

describe("a Buffer as image", () => {
  const cases: [type: string, bytes: string][] = [
    ["image/png", "\x89PNG\r\n\x1a\n...."],
    ["image/jpeg", "\xff\xd8\xff\xe0...."],
    ["image/gif", "GIF87a...."],
    ["image/gif", "GIF89a...."],
    ["image/webp", "RIFF\x10\x00\n\rWEBPVP8 "],
  ];
  for (const [type, bytes] of cases) {
    it(`is a data URI of the type ${type}`, () => {
      const buffer = Buffer.from(bytes, "latin1");
      assert.equal(imageUrl(buffer, "msg.payload"), `data:${type};base64,${buffer.toString("base64")}`);
    });
  }

  const others: [what: string, bytes: Buffer][] = [
    ["text", Buffer.from("Hello")],
    ["nothing", Buffer.alloc(0)],
    ["a PDF", Buffer.from("%PDF-1.7")],
    ["a WAV", Buffer.from("RIFF\x10\x00\x00\x00WAVEfmt ", "latin1")],
    ["an SVG", Buffer.from("<svg></svg>")],
    ["the beginning of a PNG", png.subarray(0, 4)],
  ];
  for (const [what, bytes] of others) {
    it(`is refused if it holds ${what}`, () => {
      assert.throws(
        () => imageUrl(bytes, "msg.payload"),
        (error: ChatError) => {
          assert.equal(error.code, "invalid_input");
          assert.match(error.message, /^msg\.payload is a Buffer/);
          return true;
        },
      );
    });
  }

  it("may have 10 MB and no more", () => {
    const largest = Buffer.concat([png, Buffer.alloc(LARGEST_IMAGE - png.length)]);
    assert.ok(imageUrl(largest, "msg.payload").startsWith("data:image/png;base64,"));
    assert.throws(
      () => imageUrl(Buffer.concat([largest, Buffer.alloc(1)]), "msg.payload"),
      (error: ChatError) => {
        assert.equal(error.key, "image_too_big");
        assert.match(error.message, /has 11 MB; 10 MB are allowed/);
        return true;
      },
    );
  });
});

describe("an image beside the prompt", () => {
  const sized = (bytes: number) => Buffer.concat([png], bytes).toString("base64");
  const inLines = (text: string) => text.replace(/.{76}/g, "$&\r\n");

  it("may have 10 MB and no more, also as base64 and in lines", () => {
    const url = `data:image/png;base64,${sized(LARGEST_IMAGE)}`;
    const part = { type: "image_url", image_url: { url } };
    for (const image of [url, sized(LARGEST_IMAGE), inLines(sized(LARGEST_IMAGE))]) {
      // Not `deepEqual`, which would print megabytes.
      assert.ok(JSON.stringify(readImages(image, "msg.images")) === JSON.stringify([part]));
    }
    const larger = sized(LARGEST_IMAGE + 1);
    for (const image of [`data:image/png;base64,${larger}`, larger, inLines(larger)]) {
      isRefused(() => readImages(image, "msg.images"), "image_too_big", /has 11 MB/);
    }
  });

  it("keeps the detail of a content part", () => {
    const part = { type: "image_url", image_url: { url: "https://example.com/a.png", detail: "low" } };
    assert.deepEqual(readImages([part], "msg.images"), [part]);
  });

  it("is refused if one of several is missing, as `delete` leaves it", () => {
    const images = Object.assign([png], { 2: png });
    isRefused(() => readImages(images, "msg.images"), "images_invalid", /msg\.images\[1\]/);
    const sounds = Object.assign([mp3], { 2: mp3 });
    isRefused(() => readSounds(sounds, "msg.audio"), "sound_invalid", /msg\.audio\[1\]/);
  });
});
