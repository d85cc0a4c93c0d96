import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { asChatError, ChatClient, type Completion, type ToolCall } from "../../../../src/client/internal";
import { readOutput } from "../../../../src/conversation/json/structured-output";
import { type Remembered, recall, toRemember } from "../../../../src/conversation/memory/remembered";
import type { Message } from "../../../../src/conversation/request/prompt";
import { withoutReasoning } from "../../../../src/conversation/run/for-model";
import { emptyCompletion } from "../../../../src/conversation/run/report";
import { FORGET, type Outcome, runQuestion } from "../../../../src/conversation/run/run-question";
import { bringsResults, joinHistory, SendableHistory } from "../../../../src/conversation/run/sendable-history";
import type { CallOutcome, MediaPart, Tool } from "../../../../src/conversation/tools";
import {
  chunk,
  json,
  type Response,
  type SeenRequest,
  sseEvent,
  startServer,
  type TestServer,
} from "../../../support/server";
import { type Check, gemma, llama, mistral, names, openai, order } from "../../../support/templates";

/** A call as a model may write it. */
interface Call {
  name: string;
  id: string;
  args: string;
}

/** What a server answers to one request. */
interface Round {
  text: string;
  reasoning: string | undefined;
  calls: Call[];
  /** `busy`: the model refuses, and another one is asked. `abort`: the question is aborted once this much has come. */
  end: "whole" | "busy" | "abort" | "abort in the last call";
}

/** What a flow asks, and what comes of it. */
interface Question {
  model: "org/strict" | "org/loose";
  isJson: boolean;
  rounds: Round[];
  /** How many calls of output 3 the flow answers before it asks on. */
  answers: number;
  /** True if results of calls come with it that the conversation has gone past. */
  isLate: boolean;
  abort: "keep" | "forget";
}

/** This one writes only ids as Mistral wants them and takes no field that it does not know; that one is like most. */
const MODELS = ["org/strict", "org/loose"] as const;
const IMAGE: MediaPart = { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } };
const FUNCTIONS = ["text", "photo", "stop", "lamp", "door"];

const call: fc.Arbitrary<Call> = fc.record({
  name: fc.constantFrom(...FUNCTIONS, "functions.text", "text<|channel|>commentary", "n".repeat(70)),
  id: fc.constantFrom("", "0", "call_1", "functions.text:0", "abcdefghi", `call_${"f".repeat(40)}`),
  args: fc.constantFrom("{}", '{"a":1}', "", "null", "[]", "5", '{"a":', '"{\\"a\\":1}"'),
});
const round = (most: number): fc.Arbitrary<Round> =>
  fc.record({
    text: fc.constantFrom("", "", " \n", "Hi", '{"a":1}'),
    reasoning: fc.constantFrom(undefined, "", "Hm."),
    calls: fc.oneof(fc.constant<Call[]>([]), fc.array(call, { minLength: 1, maxLength: most })),
    end: fc.constantFrom("whole", "whole", "whole", "busy", "abort", "abort in the last call"),
  });
const question = (most: number): fc.Arbitrary<Question> =>
  fc.record({
    model: fc.constantFrom(...MODELS),
    isJson: fc.boolean(),
    rounds: fc.array(round(most), { minLength: 1, maxLength: 4 }),
    answers: fc.nat(3),
    isLate: fc.boolean(),
    abort: fc.constantFrom("keep", "keep", "keep", "forget"),
  });

/** Returns what is wrong with a history for a model. */
function problemOf(messages: Message[], checks: Record<string, Check>): string | undefined {
  for (const [name, check] of Object.entries(checks)) {
    const problem = check(messages);
    if (problem !== undefined) return `${name}: ${problem}\n${JSON.stringify(messages, null, 1)}`;
  }
  return undefined;
}

/** A server and the questions that go to it. */
class Conversation {
  readonly problems: string[] = [];
  readonly #client: ChatClient;
  readonly #checks: Record<string, Check>;
  #rounds: Round[] = [];
  #abort = new AbortController();
  #reason: string | undefined;
  #calls = 0;

