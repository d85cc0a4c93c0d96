import { getNodeRed, type NodeRed } from "./node-red";
import { type Handler, startServer, type TestServer } from "./server";

/** The Node-RED and the server that most tests of a node need. */
export interface NodeRedAndServer {
  red: NodeRed;
  server: TestServer;
}

/**
 * Gives the tests of a `describe` a Node-RED, which is reset after each test, and each test its own server.
 *
 * @param use - takes both before each test
 * @param handler - answers until a test sets another one
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
