import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { ToolCallMerger } from "../../../../src/client/completion/tool-call-deltas";
import type { ToolCall } from "../../../../src/client/types";

/** Merges the `tool_calls` of these deltas. */
function merge(...deltas: unknown[]): ToolCall[] {
  const merger = new ToolCallMerger();
  for (const delta of deltas) merger.add(delta);
  // A call that was said twice is one.
  assert.ok(merger.build().length <= merger.size);
  assert.equal(merger.build().length > 0, merger.size > 0);
  return merger.build();
}

const DEEP = "[".repeat(20_000) + "]".repeat(20_000);
const deep = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));

function call(id: string, name: string, args: string): ToolCall {
  return { id, type: "function", function: { name, arguments: args } };
}

/** Asserts that every call has an id of its own. */
function assertIds(calls: ToolCall[]): void {
  assert.ok(calls.every(({ id }) => typeof id === "string" && id !== ""));
  assert.equal(new Set(calls.map(({ id }) => id)).size, calls.length);
}

/** How a server writes the calls of a stream. */
interface Dialect {
  /** True if the merged calls must have the server's ids. */
  hasIds: boolean;
  /** All calls have one id, so that two equal ones are one call. */
  hasOneId?: boolean;
  /** True if an index gives the order of the calls. */
  hasIndex?: boolean;
  /** True if pieces of several calls may alternate, since each piece identifies its call. */
  isInterleaved?: boolean;
  /** True if each call arrives in one piece. */
  isWhole?: boolean;
  /** True if one delta may have several pieces. */
  isBundled?: boolean;
  /** Returns a piece without its arguments. */
  delta(call: SplitCall, position: number, isFirst: boolean): { name?: unknown; [field: string]: unknown };
}

interface SplitCall {
  name: string;
  args: string;
  cuts: number[];
}

const callId = (_: unknown, position: number) => `call_${position}`;

const DIALECTS: Record<string, Dialect> = {
  "as the API's documentation has it": {
    hasIndex: true,
    hasIds: true,
    isInterleaved: true,
    isBundled: true,
    delta: ({ name }, index, isFirst) =>
      isFirst ? { index, id: callId(0, index), type: "function", name } : { index, name: undefined },
  },
  "sparse indices, blank ids and names later on": {
    hasIndex: true,
    hasIds: true,
    isInterleaved: true,
    isBundled: true,
    delta: ({ name }, at, isFirst) => ({
      index: 1 + at * 1_000_000,
      id: isFirst ? callId(0, at) : "",
      name: isFirst ? name : "",
    }),
  },
  "negative indices as text, all else in every piece": {
    hasIndex: true,
    hasIds: true,
    isInterleaved: true,
    isBundled: true,
    delta: ({ name }, at) => ({ index: String(at - 9), id: callId(0, at), type: "function", name }),
  },
  "an index and no id": {
    hasIndex: true,
    hasIds: false,
    isInterleaved: true,
    isBundled: true,
    delta: ({ name }, index, isFirst) => ({ index, id: null, name: isFirst ? name : null }),
  },
  "an index, and one id for all": {
    hasOneId: true,
    hasIndex: true,
    hasIds: false,
    isInterleaved: true,
    isBundled: true,
    delta: ({ name }, index, isFirst) => ({ index, id: 0, name: isFirst ? name : null }),
  },
  "an id in every piece and no index": {
    hasIds: true,
    isInterleaved: true,
    isBundled: true,
    delta: ({ name }, at, isFirst) => ({ id: callId(0, at), name: isFirst ? name : undefined }),
  },
  "an id and a name in every piece and no index": {
    hasIds: true,
    isInterleaved: true,
    delta: ({ name }, at) => ({ id: callId(0, at), name }),
  },
  "an id in the first piece and no index": {
    hasIds: true,
    isBundled: true,
    delta: ({ name }, at, isFirst) => (isFirst ? { id: callId(0, at), name } : {}),
  },
  "one index for all": {
    hasIds: true,
    isBundled: true,
    delta: ({ name }, at, isFirst) => (isFirst ? { index: 0, id: callId(0, at), name } : { index: 0, id: "" }),
  },
  "one index for all, the name in every piece": {
    hasIds: false,
    isBundled: true,
    delta: ({ name }) => ({ index: 0, name }),
  },
  "one index and one id for all": {
    hasIds: false,
    hasOneId: true,
    isBundled: true,
    delta: ({ name }, _, isFirst) => ({ index: 0, id: "0", name: isFirst ? name : "" }),
  },
  "a name and nothing else": { hasIds: false, delta: ({ name }, _, isFirst) => (isFirst ? { name } : {}) },
  "a name in every piece and nothing else": { hasIds: false, delta: ({ name }) => ({ name }) },
  "whole calls with one id for all": {
    hasOneId: true,
    hasIds: false,
    isWhole: true,
    isBundled: true,
    delta: ({ name }) => ({ id: "0", name }),
  },
  "whole calls with neither index nor id": {
    hasIds: false,
    isWhole: true,
    isBundled: true,
    delta: ({ name }) => ({ name }),
  },
};

