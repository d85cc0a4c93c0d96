import { type Completion, FINISH_MEANINGS, parseJson } from "../../client/internal";
import { ChatError } from "../errors";

/**
 * Returns the error of a round whose last call was cut off by the limit on its length: told only that its arguments are no
 * JSON, the model would write the same again. Calls that are whole are carried out.
 */
export function cutCall(completion: Completion): ChatError | undefined {
  const { finish_reason, message, provider, request_id } = completion;
  const last = message.tool_calls?.at(-1);
  if (!last || FINISH_MEANINGS.get(finish_reason) !== "cut" || parseJson(last.function.arguments) !== undefined) {
    return undefined;
  }
  const params = { name: last.function.name, reason: finish_reason ?? "" };
  const error = new ChatError("call_truncated", params, {
    ...(provider && { provider }),
    ...(request_id && { request_id }),
  });
  return Object.assign(error, { completion });
}
