import net from "node:net";

/** Where the editor is served. */
export const port = Number(process.env.PORT) || 1880;

/**
 * Fails with what to do if somebody listens at our port already. Comes first: nobody waits for a build to be told that.
 *
 * @param command what the user has started
 */
export async function refuseTakenPort(command: string): Promise<void> {
  const server = net.createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === "EADDRINUSE" ? "is taken" : `cannot be used (${code})`;
    throw new Error(`port ${port} ${reason}. Choose another one: PORT=${port === 1880 ? 1881 : 1880} ${command}`);
  }
  await new Promise((resolve) => server.close(resolve));
}