/** Makes calls, and the deltas in which a server of this dialect sends them. */
function splitCalls(dialect: Dialect): fc.Arbitrary<{ calls: SplitCall[]; deltas: unknown[] }> {
  const calls = fc.uniqueArray(
    fc.record({
      name: fc.constantFrom("add", "sub", "get_weather"),
      args: fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
      cuts: dialect.isWhole ? fc.constant<number[]>([]) : fc.array(fc.nat(60)),
    }),
    {
      minLength: 1,
      maxLength: 4,
      comparator: (a, b) =>
        dialect.hasOneId === true && a.name === b.name && isDeepStrictEqual(JSON.parse(a.args), JSON.parse(b.args)),
    },
  );
  const turns = dialect.isInterleaved ? fc.array(fc.nat(3)) : fc.constant<number[]>([]);
  const sizes = dialect.isBundled ? fc.array(fc.integer({ min: 1, max: 3 })) : fc.constant<number[]>([]);
  return fc.tuple(calls, turns, sizes, fc.boolean(), fc.boolean()).map(([list, order, bundles, isBare, isFlat]) => {
    const deltas = list.map((call, position) =>
      cut(call.args, call.cuts).map((args, part) => {
        const { name, ...more } = dialect.delta(call, position, part === 0);
        return isFlat ? { ...more, name, arguments: args } : { ...more, function: { name, arguments: args } };
      }),
    );
    return {
      calls: list,
      deltas: bundle(take(deltas, order, dialect.isInterleaved && !dialect.hasIndex), bundles, isBare),
    };
  });
}

/** Splits a text at these places. */
function cut(text: string, places: number[]): string[] {
  const ends = [...new Set([...places.filter((place) => place > 0 && place < text.length), text.length])];
  ends.sort((a, b) => a - b);
  return ends.map((end, part) => text.slice(ends[part - 1] ?? 0, end));
}

/** Takes pieces from the lists by turns. If `isOrdered`, the first pieces come in the order of the lists. */
function take<T>(lists: T[][], turns: number[], isOrdered = false): T[] {
  const rest = lists.map((list) => [...list]);
  const begun = isOrdered ? rest.flatMap((list) => list.splice(0, 1)) : [];
  const first = turns.flatMap((turn) => rest[turn % rest.length]?.splice(0, 1) ?? []);
  return [...begun, ...first, ...rest.flat()];
}

/** Puts pieces into lists of these sizes, then of one each (or bare), with nulls between, which are not calls. */
function bundle(deltas: unknown[], sizes: number[], isBare: boolean): unknown[] {
  const rest = [...deltas];
  const lists = sizes.map((size) => [null, ...rest.splice(0, size)]);
  return [...lists, null, ...rest.map((delta) => (isBare ? delta : [delta]))];
}

const fn = (name: unknown, args?: unknown) => ({ name, arguments: args });

