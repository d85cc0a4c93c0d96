import type { NodeAPI } from "node-red";
import { nestingProblem } from "../../client/internal";
import type { ErrorResponse } from "../../shared/admin-api";
import { localizeError } from "../localize";
import { type AdminRequest, type AdminResponse, addRoute, makeTranslate } from "../red";

/** Handles a request. @param signal - fires when the browser no longer waits for the response */
export type Handle = (request: AdminRequest, response: AdminResponse, signal: AbortSignal) => Promise<void>;

/** Makes the response for an error, in Node-RED's language. */
export function errorBody(RED: NodeAPI, error: unknown): ErrorResponse {
  const { code, message } = localizeError(error, makeTranslate(RED));
  return { error: { code, message } };
}

/** Adds a route that takes nothing but the id of a node. */
export function addGet(RED: NodeAPI, path: string, permission: string, handle: Handle): void {
  addRoute(RED, "get", path, permission, guarded(RED, handle));
}

/** Adds a route that takes values of a form, as JSON alone: a form of another site can send all else without being asked. */
export function addPost(RED: NodeAPI, path: string, permission: string, handle: Handle): void {
  const handleJson: Handle = async (request, response, signal) => {
    const refuse = (status: number, message: string) =>
      response.status(status).json({ error: { code: "invalid_input", message } } satisfies ErrorResponse);
    if (!isJson(request.headers["content-type"])) return void refuse(415, "Send application/json.");
    const problem = nestingProblem(request.body);
    if (problem !== undefined) return void refuse(400, `This JSON cannot be read: ${problem}.`);
    await handle(request, response, signal);
  };
  addRoute(RED, "post", path, permission, guarded(RED, handleJson));
}

/** Makes a handler that responds with one object as JSON, or with its error. */
export function respondWith(
  RED: NodeAPI,
  find: (request: AdminRequest, signal: AbortSignal) => Promise<object>,
): Handle {
  return async (request, response, signal) => {
    const text = await find(request, signal)
      .then((body) => JSON.stringify(body))
      .catch((error) => JSON.stringify(errorBody(RED, error)));
    if (signal.aborted) return;
    response.set("content-type", "application/json; charset=utf-8");
    response.send(text);
  };
}

function isJson(contentType: string | string[] | undefined): boolean {
  return typeof contentType === "string" && /^\s*application\/json\s*(;|$)/i.test(contentType);
}

/** Express waits for no promise: what a handler throws would end Node-RED. */
function guarded(RED: NodeAPI, handle: Handle): (request: AdminRequest, response: AdminResponse) => Promise<void> {
  return async (request, response) => {
    try {
      const abort = new AbortController();
      response.on("close", () => abort.abort());
      await handle(request, response, abort.signal);
    } catch (error) {
      RED.log.error(errorBody(RED, error).error.message);
      response.end();
    }
  };
}
