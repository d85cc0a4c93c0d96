import {
  asChatError,
  type ChatClient,
  type ChatError,
  type Completion,
  hasResponded,
  isOfServer,
  isUnreached,
  type ProgressListener,
} from "../../client/internal";
import type { JsonOutput } from "../json/structured-output";
import type { Circuit } from "./circuit";
import { sumOf } from "./report";
import type { Request } from "./round";
import type { UnsupportedParams } from "./unsupported-params";

/** A server, and how a question is put there. */
export interface Site {
  client: ChatClient;
  /** The request with the server's own model; its messages are those of the question so far. */
  request: Request;
  output: JsonOutput | undefined;
  fallback: readonly string[];
  unsupported: UnsupportedParams;
  stickyProvider: boolean;
  /** True if traces may hold its prompts and replies. */
  traceContent?: boolean;
}

/** Where a question goes when its server cannot be reached. */
export interface Otherwise {
  /** Of the first server. */
  circuit: Circuit;
  /** What the first server and the other one are called. */
  from: string;
  to: string;
  /**
   * Makes the question for the other server, when it is needed.
   *
   * @throws ChatError where it cannot be asked there
   */
  site(): Site;
}

/** Callbacks for a question that moves on to another server. */
export interface OtherwiseListener {
  onFallback?(error: ChatError): void;
  /** Called when another server is asked. */
  onOtherwise?(params: { from: string; to: string; message: string }): void;
  /** Called when it should be, and cannot. */
  onNoOtherwise?(params: { to: string; message: string }): void;
}

/** What a round needs of its question to go on at another server. */
interface Steps {
  /** Asks the first server. @param mayAsk - called before each request; throws where the server is left alone meanwhile */
  ask(mayAsk: () => void): Promise<Completion>;
  /** Asks the other server from now on. */
  moveTo(site: Site, error: ChatError): void;
  askThere(): Promise<Completion>;
}

/**
 * Asks for a round at a server, and at another one where the first fails before the first piece in a way that is its own.
 *
 * @returns the reply, with the attempts and times of both
 * @throws ChatError of the last one that was asked
 */
export async function askOrElse(otherwise: Otherwise, listener: OtherwiseListener, steps: Steps): Promise<Completion> {
  const { circuit, from, to } = otherwise;
  let entry = circuit.enter();
  let error = entry.refusal;
  if (!error) {
    try {
      const completion = await steps.ask(() => {
        if (entry.isTrial) return;
        entry = circuit.enter();
        if (entry.refusal) throw entry.refusal;
      });
      circuit.close();
      return completion;
    } catch (cause) {
      error = asChatError(cause);
      if (error !== entry.refusal) note(circuit, error);
      // It was refused before it was sent.
      else if (error.completion) error.completion.attempts--;
    }
  }
  if (!error || hasBegun(error) || !isOfServer(error)) throw error;
  let site: Site;
  try {
    site = otherwise.site();
  } catch (cause) {
    listener.onNoOtherwise?.({ to, message: asChatError(cause).message });
    throw error;
  }
  // Puts the message into the user's language.
  listener.onFallback?.(error);
  steps.moveTo(site, error);
  listener.onOtherwise?.({ from, to, message: error.message });
  const before = error.completion;
  try {
    const completion = await steps.askThere();
    return before ? sumOf(before, completion) : completion;
  } catch (cause) {
    const last = asChatError(cause);
    if (before && last.completion) last.completion = sumOf(before, last.completion);
    throw last;
  }
}

/** Adds a check before each request to a listener. */
export function withCheck<L extends ProgressListener>(listener: L, mayAsk: () => void): L {
  return {
    ...listener,
    onAsking: (isAtHome: boolean) => {
      mayAsk();
      listener.onAsking?.(isAtHome);
    },
  };
}

/** A server that answers is there, whatever it says, and though its reply breaks off. Silence says neither. */
function note(circuit: Circuit, error: ChatError): void {
  if (hasBegun(error)) circuit.close();
  else if (isUnreached(error)) circuit.open(error);
  else if (hasResponded(error)) circuit.close();
}

function hasBegun({ completion }: ChatError): boolean {
  return completion?.timing.first_ms !== undefined;
}