describe("tool calls of a stream", () => {
  const cases: [what: string, deltas: unknown[], calls: ToolCall[]][] = [
    [
      "arguments in pieces",
      [
        [{ index: 0, id: "a", type: "function", function: fn("add", "") }],
        [{ index: 0, function: { arguments: '{"x"' } }],
        [{ index: 0, function: { arguments: ":1}" } }],
      ],
      [call("a", "add", '{"x":1}')],
    ],
    [
      "a first index of 1",
      [[{ index: 1, id: "a", function: fn("add", "") }], [{ index: 1, function: { arguments: '{"x":1}' } }]],
      [call("a", "add", '{"x":1}')],
    ],
    [
      "two calls whose pieces come by turns",
      [
        [{ index: 0, id: "a", function: fn("add", "") }],
        [{ index: 1, id: "b", function: fn("sub", "") }],
        [{ index: 0, function: { arguments: '{"x"' } }],
        [{ index: 1, function: { arguments: '{"y"' } }],
        [
          { index: 0, function: { arguments: ":1}" } },
          { index: 1, function: { arguments: ":2}" } },
        ],
      ],
      [call("a", "add", '{"x":1}'), call("b", "sub", '{"y":2}')],
    ],
    [
      "blank ids and names later on",
      [
        [{ index: 0, id: "a", function: fn("add", "{") }],
        [{ index: 0, id: "", function: fn("", '"x"') }],
        [{ index: 0, id: null, function: fn(null, ":1}") }],
      ],
      [call("a", "add", '{"x":1}')],
    ],
    [
      "id, type and name repeated in every delta",
      [
        [{ index: 0, id: "a", type: "function", function: fn("add", '{"x"') }],
        [{ index: 0, id: "a", type: "function", function: fn("add", ":1}") }],
      ],
      [call("a", "add", '{"x":1}')],
    ],
    [
      "a blank id first",
      [[{ index: 0, id: "", function: fn("add", "{") }], [{ index: 0, id: "a", function: fn("", "}") }]],
      [call("a", "add", "{}")],
    ],
    [
      "a whole call in one delta",
      [[{ index: 0, id: "a", function: fn("add", '{"x":1}') }]],
      [call("a", "add", '{"x":1}')],
    ],
    [
      "whole calls without an index",
      [[{ id: "a", function: fn("add", "{}") }], [{ id: "b", function: fn("sub", "{}") }]],
      [call("a", "add", "{}"), call("b", "sub", "{}")],
    ],
    [
      "pieces without an index",
      [
        [{ id: "a", function: fn("add", '{"x"') }],
        [{ function: { arguments: ":1}" } }],
        [{ id: "b", function: fn("sub", '{"y"') }],
        [{ function: { arguments: ":2}" } }],
      ],
      [call("a", "add", '{"x":1}'), call("b", "sub", '{"y":2}')],
    ],
    [
      "pieces without an index that repeat the id",
      [[{ id: "a", function: fn("add", '{"x"') }], [{ id: "a", function: { arguments: ":1}" } }]],
      [call("a", "add", '{"x":1}')],
    ],
    [
      "one index for two calls with ids of their own",
      [
        [{ index: 0, id: "a", function: fn("add", '{"x":1}') }],
        [{ index: 0, id: "b", function: fn("add", '{"x"') }],
        [{ index: 0, function: { arguments: ":2}" } }],
      ],
      [call("a", "add", '{"x":1}'), call("b", "add", '{"x":2}')],
    ],
    [
      "a bare object in place of a list (old TGI)",
      [
        { index: 0, id: "a", type: "function", function: fn("add", '{"x"') },
        { index: 0, id: "", type: "function", function: fn("", ":1}") },
      ],
      [call("a", "add", '{"x":1}')],
    ],
    [
      "an index that comes after the name",
      [[{ id: "a", function: fn("add", '{"x"') }], [{ index: 0, id: "a", function: { arguments: ":1}" } }]],
      [call("a", "add", '{"x":1}')],
    ],
    [
      "an id that comes after the name, without an index",
      [[{ function: fn("add", '{"x"') }], [{ id: "a", function: { arguments: ":1}" } }]],
      [call("a", "add", '{"x":1}')],
    ],
    [
      "empty names before the name",
      [[{ index: 0, id: "a", function: fn("", "") }], [{ index: 0, function: fn("add", '{"x":1}') }]],
      [call("a", "add", '{"x":1}')],
    ],
    [
      "a name in pieces",
      [[{ index: 0, id: "a", function: fn("get_") }], [{ index: 0, function: fn("weather", "{}") }]],
      [call("a", "get_weather", "{}")],
    ],
    [
      "indices that are text",
      [
        [
          { index: "0", id: "a", function: fn("add", '{"x"') },
          { index: "1", id: "b", function: fn("sub", "{}") },
        ],
        [{ index: "0", function: { arguments: ":1}" } }],
      ],
      [call("a", "add", '{"x":1}'), call("b", "sub", "{}")],
    ],
    [
      "calls in another order than their indices",
      [[{ index: 7, id: "b", function: fn("sub", "{}") }], [{ index: -1, id: "a", function: fn("add", "{}") }]],
      [call("a", "add", "{}"), call("b", "sub", "{}")],
    ],
    [
      "arguments that are an object in several deltas",
      [[{ index: 0, id: "a", function: fn("add", { x: 1 }) }], [{ index: 0, function: { arguments: { y: 2 } } }]],
      [call("a", "add", '{"x":1,"y":2}')],
    ],
    [
      "an empty object before the text",
      [[{ index: 0, id: "a", function: fn("add", {}) }], [{ index: 0, function: { arguments: '{"x":1}' } }]],
      [call("a", "add", '{"x":1}')],
    ],
    [
      "blank arguments before an empty object",
      [[{ index: 0, id: "a", function: fn("now", "") }], [{ index: 0, function: { arguments: {} } }]],
      [call("a", "now", "{}")],
    ],
    [
      "the old function_call",
      [{ name: "add", arguments: "" }, { arguments: '{"x"' }, { arguments: ":1}" }].map((delta, at) =>
        at === 0 ? { ...delta, id: "a" } : delta,
      ),
      [call("a", "add", '{"x":1}')],
    ],
    ["no arguments at all", [[{ index: 0, id: "a", function: { name: "now" } }]], [call("a", "now", "{}")]],
    ["blank arguments", [[{ index: 0, id: "a", function: fn("now", "") }]], [call("a", "now", "{}")]],
    ["null arguments", [[{ index: 0, id: "a", function: fn("now", null) }]], [call("a", "now", "{}")]],
    [
      "arguments that are not JSON",
      [[{ index: 0, id: "a", function: fn("add", '{"x":') }]],
      [call("a", "add", '{"x":')],
    ],
    [
      "a line end inside the arguments",
      [[{ index: 0, id: "a", function: fn("add", "{\n}") }]],
      [call("a", "add", "{\n}")],
    ],
  ];
  for (const [what, deltas, calls] of cases) {
    it(`are put together from ${what}`, () => assert.deepEqual(merge(...deltas), calls));
  }

  describe("are the same however the server splits them:", () => {
    for (const [what, dialect] of Object.entries(DIALECTS)) {
      it(what, () =>
        fc.assert(
          fc.property(splitCalls(dialect), ({ calls, deltas }) => {
            const merged = merge(...deltas);
            assert.deepEqual(
              merged.map((each) => [each.function.name, each.function.arguments]),
              calls.map(({ name, args }) => [name, args]),
            );
            if (dialect.hasIds)
              assert.deepEqual(
                merged.map((each) => each.id),
                calls.map(callId),
              );
            assertIds(merged);
          }),
        ),
      );
    }
  });

  it("are read from any JSON at all, each with an id of its own", () => {
    const delta = fc.record(
      {
        index: fc.oneof(fc.integer(), fc.nat(2), fc.jsonValue()),
        id: fc.oneof(fc.constantFrom("0", "a", ""), fc.jsonValue()),
        type: fc.jsonValue(),
        name: fc.jsonValue(),
        function: fc.oneof(
          fc.jsonValue(),
          fc.record(
            {
              name: fc.oneof(fc.constantFrom("add", ""), fc.jsonValue()),
              arguments: fc.jsonValue(),
              parameters: fc.jsonValue(),
            },
            { requiredKeys: [] },
          ),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(delta, fc.array(delta), fc.jsonValue())), (deltas) => {
        const calls = merge(...deltas);
        assertIds(calls);
        for (const { function: fn } of calls) {
          assert.notEqual(fn.name, "");
          assert.notEqual(fn.arguments.trim(), "");
        }
      }),
    );
  });

  // With quadratic time, these two would exceed mocha's timeout.
  it("may have very many pieces", () => {
    const delta = "0123456789".repeat(10);
    for (const more of [
      { index: 0 },
      { id: "a", index: 0, function: { name: "add" } },
      { function: { name: "add" } },
      {},
    ]) {
      const merger = new ToolCallMerger();
      merger.add([{ index: 0, id: "a", ...more, function: fn("add", '{"x":"') }]);
      for (let at = 0; at < 20_000; at++) {
        merger.add([{ ...more, function: { ...more.function, arguments: delta } }]);
        assert.equal(merger.size, 1);
      }
      assert.equal(merger.build()[0]?.function.arguments.length, 6 + 20_000 * delta.length);
    }
    const objects = Array.from({ length: 20_000 }, (_, at) => ({ arguments: { [`x${at}`]: at } }));
    assert.equal(merge({ name: "add" }, ...objects).length, 1);
  });

  it("may be very many", () => {
    for (const place of [(at: number) => ({ index: at }), (at: number) => ({ id: `id${at}` })]) {
      const merger = new ToolCallMerger();
      for (const args of ['{"x":', "1", "}"]) {
        for (let at = 0; at < 10_000; at++) {
          merger.add([{ ...place(at), function: args.startsWith("{") ? fn("add", args) : { arguments: args } }]);
          assert.ok(merger.size > 0);
        }
      }
      const calls = merger.build();
      assert.equal(calls.length, 10_000);
      assert.ok(calls.every((each) => each.function.arguments === '{"x":1}'));
      assertIds(calls);
    }
  });

  it("are counted in characters, for the limit on a reply, with their ids and 100 for each", () => {
    const merger = new ToolCallMerger();
    assert.equal(merger.add([{ index: 0, id: "abc", function: fn("add", '{"x"') }]), 100 + 3 + 3 + 4);
    assert.equal(merger.add([{ index: 0, id: "abc", function: { arguments: ":1}" } }]), 3);
    assert.equal(merger.add([{ index: 1, function: { name: "add", arguments: { y: 1 } } }]), 100 + 3 + 7);
    // An empty entry is kept as well.
    assert.equal(merger.add([{ index: 2 }, { index: 3 }]), 200);
  });

  it("are merged in time that grows with their number, not with its square", () => {
    const timeOf = (count: number): number => {
      const list = Array.from({ length: count }, (_, index) => ({ index, function: { name: "f", arguments: {} } }));
      const startedAt = process.cpuUsage();
      const merger = new ToolCallMerger();
      merger.add(list);
      assert.equal(merger.build().length, count);
      const { user, system } = process.cpuUsage(startedAt);
      return user + system;
    };
    timeOf(20_000);
    const short = timeOf(20_000);
    const long = timeOf(160_000);
    // Eight times as many would take 64 times as long in quadratic time.
    assert.ok(long < 32 * short + 200_000, `${long} µs for eight times as many as took ${short} µs`);
  });
});

