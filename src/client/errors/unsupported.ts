import { HELD_BACK, UNSUPPORTED_PARAMS } from "../completion/dialects";
import { asRecord, asText, parseJson } from "../unknown";
import type { ChatError } from "./chat-error";

/**
 * What a server may not support: a field that a question can do without, or a `response_format` while no message speaks
 * of JSON.
 */
export type UnsupportedParam = (typeof UNSUPPORTED_PARAMS)[number]["param"];

/** Returns what a rejection (400, 422) names as not supported; nothing for any other error. */
export function unsupportedParams({ cause, params }: ChatError): UnsupportedParam[] {
  if (cause.status !== 400 && cause.status !== 422) return [];
  // Not the whole body: some servers repeat the request in it.
  const param = /"param"\s*:\s*"([^"]*)"/.exec(cause.body ?? "")?.[1] ?? "";
  const text = `${param} ${params["message"] ?? ""}`;
  return UNSUPPORTED_PARAMS.filter(({ pattern }) => pattern.test(text)).map((row) => row.param);
}

/**
 * Returns the reply that a server has held back since it is not the JSON that was asked for; blank where the error is too
 * long to have kept it.
 *
 * @returns undefined for any other error
 */
export function heldBackReply({ cause }: ChatError): string | undefined {
  const held = HELD_BACK.find(({ code }) => code === cause.code);
  if (!held) return undefined;
  const report = asRecord(parseJson(cause.body ?? ""));
  return asText((asRecord(report?.["error"]) ?? report)?.[held.field]) ?? "";
}
