import assert from "node:assert/strict";
import { SentReplies } from "../../../src/node-red/judge";

describe("the replies that a node has sent", () => {
  it("are known by id and value, texts as well as JSON", () => {
    const sent = new SentReplies();
    sent.add("a", "Hi");
    sent.add("b", { x: [1] });
    assert.equal(sent.has({ id: "a" }, "Hi"), true);
    assert.equal(sent.has({ id: "b" }, { x: [1] }), true);
    for (const [completion, prompt] of [
      [{ id: "a" }, "Hi!"],
      [{ id: "b" }, "Hi"],
      [{ id: "c" }, "Hi"],
      [{}, "Hi"],
      [undefined, "Hi"],
      ["a", "Hi"],
    ]) {
      assert.equal(sent.has(completion, prompt), false);
    }
  });

  it("are the last hundred", () => {
    const sent = new SentReplies();
    for (let index = 0; index <= 100; index++) sent.add(`id-${index}`, "Hi");
    assert.equal(sent.has({ id: "id-0" }, "Hi"), false);
    assert.equal(sent.has({ id: "id-1" }, "Hi"), true);
    assert.equal(sent.has({ id: "id-100" }, "Hi"), true);
  });

  it("are told apart by their text where a server gives all the same id", () => {
    const sent = new SentReplies();
    sent.add("same", "one");
    sent.add("same", "two");
    assert.equal(sent.has({ id: "same" }, "one"), true);
    assert.equal(sent.has({ id: "same" }, "three"), false);
  });

  it("without an id are not known", () => {
    const sent = new SentReplies();
    sent.add(undefined, "Hi");
    assert.equal(sent.has({ id: undefined }, "Hi"), false);
  });
});
