import { defaultsOf } from "../../src/conversation/request/fields";
import { MCP_FIELDS } from "../../src/shared/mcp-fields";
import { TOOL_FIELDS } from "../../src/shared/tool-fields";

export { CHAT_DEFAULTS } from "../../src/node-red/chat-options";
export { CONFIG_DEFAULTS } from "../../src/node-red/config-options";

/** The default properties of a huggingface-tool. */
export const TOOL_DEFAULTS = defaultsOf(TOOL_FIELDS);

/** The default properties of a huggingface-mcp. */
export const MCP_DEFAULTS = defaultsOf(MCP_FIELDS);
