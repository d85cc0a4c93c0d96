import { LOCAL_SERVERS } from "../completion/dialects";
import type { Completion } from "../types";
import { asText } from "../unknown";

/** A kind of server at home. */
export type ServerKind = (typeof LOCAL_SERVERS)[number]["kind"];

/**
 * Tells which server at home has replied.
 *
 * @param host - with its port
 */
export function serverKind({ extra = {} }: Completion, host: string): ServerKind | undefined {
  const fingerprint = asText(extra["system_fingerprint"]) ?? "";
  const isIt = ({ fingerprint: pattern, field }: (typeof LOCAL_SERVERS)[number]) =>
    pattern.test(fingerprint) || (field !== undefined && extra[field] !== undefined);
  const isThere = ({ port }: (typeof LOCAL_SERVERS)[number]) => port !== undefined && host.endsWith(`:${port}`);
  return (LOCAL_SERVERS.find(isIt) ?? LOCAL_SERVERS.find(isThere))?.kind;
}
