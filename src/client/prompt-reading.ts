import type { IncomingHttpHeaders } from "node:http";
import { PROMPT_READERS } from "./completion/dialects";
import type { Endpoint } from "./connection/endpoint";
import type { ChatError } from "./errors/chat-error";
import type { ChatRequest } from "./types";
import { firstHeader } from "./unknown";

/** The field that asks a server to tell how much of the prompt it has read. */
const FIELD = "return_progress";
/** Addresses that are known in this process. */
const MOST_ADDRESSES = 100;

/** By address: true if the server tells it, false if it has refused the field. All clients of the process share it. */
export const known = new Map<string, boolean>();

/** Knows whether a server tells how much of the prompt it has read. Others may refuse to be asked. */
export class PromptReading {
  readonly #address: string;

  constructor({ origin, path }: Endpoint) {
    this.#address = origin + path;
  }

  /** Returns the request with the wish for it, if the server is known to fulfil that. */
  ask(request: ChatRequest): ChatRequest {
    const isAsked = request.stream === true && !(FIELD in request) && known.get(this.#address) === true;
    return isAsked ? { ...request, [FIELD]: true } : request;
  }

  /** Takes what a response says of its server. */
  noteHeaders(headers: IncomingHttpHeaders): void {
    this.#note("server", firstHeader(headers, "server"));
  }

  /** Takes the owners of the models in the server's list. */
  noteOwners(owners: Iterable<string>): void {
    for (const owner of owners) this.#note("owned_by", owner);
  }

  /** True if the server has refused the wish: it is not told again. */
  noteRefusal({ message, cause }: ChatError): boolean {
    if ((cause.status !== 400 && cause.status !== 422) || !message.includes(FIELD)) return false;
    known.set(this.#address, false);
    return true;
  }

  #note(place: "server" | "owned_by", value: string | undefined): void {
    if (value === undefined || known.has(this.#address)) return;
    if (!PROMPT_READERS.some((row) => row.in === place && row.pattern.test(value))) return;
    const [oldest] = known.keys();
    if (oldest !== undefined && known.size >= MOST_ADDRESSES) known.delete(oldest);
    known.set(this.#address, true);
  }
}
