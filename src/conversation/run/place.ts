import { asChatError, type ChatError, type Completion, isRouter } from "../../client/internal";
import { type AskOptions, askRound } from "./ask-round";
import { type Fallback, FallbackChain } from "./fallback";
import { askOrElse, type Otherwise, type OtherwiseListener, type Site, withCheck } from "./otherwise";
import { completeRound, type Request, withoutDemand } from "./round";
import type { Writer } from "./sendable-history";

/** What a round has from its question, wherever it is asked. */
interface RoundOfQuestion
  extends Pick<AskOptions, "signal" | "priority" | "history" | "report" | "maxSteps" | "listener" | "trace"> {
  listener: AskOptions["listener"] & OtherwiseListener;
  /** True if a call has been made: with the demand for one there were no reply. */
  hasCalled: boolean;
  /** Another server, asked where this one cannot be reached. */
  otherwise: Otherwise | undefined;
}

/** Where a question is asked: at its own server, or at another one that it has moved to for the rest of its rounds. */
export class Place {
  #site: Site;
  /** The other server, where it has moved there. */
  #server: string | undefined;
  /** Undefined where there is only the one of the request. */
  #models: FallbackChain | undefined;
  /** Models of the server that it has left. */
  readonly #left: Fallback[] = [];

  constructor(site: Site) {
    this.#site = site;
    this.#models = chainOf(site);
  }

  get request(): Request {
    return this.#site.request;
  }

  get output(): Site["output"] {
    return this.#site.output;
  }

  /** Models that failed, wherever. */
  get failed(): Fallback[] {
    return [...this.#left, ...(this.#models?.failed ?? [])];
  }

  /** Says who has written a reply that has just come. */
  writer({ provider }: Completion): Writer {
    const isOfRouter = provider !== undefined && isRouter(this.#site.client.endpoint.origin);
    return { model: this.#model, provider: isOfRouter ? provider : undefined, server: this.#server };
  }

  /** Asks for a round. @throws ChatError; its `completion` holds what had come */
  async ask(round: RoundOfQuestion): Promise<Completion> {
    const { listener, otherwise } = round;
    if (!otherwise || this.#server !== undefined) return this.#ask(round);
    return askOrElse(otherwise, listener, {
      ask: (mayAsk) => this.#ask({ ...round, listener: withCheck(listener, mayAsk) }, true),
      moveTo: (site, error) => {
        this.#moveTo(site, error, otherwise);
        round.trace?.movedTo(site);
      },
      // It has begun: who asks next does not go ahead of it.
      askThere: () => this.#ask({ ...round, priority: "moved" }),
    });
  }

  async #ask({ hasCalled, otherwise: _, ...round }: RoundOfQuestion, hasOtherServer = false): Promise<Completion> {
    const { client, output, request: whole, stickyProvider, unsupported } = this.#site;
    const request = hasCalled ? withoutDemand(whole) : whole;
    const ask = request["tools"] === undefined ? completeRound : askRound;
    return ask(client, request, {
      ...round,
      models: this.#models,
      output,
      unsupported,
      isSticky: stickyProvider,
      server: this.#server,
      hasOtherServer,
    });
  }

  #moveTo(site: Site, error: ChatError, { from, to }: Otherwise): void {
    const { code, message } = asChatError(error);
    this.#left.push(...(this.#models?.failed ?? []), { model: this.#model, code, message, from, to });
    this.#site = site;
    this.#server = site.client.endpoint.host;
    this.#models = chainOf(site);
  }

  get #model(): string {
    return this.#models?.current ?? this.#site.request.model;
  }
}

function chainOf({ request, fallback }: Site): FallbackChain | undefined {
  return fallback.length > 0 ? new FallbackChain(request.model, fallback) : undefined;
}
