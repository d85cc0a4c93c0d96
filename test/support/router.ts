import { chatFlow, type Message, type NodeDef, type NodeRed, proxyNode, tlsConfig } from "./node-red";
import { startProxy } from "./proxy";
import { type Handler, startTlsServer, type TestServer } from "./server";

/** A server on this machine to which the router's name leads. */
export interface TestRouter {
  server: TestServer;
  /** The questions that came, without those for the list of models. */
  readonly asked: TestServer["requests"];
  /** Answers questions from now on. */
  handle(handler: Handler): void;
  /** Deploys the flow of most tests, with the router as its server. */
  deploy(red: NodeRed, chat?: Message, config?: Message, more?: NodeDef[]): Promise<void>;
  close(): Promise<void>;
}

export const ROUTER = "https://router.huggingface.co/v1";

/** @param models - answers requests for the list of models */
export async function startRouter(models: Handler = (_, response) => response.end("{}")): Promise<TestRouter> {
  let chat: Handler = () => {};
  let count = 0;
  const server = await startTlsServer((request, response, index) =>
    request.url === "/v1/models" ? models(request, response, index) : chat(request, response, count++),
  );
  const proxy = await startProxy(undefined, server.port);
  const nodes = [proxyNode({ url: proxy.url }), tlsConfig({ verifyservercert: false })];
  return {
    server,
    get asked() {
      return server.requests.filter(({ url }) => url !== "/v1/models");
    },
    handle: (handler) => {
      chat = handler;
    },
    deploy: (red, node = {}, config = {}, more = []) =>
      red.deploy([...chatFlow(ROUTER, node, { proxy: "proxy", tls: "tls", ...config }), ...nodes, ...more], {
        config: { token: "hf_secret" },
      }),
    close: async () => {
      await server.close();
      await proxy.close();
    },
  };
}
