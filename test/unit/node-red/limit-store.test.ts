import assert from "node:assert/strict";
import type { Node } from "node-red";
import { type SinonFakeTimers, useFakeTimers } from "sinon";
import { Budget } from "../../../src/conversation/limits/budget";
import { LimitStore } from "../../../src/node-red/limit-store";

type Callback = (error?: Error, value?: unknown) => void;
type Mode = "works" | "fails" | "throws" | "stalls";

/** A context store of which each operation works, fails, throws, or never answers. It has a value once that is written. */
class Store {
  value: unknown;
  get: Mode = "works";
  set: Mode = "works";
  /** When it was written. */
  readonly writes: number[] = [];

  readonly node = {
    context: () => ({
      get: (_key: string, _store: undefined, done: Callback) =>
        this.#answer(this.get, () => done(undefined, this.value), done),
      set: (_key: string, value: unknown, _store: undefined, done: Callback) => {
        this.writes.push(performance.now());
        const copy = structuredClone(value);
        const written = () => {
          this.value = copy;
          done();
        };
        this.#answer(this.set, written, done);
      },
    }),
  } as unknown as Node;

  #answer(mode: Mode, works: () => void, done: Callback): void {
    if (mode === "throws") throw new Error("it is broken");
    if (mode === "works") setTimeout(works, 5);
    if (mode === "fails") setTimeout(() => done(new Error("it is away")), 5);
  }
}

/** Returns how many questions the store knows of; undefined where nothing was written. */
const counted = ({ value }: Store): number | undefined =>
  (value as { day: [number, { questions: number }][] } | undefined)?.day[0]?.[1].questions;

describe("the store of limits", () => {
  let clock: SinonFakeTimers;
  let failures: string[];
  beforeEach(() => {
    clock = useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    failures = [];
  });
  afterEach(() => clock.restore());

  const open = (store: Store) => {
    const budget = new Budget([{ amount: 100, unit: "questions", per: "day" }], () => 0);
    const kept = new LimitStore(store.node, "hf_limits_x", budget, (reason) => failures.push(reason));
    const count = () => {
      budget.addQuestion();
      kept.changed();
    };
    return { kept, count, used: () => budget.use()[0]?.used };
  };
  const settled = async (wait: Promise<void> | undefined, ms = 0): Promise<void> => {
    await clock.tickAsync(ms);
    await wait;
  };

  it("brings what was counted before", async () => {
    const store = new Store();
    const first = open(store);
    await settled(first.kept.ready(), 5);
    first.count();
    await settled(first.kept.close(), 20);
    const second = open(store);
    await settled(second.kept.ready(), 5);
    assert.equal(second.kept.ready(), undefined, "nothing to wait for any more");
    assert.equal(second.used(), 1);
  });

  it("is written at most once in ten seconds, and at the close", async () => {
    const store = new Store();
    const { kept, count } = open(store);
    for (let second = 0; second < 60; second++) {
      count();
      await clock.tickAsync(1000);
    }
    assert.ok(store.writes.length >= 6 && store.writes.length <= 7, `${store.writes}`);
    count();
    const closing = kept.close();
    await settled(closing, 20);
    assert.equal(counted(store), 61);
    const { length } = store.writes;
    count();
    await clock.tickAsync(60_000);
    assert.equal(store.writes.length, length, "nothing after the close");
  });

  it("is written when the close is over, also where that had begun before", async () => {
    const store = new Store();
    const { kept, count } = open(store);
    await settled(kept.ready(), 5);
    count();
    await clock.tickAsync(2);
    assert.equal(store.writes.length, 1);
    let isClosed = false;
    const closing = kept.close().then(() => {
      isClosed = true;
    });
    await clock.tickAsync(1);
    assert.equal(isClosed, false, "the write goes on");
    await settled(closing, 20);
    assert.equal(counted(store), 1);
    assert.equal(store.writes.length, 1);
  });

  it("is not written where nothing was counted", async () => {
    const store = new Store();
    await settled(open(store).kept.close(), 100);
    assert.equal(store.writes.length, 0);
  });

  for (const mode of ["fails", "throws", "stalls"] as const) {
    it(`that ${mode} to be read holds up the first question for five seconds at most, and is not overwritten`, async () => {
      const store = new Store();
      const before = open(store);
      await settled(before.kept.ready(), 5);
      for (let count = 0; count < 7; count++) before.count();
      await settled(before.kept.close(), 20);
      store.get = mode;
      const { kept, count, used } = open(store);
      await settled(kept.ready(), 5000);
      count();
      await clock.tickAsync(30_000);
      assert.equal(used(), 1, "it goes on counting in memory");
      assert.equal(store.writes.length, 1, "what was there stays");
      if (mode === "stalls") return;
      assert.ok(failures.length > 0);
      store.get = "works";
      count();
      await clock.tickAsync(20_000);
      assert.equal(used(), 9, "both are counted");
      assert.equal(counted(store), 9);
    });

    it(`that ${mode} to be written loses nothing in memory, and holds up no deploy`, async () => {
      const store = new Store();
      const { kept, count, used } = open(store);
      await settled(kept.ready(), 5);
      store.set = mode;
      count();
      await clock.tickAsync(100);
      count();
      await settled(kept.close(), 5000);
      assert.equal(used(), 2);
      if (mode !== "stalls") assert.match(String(failures), /it is/);
    });
  }

  for (const mode of ["fails", "throws"] as const) {
    it(`that ${mode} for a while has what was counted ten seconds after it works again, without a further question`, async () => {
      for (const operation of ["get", "set"] as const) {
        const store = new Store();
        store[operation] = mode;
        const { kept, count } = open(store);
        await settled(kept.ready(), 5000);
        count();
        await clock.tickAsync(25_000);
        assert.equal(counted(store), undefined);
        store[operation] = "works";
        await clock.tickAsync(10_100);
        assert.equal(counted(store), 1);
        const { length } = store.writes;
        await clock.tickAsync(60_000);
        assert.equal(store.writes.length, length, "once is enough");
      }
    });
  }
});