  /** @param checks - of all that is sent; what goes to the strict model has more */
  constructor(server: TestServer, checks: Record<string, Check>) {
    this.#client = new ChatClient({ baseUrl: server.url, retries: 0 });
    this.#checks = checks;
    server.handle((request, response) => this.#answer(request, response));
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** @param messages - as a flow or the memory joins them */
  async ask(
    { model, isJson, rounds, abort }: Question,
    messages: Message[],
    origins?: Outcome["origins"],
  ): Promise<Outcome | undefined> {
    this.#rounds = [...rounds];
    this.#abort = new AbortController();
    this.#reason = abort === "forget" ? FORGET : undefined;
    const options = {
      signal: this.#abort.signal,
      listener: {},
      tools: this.#tools(),
      maxSteps: 10,
      repairs: 1,
      fallback: MODELS.filter((other) => other !== model),
      ...(isJson && { output: readOutput({ type: "json_object" }, "openai", true) }),
      ...(origins && { origins }),
    };
    const declared = FUNCTIONS.map((name) => ({ type: "function", function: { name } }));
    const request = { model, messages, tools: declared, stream: true };
    try {
      const outcome = await runQuestion(this.#client, request, options);
      this.#checkOutcome(outcome);
      return outcome;
    } catch (error) {
      const { code, message } = asChatError(error);
      // What a server or a model may do wrong; all else is our own mistake.
      assert.match(code, /^(rate_limit|invalid_output|provider_unavailable)$/, message);
      return undefined;
    }
  }

  /** What is kept can be gone on with, and is told to models only where it closes a round. */
  #checkOutcome(outcome: Outcome): void {
    const { completion, messages, reply } = outcome;
    const results = resultsOf(openCalls(outcome));
    const next = results.length > 0 ? results : [{ role: "user", content: "next" }];
    const problem = problemOf([...messages, ...next], { order });
    if (problem) this.problems.push(`kept, ${problem}`);
    assert.doesNotMatch(JSON.stringify([completion.message, reply]), /\((stopped|no answer|see below)\)/);
  }

  #tools(): Tool[] {
    const tool = (name: string, run: Tool["run"]): Tool => ({
      name,
      description: "",
      parameters: undefined,
      strict: false,
      run,
    });
    return [
      tool("text", async () => "21"),
      tool("photo", async () => ({ text: "", parts: [IMAGE] })),
      tool("stop", async () => {
        this.#abort.abort(this.#reason);
        throw new Error("It was cancelled.");
      }),
    ];
  }

  async #answer({ body }: SeenRequest, response: Response): Promise<void> {
    const isStrict = body.model === "org/strict" && "names" in this.#checks;
    const checks = { ...this.#checks, ...(isStrict && { mistral, openai }) };
    const problem = problemOf(body.messages, checks);
    if (problem) this.problems.push(`sent to ${body.model}, ${problem}`);
    const next = this.#rounds.shift() ?? { text: "done", reasoning: undefined, calls: [], end: "whole" };
    if (next.end === "busy") return json(response, 429, { error: { message: "busy" } });
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const delta of this.#deltas(next, body.model)) response.write(sseEvent(chunk(undefined, { delta })));
    if (next.end === "whole") {
      const finish_reason = next.calls.length > 0 ? "tool_calls" : "stop";
      response.end(`${sseEvent(chunk(undefined, { finish_reason }))}data: [DONE]\n\n`);
      return;
    }
    await sleep(5);
    this.#abort.abort(this.#reason);
  }

  #deltas({ text, reasoning, calls, end }: Round, model: string): Record<string, unknown>[] {
    const tool_calls = calls.map(({ name, id, args }, index) => ({
      index,
      id:
        model === "org/strict" && id !== ""
          ? `strict${String(this.#calls++)
              .padStart(3, "0")
              .slice(-3)}`
          : id,
      type: "function",
      function: { name, arguments: end === "abort in the last call" && index === calls.length - 1 ? '{"a' : args },
    }));
    return [
      { role: "assistant", content: "" },
      ...(reasoning !== undefined && model === "org/loose" ? [{ reasoning_content: reasoning }] : []),
      ...(text === "" ? [] : [{ content: text }]),
      ...(tool_calls.length > 0 ? [{ tool_calls }] : []),
    ];
  }
}

