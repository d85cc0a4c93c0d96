import assert from "node:assert/strict";
import { type SinonFakeTimers, useFakeTimers } from "sinon";
import { keepTexts, keptTexts, lastText, type Watcher, watchTexts } from "../../../src/node-red/kept-texts";
import type { KeptTexts } from "../../../src/shared/admin-api";

const MINUTE = 60_000;
const KB = 1024;

describe("the texts of questions that are kept", () => {
  let clock: SinonFakeTimers;
  /** What has happened, in its order. */
  let events: string[];
  let open: (() => void)[];
  beforeEach(() => {
    clock = useFakeTimers({ now: Date.UTC(2026, 0, 1), toFake: ["setTimeout", "clearTimeout", "Date"] });
    events = [];
    open = [];
  });
  afterEach(() => {
    for (const leave of open) leave();
    clock.restore();
    assert.equal(keptTexts.isWanted, false, "nothing is kept behind a test");
  });

  const watch = (id: string, seen: KeptTexts[] = []) => {
    const watcher: Watcher = { show: (texts) => seen.push(texts), end: () => events.push(`end ${id}`) };
    const watching = watchTexts(
      id,
      watcher,
      () => events.push(`begin ${id}`),
      () => events.push(`over ${id}`),
    );
    open.push(watching.leave);
    return { ...watching, seen };
  };
  const keptOf = (id: string) => {
    const { kept, leave } = watch(id);
    leave();
    return kept;
  };

  it("end 15 minutes after the first click, whoever joins later, and nothing of them is left", () => {
    const first = watch("a");
    assert.equal(first.until, Date.now() + 15 * MINUTE);
    clock.tick(10 * MINUTE);
    keepTexts("a", "question", "reply");
    const second = watch("a");
    assert.equal(second.until, first.until);
    assert.deepEqual(second.kept, [{ at: first.until - 5 * MINUTE, prompt: "question", reply: "reply" }]);
    clock.tick(5 * MINUTE - 1);
    assert.deepEqual([events, keptTexts.isWanted], [["begin a"], true]);
    clock.tick(1);
    assert.deepEqual([events, keptTexts.isWanted], [["begin a", "over a", "end a", "end a"], false]);
    keepTexts("a", "later", "later");
    assert.deepEqual(watch("a").kept, []);
  });

  it("end with the last editor, and not with the first one that closes", () => {
    const [first, second] = [watch("a"), watch("a")];
    keepTexts("a", "question", "reply");
    first.leave();
    first.leave();
    assert.deepEqual(events, ["begin a"]);
    keepTexts("a", "one more", "reply");
    assert.deepEqual([first.seen.length, second.seen.length], [1, 2]);
    second.leave();
    assert.deepEqual([events, keptTexts.isWanted], [["begin a", "over a"], false]);
    clock.tick(20 * MINUTE);
    assert.deepEqual(events, ["begin a", "over a"], "the time is not over once more");
    assert.deepEqual(watch("a").kept, []);
  });

  it("are those of each node for itself", () => {
    const [a, b] = [watch("a"), watch("b")];
    keepTexts("a", "of a", "");
    keepTexts("c", "of nobody", "");
    assert.deepEqual([a.seen.length, b.seen.length, keptOf("c")], [1, 0, []]);
    a.leave();
    assert.equal(keptTexts.isWanted, true);
    keepTexts("b", "of b", "");
    assert.deepEqual([keptOf("a"), watch("b").kept.map(({ prompt }) => prompt)], [[], ["of b"]]);
  });

  const texts: [what: string, text: string, bytes: number][] = [
    ["whole up to 64 KB", "x".repeat(64 * KB), 64 * KB],
    ["cut at 64 KB", "x".repeat(64 * KB + 1), 64 * KB],
    ["cut between characters of three bytes", "€".repeat(30 * KB), 64 * KB - 1],
    ["cut between characters of four bytes", `x${"😀".repeat(20 * KB)}`, 64 * KB],
  ];
  for (const [what, text, bytes] of texts) {
    it(`are ${what}`, () => {
      const { seen } = watch("a");
      keepTexts("a", text, text);
      const { prompt = "", reply = "" } = seen[0] ?? {};
      assert.equal(prompt, reply);
      assert.equal(Buffer.byteLength(prompt), bytes);
      assert.equal(text.startsWith(prompt.replace(/…$/, "")), true, "no half characters");
      assert.equal(prompt.endsWith("…"), prompt !== text);
    });
  }

  it("are 8 MB at most over all nodes: the oldest go", () => {
    const other = watch("b");
    keepTexts("b", "the oldest of all", "");
    const { leave } = watch("a");
    const half = "x".repeat(64 * KB);
    for (let index = 0; index < 70; index++) keepTexts("a", `${index} ${half}`, half);
    const again = watch("a");
    assert.equal(again.kept.length, 64, "two texts of 64 KB are 1/64 of 8 MB");
    assert.match(again.kept[0]?.prompt ?? "", /^6 x/);
    assert.match(again.kept.at(-1)?.prompt ?? "", /^69 x/);
    assert.deepEqual(watch("b").kept, []);
    assert.equal(other.seen.length, 1);
    // What is gone is not counted any more.
    leave();
    again.leave();
    for (let index = 0; index < 64; index++) keepTexts("b", half, half);
    assert.equal(watch("b").kept.length, 64);
  });

  it("are of what a person or a flow has said last, in words", () => {
    assert.equal(
      lastText([
        { role: "user", content: "first" },
        { role: "user", content: [{ type: "text", text: "See" }, { type: "image_url" }] },
        { role: "assistant", content: "no" },
      ]),
      "See\n(image_url)",
    );
    assert.equal(lastText([]), "");
  });
});
