import { defaultsOf } from "../../src/conversation/request/fields";
import { TOOL_FIELDS } from "../../src/shared/tool-fields";

export { CHAT_DEFAULTS } from "../../src/node-red/chat-options";
export { CONFIG_DEFAULTS } from "../../src/node-red/config-options";

/** The properties of a huggingface-tool where nothing is set. */
export const TOOL_DEFAULTS = defaultsOf(TOOL_FIELDS);
