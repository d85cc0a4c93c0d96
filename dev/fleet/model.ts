import { chunk, type Handler, replyChunks, sse, startServer } from "../../test/support/server";
import { callRound } from "../../test/support/tools";
import { TOOL } from "./flows";
import { PIECES } from "./ledger";

/**
 * The chat server of the fleet, in a separate process. It answers every question at the same pace, however many there
 * are, and sends its address to its parent process.
 *
 * A reply says how many results of tools and which questions of the conversation the request held, and then counts its pieces under a
 * number that only this reply has: `1 c7 1 2 | r31.0 r31.1 …`. This shows what was forgotten, out of order, or mixed with
 * another reply. Before it answers an even question it calls the tool.
 */

/** A reply takes a quarter of a second. */
const DELAY_MS = 20;

let replies = 0;

const answer: Handler = (request, response) => {
  const number = replies++;
  const { messages } = request.body as { messages: { role: string; content: string }[] };
  const questions = messages.filter(({ role }) => role === "user").map(({ content }) => content.split(" "));
  const isEven = Number(questions.at(-1)?.[1]) % 2 === 0;
  if (isEven && messages.at(-1)?.role === "user")
    return callRound({ id: `call${number}`, name: TOOL, args: "{}" })(request, response, number);
  const results = messages.filter(({ role }) => role === "tool").length;
  const heard = `${results} ${questions[0]?.[0]} ${questions.map(([, turn]) => turn).join(" ")} |`;
  const pieces = Array.from({ length: PIECES }, (_, index) => ` r${number}.${index}`);
  return sse(response, [chunk(heard), ...replyChunks(pieces)], { delayMs: DELAY_MS });
};

async function main(): Promise<void> {
  const server = await startServer(answer);
  process.send?.(server.url);
  process.on("disconnect", () => process.exit());
  // The server keeps every request for tests, which would fill the memory.
  setInterval(() => {
    server.requests.length = 0;
  }, 1000);
}

main();
