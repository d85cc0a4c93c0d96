import assert from "node:assert/strict";
import fc from "fast-check";
import { ChatClient, ChatError, type ClientOptions } from "../../src/client";
import { apiJson, mutate, mutations, replyJson } from "../support/arbitrary";
import { UNFINISHED } from "../support/errors";
import { type Handler, pieces, sseEvent, startServer, type TestServer } from "../support/server";
import { loadWire, type WireCase, wireSkipReason } from "../support/wire";

const REQUEST = { model: "test/model", messages: [{ role: "user", content: "Hi" }], stream: true };

/** Returns the outcome of a question, without what differs every time. */
async function outcomeOf(client: ChatClient): Promise<object> {
  const told = { text: "", reasoning: "" };
  const listener = {
    onText: (piece: string) => {
      told.text += piece;
    },
    onReasoning: (piece: string) => {
      told.reasoning += piece;
    },
  };
  try {
    const { attempts, timing, ...completion } = await client.complete(REQUEST, { listener });
    assert.equal(attempts, 1);
    return withoutIds({ completion, told });
  } catch (error) {
    assert.ok(error instanceof ChatError, String(error));
    assert.notEqual(error.key, "internal", error.message);
    assert.doesNotMatch(error.message, UNFINISHED);
    assert.doesNotMatch(error.message, /undefined/);
    return withoutIds({ key: error.key, message: error.message, body: error.cause.body, told });
  }
}

/** Replaces the random ids that calls without an id get. */
function withoutIds(outcome: object): object {
  return JSON.parse(JSON.stringify(outcome).replace(/"id":"[A-Za-z0-9]{9}"/g, `"id":"own"`));
}

describe("a reply that may be anything", () => {
  let server: TestServer;
  let handler: Handler;
  before(async () => {
    server = await startServer((request, response, index) => handler(request, response, index));
  });
  after(() => server.close());

  const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 20 });

  /** Asks for bytes that arrive in pieces of these sizes, which repeat. A client of its own has no memory of the model. */
  async function ask(body: Buffer, sizes: number[], status: number, headers: Record<string, string>): Promise<object> {
    let turn = 0;
    const next = () => sizes[turn++ % sizes.length] ?? 1;
    handler = (_, response) => pieces(response, body, next, { status, headers });
    // The secret makes the redaction run as well.
    const options: ClientOptions = { baseUrl: server.url, retries: 0, timeout: 5, token: "hf_fuzz" };
    const client = new ChatClient(options);
    try {
      return await outcomeOf(client);
    } finally {
      await client.close();
    }
  }

  it("as JSON: gives a reply, or an error that says what is wrong", async () => {
    const body = fc.oneof(apiJson, replyJson);
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom(200, 200, 400, 429, 500, 503), async (value, status) => {
        const text = Buffer.from(JSON.stringify(value));
        await ask(text, [text.length], status, { "content-type": "application/json" });
      }),
      { numRuns: 1000 },
    );
  });

  it("as a stream: gives the same result however it is split", async () => {
    const events = fc.array(fc.tuple(fc.oneof(apiJson, replyJson), fc.constantFrom("", "", "event: error\n")), {
      minLength: 1,
      maxLength: 5,
    });
    const stream = { "content-type": "text/event-stream" };
    await fc.assert(
      fc.asyncProperty(events, cuts, async (values, sizes) => {
        const body = Buffer.from(values.map(([value, name]) => name + sseEvent(value)).join(""));
        const whole = await ask(body, [body.length], 200, stream);
        assert.deepEqual(await ask(body, sizes, 200, stream), whole);
      }),
      { numRuns: 500 },
    );
  });

  describe("recorded, with bytes flipped, dropped and doubled", () => {
    const wire = loadWire();
    if (!wire) {
      it(`is skipped: ${wireSkipReason}`, function () {
        this.skip();
      });
      return;
    }
    // Long recordings take long in small pieces, and test nothing more.
    const cases = wire.cases.filter(({ body }) => body.length < 20_000);
    const plain = ({ reply }: WireCase) => {
      const {
        "content-encoding": _,
        "content-length": _length,
        "transfer-encoding": _coding,
        ...headers
      } = reply.headers;
      return headers;
    };

    it("gives the same result however it is split, and never an internal error", async () => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...cases), mutations, cuts, async (wireCase, changes, sizes) => {
          const body = mutate(wireCase.body, changes);
          const { status } = wireCase.reply;
          const whole = await ask(body, [body.length || 1], status, plain(wireCase));
          const large = sizes.map((size) => size * Math.max(1, Math.ceil(body.length / 2000)));
          assert.deepEqual(await ask(body, large, status, plain(wireCase)), whole);
        }),
        { numRuns: 500 },
      );
    });
  });
});
