/** Takes the place of `@modelcontextprotocol/client/_shims` in the bundle. */

/** Only browsers know CORS. */
export const CORS_IS_POSSIBLE = false;

/**
 * Accepts every structured result. The package's own validator compiles the schemas that a server sends, which takes a
 * fourth of the bundle, and lets a hostile server send a pattern that stops the event loop.
 */
export class DefaultJsonSchemaValidator {
  getValidator(): (input: unknown) => { valid: true; data: unknown; errorMessage: undefined } {
    return (data) => ({ valid: true, data, errorMessage: undefined });
  }
}
