import assert from "node:assert/strict";
import { compileSchema } from "../../../../src/conversation/json/schema";
import { TimeBudget } from "../../../../src/conversation/json/time-budget";

/** Waits without using CPU time, as when the process is stopped or the machine sleeps. */
function pauseProcess(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function work(ms: number): void {
  const cpuMs = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const until = cpuMs() + ms;
  while (cpuMs() < until);
}

describe("a budget of time", () => {
  it("ends work that takes longer", () => {
    const budget = new TimeBudget(50);
    assert.equal(
      budget.run(() => {
        for (;;);
      }),
      undefined,
    );
    assert.equal(
      budget.run(() => 1),
      undefined,
      "nothing is left",
    );
  });

  it("counts work over several runs", () => {
    const budget = new TimeBudget(400);
    let runs = 0;
    while (budget.run(() => work(30) ?? true)) runs++;
    // About 13. Where other threads of the process work as well, less of the time counts, and more runs fit.
    assert.ok(runs >= 5 && runs <= 40, String(runs));
  });

  it("does not count pauses of the machine: interrupted work is repeated", () => {
    const budget = new TimeBudget(100);
    let pauses = 0;
    const task = () => {
      if (pauses++ < 2) pauseProcess(2000);
      return "done";
    };
    assert.equal(budget.run(task), "done");
    assert.equal(
      budget.run(() => work(30) ?? true),
      true,
      "and they use nothing up",
    );
  });

  it("passes on what is thrown in it", () => {
    assert.throws(
      () =>
        new TimeBudget(50).run(() => {
          throw new Error("mine");
        }),
      /mine/,
    );
  });
});

describe("a schema whose compilation is interrupted", () => {
  const original = RegExp;
  afterEach(() => {
    globalThis.RegExp = original;
  });

  /** Delays the next `new RegExp` by this long. */
  function pauseOnce(ms: number, times = 1): void {
    let left = times;
    const construct = (target: typeof RegExp, args: [string, string]) => {
      if (left-- > 0) pauseProcess(ms);
      return new target(...args);
    };
    globalThis.RegExp = new Proxy(original, { construct });
  }

  it("by a pause of the process is compiled anyway", () => {
    pauseOnce(700);
    const validate = compileSchema({ type: "string", pattern: "^interrupted$" });
    assert.deepEqual(validate("interrupted"), []);
    assert.notDeepEqual(validate("other"), []);
  });

  it("is checked anyway if a check is interrupted", () => {
    const validate = compileSchema({ pattern: "^checked$" });
    let isFirst = true;
    const value = {
      get a() {
        if (isFirst) pauseProcess(700);
        isFirst = false;
        return 1;
      },
    };
    assert.deepEqual(validate(value), []);
    assert.deepEqual(compileSchema({ properties: { a: { type: "number" } } })(value), []);
  });
});
