import assert from "node:assert/strict";
import fc from "fast-check";
import { connect } from "../../../../src/client/connection/connect";
import { findProxy, proxyByChoice, proxyForUrl } from "../../../../src/client/connection/proxy";
import type { ProxyRules } from "../../../../src/client/options";

const ROUTER = "https://router.huggingface.co/v1";

/** Unsets `NR_PROXY_MODE`, which overrides every option, where options are compared. */
function withoutModeOverride(): void {
  const value = process.env.NR_PROXY_MODE;
  before(() => {
    delete process.env.NR_PROXY_MODE;
  });
  after(() => {
    if (value !== undefined) process.env.NR_PROXY_MODE = value;
  });
}

describe("the proxy of the environment", () => {
  withoutModeOverride();

  const cases: [what: string, rules: ProxyRules, url: string, proxy: string][] = [
    ["none without variables", { env: {} }, ROUTER, ""],
    ["https_proxy for https", { env: { https_proxy: "http://p:1", http_proxy: "http://q:2" } }, ROUTER, "http://p:1"],
    [
      "http_proxy for http",
      { env: { https_proxy: "http://p:1", http_proxy: "http://q:2" } },
      "http://a.b",
      "http://q:2",
    ],
    ["not http_proxy for https", { env: { http_proxy: "http://q:2" } }, ROUTER, ""],
    ["all_proxy for the rest", { env: { all_proxy: "http://p:1" } }, ROUTER, "http://p:1"],
    ["the URL's scheme for a proxy without one", { env: { https_proxy: "p:1" } }, ROUTER, "https://p:1"],
    ["upper case where there is no lower", { env: { HTTPS_PROXY: "http://p:1" } }, ROUTER, "http://p:1"],
    [
      "lower case before upper",
      { env: { HTTPS_PROXY: "http://u:1", https_proxy: "http://l:1" } },
      ROUTER,
      "http://l:1",
    ],
    [
      "upper case before lower where that is wished",
      { favourUpperCase: true, env: { HTTPS_PROXY: "http://u:1", https_proxy: "http://l:1" } },
      ROUTER,
      "http://u:1",
    ],
    ["no upper case with lowerCaseOnly", { lowerCaseOnly: true, env: { HTTPS_PROXY: "http://u:1" } }, ROUTER, ""],
    [
      "npm's before the others",
      { env: { npm_config_https_proxy: "http://n:1", https_proxy: "http://p:1" } },
      ROUTER,
      "http://n:1",
    ],
    [
      "not npm's with excludeNpm",
      { excludeNpm: true, env: { npm_config_https_proxy: "http://n:1", https_proxy: "http://p:1" } },
      ROUTER,
      "http://p:1",
    ],
    ["none for *", { env: { https_proxy: "http://p:1", no_proxy: "*" } }, ROUTER, ""],
    [
      "none for a named host",
      { env: { https_proxy: "http://p:1", no_proxy: "a.b, Router.HuggingFace.co" } },
      ROUTER,
      "",
    ],
    [
      "the proxy for a host whose end alone is named",
      { env: { https_proxy: "http://p:1", no_proxy: "huggingface.co" } },
      ROUTER,
      "http://p:1",
    ],
    [
      "none for a host whose end is named with a dot",
      { env: { https_proxy: "http://p:1", no_proxy: ".huggingface.co" } },
      ROUTER,
      "",
    ],
    [
      "none for a host whose end is named with a star",
      { env: { https_proxy: "http://p:1", no_proxy: "*face.co" } },
      ROUTER,
      "",
    ],
    [
      "none for the named port",
      { env: { https_proxy: "http://p:1", no_proxy: "router.huggingface.co:443" } },
      ROUTER,
      "",
    ],
    [
      "the proxy for another port",
      { env: { https_proxy: "http://p:1", no_proxy: "router.huggingface.co:8443" } },
      ROUTER,
      "http://p:1",
    ],
    ["none for a named IPv6 host", { env: { http_proxy: "http://p:1", no_proxy: "[::1]" } }, "http://[::1]:8080", ""],
    [
      "http_proxy for every scheme in legacy mode",
      { mode: "legacy", env: { http_proxy: "http://q:2", https_proxy: "http://p:1" } },
      ROUTER,
      "http://q:2",
    ],
    [
      "none for a part of the address in legacy mode",
      { mode: "legacy", env: { http_proxy: "http://q:2", no_proxy: "gingface" } },
      ROUTER,
      "",
    ],
  ];
  for (const [what, rules, url, proxy] of cases) {
    it(`is ${what}`, () => assert.equal(proxyForUrl(new URL(url), rules), proxy));
  }

  it("follows NR_PROXY_MODE rather than the settings", () => {
    process.env.NR_PROXY_MODE = "legacy";
    try {
      assert.equal(proxyForUrl(new URL(ROUTER), { mode: "strict", env: { http_proxy: "http://q:2" } }), "http://q:2");
    } finally {
      delete process.env.NR_PROXY_MODE;
    }
  });
});

