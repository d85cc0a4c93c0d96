import net from "node:net";

/** Where the editor is served. */
export const port = Number(process.env.PORT) || 1880;

/** Distance of the stand-in's port from the editor's. */
const STAND_IN_OFFSET = 1000;

/**
 * Returns the port for the stand-in: the same one each time, so that flows that were made in an earlier run find it again.
 * 0 if another program has it.
 */
export async function standInPort(): Promise<number> {
  const wanted = port + STAND_IN_OFFSET;
  return wanted < 65536 && (await problemOf(wanted)) === undefined ? wanted : 0;
}

/**
 * Fails with advice if our port is in use. Runs before the build, which takes time.
 *
 * @param command what the user has started
 */
export async function refuseTakenPort(command: string): Promise<void> {
  const code = await problemOf(port);
  if (code === undefined) return;
  const reason = code === "EADDRINUSE" ? "is taken" : `cannot be used (${code})`;
  throw new Error(`port ${port} ${reason}. Choose another one: PORT=${port === 1880 ? 1881 : 1880} ${command}`);
}

/** Returns the code of the error that listening on a port ends in, undefined if it works. */
async function problemOf(wanted: number): Promise<string | undefined> {
  const server = net.createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(wanted, "127.0.0.1", resolve);
    });
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
  await new Promise((resolve) => server.close(resolve));
  return undefined;
}
