import assert from "node:assert/strict";
import fc from "fast-check";
import { EventStream } from "../../../../src/client/response/event-stream";
import { loadWire, wireSkipReason } from "../../../support/wire";

type Event = [data: string, name?: string];

/** Makes a stream that reads all its events in one turn. */
function makeStream(readEvent: (data: string, name: string | undefined) => void): EventStream {
  return new EventStream({ readEvent }, () => {});
}

/** Returns the events of a stream that arrives in these chunks. */
function read(chunks: Buffer[]): Event[] {
  const events: Event[] = [];
  const stream = makeStream((data, name) => events.push(name === undefined ? [data] : [data, name]));
  for (const chunk of chunks) stream.push(chunk);
  stream.end();
  return events;
}

function bytesOf(text: string): Buffer[] {
  return Array.from(Buffer.from(text), (byte) => Buffer.from([byte]));
}

function cut(bytes: Buffer, cuts: number[]): Buffer[] {
  const places = [...new Set([0, ...cuts.filter((place) => place < bytes.length), bytes.length])].sort((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

const cases: [what: string, stream: string, events: Event[]][] = [
  ["an event", "data: one\n\n", [["one"]]],
  ["no space after the colon (TGI)", 'data:{"a":1}\n\n', [['{"a":1}']]],
  ["only the first space as not belonging to the data", "data:  one\n\n", [[" one"]]],
  ["CRLF", "data: one\r\n\r\ndata: two\r\n\r\n", [["one"], ["two"]]],
  ["CR", "data: one\r\rdata: two\r\r", [["one"], ["two"]]],
  ["line ends of all kinds", "data: one\r\n\ndata: two\n\r\n\rdata: three\r\r\n", [["one"], ["two"], ["three"]]],
  ["data of several lines", "data: one\ndata: two\n\n", [["one\ntwo"]]],
  ["a byte order mark", "\uFEFFdata: one\n\n", [["one"]]],
  ["a byte order mark further on as data", "data: \uFEFFone\n\n", [["\uFEFFone"]]],
  ["blank lines first", "\n\r\n\ndata: one\n\n", [["one"]]],
  ["comments as nothing", ": OPENROUTER PROCESSING\n\n:\n\ndata: one\n: x\n\n", [["one"]]],
  ["a name", "event: error\ndata: one\n\ndata: two\n\n", [["one", "error"], ["two"]]],
  ["a name without data as nothing", "event: ping\n\ndata: one\n\n", [["one"]]],
  ["empty data as nothing", "data:\n\ndata\n\ndata: one\n\n", [["one"]]],
  ["ids and retry times as nothing", "id: 1\nretry: 5\nretry: x\ndata: one\n\nid: 2\n\n", [["one"]]],
  ["unknown fields as nothing", "foo: bar\nbaz\ndata: one\n\n", [["one"]]],
  ["the end mark", "data: one\n\ndata: [DONE]\n\n", [["one"], ["[DONE]"]]],
  ["no blank line at the end", "data: one\n\ndata: two\n", [["one"], ["two"]]],
  ["no line end at the end", "data: one\n\ndata: two", [["one"], ["two"]]],
  ["a CR at the end", "data: one\r", [["one"]]],
  ["letters of several bytes", "data: grüße 你好 😀\n\n", [["grüße 你好 😀"]]],
  ["an error field (old llama.cpp)", 'data: one\n\nerror: {"code":500}\n\n', [["one"], ['{"code":500}', "error"]]],
  ["nothing", "", []],
  ["line ends alone", "\n\r\n", []],
];

describe("an event stream", () => {
  for (const [what, stream, events] of cases) {
    it(`reads ${what}`, () => {
      assert.deepEqual(read([Buffer.from(stream)]), events);
      assert.deepEqual(read(bytesOf(stream)), events, "byte by byte");
    });
  }

  it("reports an event as soon as it is complete", () => {
    const events: string[] = [];
    const stream = makeStream((data) => events.push(data));
    stream.push(Buffer.from("data: one\n"));
    assert.deepEqual(events, []);
    stream.push(Buffer.from("\nda"));
    assert.deepEqual(events, ["one"]);
  });

  it("replaces bytes that are not UTF-8, at the end too", () => {
    const bytes = Buffer.concat([
      Buffer.from("data: a"),
      Buffer.from([0xff]),
      Buffer.from("\n\ndata: b"),
      Buffer.from([0xf0, 0x9f]),
    ]);
    assert.deepEqual(read([bytes]), [["a\uFFFD"], ["b\uFFFD"]]);
  });

  it("gives the same events however its bytes are split", () => {
    const line = fc.constantFrom(
      ...["data: one", "data:two", "data: grüße 😀", "data", "data: ", "event: error", "event: x", "event", ": c", ":"],
      ...["id: 1", "foo: bar", "error: {}", "error", " data: x", "dat", "\uFEFFdata: bom", ""],
    );
    const stream = fc
      .array(fc.tuple(line, fc.constantFrom("\n", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n")), { maxLength: 15 })
      .map((lines) => Buffer.from(lines.flat().join("")));
    fc.assert(
      fc.property(stream, fc.array(fc.nat(200)), (bytes, cuts) => {
        assert.deepEqual(read(cut(bytes, cuts)), read([bytes]));
      }),
      { numRuns: 3000 },
    );
  });
});

describe("a recorded event stream", () => {
  const framing = loadWire()?.framing;
  if (!framing) {
    it(`is skipped: ${wireSkipReason}`, function () {
      this.skip();
    });
  }
  const done: Event = ["✔", "done"];
  const expected: Record<string, Event[]> = {
    "carriage-return": [["dog\nbark"], ["cat\nmeow"], done],
    comments: [["First"], ["Second"], ["Third"], ["Fourth"], done],
    crlf: [["sheep\nbleat"], ["pig\noink"], done],
    "data-field-parsing": [["\n"], ["test"], done],
    "empty-events": [["Hello 1"], done],
    heartbeats: [["A"], ["B"], done],
    "invalid-retry": [["x"]],
    "leading-blank-lines": [["我現在都看實況不玩遊戲"], done],
    "leading-bom": [["bomful 1"], ["bomless 2"], done],
    lf: [["cow\nmoo"], ["horse\nneigh"], done],
    "mixed-comments": [["1"], ["2"], ["3"], ["4"], ["5"]],
    multiline: [["YHOO\n+2\n10", "stock"], ["GOOG\n-8\n1881", "stock"], done],
    "unknown-fields": [["abc\n\n123"], done],
  };
  for (const { name, body, chunks } of framing ?? []) {
    it(`gives the recorded events, whole and byte by byte: ${name}`, () => {
      const events = read([body]);
      assert.deepEqual(events, expected[name]);
      assert.deepEqual(read(chunks), events);
      assert.deepEqual(read(Array.from(body, (byte) => Buffer.from([byte]))), events);
    });
  }
});
