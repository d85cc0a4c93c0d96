import { ChatError, reasonOf } from "./errors/chat-error";

/**
 * Loads a module at its first use. A failure is not the fault of what needs the module: the system may have no file
 * descriptor or no memory left. Node.js forgets a module that has failed, so the next time may succeed. But it
 * remembers that a package.json could not be read, and no longer finds the package's main file: so call
 * `require.resolve` for the package while our own module is loaded.
 *
 * @param name - for the error
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
