import { ChatError, reasonOf } from "./errors/chat-error";

/**
 * Loads a module at its first use. Where that fails it is not the fault of what needs it: the system may have no file
 * descriptor or no memory left. Node.js keeps no module that has failed, so the next time may do. But it keeps that a
 * package.json could not be read, and finds the package's main file no more: `require.resolve` it when our own is loaded.
 *
 * @param name - what it is called in the error
 * @throws ChatError `module_failed`
 */
export function loadModule<T>(name: string, load: () => T): T {
  try {
    return load();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException | undefined)?.code;
    const isMissing = code === "MODULE_NOT_FOUND";
    throw new ChatError(
      "module_failed",
      { module: name, reason: reasonOf(error).replace(/\.$/, "") },
      { retryable: !isMissing, ...(code && { code }) },
    );
  }
}