/** Returns the ids of calls that wait for an answer. */
function openCalls({ messages }: Outcome): string[] {
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  const answered = messages.slice(last + 1).map(({ tool_call_id }) => tool_call_id);
  const calls = (messages[last]?.tool_calls ?? []) as { id: string }[];
  return calls.map(({ id }) => id).filter((id) => !answered.includes(id));
}

function resultsOf(ids: string[]): Message[] {
  return ids.map((id) => ({ role: "tool", tool_call_id: id, content: "ok" }));
}

describe("what is sent, whatever happens in a conversation", () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(async () => {
    await server.close();
  });

  /** Asks the questions in their order, with a memory as a store has it. */
  async function remembering(conversation: Conversation, questions: Question[], most: number): Promise<void> {
    let stored: Remembered = { messages: [], by: [] };
    let open: Message[] = [];
    let past: Message[] = [];
    const limits = { messages: most, tokens: undefined };
    for (const each of questions) {
      const { history, origins } = recall(JSON.parse(JSON.stringify(stored)), limits);
      const results = open.slice(0, each.answers);
      const late = each.isLate ? past : [];
      const prompt = results.length + late.length > 0 ? [...late, ...results] : [{ role: "user", content: "next" }];
      const outcome = await conversation.ask(each, joinHistory(history, prompt), origins);
      if (!outcome?.isKept) continue;
      stored = toRemember(outcome.messages, outcome.origins, limits, 1);
      past = [...past, ...open];
      open = stored.messages.length > 0 ? resultsOf(openCalls(outcome)) : [];
    }
  }

  /** The same with `msg.messages`, as the reference tells flows to go on. */
  async function passing(conversation: Conversation, questions: Question[]): Promise<void> {
    let messages: Message[] = [];
    let open: Message[] = [];
    for (const each of questions) {
      const next = open.length > 0 ? open : [{ role: "user", content: "next" }];
      const outcome = await conversation.ask(each, JSON.parse(JSON.stringify([...messages, ...next])));
      if (!outcome) continue;
      messages = outcome.messages;
      open = resultsOf(openCalls(outcome));
    }
  }

  for (const most of [1, 3]) {
    it(`is taken by every server, from a memory, with ${most} calls a round at most`, async () => {
      const conversations = fc.tuple(fc.array(question(most), { minLength: 1, maxLength: 4 }), fc.constantFrom(50, 4));
      await fc.assert(
        fc.asyncProperty(conversations, async ([questions, limit]) => {
          const conversation = new Conversation(server, { order, names, gemma, ...(most === 1 && { llama }) });
          try {
            await remembering(conversation, questions, limit);
            assert.deepEqual(conversation.problems, []);
          } finally {
            await conversation.close();
          }
        }),
        { numRuns: 150 },
      );
    }).timeout(60_000);
  }

  for (const [abort, kept] of [
    ["keep", ["user", "assistant"]],
    ["forget", []],
  ] as const) {
    it(`is the question and its text, or nothing, after an abort in a text: ${abort}`, async () => {
      const conversation = new Conversation(server, { order });
      const rounds: Round[] = [{ text: "Hel", reasoning: undefined, calls: [], end: "abort" }];
      const asked: Question = { model: "org/loose", isJson: false, rounds, answers: 0, isLate: false, abort };
      const outcome = await conversation.ask(asked, [{ role: "user", content: "?" }]);
      await conversation.close();
      assert.deepEqual(
        outcome?.messages.map(({ role }) => role),
        kept,
      );
      assert.equal(outcome?.isKept, abort === "keep");
    });
  }

  it("has an order that every server takes, from msg.messages that a flow sends on", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(question(3), { minLength: 1, maxLength: 4 }), async (questions) => {
        const conversation = new Conversation(server, { order });
        try {
          await passing(conversation, questions);
          assert.deepEqual(conversation.problems, []);
        } finally {
          await conversation.close();
        }
      }),
      { numRuns: 100 },
    );
  }).timeout(60_000);
});

