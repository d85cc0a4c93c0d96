import assert from "node:assert/strict";
import { chatFlow, flowNode, getNodeRed, type Message, type NodeDef, type NodeRed, sink } from "../support/node-red";
import { type Handler, inTurn, pieces, reply, startServer, type TestServer } from "../support/server";
import { loadWire, type WireCase, wireSkipReason } from "../support/wire";

/** A recorded conversation: what the model calls in each turn, and its last reply. */
interface Conversation {
  name: string;
  turns: WireCase[];
  /** True if the last turn was recorded; otherwise the server ends with a plain reply. */
  isWhole: boolean;
}

interface Call {
  id: string;
  name: string;
  arguments: Record<string, unknown>;
}

const PIECES = ["It", " is", " do", "ne", "."];
const PLAIN = {
  text: PIECES.join(""),
  finish_reason: "stop",
  usage: { prompt_tokens: 3, completion_tokens: PIECES.length, total_tokens: 3 + PIECES.length },
};
const COUNTS = ["prompt_tokens", "completion_tokens", "total_tokens"];
/** Ways to split a reply; each gives the sizes of the pieces. */
const CUTS: Record<string, () => () => number> = {
  whole: () => () => Number.MAX_SAFE_INTEGER,
  "in small pieces": () => {
    let turn = 0;
    return () => 1 + ((turn++ * 7) % 61);
  },
};

/** Returns the recorded conversations, including single replies with calls. */
function conversations(cases: WireCase[]): Conversation[] {
  const whole = new Map<string, WireCase[]>();
  const single: Conversation[] = [];
  for (const wireCase of cases) {
    const name = /^(.*)-turn\d+\.\w+$/.exec(wireCase.file)?.[1];
    if (name) whole.set(name, [...(whole.get(name) ?? []), wireCase]);
    else if (wireCase.expected.tool_calls?.length) {
      single.push({ name: wireCase.file, turns: [wireCase], isWhole: false });
    }
  }
  const inOrder = (turns: WireCase[]) => turns.sort((a, b) => a.file.localeCompare(b.file));
  return [...[...whole].map(([name, turns]) => ({ name, turns: inOrder(turns), isWhole: true })), ...single];
}

/** Answers with a recorded reply. */
function recorded({ reply: { status, headers }, body }: WireCase, size: () => number): Handler {
  // The recordings are stored decompressed, whatever their headers say.
  const { "content-encoding": _encoding, ...plain } = headers;
  return (_, response) => pieces(response, body, size, { status, headers: plain });
}

const callsOf = ({ expected }: WireCase) => (expected.tool_calls ?? []) as Call[];

/** Returns the calls of the turns, by name. */
function byName(turns: WireCase[]): Map<string, Call[]> {
  const names = new Map<string, Call[]>();
  for (const call of turns.flatMap(callsOf)) names.set(call.name, [...(names.get(call.name) ?? []), call]);
  return names;
}

/** Makes a schema that only the arguments of these calls match. */
function schemaOf(calls: Call[]): object {
  const names = [...new Set(calls.flatMap((call) => Object.keys(call.arguments)))];
  const properties = Object.fromEntries(names.map((name) => [name, { type: "string" }]));
  return { type: "object", properties, required: names, additionalProperties: false };
}

const resultOf = ({ id, name, arguments: args }: Call) => `${name} ${JSON.stringify(args)} of ${id}`;

/** Tools for all calls of a conversation. The first tool takes longest: results must keep the order of the calls. */
function tools(turns: WireCase[]): NodeDef[] {
  return [...byName(turns)].flatMap(([name, calls], position) => [
    flowNode(`tool-${name}`, "huggingface-tool", {
      name,
      description: `does ${name}`,
      parameters: JSON.stringify(schemaOf(calls)),
      wires: [[`do-${name}`]],
    }),
    sink(`do-${name}`, name, {
      func: `global.get("capture")("${name}", RED.util.cloneMessage(msg));
        setTimeout(() => node.send(msg), ${position === 0 ? 30 : 0});`,
      wires: [[`answer-${name}`]],
    }),
    flowNode(`answer-${name}`, "change", {
      rules: [
        {
          t: "set",
          p: "payload",
          pt: "msg",
          to: `tool.name & " " & $string(payload) & " of " & tool.id`,
          tot: "jsonata",
        },
      ],
      wires: [[`out-${name}`]],
    }),
    flowNode(`out-${name}`, "link out", { mode: "return", links: [] }),
  ]);
}

/** Returns the reasoning of a recorded reply, under the name under which the server wants it back. */
function recordedReasoning({ body, reply: { stream } }: WireCase): Record<string, unknown> {
  const chunks = stream
    ? [...body.toString().matchAll(/^data: (\{.*)$/gm)].map(([, data]) => JSON.parse(data as string))
    : [JSON.parse(body.toString())];
  const deltas = chunks.map(({ choices: [choice] }) => choice?.delta ?? choice?.message ?? {});
  const details = deltas.flatMap((delta) => delta.reasoning_details ?? []);
  if (details.length > 0) return { reasoning_details: details };
  const text = deltas.map((delta) => delta.reasoning_content ?? "").join("");
  return text ? { reasoning_content: text } : {};
}

/** The messages that a turn adds; the reasoning before calls is part of them. */
function added(turn: WireCase): Message[] {
  const calls = callsOf(turn);
  const text = turn.expected.text ?? "";
  return [
    { role: "assistant", content: text === "" ? null : text, tool_calls: calls, ...recordedReasoning(turn) },
    ...calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: resultOf(call) })),
  ];
}

