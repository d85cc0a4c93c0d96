import { type Attributes, type Context, channel, type Span, type Tracer } from "./listeners";
import { withSpan } from "./span-context";

/** Kinds of spans (`trace/span_kind.ts` of OpenTelemetry's API). */
export const KIND = { internal: 0, client: 2 } as const;
/** Status of a span that failed (`trace/status.ts`). */
const ERROR = 2;

/** Where the spans of a question go. */
export interface Spans {
  tracer: Tracer;
  /** Runs something in a context, where a context manager is registered. */
  within(context: Context, run: () => void): void;
}

/** What a subscriber of the channel gets, the same object at each step of an operation; it is filled in as it goes on. */
export interface OperationEvent {
  /** As OpenTelemetry's conventions call it. */
  operation: string;
  /** The operation that this one is part of. */
  parent?: OperationEvent;
  attributes: Attributes;
  /** What happened on the way, such as retries. */
  events: { name: string; attributes: Attributes }[];
  /** Our code, where it failed. */
  error?: { code: string };
}

/** How an operation begins. */
export interface Beginning {
  operation: string;
  /** Behind the operation in the name of the span. */
  target: string;
  kind: number;
  attributes: Attributes;
  parent?: Operation | undefined;
  /** Undefined where only the channel is listened to. */
  spans: Spans | undefined;
  context: Context | undefined;
}

/** One operation of a question: a span, and a round of the channel's events. Whoever listens cannot make it fail. */
export class Operation {
  readonly event: OperationEvent;
  /** With its span in it; undefined without spans. */
  readonly context: Context | undefined;
  readonly #spans: Spans | undefined;
  readonly #span: Span | undefined;

  constructor({ operation, target, kind, attributes, parent, spans, context }: Beginning) {
    const all = { "gen_ai.operation.name": operation, ...attributes };
    this.event = { operation, ...(parent && { parent: parent.event }), attributes: all, events: [] };
    this.#spans = spans;
    const name = target ? `${operation} ${target}` : operation;
    this.#span = context && safely(() => spans?.tracer.startSpan(name, { kind, attributes: all }, context));
    this.context = context && (safely(() => this.#span && withSpan(context, this.#span)) ?? context);
  }

  /** False where nobody takes what is costly to make. */
  get isHeard(): boolean {
    return channel.hasSubscribers || safely(() => this.#span?.isRecording()) === true;
  }

  set(attributes: Attributes): void {
    Object.assign(this.event.attributes, attributes);
    safely(() => this.#span?.setAttributes(attributes));
  }

  note(name: string, attributes: Attributes): void {
    this.event.events.push({ name, attributes });
    safely(() => this.#span?.addEvent(name, attributes));
  }

  /** Marks the operation as failed. @param message - only where texts may be told */
  fail(code: string, message?: string): void {
    this.event.error = { code };
    safely(() => this.#span?.setStatus({ code: ERROR, ...(message && { message }) }));
    channel.error.publish(this.event);
  }

  /**
   * Runs the operation in its context, which what it does may look up: a client for http, a flow with a chat node in it.
   *
   * @param context - if not that of its span
   */
  run<T>(work: () => Promise<T>, context = this.context): Promise<T> {
    let running: Promise<T> | undefined;
    const begin = () => {
      running ??= work();
    };
    channel.start.runStores(this.event, () => {
      if (context) safely(() => this.#spans?.within(context, begin));
      begin();
    });
    channel.end.publish(this.event);
    return running ?? work();
  }

  end(): void {
    channel.asyncStart.publish(this.event);
    channel.asyncEnd.publish(this.event);
    safely(() => this.#span?.end());
  }
}

/** Runs the code of whoever registered something: a question does not fail for it. */
export function safely<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
