import type { ErrorResponse, Withheld } from "../shared/admin-api.js";
import { text } from "./red.js";

/**
 * Sends a form to an admin route. By `$.ajax`, since the editor adds the user's token to its requests, and not to those of
 * `fetch`.
 *
 * @returns the response, or an error: the node's, or one that says that Node-RED did not answer
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

/** Describes what was not sent, and what to do about it; blank if all was sent. */
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