const user = (content = "?"): Message => ({ role: "user", content });
const said = (content: string): Message => ({ role: "assistant", content });
const toolCall = (id: string, name = "f", args = "{}"): ToolCall => ({
  id,
  type: "function",
  function: { name, arguments: args },
});
const calling = (calls: ToolCall[], more: Record<string, unknown> = {}): Message => ({
  role: "assistant",
  content: null,
  tool_calls: calls,
  ...more,
});
const result = (id: string, content = "21"): Message => ({ role: "tool", tool_call_id: id, content });
const notCarriedOut = (id: string, more = ""): Message => result(id, `Error: not carried out.${more}`);
const done = (id: string, more: Partial<CallOutcome> = {}): CallOutcome =>
  ({ id, name: "f", arguments: {}, ms: 1, result: "21", ...more }) as CallOutcome;
const reply = (content: string | null, calls: ToolCall[] = [], thoughts?: Record<string, unknown>): Completion => ({
  ...emptyCompletion(),
  message: { role: "assistant", content, ...(calls.length > 0 && { tool_calls: calls }) },
  ...(thoughts && { reasoningToReturn: thoughts }),
});
const A = { model: "org/a", provider: undefined };

describe("the messages that are kept of a question", () => {
  const cases: [what: string, run: (history: SendableHistory) => void, kept: Message[]][] = [
    ["end with its reply", (history) => history.addReply(reply("Hi"), A), [said("Hi")]],
    ["say where there was none", (history) => history.addReply(reply(""), A), [said("(no answer)")]],
    ["take white space for none", (history) => history.addReply(reply(" \n"), A), [said("(no answer)")]],
    [
      "end with calls that the flow is to answer, and the thoughts before them",
      (history) => history.addReply(reply(null, [toolCall("a")], { reasoning_content: "Hm." }), A),
      [calling([toolCall("a")], { reasoning_content: "Hm." })],
    ],
    [
      "have no thoughts before a text",
      (history) => history.addReply(reply("Hi", [], { reasoning_content: "Hm." }), A),
      [said("Hi")],
    ],
    [
      "have no failed repairs",
      (history) => {
        history.addRepair("", ["the reply is empty"]);
        history.addReply(reply("{}"), A);
      },
      [said("{}")],
    ],
    [
      "quote arguments that are no object",
      (history) =>
        history.addCalls(
          reply(null, [toolCall("a", "f", `["${"x".repeat(197)}👋"]`)]),
          A,
          [done("a", { arguments: ["x"], result: undefined, error: "wrong" })],
          0,
        ),
      [calling([toolCall("a")]), result("a", `Error: wrong\nThe arguments were: ["${"x".repeat(197)}`)],
    ],
    [
      "quote no arguments that say nothing",
      (history) =>
        history.addCalls(
          reply(null, [toolCall("a", "f", "null"), toolCall("b", "f", "[]")]),
          A,
          [done("a"), done("b")],
          0,
        ),
      [calling([toolCall("a"), toolCall("b")]), result("a"), result("b")],
    ],
    [
      "say of dropped calls in the last result",
      (history) => history.addCalls(reply(null, [toolCall("a"), toolCall("b")]), A, [done("a"), done("b")], 5),
      [
        calling([toolCall("a"), toolCall("b")]),
        result("a"),
        result("b", "21\n\n(5 further calls were dropped: at most 128 in a round are carried out.)"),
      ],
    ],
    [
      "have the images of all results behind the last one",
      (history) =>
        history.addCalls(
          reply(null, [toolCall("a"), toolCall("b"), toolCall("c")]),
          A,
          [done("a", { parts: [IMAGE] }), done("b"), done("c", { parts: [IMAGE, IMAGE] })],
          0,
        ),
      [
        calling([toolCall("a"), toolCall("b"), toolCall("c")]),
        result("a", "21\n(See image 1 below.)"),
        result("b"),
        result("c", "21\n(See images 2 to 3 below.)"),
        said("(see below)"),
        { role: "user", content: [IMAGE, IMAGE, IMAGE] },
      ],
    ],
    [
      "number images and sound together",
      (history) => {
        const sound: MediaPart = { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } };
        const outcomes = [done("a", { parts: [IMAGE] }), done("b", { parts: [sound] })];
        history.addCalls(reply(null, [toolCall("a"), toolCall("b")]), A, outcomes, 0);
        history.messages.splice(-2);
      },
      [
        calling([toolCall("a"), toolCall("b")]),
        result("a", "21\n(See attachment 1 below.)"),
        result("b", "21\n(See attachment 2 below.)"),
      ],
    ],
    [
      "have calls that are still open behind the images, each with the thoughts of the round",
      (history) =>
        history.addCalls(
          reply("Look.", [toolCall("a"), toolCall("b")], { reasoning_content: "Hm." }),
          A,
          [done("b", { parts: [IMAGE] })],
          0,
        ),
      [
        calling([toolCall("b")], { content: "Look.", reasoning_content: "Hm." }),
        result("b", "21\n(See image 1 below.)"),
        said("(see below)"),
        { role: "user", content: [IMAGE] },
        calling([toolCall("a")], { reasoning_content: "Hm." }),
      ],
    ],
  ];
  for (const [what, run, kept] of cases) {
    it(what, () => {
      const history = new SendableHistory([user()]);
      run(history);
      assert.deepEqual(history.messages, [user(), ...kept]);
    });
  }
});

