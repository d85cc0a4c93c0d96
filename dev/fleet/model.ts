import { chunk, type Handler, replyChunks, sse, startServer } from "../../test/support/server";

/**
 * The chat server of the fleet, in a process of its own: it answers every question at the same pace, however many there
 * are. Tells its address to the process that has started it.
 *
 * A reply says which questions of the conversation the request held, and then counts its pieces under a number that only this reply
 * has: `c7 1 2 | r31.0 r31.1 …`. So it shows what was forgotten, out of order, or mixed with another reply.
 */

const PIECES = 12;
/** 12 pieces in a quarter of a second. */
const DELAY_MS = 20;

let replies = 0;

const answer: Handler = (request, response) => {
  const number = replies++;
  const { messages } = request.body as { messages: { role: string; content: string }[] };
  const questions = messages.filter(({ role }) => role === "user").map(({ content }) => content.split(" "));
  const heard = `${questions[0]?.[0]} ${questions.map(([, turn]) => turn).join(" ")} |`;
  const pieces = Array.from({ length: PIECES }, (_, index) => ` r${number}.${index}`);
  return sse(response, [chunk(heard), ...replyChunks(pieces)], { delayMs: DELAY_MS });
};

async function main(): Promise<void> {
  const server = await startServer(answer);
  process.send?.(server.url);
  process.on("disconnect", () => process.exit());
  // It would keep every request for tests to look at.
  setInterval(() => {
    server.requests.length = 0;
  }, 1000);
}

main();
