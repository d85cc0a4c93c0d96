import assert from "node:assert/strict";
import fc from "fast-check";
import { type SinonFakeTimers, useFakeTimers } from "sinon";
import { ChatError } from "../../../../src/client/internal";
import { Circuit } from "../../../../src/conversation/run/circuit";

describe("whether a server is asked", () => {
  let clock: SinonFakeTimers;
  beforeEach(() => {
    clock = useFakeTimers({ toFake: ["performance"] });
  });
  afterEach(() => clock.restore());

  const gone = () => new ChatError("connection_refused", { host: "home", reason: "ECONNREFUSED" });

  it("is closed, open for 30 s, then open for one, and closed again by its reply", () => {
    const circuit = new Circuit();
    assert.deepEqual(circuit.enter(), {});
    circuit.open(gone());
    clock.tick(29_999);
    const { refusal } = circuit.enter();
    assert.equal(refusal?.message, gone().message);
    assert.notEqual(refusal, circuit.enter().refusal, "each question has an error of its own");
    clock.tick(1);
    assert.deepEqual(circuit.enter(), { isTrial: true });
    assert.ok(circuit.enter().refusal);
    circuit.open(gone());
    clock.tick(30_000);
    assert.deepEqual(circuit.enter(), { isTrial: true });
    circuit.close();
    assert.deepEqual([circuit.enter(), circuit.enter()], [{}, {}]);
  });

  it("lets one question in 30 s through while it is open, and all while it is closed, whatever happens", () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constant("enter" as const) },
      fc.constant("open" as const),
      fc.constant("close" as const),
      fc.integer({ min: 1, max: 40_000 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const circuit = new Circuit();
        let lastAt: number | undefined;
        for (const what of steps) {
          if (typeof what === "number") clock.tick(what);
          else if (what === "open") {
            circuit.open(gone());
            lastAt = performance.now();
          } else if (what === "close") {
            circuit.close();
            lastAt = undefined;
          } else {
            const { refusal, isTrial = false } = circuit.enter();
            const isDue = lastAt === undefined || performance.now() - lastAt >= 30_000;
            assert.equal(refusal === undefined, isDue);
            assert.equal(isTrial, lastAt !== undefined && isDue);
            if (isTrial) lastAt = performance.now();
          }
        }
      }),
    );
  });
});
