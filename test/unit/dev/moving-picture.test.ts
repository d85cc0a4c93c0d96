import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { crc32, inflateSync } from "node:zlib";
import { animate, plain } from "../../../dev/moving-picture";
import { root } from "../../support/root";

/** Reads the chunks of a PNG. */
function chunks(png: Buffer): { type: string; data: Buffer }[] {
  const found: { type: string; data: Buffer }[] = [];
  for (let at = 8; at < png.length; ) {
    const length = png.readUInt32BE(at);
    found.push({ type: png.toString("latin1", at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) });
    at += length + 12;
  }
  return found;
}

describe("a moving picture", () => {
  const red = plain(3, 2, [255, 0, 0]);
  const blue = plain(3, 2, [0, 0, 255]);

  it("has its frames in order, each with its time, and numbered throughout", () => {
    const found = chunks(
      animate([
        { png: red, ms: 1200 },
        { png: blue, ms: 250 },
      ]),
    );
    assert.deepEqual(
      found.map(({ type }) => type),
      ["IHDR", "acTL", "fcTL", "IDAT", "fcTL", "fdAT", "IEND"],
    );
    const controls = found.filter(({ type }) => type === "fcTL").map(({ data }) => data);
    assert.deepEqual(
      controls.map((data) => [data.readUInt32BE(0), data.readUInt32BE(4), data.readUInt32BE(8), data.readUInt16BE(20)]),
      [
        [0, 3, 2, 1200],
        [1, 3, 2, 250],
      ],
    );
    const later = found.find(({ type }) => type === "fdAT")?.data ?? Buffer.alloc(0);
    assert.equal(later.readUInt32BE(0), 2);
    assert.deepEqual([...inflateSync(later.subarray(4)).subarray(0, 4)], [0, 0, 0, 255]);
  });

  it("refuses frames of another size, and none at all", () => {
    assert.throws(() => animate([]), /no frame/);
    assert.throws(
      () =>
        animate([
          { png: red, ms: 1 },
          { png: plain(2, 2, [0, 0, 0]), ms: 1 },
        ]),
      /another size/,
    );
  });

  it("is on the first screen of README, with at most 1 MB", () => {
    const [, file = ""] = /!\[[^\]]+\]\(([^)]+)\)/.exec(readFileSync(path.join(root, "README.md"), "utf8")) ?? [];
    const picture = readFileSync(path.join(root, file));
    assert.ok(picture.length <= 1024 * 1024, `${picture.length} bytes`);
    const found = chunks(picture);
    assert.ok(found.filter(({ type }) => type === "fcTL").length >= 3);
    let at = 8;
    for (const { data } of found) {
      const body = picture.subarray(at + 4, at + 8 + data.length);
      assert.equal(picture.readUInt32BE(at + 8 + data.length), crc32(body));
      at += data.length + 12;
    }
  });
});
