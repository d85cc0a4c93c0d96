import type { NodeAPI } from "node-red";
import { localizeError, makeTranslate } from "../localize";

/** As far as they are used: Node-RED brings express along, and its types are not ours. */
export interface AdminRequest {
  params: Record<string, string>;
  body: unknown;
}
export interface AdminResponse {
  json(body: unknown): void;
  set(name: string, value: string): void;
  write(text: string): void;
  end(): void;
  on(event: "close", listener: () => void): void;
}

/** An error in the words of the chat node. */
export interface AdminError {
  error: { code: string; message: string };
}

/** Makes an answer of an error, in Node-RED's language. */
export function errorAnswer(RED: NodeAPI, error: unknown): AdminError {
  const { code, message } = localizeError(error, makeTranslate(RED));
  return { error: { code, message } };
}

/** Fires when the browser does not wait for an answer any more. */
export function goneSignal(response: AdminResponse): AbortSignal {
  const abort = new AbortController();
  response.on("close", () => abort.abort());
  return abort.signal;
}
