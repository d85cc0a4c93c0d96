import type { TryRequest } from "../shared/admin-api.js";

/** Headers that curl sets itself. */
const LEFT_OUT = new Set(["content-length", "host", "connection"]);

/**
 * Writes a request as a command line of curl for a POSIX shell. The token is `$HF_TOKEN`; other secrets stay hidden, and
 * variables stay names.
 */
export function asCurl({ url, headers, body }: TryRequest): string {
  const lines = Object.entries(headers)
    .filter(([name]) => !LEFT_OUT.has(name))
    .map(([name, value]) => {
      // In double quotes, so that the shell puts the token in.
      if (name === "authorization" && value === "Bearer ***") return '-H "authorization: Bearer $HF_TOKEN"';
      return `-H ${quoted(`${name}: ${value}`)}`;
    });
  return [`curl -N ${quoted(url)}`, ...lines, `--data-raw ${quoted(JSON.stringify(body))}`].join(" \\\n  ");
}

/** Writes a request as JSON text. */
export function asJson(request: TryRequest): string {
  return JSON.stringify(request, null, 2);
}

/** In single quotes a shell changes nothing. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
