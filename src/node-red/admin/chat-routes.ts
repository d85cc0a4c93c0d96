import type { NodeAPI } from "node-red";
import { asRecord, loadModule } from "../../client/internal";
import type { TryLine } from "../../shared/admin-api";
import { addPost, errorBody } from "./routes";
import { Variables } from "./variables";

/**
 * The route behind the try-it box of the chat node's form: it asks a prompt with what is in the form right now, deployed
 * or not, and streams what comes, one JSON object a line: `{ text }`, `{ reasoning }`, if wanted `{ request }`, and at the
 * end `{ done }` or `{ error }`. Prompt, system prompt, images, sound and key are read as a question reads them. Tools are
 * offered; their calls are shown, and run only if the body says so. What is remembered is read; nothing is remembered.
 */
export function addChatRoutes(RED: NodeAPI): void {
  addPost(RED, "/huggingface/try", "huggingface-chat.write", async ({ body }, response, signal) => {
    const write = (line: TryLine): void => {
      if (!signal.aborted) response.write(`${JSON.stringify(line)}\n`);
    };
    response.set("content-type", "application/x-ndjson; charset=utf-8");
    response.set("cache-control", "no-store");
    // A proxy before Node-RED, nginx for one, would gather the lines.
    response.set("x-accel-buffering", "no");
    const variables = new Variables();
    try {
      await loadTryPrompt().tryPrompt(RED, asRecord(body) ?? {}, variables, signal, write);
    } catch (error) {
      write(errorBody(RED, variables.hideError(error)));
    }
    if (!signal.aborted) response.end();
  });
}

/** It needs most of the code, which Node-RED starts without where no flow has a chat node. */
function loadTryPrompt() {
  return loadModule("try-prompt", (): typeof import("./try-prompt") => require("./try-prompt"));
}
