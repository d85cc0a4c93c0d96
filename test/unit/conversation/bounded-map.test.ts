import assert from "node:assert/strict";
import { BoundedMap } from "../../../src/conversation/bounded-map";

const keysOf = (map: BoundedMap<number>, keys: string[]) => keys.filter((key) => map.has(key));

describe("a bounded map", () => {
  it("drops the entries that were set longest ago", () => {
    const map = new BoundedMap<number>({ count: 2 });
    map.set("a", 1);
    map.set("b", 2);
    map.set("a", 3);
    map.set("c", 4);
    assert.deepEqual(keysOf(map, ["a", "b", "c"]), ["a", "c"]);
    assert.equal(map.get("a"), 3);
    assert.equal(map.size, 2);
  });

  it("limits the length of all keys together, and counts each once", () => {
    const map = new BoundedMap<number>({ count: 100, length: 6 });
    for (const key of ["aa", "bb", "aa", "aa", "cc"]) map.set(key, 0);
    assert.deepEqual(keysOf(map, ["aa", "bb", "cc"]), ["aa", "bb", "cc"]);
    map.set("dddd", 0);
    assert.deepEqual(keysOf(map, ["aa", "bb", "cc", "dddd"]), ["cc", "dddd"]);
    map.set("longer than all", 0);
    assert.equal(map.size, 0);
  });

  it("counts nothing of what was cleared", () => {
    const map = new BoundedMap<number>({ count: 100, length: 4 });
    map.set("aaaa", 0);
    map.clear();
    map.set("bbbb", 0);
    assert.deepEqual(keysOf(map, ["aaaa", "bbbb"]), ["bbbb"]);
  });
});
