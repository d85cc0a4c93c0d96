import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { PacedBytes } from "../../src/lib/client/paced-bytes";

/** As it is in the module: what one read of a socket brings. */
const A_TURN = 65_536;

/** What came out, turn by turn of the event loop. */
function collect(onTake: (paced: PacedBytes, length: number) => void = () => {}) {
  const taken: Buffer[] = [];
  let ends = 0;
  const paced = new PacedBytes(
    (bytes) => {
      assert.equal(ends, 0, "bytes behind the end");
      taken.push(bytes);
      onTake(paced, length());
    },
    () => ends++,
  );
  const length = () => taken.reduce((sum, { length }) => sum + length, 0);
  return { paced, length, text: () => Buffer.concat(taken).toString("latin1"), ends: () => ends };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}

describe("paced bytes", () => {
  it("are handed on at once while they are few", () => {
    const { paced, text, ends } = collect();
    paced.push(Buffer.from("Hel"));
    paced.push(Buffer.from("lo"));
    assert.equal(text(), "Hello");
    paced.end();
    assert.equal(ends(), 1);
  });

  it("are handed on in turns when they are many, and the end comes behind them", async () => {
    const { paced, length, ends } = collect();
    for (let piece = 0; piece < 300; piece++) paced.push(Buffer.alloc(1024));
    paced.end();
    assert.equal(length(), A_TURN);
    assert.equal(ends(), 0);
    const lengths = [];
    while (ends() === 0) {
      const before = length();
      await nextTurn();
      lengths.push(length() - before);
    }
    assert.equal(length(), 300 * 1024);
    assert.ok(lengths.length >= 3, lengths.join());
    assert.ok(Math.max(...lengths) <= A_TURN + 1024, lengths.join());
  });

  it("do not grow for ever where more come than go", async () => {
    const { paced, length } = collect();
    let pushed = 0;
    for (let turn = 0; turn < 100; turn++) {
      for (let piece = 0; piece < 16; piece++) paced.push(Buffer.alloc(A_TURN));
      pushed += 16 * A_TURN;
      await nextTurn();
    }
    assert.ok(pushed - length() <= 4 * 16 * A_TURN, `${(pushed - length()) / A_TURN} turns are waiting`);
  });

  it("keep their order and their end, however they come", async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.integer({ min: 0, max: 3 * A_TURN }) },
      { weight: 1, arbitrary: fc.constantFrom("turn" as const, "drain" as const) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { paced, text, ends } = collect();
        let expected = "";
        for (const [index, what] of steps.entries()) {
          if (what === "turn") await nextTurn();
          else if (what === "drain") {
            paced.drain();
            assert.ok(text() === expected, "not all is drained");
          } else {
            const piece = String(index % 10).repeat(what);
            expected += piece;
            paced.push(Buffer.from(piece));
          }
        }
        paced.end();
        await turns(30);
        assert.ok(text() === expected);
        assert.equal(ends(), 1);
      }),
      { numRuns: 60 },
    );
  });

  for (const [when, most] of [
    ["at once", 0],
    ["in a later turn", 2 * A_TURN],
  ] as const) {
    it(`are handed on no more when they are destroyed ${when}`, async () => {
      const { paced, length, ends } = collect((self, taken) => {
        if (taken > most) self.destroy();
      });
      for (let piece = 0; piece < 10; piece++) paced.push(Buffer.alloc(A_TURN));
      paced.end();
      await turns(20);
      assert.equal(length(), most + A_TURN);
      assert.equal(ends(), 0);
    });
  }
});
