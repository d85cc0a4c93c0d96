import { stopNodeRed } from "./node-red";
import { closeServers } from "./server";

/**
 * Tests must come out the same on every machine, and must never use somebody's real token or proxy:
 * what the environment says about either is gone before the first test. A test that wants such a variable sets it.
 */
const tokens = ["HF_TOKEN", "HUGGINGFACE_API_KEY"];
const proxies = ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "npm_config_proxy", "npm_config_https_proxy"];
for (const name of [...tokens, ...proxies, ...proxies.map((proxy) => proxy.toUpperCase())]) delete process.env[name];

/**
 * One Node-RED serves all test files of a mocha process, since it cannot be started twice. It is ended here, and so are
 * servers that a failed test has left, so that nothing keeps the process alive.
 */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    await stopNodeRed();
    await closeServers();
  },
};