describe("a question that is stopped", () => {
  const cases: [what: string, run: (history: SendableHistory) => unknown, kept: Message[]][] = [
    ["in a text keeps that", (history) => history.stop(reply("Hel"), A), [said("Hel")]],
    [
      "in a call keeps the whole ones before it, which were not carried out",
      (history) =>
        history.stop(reply("Hi", [toolCall("a"), toolCall("b", "f", '{"x')], { reasoning_content: "Hm." }), A),
      [calling([toolCall("a")], { content: "Hi", reasoning_content: "Hm." }), notCarriedOut("a"), said("(stopped)")],
    ],
    [
      "in its first call keeps the text before it",
      (history) => history.stop(reply("Hi", [toolCall("a", "f", '{"x')]), A),
      [said("Hi")],
    ],
    [
      "behind calls keeps all of them, whatever their arguments",
      (history) => history.stop({ ...reply(null, [toolCall("a", "f", "[1]")]), finish_reason: "tool_calls" }, A),
      [calling([toolCall("a")]), notCarriedOut("a", "\nThe arguments were: [1]"), said("(stopped)")],
    ],
    [
      "in more than 128 calls says how many were dropped",
      (history) => history.stop(reply(null, [toolCall("a")]), A, 5),
      [
        calling([toolCall("a")]),
        notCarriedOut("a", "\n\n(5 further calls were dropped: at most 128 in a round are carried out.)"),
        said("(stopped)"),
      ],
    ],
    [
      "while tools run keeps what they gave, and answers the calls of others",
      (history) => {
        history.addCalls(reply(null, [toolCall("a"), toolCall("b")]), A, [done("a")], 0);
        return history.stop(undefined, A);
      },
      [calling([toolCall("a"), toolCall("b")]), result("a"), notCarriedOut("b"), said("(stopped)")],
    ],
    [
      "while the model thinks about results keeps these",
      (history) => {
        history.addCalls(reply(null, [toolCall("a")]), A, [done("a")], 0);
        return history.stop(reply(""), A);
      },
      [calling([toolCall("a")]), result("a"), said("(stopped)")],
    ],
    [
      "while a text is repaired keeps the question",
      (history) => {
        history.addRepair("no", ["wrong"]);
        return history.stop(reply(""), A);
      },
      [said("(stopped)")],
    ],
  ];
  for (const [what, run, kept] of cases) {
    it(what, () => {
      const history = new SendableHistory([user()]);
      assert.equal(run(history), "question");
      assert.deepEqual(history.messages, [user(), ...kept]);
    });
  }

  for (const text of ["", "\n"]) {
    it(`before the first text or call keeps nothing: ${JSON.stringify(text)}`, () => {
      const history = new SendableHistory([{ role: "system", content: "Be brief." }, user("1"), said("2"), user("3")]);
      assert.equal(history.stop(reply(text, [toolCall("a", "f", '{"x')]), A), "nothing");
      assert.deepEqual(history.before, [{ role: "system", content: "Be brief." }, user("1"), said("2")]);
    });
  }

  it("and brings results of calls keeps these, since they were carried out", () => {
    const messages = [user(), calling([toolCall("a")]), result("a")];
    const history = new SendableHistory(messages);
    assert.equal(history.stop(reply(""), A), "question");
    assert.deepEqual(history.messages, [...messages, said("(stopped)")]);
  });
});

