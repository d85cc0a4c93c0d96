/**
 * Tests must come out the same on every machine, and must never use somebody's real token or proxy:
 * what the environment says about either is gone before the first test. A test that wants such a variable sets it.
 */
const tokens = ["HF_TOKEN", "HUGGINGFACE_API_KEY"];
const proxies = ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "npm_config_proxy", "npm_config_https_proxy"];
for (const name of [...tokens, ...proxies, ...proxies.map((proxy) => proxy.toUpperCase())]) delete process.env[name];

/**
 * What serves all test files of a mocha process is ended here: one Node-RED, since it cannot be started twice, one browser,
 * and servers that a failed test has left, so that nothing keeps the process alive. Only what a test has loaded is asked:
 * a file of unit tests runs without Node-RED.
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
