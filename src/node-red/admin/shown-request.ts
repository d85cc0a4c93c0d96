import { parseJson, type SentRequest } from "../../client/internal";
import type { TryRequest } from "../../shared/admin-api";
import { isSecretHeader } from "../../shared/limits";
import { mapTexts } from "./variables";

const HIDDEN = "***";

/**
 * Makes of a request what an editor's user may see: the token and values of secret headers are `***`.
 *
 * @param secretHeaders - names of further headers whose values are secret, in lower case
 * @param hide - hides secrets and variables in a text
 */
export function shownRequest(
  { url, headers, body }: SentRequest,
  secretHeaders: ReadonlySet<string>,
  hide: (text: string) => string,
): TryRequest {
  const shown = Object.entries(headers).map(([name, value]) => {
    if (name === "authorization" && !secretHeaders.has(name) && /^Bearer /.test(value))
      return [name, `Bearer ${HIDDEN}`];
    return [name, isSecretHeader(name) || secretHeaders.has(name) ? HIDDEN : hide(value)];
  });
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  return { url: hide(url), headers: Object.fromEntries(shown), body: mapTexts(parseJson(text), hide) };
}
