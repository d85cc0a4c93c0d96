import type { Connection } from "../connection/connect";
import { loadModule } from "../load-module";

/** Prepares what answers in place of a server. @throws ChatError `module_failed` */
export function connectToDemo(): Connection {
  return loadModule("demo", (): typeof import("./dispatcher") => require("./dispatcher")).openDemo();
}