describe("a configured proxy", () => {
  const cases: [noProxy: string[] | undefined, isUsed: boolean][] = [
    [undefined, true],
    [[], true],
    [["localhost"], true],
    [["router.huggingface.co"], false],
    [["localhost", ".huggingface.co"], false],
    [["*"], false],
  ];
  for (const [noProxy, isUsed] of cases) {
    it(`is ${isUsed ? "used" : "bypassed"} with the exceptions ${JSON.stringify(noProxy)}`, () => {
      const choice = { url: "http://p:1", ...(noProxy && { noProxy }) };
      assert.equal(proxyByChoice(new URL(ROUTER), choice), isUsed ? "http://p:1" : "");
    });
  }

  it("ignores the environment", () => {
    process.env.no_proxy = "*";
    try {
      assert.equal(proxyByChoice(new URL(ROUTER), { url: "http://p:1" }), "http://p:1");
    } finally {
      delete process.env.no_proxy;
    }
  });
});

describe("the proxy rules and those of Node-RED's http request node", () => {
  withoutModeOverride();

  interface CoreHelper {
    getProxyForUrl(url: string, options: object): string;
  }
  let core: CoreHelper;
  before(() => {
    core = require("@node-red/nodes/core/network/lib/proxyHelper");
  });

  const hosts = ["router.huggingface.co", "huggingface.co", "localhost", "10.0.0.7", "[::1]", "a.b.example.com"];
  const url = fc
    .tuple(
      fc.constantFrom("http", "https"),
      fc.constantFrom(...hosts),
      fc.constantFrom("", ":80", ":443", ":8080"),
      fc.constantFrom("", "/v1", "/v1/chat/completions?q=1"),
    )
    .map((parts) => `${parts[0]}://${parts.slice(1).join("")}`);
  const exemptHost = fc
    .tuple(
      fc.constantFrom("", ".", "*", "*."),
      fc.constantFrom(...hosts, "co", "example.com", "Huggingface.CO", "127.0.0.1"),
      fc.constantFrom("", ":80", ":443", ":8080", ":0"),
    )
    .map((parts) => parts.join(""));
  const noProxy = fc.oneof(
    fc.constantFrom("*", "**", "*,localhost"),
    fc
      .tuple(fc.array(exemptHost, { minLength: 1, maxLength: 3 }), fc.constantFrom(",", ", ", " "))
      .map(([entries, between]) => entries.join(between)),
  );
  const proxy = fc.constantFrom("", "http://p:1", "https://u:w@p:2", "p:3", "p");
  const variable = (name: string) => (name.toLowerCase().endsWith("no_proxy") ? noProxy : proxy);
  const names = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((name) => [
    name,
    name.toUpperCase(),
    `npm_config_${name}`,
    `NPM_CONFIG_${name.toUpperCase()}`,
  ]);
  const env = fc.record(
    Object.fromEntries([...names, "npm_config_proxy", "NPM_CONFIG_PROXY"].map((name) => [name, variable(name)])),
    { requiredKeys: [] },
  );
  const rules = fc.record(
    {
      mode: fc.constantFrom("strict" as const, "legacy" as const),
      favourUpperCase: fc.boolean(),
      lowerCaseOnly: fc.boolean(),
      excludeNpm: fc.boolean(),
    },
    { requiredKeys: [] },
  );

  it("choose the same proxy for any address, variables and options", () => {
    fc.assert(
      fc.property(url, env, rules, (address, variables, options) => {
        const all = { ...options, env: variables };
        const parsed = new URL(address);
        assert.equal(proxyForUrl(parsed, all), core.getProxyForUrl(parsed.href, all));
      }),
      { numRuns: 5000 },
    );
  });
});

describe("a proxy whose address cannot be used", () => {
  for (const address of [
    "CORP\\user:pw@proxy:8080",
    "user:pw@proxy:8080",
    "http://user:pw@pro xy:1",
    "ftp://user:p@w@proxy",
  ]) {
    for (const from of ["chosen", "of the environment"]) {
      it(`is named without user name and password: ${address}, ${from}`, () => {
        const choice = from === "chosen" ? { url: address } : undefined;
        const rules = { env: { https_proxy: address }, excludeNpm: true };
        try {
          const proxy = findProxy("https://models.example/v1", choice, rules);
          connect({ tls: undefined, proxy, connectLimitMs: 1 }).dispatcher.destroy();
        } catch (error) {
          assert.doesNotMatch(String(error), /user|pw|p@w/i);
          assert.match(String(error), /\*\*\*@/);
        }
      });
    }
  }
});