describe("a result that comes too late", () => {
  const history = [user(), calling([toolCall("a")]), notCarriedOut("a"), said("(no answer)"), user("2"), said("Hi")];

  it("brings no new demand for a call, and is kept where its question is stopped", () => {
    const joined = joinHistory(history, [result("a")]);
    assert.equal(bringsResults(joined), true);
    const question = new SendableHistory(joined);
    assert.equal(question.stop(undefined, A), "question");
    assert.deepEqual(question.messages, [...history, user("(late result of f)\n21"), said("(stopped)")]);
  });

  it("goes with a new question, if there is one", () => {
    const joined = joinHistory(history, [result("a"), user("3")]);
    assert.equal(bringsResults(joined), false);
    assert.equal(new SendableHistory(joined).stop(undefined, A), "nothing");
  });
});

describe("the messages that a model gets", () => {
  const LONG = "n".repeat(70);
  const thoughts = { reasoning_content: "Hm.", reasoning_details: [{ text: "Hm." }] };

  /** A history in which a model has called a function, as a memory brings it. */
  function remembered(model: string, provider?: string) {
    const history = new SendableHistory([user()]);
    const calls = [toolCall("functions.f:0", "a.b"), toolCall("abcdefghi", LONG)];
    history.addCalls(reply(null, calls, thoughts), { model, provider }, [done("functions.f:0"), done("abcdefghi")], 0);
    history.addReply(reply("Hi"), { model, provider });
    const limits = { messages: 50, tokens: undefined };
    const stored = toRemember(history.messages, history.origins, limits, 1);
    return { stored, ...recall(JSON.parse(JSON.stringify(stored)), limits) };
  }
  const sentTo = (model: string, { history, origins }: ReturnType<typeof remembered>) =>
    new SendableHistory([...history, user("2")], origins).sentTo(model);

  it("are as that model wrote them, but for names that no server takes", () => {
    const [, message, first, second] = sentTo("org/a", remembered("org/a"));
    const calls = [toolCall("functions.f:0", "a_b"), toolCall("abcdefghi", "n".repeat(64))];
    assert.deepEqual(message, calling(calls, thoughts));
    assert.deepEqual([first, second], [result("functions.f:0"), result("abcdefghi")]);
  });

  it("have neither the thoughts nor the ids of another one, and the same ids each time", () => {
    const own = remembered("org/a");
    const [, message, ...others] = sentTo("org/b", own);
    const [first, second] = (message?.tool_calls ?? []) as ToolCall[];
    assert.deepEqual(Object.keys(message ?? {}), ["role", "content", "tool_calls"]);
    assert.match(first?.id ?? "", /^[A-Za-z0-9]{9}$/);
    assert.equal(second?.id, "abcdefghi", "it is one that every server takes");
    assert.deepEqual(others, [result(first?.id ?? ""), result("abcdefghi"), said("Hi"), user("2")]);
    assert.deepEqual(sentTo("org/b", own), sentTo("org/b", own));
  });

  it("are kept as they were, so that a flow may answer with the ids that it was given", () => {
    const own = remembered("org/a");
    assert.deepEqual(
      own.history[1],
      calling([toolCall("functions.f:0", "a.b"), toolCall("abcdefghi", LONG)], thoughts),
    );
    const history = new SendableHistory([user(), own.history[1] as Message, result("functions.f:0")], {
      ...own.origins,
    });
    const [, message, answer] = history.sentTo("org/b");
    const [sent] = (message?.tool_calls ?? []) as ToolCall[];
    assert.equal(answer?.tool_call_id, sent?.id);
  });

  it("stay as the flow passed them", () => {
    const passed = [user(), calling([toolCall("functions.f:0", "a.b")], thoughts), result("functions.f:0"), user()];
    assert.deepEqual(new SendableHistory(passed).sentTo("org/b"), passed);
  });

  const served: [what: string, first: string, provider: string, next: string, then: string | undefined, is: boolean][] =
    [
      ["the provider that wrote them", "org/a", "x", "org/a", "x", true],
      ["another provider", "org/a", "x", "org/a", "y", false],
      ["the provider by name", "org/a", "x", "org/a:x", undefined, true],
      ["another provider by name", "org/a", "x", "org/a:y", undefined, false],
      ["the same choice of the router", "org/a:fastest", "x", "org/a:fastest", "x", true],
      ["another choice of the router", "org/a:fastest", "x", "org/a:fastest", "y", false],
    ];
  for (const [what, first, provider, next, then, isSame] of served) {
    it(`have their thoughts at the router for ${what}${isSame ? "" : ": no"}`, () => {
      const own = remembered(first, provider);
      if (then) own.origins.providers.set(next, then);
      const [, message] = sentTo(next, own);
      assert.equal("reasoning_content" in (message ?? {}), isSame);
    });
  }

  it("lose their thoughts where a server refuses them", () => {
    const passed = [user(), calling([toolCall("a")], thoughts), result("a")];
    assert.deepEqual(withoutReasoning(passed), [user(), calling([toolCall("a")]), result("a")]);
  });

  it("are told of a reply that could not be used, which nobody remembers", () => {
    const history = new SendableHistory([user()]);
    history.addFailedTry("", "Try again.");
    assert.deepEqual(history.sentTo("org/a"), [user(), said("(no answer)"), user("Try again.")]);
    assert.deepEqual(history.messages, [user()]);
  });
});

