import type { Dispatcher } from "undici";
import type { KeptConnections } from "./kept-connections";

/** Connections to a server, kept open for the next request. */
export interface Connection {
  dispatcher: Dispatcher;
  kept: KeptConnections;
  /** Host of the proxy, if there is one. */
  proxyHost: string | undefined;
  /** Sends a request over the dispatcher whose response is read as a whole. */
  request: Dispatcher["request"];
  /** Sends a request over the dispatcher and reads the reply. */
  exchange: typeof import("../response/exchange").exchange;
}
