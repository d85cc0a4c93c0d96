import type { ErrorResponse, Withheld } from "../shared/admin-api.js";
import { text } from "./red.js";

/**
 * Sends a form to an admin route. Uses `$.ajax`, since the editor adds the user's token to its requests but not to those of
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

/**
 * Sends a form to an admin route that responds line by line, with an XHR of our own for streaming. Blank lines keep the
 * connection alive.
 *
 * @param take called with each line: an error for one that is not of Node-RED, but of a proxy or a login page
 */
export function streamLines<Line extends Partial<ErrorResponse>>(
  route: string,
  body: object,
  take: (line: Line) => void,
): JQuery.jqXHR {
  let taken = 0;
  const takeLines = (answer: string): void => {
    for (let end = answer.indexOf("\n", taken); end >= 0; end = answer.indexOf("\n", taken)) {
      const line = answer.slice(taken, end);
      taken = end + 1;
      if (line !== "") take(readLine(line) as Line);
    }
  };
  return $.ajax({
    url: `huggingface/${route}`,
    method: "POST",
    contentType: "application/json",
    dataType: "text",
    data: JSON.stringify(body),
    xhr: () => {
      const xhr = new XMLHttpRequest();
      xhr.addEventListener("progress", () => takeLines(xhr.responseText));
      xhr.addEventListener("load", () => xhr.status === 200 && takeLines(xhr.responseText));
      return xhr;
    },
  });
}

function readLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return { error: { code: "editor", message: text("test.unreachable", { status: 200 }) } };
  }
}
