/**
 * Ends a script that has failed, with its error in one line.
 *
 *     main().catch(endWith("Node-RED could not be started: "))
 *
 * @param before - of the error's message
 */
export function endWith(before = ""): (error: unknown) => never {
  return (error) => {
    console.error(`${before}${error instanceof Error ? error.message : error}`);
    process.exit(1);
  };
}