/** Parses the arguments of calls in messages, since the white space of their JSON varies. */
function readable(messages: Message[]): Message[] {
  return messages.map(({ tool_calls, ...message }) => ({
    ...message,
    ...(tool_calls && {
      tool_calls: tool_calls.map(({ id, type, function: fn }: Message) => {
        assert.equal(type, "function");
        return { id, name: fn.name, arguments: JSON.parse(fn.arguments) };
      }),
    }),
  }));
}

/** Sums each count of the usage that the turns report. */
function sumOf(turns: { usage?: Record<string, number> | null }[]) {
  return Object.fromEntries(
    COUNTS.map((name) => [name, turns.reduce((sum, { usage }) => sum + (usage?.[name] ?? 0), 0)]),
  );
}

describe("recorded tool conversations", () => {
  const wire = loadWire();
  let red: NodeRed;
  let server: TestServer;

  before(async function () {
    if (!wire) {
      console.log(`      skipped: ${wireSkipReason}`);
      this.skip();
    }
    red = await getNodeRed();
  });
  beforeEach(async () => {
    server = await startServer();
  });
  afterEach(async () => {
    await red?.reset();
    await server?.close();
  });

  it("are 6 whole ones and 9 first turns", () => {
    const all = conversations(wire?.cases ?? []);
    assert.deepEqual(
      [true, false].map((isWhole) => all.filter((each) => each.isWhole === isWhole).length),
      [6, 9],
    );
  });

  for (const { name, turns, isWhole } of conversations(wire?.cases ?? [])) {
    const rounds = isWhole ? turns.slice(0, -1) : turns;
    const last = isWhole ? (turns.at(-1) as WireCase).expected : PLAIN;
    const question = { role: "user", content: "Go" };

    for (const [how, cut] of Object.entries(CUTS)) {
      const replies = () =>
        inTurn(
          ...(turns.map((turn) => recorded(turn, cut())) as [Handler, ...Handler[]]),
          ...(isWhole ? [] : [reply(...PIECES)]),
        );
      const isStreamed = turns[0]?.reply.stream ?? true;

      it(`${name}, ${how}: flows carry the calls out`, async () => {
        server.handle(replies());
        const chat = { tools: [...byName(rounds).keys()].map((each) => `tool-${each}`), stream: true };
        await red.deploy([...chatFlow(server.url, chat, { serverStreams: isStreamed }), ...tools(rounds)]);
        red.send("chat", { payload: "Go" });
        const msg = await red.next("reply");

        assert.equal(server.requests.length, rounds.length + 1);
        for (const [called, calls] of byName(rounds)) {
          assert.deepEqual(
            red.captured(called).map(({ payload, topic, tool }) => [payload, topic, tool.id]),
            calls.map((call) => [call.arguments, called, call.id]),
          );
        }
        for (const [at, { body }] of server.requests.entries()) {
          assert.deepEqual(
            trimmed(readable(body.messages)),
            trimmed([question, ...rounds.slice(0, at).flatMap(added)]),
          );
        }
        assertEnds(msg, rounds.flatMap(added));
        assert.deepEqual(
          msg.completion.steps.map((step: Message) => [
            step.finish_reason,
            step.tool_calls.map((call: Message) => call.result),
          ]),
          [
            ...rounds.map((turn) => [turn.expected.finish_reason, callsOf(turn).map(resultOf)]),
            [last.finish_reason, []],
          ],
        );
        assert.deepEqual(counts(msg.completion.usage), sumOf([...rounds.map((turn) => turn.expected), last]));
        assert.equal(msg.completion.attempts, rounds.length + 1);
        const streamed = red.captured("stream").filter((each) => each.step === rounds.length + 1);
        assert.equal(streamed.map((each) => each.payload).join(""), msg.payload);
      });

      it(`${name}, ${how}: calls of declared functions leave at output 3`, async () => {
        server.handle(replies());
        await red.deploy(chatFlow(server.url, {}, { serverStreams: isStreamed }));
        const declared = [...byName(rounds)].map(([each, calls]) => ({ name: each, parameters: schemaOf(calls) }));
        const huggingface = { tools: declared };
        let payload: Message[] = [question];
        for (const turn of rounds) {
          red.send("chat", { payload, huggingface });
          const msg = await red.next("calls");
          assert.deepEqual(msg.payload, callsOf(turn));
          assert.equal(msg.completion.finish_reason, turn.expected.finish_reason);
          assert.deepEqual(
            server.last.body.tools,
            declared.map((each) => ({ type: "function", function: each })),
          );
          const [, ...results] = added(turn);
          payload = [...msg.messages, ...results];
        }
        red.send("chat", { payload, huggingface });
        const msg = await red.next("reply");
        assert.deepEqual(server.last.body.messages, payload);
        assertEnds(msg, rounds.flatMap(added));
        assert.deepEqual(counts(msg.completion.usage), sumOf([last]));
        assert.equal(msg.completion.steps.length, 1);
      });
    }

    /** @param rest - what stands between question and reply */
    function assertEnds(msg: Message, rest: Message[]): void {
      assert.equal(msg.payload.trim(), last.text?.trim());
      assert.equal(msg.completion.finish_reason, last.finish_reason);
      const end = { role: "assistant", content: last.text };
      assert.deepEqual(trimmed(readable(msg.messages)), trimmed([question, ...rest, end]));
    }
  }
});

const counts = (usage: Message) => Object.fromEntries(COUNTS.map((name) => [name, usage[name]]));

/** Trims texts, since the expected ones are trimmed. */
function trimmed(messages: Message[]): Message[] {
  return messages.map((message) => ({ ...message, content: message.content?.trim() ?? null }));
}
