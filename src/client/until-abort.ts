import { ChatError } from "./errors/chat-error";

/**
 * Calls a listener when a signal fires, at once if it has fired already.
 *
 * @returns stops listening
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal?.aborted) listener();
  if (!signal || signal.aborted) return () => {};
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/**
 * Waits for a promise that may never settle.
 *
 * @throws ChatError `cancelled` if the signal fires first; what the promise rejects with later is ignored
 */
export function untilAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => reject(new ChatError("cancelled")));
    promise.then(resolve, reject).finally(stop);
  });
}

/** True if a wait was ended by an abort. */
export function isCancelled(error: unknown): boolean {
  return error instanceof ChatError && error.code === "cancelled";
}
