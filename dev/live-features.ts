import { readFileSync } from "node:fs";
import path from "node:path";
import { packageRoot } from "./node-red";

/** What the flow has sent, as far as it is looked at. */
export interface Message {
  payload?: unknown;
  completion?: {
    finish_reason?: string;
    usage?: { prompt_tokens?: number; total_tokens?: number };
    logprobs?: unknown;
    message: { content: string | null; reasoning?: string };
    steps?: { tool_calls?: { name: string; arguments: unknown }[] }[];
  };
  error?: { code?: string; message: string };
}

/** A chat node with a server behind it. */
export interface Asking {
  /** Asks and waits for the Reply. @throws the message of a Catch node if it fails */
  ask(message: object, onPiece?: (text: string, count: number) => void): Promise<Message>;
  /** Sends a message that steers. */
  steer(message: object): void;
}

/** The server works, and does not do this. */
export class NotSupported extends Error {}

/** Something that a server may do. */
export interface Feature {
  name: string;
  /** Properties of the chat node. */
  chat?: object;
  /** Tools that run in the flow. */
  tools?: string[];
  /** @returns what was seen, in a few words @throws Error if it was not what should be; NotSupported */
  run(asking: Asking): Promise<string>;
}

const LONG = `The password is MARIGOLD. ${"The lamp stands beside the old harbour wall, and the tide goes out. ".repeat(450)}`;
const SCHEMA = JSON.stringify({
  type: "object",
  properties: { city: { type: "string" }, degrees: { type: "number" } },
  required: ["city", "degrees"],
  additionalProperties: false,
});
const WEATHER = "What is the weather in Paris? Use the tool.";

const textOf = ({ payload }: Message): string => (typeof payload === "string" ? payload : JSON.stringify(payload));
const short = (text: string): string => JSON.stringify(text.replace(/\s+/g, " ").slice(0, 50));
const callsOf = ({ completion }: Message) => (completion?.steps ?? []).flatMap(({ tool_calls = [] }) => tool_calls);

function check(isFine: boolean, seen: string): string {
  if (!isFine) throw new Error(seen);
  return seen;
}

async function says(asking: Asking, payload: unknown, pattern: RegExp, more: object = {}): Promise<string> {
  const text = textOf(await asking.ask({ payload, ...more }));
  return check(pattern.test(text), short(text));
}

function called(reply: Message, names: string[]): string {
  const calls = callsOf(reply).map(({ name }) => name);
  return check(
    names.every((name) => calls.includes(name)),
    calls.length > 0 ? `called ${calls.join(", ")}` : "no call",
  );
}

/** All that is tried, in the order of the table. */
export const FEATURES: Feature[] = [
  { name: "plain", run: (asking) => says(asking, "Say hello in one word.", /\S/) },
  {
    name: "stream",
    chat: { stream: true },
    run: async ({ ask }) => {
      let pieces = 0;
      await ask({ payload: "Count from one to ten in words." }, () => pieces++);
      return check(pieces > 2, `${pieces} pieces`);
    },
  },
  {
    name: "abort",
    chat: { stream: true },
    run: async ({ ask, steer }) => {
      const end = (_: string, count: number) => count === 3 && steer({ abort: true });
      const { completion } = await ask({ payload: "Count from 1 to 500, one number a line." }, end);
      return check(completion?.finish_reason === "aborted", `finish reason ${completion?.finish_reason}`);
    },
  },
  {
    name: "memory",
    chat: { conversation: "live", conversationType: "str" },
    run: async (asking) => {
      await asking.ask({ payload: "My name is Zora. Say OK." });
      return says(asking, "What is my name?", /zora/i);
    },
  },
  {
    name: "system",
    chat: { system: "Whatever the user says, reply with the single word PINEAPPLE.", systemType: "str" },
    run: (asking) => says(asking, "Hello!", /pineapple/i),
  },
  {
    name: "stop",
    chat: { stop: ["6"] },
    run: (asking) => says(asking, "Write the digits from 1 to 9 with spaces between them.", /^[^6]*5[^6]*$/),
  },
  {
    name: "json_object",
    chat: { format: "json_object" },
    run: (asking) => says(asking, 'Reply with a JSON object: {"city": "Paris"}', /"city":"paris"/i),
  },
  {
    name: "json_schema",
    chat: { format: "json_schema", schema: SCHEMA },
    run: (asking) => says(asking, "It is 21 degrees in Paris.", /"degrees":21\b/),
  },
  {
    name: "one tool",
    tools: ["get_weather"],
    run: async ({ ask }) => called(await ask({ payload: WEATHER }), ["get_weather"]),
  },
  {
    name: "two tools at once",
    tools: ["get_weather", "get_time"],
    run: async ({ ask }) => {
      const reply = await ask({
        payload: "What is the weather in Paris, and what time is it there? Call both tools at once.",
      });
      const seen = called(reply, ["get_weather", "get_time"]);
      const rounds = reply.completion?.steps?.filter(({ tool_calls = [] }) => tool_calls.length > 0).length ?? 0;
      if (rounds > 1) throw new NotSupported(`${seen}, one after the other`);
      return seen;
    },
  },
  {
    name: "tool_choice",
    tools: ["get_weather", "get_time"],
    chat: { toolChoice: "function", toolName: "get_time" },
    run: async ({ ask }) => called(await ask({ payload: "Hello! I am in Paris." }), ["get_time"]),
  },
  {
    name: "image",
    run: (asking) =>
      says(asking, "What does this picture show?", /node|flow|diagram|debug|inject|screen/i, {
        images: readFileSync(path.join(packageRoot, "docs/first-flow.png")),
      }),
  },
  {
    name: "reasoning",
    chat: { reasoningEffort: "medium" },
    run: async ({ ask }) => {
      const { completion } = await ask({ payload: "How much is 17 times 23?" });
      const reasoning = completion?.message.reasoning;
      if (!reasoning) throw new NotSupported("none came");
      return short(reasoning);
    },
  },
  {
    name: "reasoning off",
    chat: { reasoningEffort: "none" },
    run: async ({ ask }) => {
      const { completion } = await ask({ payload: "How much is 17 times 23?" });
      const reasoning = completion?.message.reasoning;
      if (reasoning) throw new NotSupported(`still thinks: ${short(reasoning)}`);
      return short(completion?.message.content ?? "");
    },
  },
  {
    name: "usage",
    run: async ({ ask }) => {
      const total = (await ask({ payload: "Say hello." })).completion?.usage?.total_tokens;
      if (total === undefined) throw new NotSupported("not told");
      return `${total} tokens`;
    },
  },
  {
    name: "logprobs",
    run: async ({ ask }) => {
      const options = { logprobs: true, top_logprobs: 2 };
      if ((await ask({ payload: "Say hello.", huggingface: options })).completion?.logprobs == null) {
        throw new NotSupported("none came");
      }
      return "came";
    },
  },
  {
    name: "long prompt",
    run: async ({ ask }) => {
      const reply = await ask({ payload: `${LONG}\nWhat is the password, in one word?` });
      const tokens = reply.completion?.usage?.prompt_tokens ?? "an unknown number of";
      return check(/marigold/i.test(textOf(reply)), `${short(textOf(reply))} of ${tokens} tokens`);
    },
  },
  {
    name: "bad model name",
    run: async ({ ask }) => {
      const error = await ask({ payload: "Hi", huggingface: { model: "no-such/model-at-all" } }).then(
        () => undefined,
        ({ error }: Message) => error,
      );
      if (!error) throw new NotSupported("any name is taken");
      return check(error.code === "not_found", `${error.code}: ${error.message.slice(0, 60)}`);
    },
  },
];
