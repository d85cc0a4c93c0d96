import assert from "node:assert/strict";
import { ChatClient, ChatError } from "../../src/client";
import type { Completion } from "../../src/client/types";
import { pieces, startServer, type TestServer } from "../support/server";
import { loadWire, type WireCase, type WireName, wireSkipReason } from "../support/wire";

/** Ways to split a reply; each must give the same result. */
const CUTS: Record<string, (body: Buffer) => number | (() => number)> = {
  whole: (body) => body.length || 1,
  "in pieces of 1 to 7 bytes": () => {
    let turn = 0;
    return () => (turn++ % 7) + 1;
  },
  "split inside every character": () => 1,
};

/** The number of recordings in each folder, so that a missing one is noticed. */
const COUNTS: Record<WireName, number> = { wire: 88, "wire-more": 86 };

/** Known failures, with the reason. */
const KNOWN: Record<string, string> = {};

for (const [folder, count] of Object.entries(COUNTS) as [WireName, number][]) {
  describe(`recorded replies of real servers, ${folder}`, () => {
    const wire = loadWire(folder);
    let server: TestServer;
    let client: ChatClient;
    let current: WireCase;
    let cut: (body: Buffer) => number | (() => number);

    before(async function () {
      if (!wire) {
        console.log(`      skipped: ${wireSkipReason}`);
        this.skip();
      }
      server = await startServer((_, response) => {
        const { status, headers } = current.reply;
        // The recordings are stored decompressed, whatever their headers say.
        const { "content-encoding": _encoding, ...plain } = headers;
        return pieces(response, current.body, cut(current.body), { status, headers: plain });
      });
      client = new ChatClient({ baseUrl: server.url, retries: 0 });
    });

    after(async () => {
      await client?.close();
      await server?.close();
    });

    it(`are ${count}, each with its expected result`, () => {
      assert.equal(wire?.cases.length, count);
      assert.deepEqual(wire?.withoutExpectation, []);
    });

    for (const [name, cutting] of Object.entries(CUTS)) {
      describe(name, () => {
        for (const wireCase of wire?.cases ?? []) {
          // One byte a write is slow, and tests nothing in long replies that are plain ASCII.
          if (name.startsWith("split") && wireCase.body.every((byte) => byte < 128)) continue;
          const reason = KNOWN[wireCase.file];
          it(reason ? `${wireCase.file} still comes out wrong: ${reason}` : wireCase.file, async () => {
            current = wireCase;
            cut = cutting;
            const check = wireCase.expected.error ? assertFails : assertCompletes;
            if (reason) await assert.rejects(check(client, wireCase), Error, "take it off the list");
            else await check(client, wireCase);
          });
        }
      });
    }
  });
}

async function assertCompletes(client: ChatClient, { expected }: WireCase): Promise<void> {
  const pieces = { text: "", reasoning: "" };
  const completion = await client.complete(
    { model: "test/model", messages: [], stream: true },
    {
      listener: {
        onText: (piece) => {
          pieces.text += piece;
        },
        onReasoning: (piece) => {
          pieces.reasoning += piece;
        },
      },
    },
  );
  const found = summary(completion, expected.usage);
  assert.deepEqual(found, {
    text: expected.text?.trim(),
    reasoning: expected.reasoning?.trim(),
    // A call without an id from the server gets a random one.
    tool_calls: expected.tool_calls?.map((call, at) => ({ ...call, id: call.id ?? found.tool_calls[at]?.id })),
    finish_reason: expected.finish_reason ?? undefined,
    usage: expected.usage,
  });
  assert.equal(pieces.text, completion.message.content ?? "", "the pieces are the text");
  assert.equal(pieces.reasoning, completion.message.reasoning ?? "", "the pieces are the reasoning");
}

function summary({ message, finish_reason, usage }: Completion, wanted: Record<string, unknown> | null) {
  return {
    text: (message.content ?? "").trim(),
    reasoning: (message.reasoning ?? "").trim(),
    tool_calls: (message.tool_calls ?? []).map(({ id, function: { name, arguments: args } }) => ({
      id,
      name,
      arguments: JSON.parse(args),
    })),
    finish_reason,
    usage: wanted && Object.fromEntries(Object.keys(wanted).map((name) => [name, usage?.[name]])),
  };
}

async function assertFails(client: ChatClient, { expected }: WireCase): Promise<void> {
  const error: ChatError = await client.complete({ model: "test/model", messages: [], stream: true }).then(
    () => assert.fail("it did not fail"),
    (reason) => reason,
  );
  assert.ok(error instanceof ChatError, String(error));
  if (expected.error && "status" in expected.error) assert.equal(error.cause.status, expected.error.status);
  if (expected.error?.code) assert.equal(error.code, expected.error.code);
  const said = expected.error?.message.trim() ?? "";
  assert.ok(error.message.includes(said), `${error.message} holds ${said}`);
  assert.doesNotMatch(error.message, /[\r\n]/);
  if (expected.partial !== undefined) assert.equal(error.completion?.message.content, expected.partial);
}
