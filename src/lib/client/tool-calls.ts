import { randomUUID } from "node:crypto";
import { asRecord, asText } from "./json";

/** A call of a function by the model, as the API writes it. `arguments` is JSON text. */
export interface ToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

interface OpenCall {
  index: number | undefined;
  id: string;
  name: string;
  arguments: string;
}

/**
 * Puts tool calls together from the deltas of a stream, or from a whole message. Servers differ: the first index may
 * be 1 or missing, the id may be repeated, blank or a number, the arguments text in pieces or one object.
 */
export class ToolCallMerger {
  readonly #calls: OpenCall[] = [];

  get size(): number {
    return this.#named().length;
  }

  /**
   * Takes the `tool_calls` of one delta.
   *
   * @returns the characters added, for the limit on a reply's size
   */
  add(deltas: unknown): number {
    // Old TGI streams the one call bare.
    const list = Array.isArray(deltas) ? deltas : [deltas];
    const mine = new Set<OpenCall>();
    let added = 0;
    for (const delta of list) {
      const record = asRecord(delta);
      if (record) added += this.#addOne(record, mine);
    }
    return added;
  }

  /** The calls, each with an id of its own: a call without one gets one, since results must name their call. */
  build(): ToolCall[] {
    const seen = new Set<string>();
    return this.#named().map((call) => {
      const id = call.id && !seen.has(call.id) ? call.id : `call_${randomUUID().replaceAll("-", "")}`;
      seen.add(id);
      return { id, type: "function", function: { name: call.name, arguments: call.arguments || "{}" } };
    });
  }

  /** A call without a name is none: some servers send empty entries. */
  #named(): OpenCall[] {
    return this.#calls.filter((call) => call.name !== "");
  }

  /** @param mine - the calls that the same delta has added to already */
  #addOne(delta: Record<string, unknown>, mine: Set<OpenCall>): number {
    const fn = asRecord(delta.function) ?? delta;
    const id = asText(delta.id) ?? "";
    const name = asText(fn.name) ?? "";
    const call = this.#find(typeof delta.index === "number" ? delta.index : undefined, id, name, mine);
    mine.add(call);
    // Later deltas may carry a blank id or name, or repeat them: only the first one counts.
    if (!call.id) call.id = id;
    if (!call.name) call.name = name;
    // Old TGI calls the arguments `parameters`.
    const args = fn.arguments ?? fn.parameters;
    if (args === undefined || args === null) return name.length;
    const text = typeof args === "string" ? args : JSON.stringify(args);
    call.arguments += text;
    return name.length + text.length;
  }

  #find(index: number | undefined, id: string, name: string, mine: Set<OpenCall>): OpenCall {
    const last = this.#calls.at(-1);
    const known =
      index !== undefined
        ? this.#calls.findLast((call) => call.index === index)
        : id
          ? this.#calls.find((call) => call.id === id)
          : name && last?.name
            ? undefined
            : last;
    // One index, or one id without an index, for several calls: a name begins another call if its id is new, or if the
    // same delta has named one already.
    const isNew = known && (index === undefined ? mine.has(known) : id && known.id && id !== known.id);
    const isAnother = isNew && name && known?.name;
    if (known && !isAnother) return known;
    const call: OpenCall = { index, id: "", name: "", arguments: "" };
    this.#calls.push(call);
    return call;
  }
}
