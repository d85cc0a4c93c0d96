import { setTimeout as sleep } from "node:timers/promises";
import { FAULTS } from "../../test/support/faults";
import { startProxy } from "../../test/support/proxy";
import { rawReply } from "../../test/support/raw";
import { ROUTER } from "../../test/support/router";
import {
  chunk,
  type Handler,
  json,
  reply,
  replyChunks,
  sse,
  startRawServer,
  startServer,
  startTlsServer,
} from "../../test/support/server";
import { callRound } from "../../test/support/tools";

/**
 * The servers of the soak test, in a process of their own, so that what they hold is not counted: one that mostly answers
 * well, slowly or fast, the same as the router, and one that misbehaves in all ways that we know. Tells their addresses to the
 * process that has started it, and on demand what was asked of the router.
 */

/** What was asked of the router. */
export interface RouterCounts {
  asked: number;
  /** Questions that named the provider that had answered before. */
  pinned: number;
  /** Those of them that this provider refused. */
  dropped: number;
  lists: number;
}

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

/** The last one has no price. In USD per million tokens, so high that a reply costs some cents. */
const PROVIDERS = [
  { provider: "alpha", pricing: { input: 500, output: 1000 } },
  { provider: "beta", pricing: { input: 1000, output: 3000, cache_read_tokens: 100 } },
  { provider: "gamma" },
];
/** How a provider fails that is asked for by name. */
const REFUSALS: [status: number, message: string][] = [
  [404, "no such model"],
  [400, "the provider does not support this model"],
  [429, "slower"],
  [503, "busy"],
];
const counts: RouterCounts = { asked: 0, pinned: 0, dropped: 0, lists: 0 };

/** Sends the list of models, in every fifth case late, in others an error or nothing. */
const list: Handler = async (_, response) => {
  const turn = counts.lists++ % 5;
  if (turn === 4) return;
  if (turn === 3) return json(response, 503, { error: "busy" });
  if (turn === 2) await sleep(200);
  json(response, 200, { data: [{ id: "test/model", providers: PROVIDERS }] });
};

const routed: Handler = (request, response, index) => {
  if (request.url === "/v1/models") return list(request, response, index);
  const named: string | undefined = request.body.model.split(":")[1];
  counts.asked++;
  if (named) counts.pinned++;
  response.setHeader("x-inference-provider", named ?? pick(PROVIDERS).provider);
  if (!named || !chance(0.1)) return answer(request, response, index);
  counts.dropped++;
  const [status, message] = pick(REFUSALS);
  json(response, status, { error: { message } });
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
  const router = await startTlsServer(routed);
  const proxy = await startProxy(undefined, router.port);
  process.send?.({ good: good.url, bad: bad.url, router: ROUTER, proxy: proxy.url });
  process.on("message", () => process.send?.(counts));
  process.on("disconnect", () => process.exit());
  setInterval(() => {
    // The servers keep every request for tests, which would fill the memory.
    good.requests.length = 0;
    router.requests.length = 0;
    proxy.seen.length = 0;
    bad.received.fill("");
  }, 1000);
}

main();
