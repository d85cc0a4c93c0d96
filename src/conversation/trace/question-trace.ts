import {
  asChatError,
  type ChatClient,
  type ChatRequest,
  type CompleteOptions,
  type Completion,
  isCancelled,
} from "../../client/internal";
import { FUNCTION_NAME } from "../../shared/limits";
import type { Report } from "../run/report";
import type { CallOutcome, ParsedCall } from "../tools";
import {
  errorAttributes,
  firstChunkAttributes,
  replyAttributes,
  requestAttributes,
  serverAttributes,
} from "./attributes";
import { callContent, inputContent, outputContent, resultContent } from "./content";
import { type Attributes, type Context, OPEN_TELEMETRY, registered } from "./listeners";
import { KIND, Operation, type Spans, safely } from "./operation";
import { contextOf, ofTool } from "./span-context";

const { name: NAME, version: VERSION } = require("../../../package.json") as { name: string; version: string };

/** Who answers the question. */
export interface Agent {
  id: string;
  name?: string | undefined;
}

/**
 * The trace of one question: `invoke_agent` for the whole, in it a `chat` for each request with all its retries, and an
 * `execute_tool` for each call. Names and attributes are those of OpenTelemetry's conventions for generative AI.
 */
export class QuestionTrace {
  readonly #spans: Spans | undefined;
  readonly #question: Operation;
  #showsContent = false;
  /** Of the client that was asked last; hides its secrets. */
  #redact = (text: string): string => text;
  #isServerKnown = false;

  /** @param headers - of the message, which may name the span that the question belongs to */
  constructor({ id, name }: Agent, headers: unknown) {
    let context: Context | undefined;
    this.#spans = safely(() => findSpans());
    if (this.#spans) context = safely(() => contextOf(registered[OPEN_TELEMETRY] ?? {}, headers));
    this.#question = new Operation({
      operation: "invoke_agent",
      target: name ?? "",
      kind: KIND.internal,
      attributes: { "gen_ai.agent.id": id, ...(name && { "gen_ai.agent.name": name }) },
      spans: this.#spans,
      context,
    });
  }

  /** Takes over what a configuration says of traces. */
  of({ traceContent }: { traceContent: boolean }): this {
    this.#showsContent = traceContent;
    return this;
  }

  /** Takes over what the configuration of another server says: texts are shown only where both say so. */
  movedTo({ traceContent = false }: { traceContent?: boolean }): void {
    this.#showsContent &&= traceContent;
  }

  /** Runs the question. @param report - returns what came of it, as soon as that is known */
  async run<T>(question: () => Promise<T>, report: () => Report | undefined): Promise<T> {
    return this.#trace(this.#question, question, (failed) => this.#clean(replyAttributes(report() ?? failed)));
  }

  /** Sends one request, with its retries. */
  async chat(client: ChatClient, request: ChatRequest, options: CompleteOptions): Promise<Completion> {
    this.#redact = (text) => client.redact(text);
    const server = serverAttributes(client.endpoint);
    const asked = this.#clean({ ...server, ...requestAttributes(request) });
    if (!this.#isServerKnown) {
      const { "gen_ai.provider.name": provider = "", "gen_ai.request.model": model = "" } = asked;
      this.#question.set({ "gen_ai.provider.name": provider, "gen_ai.request.model": model });
      this.#isServerKnown = true;
    }
    const chat = this.#begin("chat", String(asked["gen_ai.request.model"]), KIND.client, asked);
    if (this.#showsContent && chat.isHeard) chat.set(this.#clean(inputContent(request.messages)));
    const { listener } = options;
    const onRetry = (attempt: number, of: number, seconds: number) => {
      chat.note("retry", { "huggingface.retry.attempt": attempt, "huggingface.retry.delay": seconds });
      listener?.onRetry?.(attempt, of, seconds);
    };
    const describe = (completion: Partial<Completion> | undefined) => ({
      ...this.#clean({ ...replyAttributes(completion), ...firstChunkAttributes(request, completion) }),
      ...(this.#showsContent && chat.isHeard && this.#clean(outputContent(completion))),
    });
    return this.#trace(
      chat,
      () => client.complete(request, { ...options, listener: { ...listener, onRetry } }),
      describe,
    );
  }

  /** Carries out a call. */
  async tool(call: ParsedCall, signal: AbortSignal, work: () => Promise<CallOutcome>): Promise<CallOutcome> {
    // A model may write anything for a name.
    const name = FUNCTION_NAME.test(call.name) ? call.name : "";
    const attributes = this.#clean({
      ...(name && { "gen_ai.tool.name": name }),
      "gen_ai.tool.type": "function",
      "gen_ai.tool.call.id": call.id.slice(0, 200),
    });
    const tool = this.#begin("execute_tool", String(attributes["gen_ai.tool.name"] ?? ""), KIND.internal, attributes);
    const showsContent = this.#showsContent && tool.isHeard;
    if (showsContent) tool.set(this.#clean(callContent(call)));
    const { context } = tool;
    try {
      const outcome = await tool.run(work, context && safely(() => ofTool(context)));
      if (signal.aborted) tool.set({ "huggingface.aborted": true });
      else if ("error" in outcome) {
        tool.set({ "error.type": "tool_failed" });
        tool.fail("tool_failed");
      }
      if (showsContent) tool.set(this.#clean(resultContent(outcome)));
      return outcome;
    } finally {
      tool.end();
    }
  }

  #begin(operation: string, target: string, kind: number, attributes: Attributes): Operation {
    const parent = this.#question;
    return new Operation({ operation, target, kind, attributes, parent, spans: this.#spans, context: parent.context });
  }

  /** Runs an operation to its end. An abort is no error: its finish reason says so. */
  async #trace<T>(
    operation: Operation,
    work: () => Promise<T>,
    describe: (result: Partial<Completion> | undefined) => Attributes,
  ): Promise<T> {
    try {
      const result = await operation.run(work);
      operation.set(describe(result as Partial<Completion> | undefined));
      return result;
    } catch (cause) {
      const error = asChatError(cause);
      const { completion = {} } = error;
      if (isCancelled(error)) operation.set(describe({ ...completion, finish_reason: "aborted" }));
      else {
        operation.set({ ...describe(completion), ...errorAttributes(error) });
        operation.fail(error.code, this.#showsContent ? this.#redact(error.message) : undefined);
      }
      throw cause;
    } finally {
      operation.end();
    }
  }

  /** Hides secrets in texts that came from outside. */
  #clean(attributes: Attributes): Attributes {
    const clean = (value: Attributes[string]) => {
      if (Array.isArray(value)) return value.map((text) => this.#redact(text));
      return typeof value === "string" ? this.#redact(value) : value;
    };
    return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, clean(value)]));
  }
}

/** @returns undefined where nobody has registered a tracer */
function findSpans(): Spans | undefined {
  const api = registered[OPEN_TELEMETRY];
  const tracer = api?.trace?.getTracer(NAME, VERSION);
  if (!tracer) return undefined;
  const within: Spans["within"] = (context, run) => (api?.context?.with ? api.context.with(context, run) : run());
  return { tracer, within };
}