describe("tool calls of a whole message", () => {
  const cases: [what: string, list: unknown, calls: ToolCall[]][] = [
    [
      "several at once",
      [
        { id: "a", type: "function", function: fn("add", '{"x":1}') },
        { id: "b", type: "function", function: fn("add", '{"x":2}') },
      ],
      [call("a", "add", '{"x":1}'), call("b", "add", '{"x":2}')],
    ],
    [
      "arguments nested 20,000 levels deep, as an object and as a list",
      [
        { id: "a", function: { name: "add", arguments: { a: deep(20_000) } } },
        { id: "b", function: { name: "add", arguments: deep(20_000) } },
      ],
      [call("a", "add", `{"a":${DEEP}}`), call("b", "add", DEEP)],
    ],
    ["arguments as an object", [{ id: "a", function: fn("add", { x: 1 }) }], [call("a", "add", '{"x":1}')]],
    [
      "old TGI: a number as id, arguments as parameters",
      [{ id: 0, type: "function", function: { description: null, name: "add", parameters: { x: 1 } } }],
      [call("0", "add", '{"x":1}')],
    ],
    ["name and arguments without function", [{ id: "a", name: "add", arguments: "{}" }], [call("a", "add", "{}")]],
    ["a null", null, []],
    ["an empty list", [], []],
    ["what is not a call", [null, "add", 5, []], []],
    ["a text", "add", []],
  ];
  for (const [what, list, calls] of cases) {
    it(`are read from ${what}`, () => assert.deepEqual(merge(list), calls));
  }

  it("get an id of 9 letters and digits where they have none, each its own", () => {
    const calls = merge([{ function: fn("add", "{}") }, { id: "", function: fn("sub", "{}") }]);
    assert.deepEqual(
      calls.map((each) => each.function.name),
      ["add", "sub"],
    );
    for (const { id } of calls) assert.match(id, /^[A-Za-z0-9]{9}$/);
    assert.notEqual(calls[0]?.id, calls[1]?.id);
  });

  it("stay separate if the server gives all of them the same id (TGI)", () => {
    const calls = merge([
      { id: "0", function: fn("add", '{"x":1}') },
      { id: "0", function: fn("add", '{"x":2}') },
    ]);
    assert.deepEqual(
      calls.map((each) => each.function.arguments),
      ['{"x":1}', '{"x":2}'],
    );
    assert.equal(calls[0]?.id, "0");
    assert.notEqual(calls[1]?.id, "0");
  });
});

