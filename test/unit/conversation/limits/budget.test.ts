import assert from "node:assert/strict";
import fc from "fast-check";
import { Budget, type Limit } from "../../../../src/conversation/limits/budget";
import { windowAt } from "../../../../src/conversation/limits/windows";
import { LIMIT_PERIODS, LIMIT_UNITS } from "../../../../src/shared/limits";

const ZONES = ["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Beirut", "UTC"];
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Moments at which clocks change, a Pi without a clock starts, and days that are odd. */
const MOMENTS = [
  0,
  Date.UTC(1970, 0, 1, 0, 5),
  Date.UTC(2018, 10, 4, 3), // Brazil: no midnight
  Date.UTC(2026, 2, 28, 22), // Beirut: no midnight
  Date.UTC(2026, 2, 29, 1),
  Date.UTC(2026, 3, 4, 15), // Lord Howe: half an hour
  Date.UTC(2026, 9, 25, 1),
  Date.UTC(2026, 10, 26, 12),
  Date.UTC(2027, 11, 31, 23, 59, 59),
  Date.UTC(2028, 1, 29, 12),
];
const aMoment = fc
  .tuple(fc.constantFrom(...MOMENTS), fc.oneof(fc.integer({ min: -DAY, max: DAY }), fc.constantFrom(0, 1, MINUTE)))
  .map(([moment, shift]) => moment + shift);

