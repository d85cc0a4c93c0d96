import { tracingChannel } from "node:diagnostics_channel";

/** What OpenTelemetry's API hands out where somebody registered it; we never load it ourselves. */
export interface OpenTelemetry {
  trace?: { getTracer(name: string, version?: string): Tracer };
  /** The context manager. */
  context?: { active(): Context; with?(context: Context, run: () => void): unknown };
  /** The propagator. */
  propagation?: { extract(context: Context, carrier: unknown, getter: Getter): Context };
}

export interface Tracer {
  startSpan(name: string, options: { kind: number; attributes: Attributes }, context: Context): Span;
}

/** A span, as far as it is used. */
export interface Span {
  isRecording(): boolean;
  setAttributes(attributes: Attributes): unknown;
  addEvent(name: string, attributes: Attributes): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

export interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

/** Reads headers for a propagator. */
export interface Getter {
  keys(carrier: unknown): string[];
  get(carrier: unknown, key: string): string | string[] | undefined;
}

export type Attributes = Record<string, string | number | boolean | string[]>;

/** Where OpenTelemetry's API keeps what was registered (`internal/global-utils.ts` of `@opentelemetry/api` 1.x). */
export const OPEN_TELEMETRY = Symbol.for("opentelemetry.js.api.1");

/** The global object, as far as it is read here. */
export const registered = globalThis as { [OPEN_TELEMETRY]?: OpenTelemetry };

/** The tracing channel of `node:diagnostics_channel` that tells of the same operations. */
export const channel = tracingChannel<unknown, object>("huggingface:chat");
