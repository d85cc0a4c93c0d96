import { getNodeRed, type NodeRed } from "./node-red";
import { type Handler, startServer, type TestServer } from "./server";

/** What most tests of a node need. */
export interface NodeRedAndServer {
  red: NodeRed;
  server: TestServer;
}

/**
 * Gives the tests of a `describe` a Node-RED, which is reset behind each of them, and each of them a server of its own.
 *
 * @param use - takes both before each test
 * @param handler - how the server answers until a test says otherwise
 */
export function useNodeRed(use: (its: NodeRedAndServer) => void, handler?: Handler): void {
  let its: NodeRedAndServer;
  beforeEach(async () => {
    its = { red: await getNodeRed(), server: await startServer(handler) };
    use(its);
  });
  afterEach(async () => {
    await its.red.reset();
    await its.server.close();
  });
}