const { TZ } = process.env;
const inZone = <T>(zone: string, run: () => T): T => {
  process.env.TZ = zone;
  try {
    return run();
  } finally {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
  }
};
/** Returns the code of what is thrown, undefined for nothing. */
const codeOf = (act: () => void): string | undefined => {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("windows of the calendar", () => {
  it("hold the time that they are asked for, and follow each other without a gap, in every zone", () => {
    const aWindow = fc.tuple(fc.constantFrom(...ZONES), fc.constantFrom(...LIMIT_PERIODS), aMoment);
    fc.assert(
      fc.property(aWindow, ([zone, period, now]) =>
        inZone(zone, () => {
          // Where clocks move by half an hour, one hour a year is not what its name says.
          fc.pre(zone !== "Australia/Lord_Howe" || period !== "hour");
          const { start, end } = windowAt(period, now);
          assert.ok(start <= now && now < end, `${new Date(start)} ${new Date(end)}`);
          for (const at of [start, end - 1]) assert.deepEqual(windowAt(period, at), { start, end });
          assert.equal(windowAt(period, end).start, end);
        }),
      ),
      { numRuns: 2000 },
    );
  });

  const hours: [what: string, zone: string, month: number, day: number, hours: number][] = [
    ["23 hours in spring", "Europe/Berlin", 2, 29, 23],
    ["25 hours in autumn", "Europe/Berlin", 9, 25, 25],
    ["24 hours else", "Europe/Berlin", 5, 1, 24],
  ];
  for (const [what, zone, month, day, count] of hours) {
    it(`are days of ${what}`, () => {
      inZone(zone, () => {
        const { start, end } = windowAt("day", new Date(2026, month, day, 12).getTime());
        assert.equal((end - start) / (60 * MINUTE), count);
      });
    });
  }

  it("tell the hour that a clock shows twice apart", () => {
    inZone("Europe/Berlin", () => {
      const first = Date.UTC(2026, 9, 25, 0, 30);
      assert.equal(new Date(first).getHours(), 2);
      assert.equal(new Date(first + 60 * MINUTE).getHours(), 2);
      assert.equal(windowAt("hour", first + 60 * MINUTE).start - windowAt("hour", first).start, 60 * MINUTE);
    });
  });
});

describe("a budget", () => {
  /** Names a window in another way than the code does. */
  const nameOf = (per: Limit["per"], now: number): string => {
    const date = new Date(now);
    const parts = [date.getFullYear(), date.getMonth(), date.getDate(), date.getHours(), date.getMinutes()];
    const length = { month: 2, day: 3, hour: 4, minute: 5 }[per];
    const offset = per === "hour" || per === "minute" ? date.getTimezoneOffset() : 0;
    return [...parts.slice(0, length), offset].join();
  };
  const aLimit = fc.record({
    amount: fc.constantFrom(0, 1, 3, 10),
    unit: fc.constantFrom(...LIMIT_UNITS),
    per: fc.constantFrom(...LIMIT_PERIODS),
  });
  const anEvent = fc.oneof(
    fc.record({ now: aMoment }),
    fc.record({ question: fc.constant(true) }),
    fc.record({ tokens: fc.integer({ min: 0, max: 4 }), usd: fc.constantFrom(0, 0.5, 2) }),
    fc.record({ restart: fc.constantFrom("ended", "crashed", "lost") }),
    fc.record({ written: fc.constant(true) }),
  );

  it("counts as a list of all events says, whatever the clock does, also over restarts", () => {
    // Lord Howe moves its clock by half an hour, so an hour there is not what its name says.
    const aZone = fc.constantFrom(...ZONES.filter((zone) => zone !== "Australia/Lord_Howe"));
    const aRun = fc.tuple(aZone, fc.array(aLimit, { minLength: 1, maxLength: 4 }), fc.array(anEvent));
    fc.assert(
      fc.property(aRun, ([zone, limits, events]) =>
        inZone(zone, () => {
          let now = Date.UTC(2026, 10, 26);
          let budget = new Budget(limits, () => now);
          let log: { now: number; questions: number; usd: number; tokens: number }[] = [];
          let written = { saved: budget.save(), log: [...log] };
          for (const event of events) {
            if ("now" in event) now = event.now;
            if ("question" in event && codeOf(() => budget.check()) === undefined) {
              budget.addQuestion();
              log.push({ now, questions: 1, usd: 0, tokens: 0 });
            }
            if ("tokens" in event && codeOf(() => budget.check(true)) === undefined) {
              budget.addSpent(event);
              log.push({ now, questions: 0, usd: event.usd, tokens: event.tokens });
            }
            const isEnded = "restart" in event && event.restart === "ended";
            if (isEnded || "written" in event) {
              written = { saved: JSON.parse(JSON.stringify(budget.save())), log: [...log] };
            }
            if ("restart" in event) {
              budget = new Budget(limits, () => now);
              // A crash brings back what was written last, in whatever year the clock is then.
              if (event.restart !== "lost") budget.load(written.saved);
              log = event.restart === "lost" ? [] : [...written.log];
            }
            const expected = limits.map(({ unit, per }) =>
              log.filter((at) => nameOf(per, at.now) === nameOf(per, now)).reduce((sum, at) => sum + at[unit], 0),
            );
            assert.deepEqual(
              budget.use().map(({ used }) => used),
              expected,
            );
            const isReached = limits.some(({ amount }, index) => (expected[index] ?? 0) >= amount);
            assert.equal(
              codeOf(() => budget.check()),
              isReached ? "budget_exhausted" : undefined,
            );
            for (const [index, { amount, unit }] of limits.entries()) {
              if (unit === "questions") assert.ok((expected[index] ?? 0) <= amount, "no question is beyond it");
            }
          }
        }),
      ),
      { numRuns: 500 },
    );
  });

  it("says what is used, how much there is, and when it begins anew", () => {
    inZone("Europe/Berlin", () => {
      let now = new Date(2026, 9, 25, 23).getTime();
      const budget = new Budget([{ amount: 2, unit: "usd", per: "day" }], () => now);
      budget.addSpent({ tokens: 10, usd: 0.1 });
      budget.addSpent({ tokens: 10, usd: 0.2 });
      const resets_at = "2026-10-25T23:00:00.000Z";
      assert.deepEqual(budget.use(), [{ amount: 2, unit: "usd", per: "day", used: 0.3, resets_at }]);
      assert.equal(budget.near(), undefined);
      budget.addSpent({ tokens: 10, usd: 1.3 });
      assert.equal(budget.near()?.used, 1.6);
      budget.addSpent({ tokens: 10, usd: 0.4 });
      try {
        budget.check(true);
        assert.fail("it is reached");
      } catch (error) {
        const { cause, message } = error as { cause: object; message: string };
        assert.match(message, /^Limit reached: 2 of 2 USD\. It resets at 2026-10-26 00:00\./);
        assert.deepEqual(
          { ...cause },
          {
            retryable: true,
            retry_after: 3600,
            limit: { amount: 2, unit: "usd", per: "day", used: 2, resets_at },
          },
        );
      }
      now += 60 * MINUTE;
      budget.check();
      now -= 60 * MINUTE;
      assert.equal(
        codeOf(() => budget.check()),
        "budget_exhausted",
        "a clock that goes back finds what was counted",
      );
    });
  });

  it("lets a later round of a question through where only questions are limited", () => {
    const budget = new Budget([{ amount: 1, unit: "questions", per: "day" }], () => 0);
    budget.addQuestion();
    budget.check(true);
    assert.equal(
      codeOf(() => budget.check()),
      "budget_exhausted",
    );
  });

  it("names of several limits the one that lasts longest", () => {
    const budget = new Budget(
      LIMIT_PERIODS.map((per) => ({ amount: 0, unit: "tokens", per })),
      () => 0,
    );
    assert.equal(budget.reached()?.per, "month");
  });

  const instead: [what: string, limits: Limit[], tokens: number | undefined][] = [
    ["a limit in USD a day", [{ amount: 2, unit: "usd", per: "day" }], 2_000_000],
    ["one in USD a month", [{ amount: 30, unit: "usd", per: "month" }], 1_000_000],
    [
      "one in tokens beside it",
      [
        { amount: 2, unit: "usd", per: "day" },
        { amount: 5, unit: "tokens", per: "hour" },
      ],
      5,
    ],
    ["none in USD", [{ amount: 2, unit: "tokens", per: "day" }], undefined],
  ];
  for (const [what, limits, tokens] of instead) {
    it(`limits models without a price by tokens, where there is ${what}`, () => {
      const budget = new Budget(limits, () => 0);
      assert.equal(budget.tokensForUsd, tokens);
      if (tokens === undefined) return;
      budget.addSpent({ tokens: tokens - 1, usd: undefined });
      budget.check();
      budget.addSpent({ tokens: 1, usd: undefined });
      assert.equal(budget.reached()?.unit, "tokens");
    });
  }

  it("forgets the window that was not used for longest, where the clock has seen many", () => {
    let now = 0;
    const budget = new Budget([{ amount: 1e9, unit: "questions", per: "minute" }], () => now);
    for (; now < 1000 * MINUTE; now += MINUTE) budget.addQuestion();
    assert.equal(budget.save().minute?.length, 64);
    now = 999 * MINUTE;
    assert.equal(budget.use()[0]?.used, 1);
  });

  it("adds what was stored to what it has counted since", () => {
    const limits: Limit[] = [{ amount: 10, unit: "questions", per: "day" }];
    const before = new Budget(limits, () => 0);
    before.addQuestion();
    const budget = new Budget(limits, () => 0);
    budget.addQuestion();
    budget.load(before.save());
    assert.equal(budget.use()[0]?.used, 2);
  });

  it("stays at a limit over a restart, whatever a server says that it has cost", () => {
    const limits: Limit[] = [{ amount: 1, unit: "usd", per: "day" }];
    const before = new Budget(limits, () => 0);
    for (const usd of [1e308, 1e308, 1e308]) before.addSpent({ tokens: 1, usd });
    const budget = new Budget(limits, () => 0);
    budget.load(JSON.parse(JSON.stringify(before.save())));
    assert.equal(
      codeOf(() => budget.check()),
      "budget_exhausted",
    );
  });

  it("takes nothing from a store that is not its own, and never counts below zero", () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (saved, windows) => {
        const budget = new Budget([{ amount: 1, unit: "questions", per: "day" }], () => 0);
        for (const stored of [saved, { day: windows }, { day: [[windows, saved]] }]) budget.load(stored);
        assert.ok((budget.use()[0]?.used ?? -1) >= 0);
      }),
    );
    const budget = new Budget([{ amount: 1, unit: "questions", per: "day" }], () => 0);
    const start = windowAt("day", 0).start;
    budget.load({ day: [[start, { questions: -5, usd: 0, tokens: 0, unpriced: 0 }]] });
    budget.addQuestion();
    assert.equal(
      codeOf(() => budget.check()),
      "budget_exhausted",
    );
  });
});