describe("a call that is said twice", () => {
  const A = '{"city":"Paris","days":2}';
  const name = "get_weather";
  const piece = (fields: object, args?: string, called?: string) => [
    { ...fields, function: { ...(called && { name: called }), ...(args !== undefined && { arguments: args }) } },
  ];
  const begin = piece({ index: 0, id: "a" }, "", name);
  const cases: [what: string, deltas: unknown[]][] = [
    ["its arguments once more", [begin, piece({ index: 0 }, A), piece({ index: 0 }, A)]],
    [
      "pieces, then all arguments with the id",
      [begin, piece({ index: 0 }, A.slice(0, 7)), piece({ index: 0 }, A.slice(7)), piece({ index: 0, id: "a" }, A)],
    ],
    [
      "pieces, then the whole call",
      [
        begin,
        piece({ index: 0 }, A.slice(0, 7)),
        piece({ index: 0 }, A.slice(7)),
        piece({ index: 0, id: "a" }, A, name),
      ],
    ],
    ["broken arguments, then all of them", [begin, piece({ index: 0 }, A.slice(0, 12)), piece({ index: 0 }, A)]],
    ["the whole call twice", [piece({ index: 0, id: "a" }, A, name), piece({ index: 0, id: "a" }, A, name)]],
    ["one id at two indices", [piece({ index: 0, id: "a" }, A, name), piece({ index: 1, id: "a" }, A, name)]],
    ["one id twice in a list", [[...piece({ id: "a" }, A, name), ...piece({ id: "a" }, A, name)]]],
    [
      "once more with its keys in another order",
      [piece({ id: "a" }, A, name), piece({ id: "a" }, '{"days": 2, "city": "Paris"}', name)],
    ],
    ["its name once more behind the arguments", [piece({ index: 0, id: "a" }, A, name), begin]],
    [
      "without arguments, then with them",
      [piece({ index: 0, id: "a" }, undefined, name), piece({ index: 1, id: "a" }, A, name)],
    ],
  ];
  for (const [what, deltas] of cases) {
    it(`is one: ${what}`, () => {
      const calls = merge(...deltas);
      assert.equal(calls.length, 1);
      assert.equal(calls[0]?.id, "a");
      assert.deepEqual(JSON.parse(calls[0]?.function.arguments ?? ""), JSON.parse(A));
    });
  }

  it("is two without an id, and with other arguments", () => {
    const other = '{"city":"Rome"}';
    assert.equal(merge([...piece({}, A, name), ...piece({}, A, name)]).length, 2);
    for (const id of ["0", "a"]) {
      const calls = merge(piece({ index: 0, id }, A, name), piece({ index: 0, id }, other, name));
      assert.deepEqual(
        calls.map((found) => found.function.arguments),
        [A, other],
      );
      assert.equal(calls[0]?.id, id);
      assertIds(calls);
    }
  });

  it("is told apart at one index by the id alone", () => {
    const calls = merge(
      piece({ index: 0, id: "a" }, "", "f"),
      piece({ index: 0, id: "b" }, "", "g"),
      piece({ index: 0, id: "a" }, '{"x":'),
      piece({ index: 0, id: "b" }, '{"y":'),
      piece({ index: 0, id: "a" }, "1}"),
      piece({ index: 0, id: "b" }, "2}"),
    );
    assert.deepEqual(calls, [call("a", "f", '{"x":1}'), call("b", "g", '{"y":2}')]);
  });

  it("does not lose what stands around an object inside broken arguments", () => {
    const calls = merge(begin, piece({ index: 0 }, '{"filter":'), piece({ index: 0 }, '{"a":1}'));
    assert.equal(calls[0]?.function.arguments, '{"filter":{"a":1}');
  });
});

describe("a call of the type custom", () => {
  it("is a call whose arguments are its text", () => {
    const custom = { id: "a", type: "custom", custom: { name: "math", input: "4 + 4" } };
    assert.deepEqual(merge([custom]), [call("a", "math", '"4 + 4"')]);
    const rest = [{ index: 0, custom: { input: " + 4" } }];
    assert.deepEqual(merge([{ ...custom, index: 0, custom: { name: "math", input: "4" } }], rest), [
      call("a", "math", '"4 + 4"'),
    ]);
  });
});
