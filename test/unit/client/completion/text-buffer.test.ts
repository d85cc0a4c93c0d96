import assert from "node:assert/strict";
import fc from "fast-check";
import { TextBuffer } from "../../../../src/client/completion/text-buffer";

function bufferOf(deltas: string[]): TextBuffer {
  const buffer = new TextBuffer();
  for (const delta of deltas) buffer.add(delta);
  return buffer;
}

describe("a text buffer", () => {
  it("is empty at first", () => {
    assert.equal(new TextBuffer().toString(), "");
    assert.equal(new TextBuffer().length, 0);
  });

  it("returns all deltas in order, whenever it is read", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.boolean())), (deltas) => {
        const buffer = new TextBuffer();
        let text = "";
        for (const [delta, isRead] of deltas) {
          buffer.add(delta);
          text += delta;
          assert.equal(buffer.length, text.length);
          if (isRead) assert.equal(buffer.toString(), text);
        }
        assert.equal(buffer.toString(), text);
      }),
    );
  });

  const sizes: [what: string, count: number, length: number][] = [
    ["many small pieces", 20_000, 3],
    ["a few large pieces", 5, 70_000],
    ["one piece as long as a block", 1, 65_536],
    ["exactly as many pieces as a block takes", 4096, 1],
  ];
  for (const [what, count, length] of sizes) {
    it(`keeps ${what}`, () => {
      const deltas = Array.from({ length: count }, (_, index) => String(index % 10).repeat(length));
      const buffer = bufferOf(deltas);
      assert.equal(buffer.length, count * length);
      assert.ok(buffer.toString() === deltas.join(""));
      assert.ok(buffer.toString() === deltas.join(""), "read again");
    });
  }
});
