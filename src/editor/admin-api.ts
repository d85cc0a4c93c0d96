import type { SecretHeaders } from "./fields/header-rows.js";
import { text } from "./red.js";

/** The configuration as it stands in its open form, for the routes that take values of a form. */
export interface ConfigForm {
  id: string;
  def: Record<string, unknown>;
  /** What is in the token field: dots stand for a token that the editor does not know. */
  token: string;
  /** `undefined` for all that are stored. */
  secretHeaders: SecretHeaders | undefined;
}

/** What would be sent after a deploy, and was not sent from the form. */
export interface Withheld {
  isTokenWithheld?: boolean;
  isHeaderWithheld?: boolean;
  isEnvironmentWithheld?: boolean;
}

/** An error in the words of the node. */
export interface ServerError extends Withheld {
  error: { code: string; message: string };
}

/**
 * Asks Node-RED. `$.ajax` and not `fetch`: the editor puts the token of who is logged in into its requests.
 *
 * @returns the answer, or an error: of the node, or that Node-RED did not answer as it should
 */
export function postForm<T extends object>(
  route: string,
  body: object,
  signal?: AbortSignal,
): Promise<T | ServerError> {
  return new Promise((resolve) => {
    const request = $.ajax({
      url: `huggingface/${route}`,
      method: "POST",
      contentType: "application/json",
      data: JSON.stringify(body),
    });
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.done((answer: T | ServerError) => resolve(answer));
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

/** Whether an answer is an error. */
export function isError(answer: object): answer is ServerError {
  return "error" in answer;
}
