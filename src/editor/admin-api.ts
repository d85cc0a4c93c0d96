import type { ErrorResponse, Withheld } from "../shared/admin-api.js";
import { text } from "./red.js";

/**
 * Asks Node-RED. `$.ajax` and not `fetch`: the editor puts the token of who is logged in into its requests.
 *
 * @returns the response, or an error: of the node, or that Node-RED did not answer as it should
 */
export function postForm<T extends object>(
  route: string,
  body: object,
  signal?: AbortSignal,
): Promise<T | ErrorResponse> {
  return new Promise((resolve) => {
    const request = $.ajax({
      url: `huggingface/${route}`,
      method: "POST",
      contentType: "application/json",
      data: JSON.stringify(body),
    });
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.done((response: T | ErrorResponse) => resolve(response));
    request.fail(({ status }: { status: number }) => {
      const key = status === 401 || status === 403 ? "test.forbidden" : "test.unreachable";
      resolve({ error: { code: "editor", message: text(key, { status }) } });
    });
  });
}

/** What was not sent, and what to do about it; blank for none. */
export function describeWithheld({ isTokenWithheld, isHeaderWithheld, isEnvironmentWithheld }: Withheld): string {
  const keys = [
    isTokenWithheld && "test.withheld",
    isHeaderWithheld && "test.headerWithheld",
    isEnvironmentWithheld && "test.environmentWithheld",
  ];
  return keys.flatMap((key) => (key ? text(key) : [])).join(" ");
}

/** True if a response is an error. */
export function isError(response: object): response is ErrorResponse {
  return "error" in response;
}
