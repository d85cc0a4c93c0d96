import assert from "node:assert/strict";
import { writeValue } from "../../../../src/conversation/request/text-of";
import { quickly } from "../../../support/cpu";

describe("a value that becomes text", () => {
  const jpeg = Buffer.from([0xff, 0xd8, 0xff]);
  const sound = Buffer.from("ID3");

  it("counts the images and the sounds in it", () => {
    const { text, parts } = writeValue({ a: jpeg, b: [sound, jpeg], c: sound }, "msg.payload");
    assert.equal(text, '{"a":"(image 1)","b":["(sound 1)","(image 2)"],"c":"(sound 2)"}');
    assert.deepEqual(
      parts.map(({ type }) => type),
      ["image_url", "input_audio", "image_url", "input_audio"],
    );
  });

  it("takes no longer for bytes that stand deep in it", () => {
    const written = JSON.stringify(Buffer.from("A"));
    const list = `[${Array.from({ length: 25_000 }, () => written).join(",")}]`;
    const timeOf = (begin: string, end: string): number => {
      const value = JSON.parse(begin + list + end);
      const { user } = process.cpuUsage();
      assert.ok(writeValue(value, "msg.payload"));
      return process.cpuUsage().user - user;
    };
    const shallow = timeOf('{"a":', "}");
    const key = `{"${"k".repeat(30)}":`;
    assert.ok(timeOf(key.repeat(1000), "}".repeat(1000)) < 5 * shallow + 100_000);
  });

  it("names the place of bytes that are no text", () => {
    assert.throws(() => writeValue({ a: [{ b: Buffer.of(0, 1) }] }, "msg.payload"), /msg\.payload\.a\[0\]\.b/);
  });

  it("takes time that grows with their number alone", () => {
    const written = JSON.stringify(jpeg);
    const value = JSON.parse(`{"a":[${Array.from({ length: 60_000 }, () => written).join(",")}]}`);
    assert.equal(quickly(() => writeValue(value, "msg.payload")).parts.length, 60_000);
  });
});