describe("a conversation in a store", () => {
  const limits = { messages: 50, tokens: undefined };

  it("says who wrote each message, and who served each model last", () => {
    const history = new SendableHistory([user()]);
    history.addReply(reply("Hi"), { model: "org/a", provider: "x" });
    assert.deepEqual(toRemember(history.messages, history.origins, limits, 1), {
      messages: [user(), said("Hi")],
      by: [null, "org/a:x"],
      providers: { "org/a": "x" },
    });
  });

  it("of an earlier version is one that every server takes, and has no writers", () => {
    const messages = [user("1"), said(""), user("2"), calling([toolCall("a")]), result("a"), user("3"), user("4")];
    const { history, origins } = recall({ messages }, limits);
    assert.deepEqual(history, [
      ...[user("1"), said("(no answer)"), user("2"), calling([toolCall("a")]), result("a"), said("(no answer)")],
      ...[user("3"), said("(no answer)"), user("4")],
    ]);
    assert.deepEqual([...new Set(origins.writers.values())], [null]);
  });

  it("takes odd values beside the messages for none", () => {
    const stored = { messages: [user(), said("Hi")], by: [5, {}, "x"], providers: { a: 5 } };
    const { history, origins } = recall(stored as unknown as Remembered, limits);
    assert.deepEqual(history, [user(), said("Hi")]);
    assert.deepEqual([...origins.writers.values(), ...origins.providers], [null, null]);
    for (const odd of [5, "x", null]) {
      const beside = { by: odd, providers: odd } as unknown as Remembered;
      assert.deepEqual(recall({ ...beside, messages: [user(), said("Hi")] }, limits).history, [user(), said("Hi")]);
    }
  });

  it("is trimmed with its writers", () => {
    const messages = [user("1"), said("2"), user("3"), said("4")];
    const writers = new Map(messages.map((message, at) => [message, at % 2 === 0 ? null : `org/${at}`]));
    const { by } = toRemember(messages, { writers, providers: new Map() }, { messages: 2, tokens: undefined }, 1);
    assert.deepEqual(by, [null, "org/3"]);
  });
});
