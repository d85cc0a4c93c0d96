import assert from "node:assert/strict";
import fc from "fast-check";
import { type ToolCall, ToolCallMerger } from "../../src/lib/client/tool-calls";

/** Merges the `tool_calls` of these deltas. */
function merge(...deltas: unknown[]): ToolCall[] {
  const merger = new ToolCallMerger();
  for (const delta of deltas) merger.add(delta);
  assert.equal(merger.build().length, merger.size);
  return merger.build();
}

function call(id: string, name: string, args: string): ToolCall {
  return { id, type: "function", function: { name, arguments: args } };
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
    ["no arguments at all", [[{ index: 0, id: "a", function: { name: "now" } }]], [call("a", "now", "{}")]],
    ["blank arguments", [[{ index: 0, id: "a", function: fn("now", "") }]], [call("a", "now", "{}")]],
    ["null arguments", [[{ index: 0, id: "a", function: fn("now", null) }]], [call("a", "now", "{}")]],
    [
      "arguments that are no JSON",
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

  it("are the same however their arguments are cut", () => {
    const calls = fc.array(
      fc.record({
        name: fc.constantFrom("add", "sub", "get_weather"),
        args: fc.dictionary(fc.string(), fc.jsonValue()).map((value) => JSON.stringify(value)),
        cuts: fc.array(fc.nat(60)),
        repeatsId: fc.boolean(),
        repeatsName: fc.boolean(),
      }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(calls, fc.nat(2), fc.boolean(), (list, first, isInterleaved) => {
        const deltas = list.map(({ name, args, cuts, repeatsId, repeatsName }, position) => {
          const places = [...new Set([0, ...cuts.filter((cut) => cut < args.length), args.length])].sort(
            (a, b) => a - b,
          );
          return places.slice(1).map((end, part) => ({
            index: position + first,
            id: part === 0 || repeatsId ? `call_${position}` : "",
            function: { name: part === 0 || repeatsName ? name : null, arguments: args.slice(places[part], end) },
          }));
        });
        const order = isInterleaved ? interleave(deltas) : deltas.flat();
        assert.deepEqual(
          merge(...order.map((delta) => [delta])),
          list.map(({ name, args }, position) => call(`call_${position}`, name, args)),
        );
      }),
    );
  });

  it("are counted in characters, for the limit on a reply", () => {
    const merger = new ToolCallMerger();
    assert.equal(merger.add([{ index: 0, id: "a", function: fn("add", '{"x"') }]), 7);
    assert.equal(merger.add([{ index: 0, function: { arguments: ":1}" } }]), 3);
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
    ["arguments as an object", [{ id: "a", function: fn("add", { x: 1 }) }], [call("a", "add", '{"x":1}')]],
    [
      "old TGI: a number as id, arguments as parameters",
      [{ id: 0, type: "function", function: { description: null, name: "add", parameters: { x: 1 } } }],
      [call("0", "add", '{"x":1}')],
    ],
    ["name and arguments without function", [{ id: "a", name: "add", arguments: "{}" }], [call("a", "add", "{}")]],
    ["a null", null, []],
    ["an empty list", [], []],
    ["what is no call", [null, "add", 5, []], []],
    ["a text", "add", []],
  ];
  for (const [what, list, calls] of cases) {
    it(`are read from ${what}`, () => assert.deepEqual(merge(list), calls));
  }

  it("get an id where they have none, each its own", () => {
    const calls = merge([{ function: fn("add", "{}") }, { id: "", function: fn("sub", "{}") }]);
    assert.deepEqual(
      calls.map((each) => each.function.name),
      ["add", "sub"],
    );
    for (const { id } of calls) assert.match(id, /^call_\w{16,}$/);
    assert.notEqual(calls[0]?.id, calls[1]?.id);
  });

  it("stay apart if the server gives all the same id (TGI)", () => {
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

/** Takes one from each list by turns. */
function interleave<T>(lists: T[][]): T[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, turn) => lists.flatMap((list) => list.slice(turn, turn + 1))).flat();
}
