import assert from "node:assert/strict";
import fc from "fast-check";
import { estimateTokens, tokenCorrection, trimHistory } from "../../../../src/conversation/memory/history";
import type { Message } from "../../../../src/conversation/request/prompt";
import { joinHistory } from "../../../../src/conversation/run/sendable-history";

const user = (content = "?"): Message => ({ role: "user", content });
const said = (content = "!"): Message => ({ role: "assistant", content });
const system = (content = "Be brief."): Message => ({ role: "system", content });
const calling = (...ids: string[]): Message => ({
  role: "assistant",
  content: null,
  tool_calls: ids.map((id) => ({ id, type: "function", function: { name: "f", arguments: "{}" } })),
});
const result = (id: string): Message => ({ role: "tool", tool_call_id: id, content: "7" });
const withArguments = (message: Message, text: string): Message => ({
  ...message,
  tool_calls: (message["tool_calls"] as { function: object }[]).map((call) => ({
    ...call,
    function: { ...call.function, arguments: text },
  })),
});
const image = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
const open = (id: string): Message => ({ role: "tool", tool_call_id: id, content: "Error: not carried out." });

/** Returns the ids of calls without a result after them, and of results without a call before them. */
function loose(messages: Message[]): string[] {
  const found: string[] = [];
  let calls: string[] = [];
  let open = new Set<string>();
  for (const message of [...messages, user()]) {
    if (message.role === "tool") {
      const id = String(message.tool_call_id);
      if (calls.length === 0) found.push(id);
      open.delete(id);
      continue;
    }
    found.push(...open);
    calls = ((message.tool_calls ?? []) as { id: string }[]).map(({ id }) => id);
    open = new Set(calls);
  }
  return found;
}

describe("a history with very many calls", () => {
  it("is read only once to find all their results", () => {
    const ids = Array.from({ length: 5000 }, (_, index) => `c${index}`);
    let reads = 0;
    const calls = calling(...ids).tool_calls;
    const get = () => {
      reads++;
      return calls;
    };
    const message = Object.defineProperty(calling(), "tool_calls", { enumerable: true, get });
    const messages = [user(), message, ...ids.map(result)];
    assert.equal(joinHistory([], messages).length, messages.length);
    trimHistory(messages, { messages: 10_000, tokens: undefined }, 1);
    assert.ok(reads < 20, `${reads} times`);
  });
});

