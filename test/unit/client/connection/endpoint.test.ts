import assert from "node:assert/strict";
import {
  environmentToken,
  isHuggingFace,
  mayKnowTemplates,
  resolveEndpoint,
} from "../../../../src/client/connection/endpoint";
import type { ChatError } from "../../../../src/client/errors/chat-error";

const ROUTER = "https://router.huggingface.co/v1/chat/completions";
const DEDICATED = "https://abc.us-east-1.aws.endpoints.huggingface.cloud";

describe("the chat-completions address of a base URL", () => {
  const cases: [baseUrl: string, address: string][] = [
    ["", ROUTER],
    ["   ", ROUTER],
    ["https://router.huggingface.co", ROUTER],
    ["https://router.huggingface.co/v1", ROUTER],
    ["https://router.huggingface.co/v1/", ROUTER],
    ["https://router.huggingface.co/v1//", ROUTER],
    [ROUTER, ROUTER],
    [`${ROUTER}/`, ROUTER],
    [`\n ${ROUTER} `, ROUTER],
    ["HTTPS://Router.HuggingFace.co/v1", ROUTER],
    [
      "https://router.huggingface.co/novita/v3/openai/v1",
      "https://router.huggingface.co/novita/v3/openai/v1/chat/completions",
    ],
    [
      "https://router.huggingface.co/hf-inference/models/org/name",
      "https://router.huggingface.co/hf-inference/models/org/name/v1/chat/completions",
    ],
    [
      "https://router.huggingface.co/novita/v3/openai/chat/completions",
      "https://router.huggingface.co/novita/v3/openai/chat/completions",
    ],
    [DEDICATED, `${DEDICATED}/v1/chat/completions`],
    [`${DEDICATED}/`, `${DEDICATED}/v1/chat/completions`],
    [`${DEDICATED}/v1/chat/completions`, `${DEDICATED}/v1/chat/completions`],
    ["http://localhost:8080", "http://localhost:8080/v1/chat/completions"],
    ["http://[::1]:8080/v1", "http://[::1]:8080/v1/chat/completions"],
    ["http://192.168.1.5/xv1", "http://192.168.1.5/xv1/v1/chat/completions"],
    ["https://example.com/v1?api-version=2", "https://example.com/v1/chat/completions?api-version=2"],
    ["https://example.com/?a=/v1", "https://example.com/v1/chat/completions?a=/v1"],
    ["https://example.com/v1/chat/completions?key=a%20b", "https://example.com/v1/chat/completions?key=a%20b"],
    ["https://example.com/v1#part", "https://example.com/v1/chat/completions"],
  ];
  for (const [baseUrl, address] of cases) {
    it(`of ${JSON.stringify(baseUrl)} is ${address}`, () => {
      const { origin, path, host, retiredHost } = resolveEndpoint(baseUrl);
      assert.equal(origin + path, address);
      assert.equal(host, new URL(address).host);
      assert.equal(retiredHost, undefined);
    });
  }

  for (const baseUrl of [
    "https://api-inference.huggingface.co",
    "https://api-inference.huggingface.co/models/org/name/v1/",
    "http://API-inference.huggingface.co/v1?wait=1",
  ]) {
    it(`of the retired ${baseUrl} is the router's, with a notice`, () => {
      const { origin, path, retiredHost } = resolveEndpoint(baseUrl);
      assert.equal(origin + path, ROUTER);
      assert.equal(retiredHost, "api-inference.huggingface.co");
    });
  }

  for (const baseUrl of [
    "router.huggingface.co/v1",
    "localhost:8080",
    "ftp://example.com/v1",
    "file:///etc/passwd",
    "https://",
    "https://exa mple.com",
    "http://example.com:99999",
    "//example.com/v1",
  ]) {
    it(`is refused for ${baseUrl}`, () => {
      assert.throws(
        () => resolveEndpoint(baseUrl),
        (error: ChatError) => {
          assert.equal(error.code, "invalid_input");
          assert.equal(error.key, "base_url_invalid");
          assert.ok(error.message.includes(baseUrl), error.message);
          return true;
        },
      );
    });
  }

  for (const baseUrl of [
    "unix:/run/llama.sock",
    "unix:///run/llama.sock",
    "http://unix:/run/llama.sock",
    "http://unix:/run/llama.sock:/v1",
    "HTTP://UNIX:/run/llama.sock:/v1",
    "http+unix://%2Frun%2Fllama.sock/v1",
    "/run/llama.sock",
  ]) {
    it(`is refused for a unix socket, which the error names: ${baseUrl}`, () => {
      assert.throws(
        () => resolveEndpoint(baseUrl),
        (error: ChatError) => error.key === "base_url_socket" && error.message.includes(baseUrl),
      );
    });
  }

  it("is refused for a unix socket without the password in it", () => {
    assert.throws(
      () => resolveEndpoint("http+unix://user:pass1234@%2Frun%2Fllama.sock/v1"),
      (error: ChatError) => error.key === "base_url_socket" && !error.message.includes("pass1234"),
    );
  });

  it("may have a host named unix", () => {
    assert.equal(resolveEndpoint("http://unix:8080/v1").origin, "http://unix:8080");
    assert.equal(resolveEndpoint("http://unix/v1").origin, "http://unix");
  });

  it("is refused without the password if it is not valid", () => {
    for (const baseUrl of ["htps://user:pass1234@example.com", "https://user:pass1234@exa mple.com"]) {
      assert.throws(
        () => resolveEndpoint(baseUrl),
        (error: ChatError) => error.key === "base_url_invalid" && !/pass1234/.test(error.message),
      );
    }
  });

  for (const baseUrl of [
    "https://user:pass1234@example.com/v1",
    "https://pass1234@example.com",
    "http://:pass1234@localhost",
    "https://user:pass1234@api-inference.huggingface.co",
  ]) {
    it(`is refused with a user name or password in it: ${baseUrl}`, () => {
      assert.throws(
        () => resolveEndpoint(baseUrl),
        (error: ChatError) => {
          assert.equal(error.code, "invalid_input");
          assert.equal(error.key, "base_url_credentials");
          assert.doesNotMatch(JSON.stringify(error) + error.message, /pass1234/);
          return true;
        },
      );
    });
  }
});

