import assert from "node:assert/strict";
import fc from "fast-check";
import { Pieces } from "../../../../src/client/response/pieces";

describe("the pieces of a body", () => {
  it("stay in their order, whatever their sizes", () => {
    const sizes = fc.array(fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 1000 })), {
      maxLength: 2000,
      size: "max",
    });
    fc.assert(
      fc.property(sizes, fc.nat(), (lengths, seed) => {
        const given = lengths.map((length, at) => Buffer.alloc(length, seed + at));
        const pieces = new Pieces();
        for (const bytes of given) pieces.add(bytes);
        assert.ok(pieces.join().equals(Buffer.concat(given)));
        const taken = pieces.take();
        assert.equal(pieces.join().length, 0);
        pieces.add(Buffer.from("behind"));
        pieces.putBack(taken.slice(1));
        const rest = Buffer.concat([...taken.slice(1), Buffer.from("behind")]);
        assert.ok(Buffer.concat(pieces.take()).equals(rest));
      }),
      { numRuns: 50 },
    );
  });

  it("are few objects, however small they come", () => {
    const pieces = new Pieces();
    for (let at = 0; at < 100_000; at++) pieces.add(Buffer.of(at % 256));
    assert.ok(pieces.take().length < 1000);
  });
});