describe("a prompt after a history", () => {
  const cases: [what: string, history: Message[], prompt: Message[], joined: Message[]][] = [
    ["is added", [user("1"), said("2")], [user("3")], [user("1"), said("2"), user("3")]],
    [
      "replaces it if it contains a reply",
      [user("1"), said("2")],
      [user("3"), said("4"), user("5")],
      [user("3"), said("4"), user("5")],
    ],
    [
      "replaces the system message by its own",
      [system("a"), user("1")],
      [system("b"), user("2")],
      [system("b"), user("1"), said("(no answer)"), user("2")],
    ],
    [
      "continues after the calls with their results",
      [user(), calling("a", "b")],
      [result("a"), result("b")],
      [user(), calling("a", "b"), result("a"), result("b")],
    ],
    [
      "adds results for calls that have none",
      [user(), calling("a", "b"), result("b")],
      [user("2")],
      [user(), calling("a", "b"), result("b"), open("a"), said("(no answer)"), user("2")],
    ],
    [
      "adds the results that are missing if it has only some",
      [user(), calling("a", "b")],
      [result("b"), user("2")],
      [user(), calling("a", "b"), result("b"), open("a"), said("(no answer)"), user("2")],
    ],
    [
      "is no question behind a result",
      [user("1"), calling("a"), result("a")],
      [user("2")],
      [user("1"), calling("a"), result("a"), said("(no answer)"), user("2")],
    ],
    [
      "is a message of the user where it brings a result of a call that the conversation has gone past",
      [user("1"), calling("a"), open("a"), said("(no answer)"), user("2"), said("3")],
      [result("a")],
      [
        ...[user("1"), calling("a"), open("a"), said("(no answer)"), user("2"), said("3")],
        user("(late result of f)\n7"),
      ],
    ],
    [
      "is one message of the user where it brings such results, and asks on",
      [user("1"), said("2")],
      [result("a"), { ...result("b"), content: [{ type: "text", text: "8" }] }, user("3")],
      [user("1"), said("2"), user("(late result of a call)\n7\n(late result of a call)\n8\n3")],
    ],
    [
      "has the images of its question behind such a result",
      [user("1"), said("2")],
      [result("a"), { role: "user", content: [image] }],
      [
        ...[user("1"), said("2")],
        {
          role: "user",
          content: [{ type: "text", text: "(late result of a call)" }, { type: "text", text: "7" }, image],
        },
      ],
    ],
    [
      "brings results in time before one that is late, and before a second one of the same call",
      [user(), calling("a", "b"), result("b")],
      [result("b"), result("a"), result("x")],
      [
        ...[user(), calling("a", "b"), result("b"), result("a"), said("(no answer)")],
        user("(late result of f)\n7\n(late result of a call)\n7"),
      ],
    ],
    [
      "brings a result in time before its late ones and its question, whatever their order",
      [user(), calling("a")],
      [user("2"), result("x"), result("a")],
      [user(), calling("a"), result("a"), said("(no answer)"), user("(late result of a call)\n7\n2")],
    ],
    [
      "tells late results of one function apart by the arguments",
      [user(), withArguments(calling("a", "b"), '{"city":"P"}'), open("a"), open("b"), said()],
      [result("b")],
      [
        ...[user(), withArguments(calling("a", "b"), '{"city":"P"}'), open("a"), open("b"), said()],
        user('(late result of f {"city":"P"})\n7'),
      ],
    ],
    [
      "keeps what a part of its question says beside the text",
      [user("1"), said("2")],
      [result("a"), { role: "user", content: [{ type: "text", text: "3", cache_control: { type: "ephemeral" } }] }],
      [
        ...[user("1"), said("2")],
        {
          role: "user",
          content: [
            ...[
              { type: "text", text: "(late result of a call)" },
              { type: "text", text: "7" },
            ],
            { type: "text", text: "3", cache_control: { type: "ephemeral" } },
          ],
        },
      ],
    ],
    [
      "has a system message of its own beside a late result",
      [system("a"), user("1"), said("2")],
      [system("b"), result("a")],
      [system("b"), user("1"), said("2"), user("(late result of a call)\n7")],
    ],
    [
      "stays as the flow passes it, with a result that no call stands before",
      [user("1"), said("2")],
      [user("3"), said("4"), result("a"), user("5")],
      [user("3"), said("4"), result("a"), user("5")],
    ],
    [
      "stays as the flow passes it",
      [user("1"), said("2")],
      [user("3"), user("4")],
      [user("1"), said("2"), user("3"), user("4")],
    ],
  ];
  for (const [what, history, prompt, joined] of cases) {
    it(what, () => assert.deepEqual(joinHistory(history, prompt), joined));
  }
});