describe("a token from the environment", () => {
  const env = { HF_TOKEN: "hf_first", HUGGINGFACE_API_KEY: "hf_second" };

  for (const origin of [
    "https://huggingface.co",
    "https://router.huggingface.co",
    "https://a.b.huggingface.co:8443",
    DEDICATED,
  ]) {
    it(`goes to ${origin}`, () => {
      assert.equal(isHuggingFace(origin), true);
      assert.equal(environmentToken(origin, true, env)?.value, "hf_first");
    });
  }

  for (const origin of [
    "http://huggingface.co",
    "http://router.huggingface.co",
    "http://abc.us-east-1.aws.endpoints.huggingface.cloud",
    "https://evilhuggingface.co",
    "https://huggingface.co.evil.com",
    "https://router-huggingface.co",
    "https://huggingface.com",
    "https://huggingface.cloud",
    "https://endpoints.huggingface.cloud.evil.com",
    "https://evilendpoints.huggingface.cloud",
    "https://abc.huggingface.cloud",
    "https://huggingface.co@evil.com",
    "https://evil.com:443",
    "https://localhost:8080",
    "http://127.0.0.1:8080",
  ]) {
    it(`does not go to ${origin}`, () => {
      assert.equal(isHuggingFace(origin), false);
      assert.equal(environmentToken(origin, true, env), undefined);
    });
  }

  const values: [env: NodeJS.ProcessEnv, token: string | undefined][] = [
    [{}, undefined],
    [{ HF_TOKEN: "" }, undefined],
    [{ HF_TOKEN: "  ", HUGGINGFACE_API_KEY: " hf_second\n" }, "hf_second"],
    [{ HF_TOKEN: "hf_first\n" }, "hf_first"],
    [{ HUGGINGFACE_API_KEY: "hf_second" }, "hf_second"],
  ];
  for (const [variables, token] of values) {
    it(`is ${token} with ${JSON.stringify(variables)}`, () => {
      assert.equal(environmentToken("https://router.huggingface.co", true, variables)?.value, token);
    });
  }
});

describe("a server that may know chat templates", () => {
  const cases: [baseUrl: string, mayKnow: boolean][] = [
    ["", false],
    ["https://api.openai.com/v1", false],
    ["https://me.openai.azure.com/openai/v1", false],
    [DEDICATED, true],
    ["http://localhost:8080/v1", true],
    ["http://raspberrypi.local:11434", true],
    ["https://api.openai.com.example/v1", true],
  ];
  for (const [baseUrl, mayKnow] of cases) {
    it(`is ${mayKnow ? "" : "not "}at ${baseUrl || "the router"}`, () =>
      assert.equal(mayKnowTemplates(resolveEndpoint(baseUrl)), mayKnow));
  }
});
