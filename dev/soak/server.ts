import { setTimeout as sleep } from "node:timers/promises";
import { FAULTS } from "../../test/support/faults";
import { rawReply } from "../../test/support/raw";
import {
  chunk,
  type Handler,
  json,
  reply,
  replyChunks,
  sse,
  startRawServer,
  startServer,
} from "../../test/support/server";
import { callRound } from "../../test/support/tools";

/**
 * The servers of the soak test, in a process of their own, so that what they hold is not counted: one that mostly answers
 * well, slowly or fast, and one that misbehaves in all ways that we know. Tells its addresses to the process that has
 * started it.
 */

const chance = (probability: number): boolean => Math.random() < probability;
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;

const words = (count: number) => Array.from({ length: count }, (_, index) => `word${index} `);

const ROUNDS: [weight: number, handler: Handler][] = [
  [40, (_, response) => sse(response, replyChunks(words(30), "stop", [10, 30]))],
  [10, (_, response) => sse(response, replyChunks(words(20), "stop", [10, 20]), { delayMs: 5 })],
  [10, callRound({ id: "1", name: "own", args: '{"a":1}' }, { id: "2", name: "own", args: "nonsense" })],
  [5, callRound({ id: "1", name: "other", args: "{}" })],
  [4, (_, response) => json(response, 503, { error: "busy" }, { "retry-after-ms": "20" })],
  [4, (_, response) => json(response, 429, { error: "slower" }, { "retry-after": "3600" })],
  [3, (_, response) => json(response, 400, { error: { message: "no" } })],
  [3, (_, response) => sse(response, [chunk("Hel"), { error: { message: "no" } }])],
  [3, (_, response) => response.destroy()],
  [3, (_, response) => sse(response, replyChunks(words(5)), { end: false })],
  [3, (_, response) => sleep(50).then(() => response.destroy())],
];

const answer: Handler = (request, response, index) => {
  if (request.body?.messages?.at(-1)?.role === "tool") return reply("done")(request, response, index);
  let left = Math.random() * ROUNDS.reduce((sum, [weight]) => sum + weight, 0);
  const round = ROUNDS.find(([weight]) => {
    left -= weight;
    return left < 0;
  });
  return round?.[1](request, response, index);
};

async function main(): Promise<void> {
  const good = await startServer(answer);
  // Faults with many megabytes would leave no time for others.
  const light = Object.values(FAULTS).filter(({ timeout }) => timeout === undefined);
  const heavy = Object.values(FAULTS).filter(({ timeout }) => timeout !== undefined);
  const bad = await startRawServer(
    (socket, request, index) => {
      const fault = pick(chance(0.01) ? heavy : light);
      if (chance(0.3) || !fault.answer) return socket.end(rawReply("ok"));
      return fault.answer(socket, request, index);
    },
    (socket) => chance(0.03) && socket.resetAndDestroy(),
  );
  process.send?.({ good: good.url, bad: bad.url });
  process.on("disconnect", () => process.exit());
  setInterval(() => {
    // The servers keep every request for tests, which would fill the memory.
    good.requests.length = 0;
    bad.received.fill("");
  }, 1000);
}

main();
