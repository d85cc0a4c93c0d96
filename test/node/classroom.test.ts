import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { chatFlow, type Message, type NodeRed } from "../support/node-red";
import { type Handler, reply, type TestServer } from "../support/server";
import { useNodeRed } from "../support/use-node-red";

const PUPILS = 30;
const QUESTIONS = 10;
/** What a reply takes, on one of a few slots. */
const REPLY_MS = 4;

/** A class of thirty, each with ten questions, at one slow server. */
describe("a class of thirty", function () {
  this.timeout(60_000);
  let red: NodeRed;
  let server: TestServer;
  const slow: Handler = async (request, response, index) => {
    await sleep(REPLY_MS);
    const last = request.body.messages.at(-1).content;
    return reply(String(last))(request, response, index);
  };
  useNodeRed((its) => ({ red, server } = its), slow);

  /** Sends the questions of all pupils as they come, pupil by pupil or turn by turn, and waits for all replies. */
  const askAll = async (order: "by pupil" | "by turn"): Promise<{ pupil: number; turn: number }[]> => {
    const questions = Array.from({ length: PUPILS * QUESTIONS }, (_, index) =>
      order === "by turn"
        ? { pupil: index % PUPILS, turn: Math.floor(index / PUPILS) }
        : { pupil: Math.floor(index / QUESTIONS), turn: index % QUESTIONS },
    );
    for (const { pupil, turn } of questions) red.send("chat", { payload: `${pupil}/${turn}`, topic: `pupil ${pupil}` });
    const replies = await red.next("reply", questions.length, 50_000);
    assert.deepEqual(red.captured("error"), []);
    return replies.map(({ payload }: Message) => {
      const [pupil = 0, turn = 0] = String(payload).split("/").map(Number);
      return { pupil, turn };
    });
  };
  /** Returns at which place among all replies each pupil had the last of the first `turns` of them. */
  const places = (replies: { pupil: number; turn: number }[], turns: number): number[] =>
    Array.from(
      { length: PUPILS },
      (_, pupil) => replies.findLastIndex((one) => one.pupil === pupil && one.turn < turns) + 1,
    );
  const ratio = (all: number[]) => Math.max(...all) / Math.min(...all);

  for (const order of ["by pupil", "by turn"] as const) {
    it(`gets all replies, and with a key each the longest wait is at most twice the shortest, asked ${order}`, async () => {
      const chat = { conversation: "topic", conversationType: "msg" };
      await red.deploy(chatFlow(server.url, chat, { maxConcurrent: 2, maxQueued: 1000 }));
      const replies = await askAll(order);
      assert.equal(new Set(replies.map(({ pupil, turn }) => `${pupil}/${turn}`)).size, PUPILS * QUESTIONS);
      // One question a key waits for a slot, so the turns go round the class.
      for (const turns of [5, QUESTIONS]) assert.ok(ratio(places(replies, turns)) <= 2, `${places(replies, turns)}`);
      for (let pupil = 0; pupil < PUPILS; pupil++) {
        const turns = replies.filter((one) => one.pupil === pupil).map(({ turn }) => turn);
        assert.deepEqual(
          turns,
          [...turns].sort((a, b) => a - b),
          "each in their order",
        );
      }
    });
  }

  it("is answered in order without keys", async () => {
    await red.deploy(chatFlow(server.url, {}, { maxConcurrent: 1, maxQueued: 1000 }));
    const replies = await askAll("by pupil");
    assert.deepEqual(
      replies,
      [...replies].sort((a, b) => a.pupil - b.pupil || a.turn - b.turn),
    );
  });
});
