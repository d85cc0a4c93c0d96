/**
 * Removes tokens and proxies from the environment before the first test: tests must give the same result everywhere,
 * and never use a real token or proxy. A test that needs such a variable sets it.
 */
const tokens = ["HF_TOKEN", "HUGGINGFACE_API_KEY"];
const proxies = ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "npm_config_proxy", "npm_config_https_proxy"];
for (const name of [...tokens, ...proxies, ...proxies.map((proxy) => proxy.toUpperCase())]) delete process.env[name];

/**
 * Ends what all test files of a mocha process share: one Node-RED, since it cannot be started twice, one browser,
 * and servers that a failed test left open, which would keep the process alive. It loads nothing itself:
 * unit tests run without Node-RED.
 */
export const mochaHooks = {
  async afterAll(): Promise<void> {
    await loaded<typeof import("./browser")>("./browser")?.closeBrowser();
    await loaded<typeof import("./node-red")>("./node-red")?.stopNodeRed();
    await loaded<typeof import("./server")>("./server")?.closeServers();
  },
};

function loaded<T>(name: string): T | undefined {
  return require.cache[require.resolve(name)]?.exports as T | undefined;
}
