import assert from "node:assert/strict";
import { compileSchema } from "../../../../src/conversation/json/schema";
import { TimeBudget } from "../../../../src/conversation/json/time-budget";

/** Stands still without working, as a process does that is stopped, or whose machine sleeps. */
function standStill(ms: number): void {
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
  it("ends what works for longer", () => {
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
    assert.ok(runs >= 5 && runs < 14, String(runs));
  });

  it("does not count the pauses of the machine: what they interrupt is done again", () => {
    const budget = new TimeBudget(100);
    let pauses = 0;
    const task = () => {
      if (pauses++ < 2) standStill(2000);
      return "done";
    };
    assert.equal(budget.run(task), "done");
    assert.equal(
      budget.run(() => work(30) ?? true),
      true,
      "and they use nothing up",
    );
  });

  it("throws what is thrown in it", () => {
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

  /** The next regular expression that is made with `new` takes so long. */
  function pauseOnce(ms: number, times = 1): void {
    let left = times;
    const construct = (target: typeof RegExp, args: [string, string]) => {
      if (left-- > 0) standStill(ms);
      return new target(...args);
    };
    globalThis.RegExp = new Proxy(original, { construct });
  }

  it("by a pause of the process is compiled all the same", () => {
    pauseOnce(700);
    const validate = compileSchema({ type: "string", pattern: "^interrupted$" });
    assert.deepEqual(validate("interrupted"), []);
    assert.notDeepEqual(validate("other"), []);
  });

  it("is checked all the same where a check is interrupted", () => {
    const validate = compileSchema({ pattern: "^checked$" });
    let isFirst = true;
    const value = {
      get a() {
        if (isFirst) standStill(700);
        isFirst = false;
        return 1;
      },
    };
    assert.deepEqual(validate(value), []);
    assert.deepEqual(compileSchema({ properties: { a: { type: "number" } } })(value), []);
  });
});