describe("a history that is trimmed", () => {
  const trim = (messages: Message[], most: number, tokens?: number, correction = 1) =>
    trimHistory(messages, { messages: most, tokens }, correction);

  const cases: [what: string, messages: Message[], most: number, left: Message[]][] = [
    ["keeps as much as it may", [user("1"), said("2")], 2, [user("1"), said("2")]],
    ["loses the oldest", [user("1"), said("2"), user("3"), said("4")], 2, [user("3"), said("4")]],
    ["begins with the user", [user("1"), said("2"), user("3"), said("4")], 3, [user("3"), said("4")]],
    [
      "keeps the system message",
      [system(), user("1"), said("2"), user("3"), said("4")],
      3,
      [system(), user("3"), said("4")],
    ],
    [
      "keeps the question of a long exchange",
      [user(), calling("a", "b"), result("a"), result("b"), said()],
      3,
      [user(), said()],
    ],
    [
      "keeps a call with its results",
      [user(), calling("a"), result("a"), calling("b"), result("b"), said("x")],
      4,
      [user(), calling("b"), result("b"), said("x")],
    ],
    [
      "keeps a call with the images of its results",
      [user("1"), said(), user("2"), calling("a"), result("a"), said("(see below)"), user("image"), said("x")],
      7,
      [user("2"), calling("a"), result("a"), said("(see below)"), user("image"), said("x")],
    ],
    [
      "takes images of a result for no question",
      [user("1"), calling("a"), result("a"), said("(see below)"), user("image"), said("x"), user("2"), said("y")],
      5,
      [user("2"), said("y")],
    ],
    ["keeps nothing if not even a question and its reply fit", [user("1"), calling("a"), result("a")], 2, []],
    ["drops results whose call is gone", [result("a"), user()], 5, [user()]],
    ["is empty if it was empty", [], 5, []],
    ["keeps a system message alone", [system()], 1, [system()]],
  ];
  for (const [what, messages, most, left] of cases) {
    it(what, () => assert.deepEqual(trim(messages, most), left));
  }

  it("fits into a number of tokens, as the server counts them", () => {
    const messages = [user("a".repeat(400)), said("b".repeat(400)), user("c".repeat(400)), said("d".repeat(400))];
    assert.equal(trim(messages, 50, 230).length, 2);
    assert.equal(trim(messages, 50, 500).length, 4);
    assert.equal(trim(messages, 50, 500, 2).length, 2);
    assert.equal(trim(messages, 50, 1).length, 0);
  });

  it("has a limited size", () => {
    const image = (n: number) => user(`${n}${"x".repeat(7_000_000)}`);
    assert.equal(trim([image(1), said(), image(2), said(), image(3), said()], 50).length, 4);
  });

  const message = fc.oneof(
    fc.string().map(user),
    fc.string().map(said),
    fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 }).map((ids) => calling(...ids)),
    fc.constantFrom("a", "b", "c").map(result),
  );

  it("respects its limits, whatever the conversation", () => {
    const conversation = fc.tuple(fc.boolean(), fc.array(message, { maxLength: 30 }));
    fc.assert(
      fc.property(
        conversation,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 500 }),
        ([hasSystem, list], most, tokens) => {
          const whole = joinHistory(hasSystem ? [system(), ...list] : list, []);
          const left = trim(whole, most, tokens);
          // The system message, a question and the end of the conversation must remain.
          const isSaid = ({ role }: Message) => role !== "system";
          const rest = left.filter(isSaid);
          const clean = trim(whole, 1000).filter(isSaid);
          assert.deepEqual(rest.slice(1), rest.length > 1 ? clean.slice(1 - rest.length) : []);
          if (hasSystem) assert.equal(left[0]?.role, "system");
          if (clean.some(({ role }) => role === "user") && rest.length > 0) assert.equal(rest[0]?.role, "user");
          assert.notEqual(rest[0]?.role, "tool");
          if (rest.length > 0) assert.ok(left.length <= most && estimateTokens(left) <= tokens);
          assert.deepEqual(loose(left), []);
          assert.deepEqual(joinHistory(left, []), left);
        },
      ),
    );
  });
});

describe("an estimate of tokens", () => {
  it("is close to what models count, in any script, and does not count an image by its length", () => {
    assert.ok(Math.abs(estimateTokens([user("The quick brown fox jumps over the lazy dog.")]) - 15) < 5);
    assert.ok(Math.abs(estimateTokens([user("敏捷的棕色狐狸跳过懒狗")]) - 14) < 6);
    const image = { type: "image_url", image_url: { url: `data:image/png;base64,${"A".repeat(1e6)}` } };
    assert.ok(estimateTokens([{ role: "user", content: [image] }]) < 2000);
  });

  it("is corrected by the server's count, within limits", () => {
    const sent = [user("a".repeat(3840))];
    const estimated = estimateTokens(sent);
    assert.equal(tokenCorrection({ prompt_tokens: 2 * estimated }, sent), 2);
    assert.equal(tokenCorrection({ prompt_tokens: 1e9 }, sent), 5);
    assert.equal(tokenCorrection({ prompt_tokens: 60 }, [user("Hi")]), undefined, "mostly the server's template");
    for (const usage of [undefined, {}, { prompt_tokens: "5" }, { prompt_tokens: 0 }]) {
      assert.equal(tokenCorrection(usage, sent), undefined);
    }
  });
});
