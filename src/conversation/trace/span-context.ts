import { asRecord } from "../../client/internal";
import type { Context, Getter, OpenTelemetry } from "./listeners";

/** The key under which OpenTelemetry's API keeps the span of a context (`trace/context-utils.ts`). */
const SPAN_KEY = Symbol.for("OpenTelemetry Context Key SPAN");
/** Marks the context of a tool that is being run: what its flow asks belongs to it. */
const TOOL_KEY = Symbol("huggingface tool");
/** W3C Trace Context, version 00 and later ones: https://www.w3.org/TR/trace-context/#traceparent-header. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-|$)/;

/** A context where no context manager is registered. Values are never changed in place. */
class OwnContext implements Context {
  readonly #values: ReadonlyMap<symbol, unknown>;

  constructor(values: ReadonlyMap<symbol, unknown> = new Map()) {
    this.#values = values;
  }

  getValue(key: symbol): unknown {
    return this.#values.get(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return new OwnContext(new Map([...this.#values, [key, value]]));
  }

  deleteValue(key: symbol): Context {
    return new OwnContext(new Map([...this.#values].filter(([name]) => name !== key)));
  }
}

/**
 * Finds the context that a question belongs to: that of the tool which asks it, else the one that its headers name, else
 * the active one.
 *
 * @param headers - of the request or message that the question came with; may be anything
 */
export function contextOf({ context, propagation }: OpenTelemetry, headers: unknown): Context {
  const active = context?.active() ?? new OwnContext();
  if (active.getValue(TOOL_KEY) === true) return active;
  const carrier = asRecord(headers);
  if (!carrier) return active;
  return propagation ? propagation.extract(active, carrier, HEADERS) : withRemoteSpan(active, carrier);
}

export function withSpan(context: Context, span: unknown): Context {
  return context.setValue(SPAN_KEY, span);
}

/** Marks a context as that of a tool. */
export function ofTool(context: Context): Context {
  return context.setValue(TOOL_KEY, true);
}

/** Reads headers as a flow may hold them, in any case. */
const HEADERS: Getter = {
  keys: (carrier) => Object.keys(asRecord(carrier) ?? {}),
  get: (carrier, key) => {
    const [, value] =
      Object.entries(asRecord(carrier) ?? {}).find(([name]) => name.toLowerCase() === key.toLowerCase()) ?? [];
    return typeof value === "string" ? value : undefined;
  },
};

/** Puts the span that `traceparent` names into a context. What is no valid header is ignored, as the standard says. */
function withRemoteSpan(context: Context, carrier: object): Context {
  const header = HEADERS.get(carrier, "traceparent");
  const [, traceId, spanId, flags = ""] = TRACEPARENT.exec(String(header).trim()) ?? [];
  if (traceId === undefined || spanId === undefined) return context;
  const spanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return withSpan(context, { spanContext: () => spanContext, isRecording: () => false });
}
