import assert from "node:assert/strict";
import { chatFlow, getNodeRed, type Message, type NodeRed, proxyNode, tlsConfig } from "../support/node-red";
import { startProxy } from "../support/proxy";
import { completion, type Handler, json, startServer, startTlsServer, type TestServer } from "../support/server";

const TOKEN = "hf_the_stored_token";
const UNCHANGED = "__PWRD__";
const MODELS = {
  object: "list",
  data: [{ id: "org/a", providers: [{ provider: "x" }] }, { id: "org/b" }, { no: "id" }, null],
};

const handler: Handler = (request, response) =>
  request.url === "/v1/models"
    ? json(response, 200, MODELS)
    : json(response, 200, completion("Hi", { model: "org/a-long" }), { "x-inference-provider": "groq" });

describe("the routes behind the form of a configuration", () => {
  let red: NodeRed;
  let server: TestServer;
  let other: TestServer;
  before(async () => {
    red = await getNodeRed();
  });
  beforeEach(async () => {
    server = await startServer(handler);
    other = await startServer(handler);
    await red.deploy(chatFlow(server.url), { config: { token: TOKEN } });
  });
  afterEach(async () => {
    await red.reset();
    await server.close();
    await other.close();
  });

  const post = async (route: string, body: unknown): Promise<Message> => {
    const headers = { "content-type": "application/json" };
    const options = { method: "POST", headers, body: JSON.stringify(body) };
    return (await fetch(`${red.url}/huggingface/${route}`, options)).json() as Promise<Message>;
  };
  const form = (def: Message = {}, token: unknown = UNCHANGED, id = "config") => ({
    id,
    def: { model: "org/a", baseUrl: server.url, ...def },
    token,
  });
  const authorization = (of: TestServer) => of.requests.map(({ headers }) => headers.authorization);

  describe("test", () => {
    it("asks for one token, and tells who answered and how fast", async () => {
      const { ms, ...answer } = await post("test", form());
      assert.deepEqual(answer, { model: "org/a-long", host: `127.0.0.1:${server.port}`, provider: "groq" });
      assert.equal(typeof ms, "number");
      assert.equal(server.last.body.max_tokens, 1);
      assert.deepEqual(authorization(server), [`Bearer ${TOKEN}`]);
    });

    const windows: [server: string, fingerprint: string, path: string, told: unknown, window: number | undefined][] = [
      [
        "llama.cpp",
        "b4321-1a2b3c4d",
        "/props",
        { default_generation_settings: { n_ctx: 4096 }, model_path: "/home/me" },
        4096,
      ],
      [
        "Ollama",
        "fp_ollama",
        "/api/ps",
        { models: [{ name: "x" }, { name: "org/a:latest", context_length: 8192 }] },
        8192,
      ],
      [
        "Ollama that has another model",
        "fp_ollama",
        "/api/ps",
        { models: [{ name: "x", context_length: 1 }] },
        undefined,
      ],
      [
        "llama.cpp that tells nonsense",
        "b1-a",
        "/props",
        { default_generation_settings: { n_ctx: "many" } },
        undefined,
      ],
      ["llama.cpp that tells none", "b1-a", "/nowhere", {}, undefined],
    ];
    for (const [what, system_fingerprint, path, told, window] of windows) {
      it(`tells the context window where the server does: ${what}`, async () => {
        server.handle((request, response) => {
          if (request.method === "POST") return json(response, 200, completion("Hi", { system_fingerprint }));
          return request.url === path ? json(response, 200, told) : json(response, 404, { error: "no such path" });
        });
        const answer = await post("test", form());
        assert.equal(answer.window, window);
        assert.deepEqual(Object.keys(answer).sort(), [
          ...["host", "model", "ms"],
          ...(window === undefined ? [] : ["window"]),
        ]);
        // The token goes where the question went.
        assert.deepEqual(authorization(server), [`Bearer ${TOKEN}`, `Bearer ${TOKEN}`]);
      });
    }

    it("takes what is in the form, deployed or not", async () => {
      await post("test", form({ model: "org/new", serverStreams: false, headers: { "x-mine": "1" } }, "hf_typed_now"));
      assert.equal(server.last.body.model, "org/new");
      assert.equal(server.last.body.stream, false);
      assert.equal(server.last.headers["x-mine"], "1");
      assert.deepEqual(authorization(server), ["Bearer hf_typed_now"]);
      await post("test", form({}, "hf_typed_now", "never-deployed"));
      await post("test", form({}, "", "never-deployed"));
      assert.deepEqual(authorization(server).slice(1), ["Bearer hf_typed_now", undefined]);
    });

    it("sends the stored token nowhere else, and says so", async () => {
      const answers = [
        await post("test", form({ baseUrl: other.url })),
        await post("models", form({ baseUrl: other.url })),
        await post("test", form({ baseUrl: server.url.replace("127.0.0.1", "localhost") })),
        await post("test", form({ baseUrl: server.url.replace("http://", "http://x@") })),
        await post("test", form({}, UNCHANGED, "never-deployed")),
      ];
      assert.deepEqual(authorization(other), [undefined, undefined]);
      assert.ok(authorization(server).every((value) => value === undefined));
      assert.equal(answers[1]?.isTokenWithheld, true);
      assert.doesNotMatch(JSON.stringify(answers), new RegExp(TOKEN));
    });

    it("lets no value of the environment go to an address that was not deployed", async () => {
      process.env.SOME_SECRET = "s3cret-value";
      try {
        const hidden = "${SOME_SECRET}";
        for (const body of [
          form({ baseUrl: other.url }, hidden),
          form({ baseUrl: other.url, model: hidden }),
          form({ baseUrl: other.url, billTo: hidden }),
          form({ baseUrl: other.url, headers: { "x-a": hidden } }),
          form({ baseUrl: other.url, headers: { token: hidden } }),
          form({ baseUrl: other.url, model: hidden, headers: { model: "x" } }),
          form({ baseUrl: other.url, billTo: hidden, headers: JSON.stringify({ billTo: "x" }) }),
          form({ baseUrl: other.url, fallback: [[hidden]] }),
          form({ baseUrl: hidden }, "", "never-deployed"),
        ]) {
          assert.equal((await post("test", body)).error?.code, "invalid_input", JSON.stringify(body));
        }
        assert.equal(other.requests.length, 0);
        await post("test", form({ headers: { "x-a": hidden } }));
        assert.equal(server.last.headers["x-a"], "s3cret-value", "to the one that was deployed they go");
      } finally {
        delete process.env.SOME_SECRET;
      }
    });

    it("lets the environment's token go to the router alone from a form that was never deployed", async () => {
      const tls = await startTlsServer(handler);
      const proxy = await startProxy(undefined, tls.port);
      process.env.HF_TOKEN = "hf_of_the_environment";
      try {
        await red.deploy([
          ...chatFlow(server.url),
          proxyNode({ url: proxy.url }),
          tlsConfig({ verifyservercert: false }),
        ]);
        const way = { proxy: "proxy", tls: "tls", retries: 0 };
        for (const baseUrl of ["https://router.huggingface.co/v1", "https://evil.endpoints.huggingface.cloud"]) {
          await post("test", form({ ...way, baseUrl }, "", "never-deployed"));
        }
        await post("test", form({ ...way, baseUrl: "https://router.huggingface.co/v1" }));
        const chats = tls.requests
          .filter(({ url }) => url?.endsWith("/chat/completions"))
          .map(({ headers }) => headers.authorization);
        assert.deepEqual(chats, ["Bearer hf_of_the_environment", undefined, undefined]);
        for (const token of ["", "hf_typed_now"]) {
          const endpoint = form(
            { ...way, baseUrl: "https://evil.endpoints.huggingface.cloud" },
            token,
            "never-deployed",
          );
          const { isEnvironmentWithheld } = await post("test", endpoint);
          assert.equal(isEnvironmentWithheld, token === "" ? true : undefined, "the form can say why");
        }
        const endpoint = {
          ...way,
          baseUrl: "https://mine.endpoints.huggingface.cloud",
          endpointsUseEnvironment: false,
        };
        const ofEndpoint = await post("test", form(endpoint, "", "never-deployed"));
        assert.equal(ofEndpoint.isEnvironmentWithheld, undefined, "it is not used there after a deploy, either");
        await red.deploy([
          ...chatFlow("", {}, endpoint),
          proxyNode({ url: proxy.url }),
          tlsConfig({ verifyservercert: false }),
        ]);
        assert.deepEqual(await (await fetch(`${red.url}/huggingface/environment/config`)).json(), {});
        tls.requests.length = 0;
        await post("test", form({ ...endpoint, endpointsUseEnvironment: true }, ""));
        assert.deepEqual(authorization(tls), [undefined], "a form does not turn it on");
      } finally {
        delete process.env.HF_TOKEN;
        await tls.close();
        await proxy.close();
      }
    });

    it("shows the names of variables, and of no variable what is in it", async () => {
      const long = `-----BEGIN-----\n${"abcdefghij".repeat(300)}`;
      Object.assign(process.env, {
        SOME_SECRET: "aws/Very+Secret==",
        SHORT: "abc",
        LONG: long,
        JSON_LIKE: '{"a": s3cret-value}',
      });
      const echo: Handler = ({ body }, response) =>
        json(response, 404, { error: { message: `no ${body.model}, ${body.model?.slice(2, 14)}` } });
      const cases: [def: Message, says: RegExp][] = [
        [{ timeout: "${SOME_SECRET}" }, /"\$\{SOME_SECRET\}"/],
        [{ timeout: "${SHORT}" }, /"\$\{SHORT\}"/],
        [{ timeout: "${LONG}" }, /"\$\{LONG\}"/],
        [{ timeout: "$(SOME_SECRET)" }, /"\$\{SOME_SECRET\}"/],
        [{ serverStreams: "${SOME_SECRET}" }, /"\$\{SOME_SECRET\}"/],
        [{ headers: "${SOME_SECRET}" }, /\$\{SOME_SECRET\}/],
        [{ headers: "${JSON_LIKE}" }, /\$\{JSON_LIKE\}/],
        [{ headers: "${LONG}" }, /Headers/],
        [{ model: "${SOME_SECRET}" }, /no \$\{SOME_SECRET\}, \$\{SOME_SECRET\}/],
        [{ model: "${LONG}" }, /no \$\{LONG\}/],
      ];
      try {
        server.handle(echo);
        for (const [def, says] of cases) {
          const { error } = await post("test", form(def));
          assert.match(error.message, says, JSON.stringify(def));
          assert.doesNotMatch(error.message, /Very|abc|s3cr/, JSON.stringify(def));
        }
        server.handle((request, response) => json(response, 200, completion("Hi", { model: request.body.model })));
        assert.equal((await post("test", form({ model: "${SOME_SECRET}" }))).model, "${SOME_SECRET}");
        assert.equal(server.last.body.model, "aws/Very+Secret==");
      } finally {
        for (const name of ["SOME_SECRET", "SHORT", "LONG", "JSON_LIKE"]) delete process.env[name];
      }
    });

    it("replaces no variable in the value of another", async () => {
      Object.assign(process.env, { SOME_SECRET: "s3cret-value", POINTS: "${SOME_SECRET}" });
      try {
        const { error } = await post("test", form({ headers: { "x-a": "${POINTS}" } }));
        assert.equal(error.code, "invalid_input");
        assert.equal(server.requests.length, 0);
      } finally {
        for (const name of ["SOME_SECRET", "POINTS"]) delete process.env[name];
      }
    });

    it("lets the settings file keep variables from forms, as from flows", async () => {
      const settings = (red.red as unknown as { settings: Message }).settings;
      process.env.KEPT = "s3cret-value";
      settings.envVarExcludes = ["KEPT"];
      try {
        const { error } = await post("test", form({ model: "${KEPT}" }, "", "never-deployed"));
        assert.equal(error.code, "invalid_input");
      } finally {
        delete settings.envVarExcludes;
        delete process.env.KEPT;
      }
    });

    for (const route of ["test", "models", "try"]) {
      for (const type of [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "application/jsonx",
        undefined,
      ]) {
        it(`takes nothing that a form of another site can send: ${route}, ${type}`, async () => {
          const body = new TextEncoder().encode(
            type?.includes("urlencoded")
              ? `def[baseUrl]=${server.url}&def[model]=m&prompt=x&config[def][baseUrl]=${server.url}`
              : JSON.stringify({ ...form(), config: form(), prompt: "x" }),
          );
          const headers = type === undefined ? {} : { "content-type": type };
          const answer = await fetch(`${red.url}/huggingface/${route}`, { method: "POST", headers, body });
          assert.equal(answer.status, 415);
          assert.equal(server.requests.length, 0);
        });
      }
    }

    for (const route of ["test", "models", "try", "mcp-tools", "next", "texts"]) {
      it(`refuses values that are nested too deep, in words: ${route}`, async () => {
        const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
        const nested = (def: string) => `{"def":${def},"config":{"def":${def}},"prompt":${deep}}`;
        for (const body of [nested(`{"model":${deep}}`), nested('{"__proto__":{"model":"m"}}'), deep]) {
          const headers = { "content-type": "application/json" };
          const answer = await fetch(`${red.url}/huggingface/${route}`, { method: "POST", headers, body });
          const { error } = (await answer.json()) as Message;
          assert.deepEqual([answer.status, error.code], [400, "invalid_input"]);
          assert.match(error.message, /^This JSON cannot be read: it (is nested deeper|has a key __proto__)/);
        }
        assert.equal(server.requests.length, 0);
      });
    }

    const failures: [what: string, def: Message, answer: Handler | undefined, code: string, says: RegExp][] = [
      [
        "a token that is refused",
        {},
        (_, r) => json(r, 401, { error: `Bad ${TOKEN}.` }),
        "auth_error",
        /Enter a valid token/,
      ],
      ["no such model", {}, (_, r) => json(r, 404, { error: "no such model" }), "not_found", /Check the model ID/],
      ["no model", { model: "" }, undefined, "invalid_input", /^No model set/],
      [
        "no such host",
        { baseUrl: "http://nowhere.invalid", retries: 0 },
        undefined,
        "provider_unavailable",
        /^Host not found/,
      ],
      [
        "nothing there",
        { baseUrl: "http://127.0.0.1:1", retries: 0 },
        undefined,
        "provider_unavailable",
        /Nothing answers/,
      ],
      ["no address", { baseUrl: "server" }, undefined, "invalid_input", /not an address/],
    ];
    for (const [what, def, answer, code, says] of failures) {
      it(`says in the user's words: ${what}`, async () => {
        if (answer) server.handle(answer);
        const { error } = await post("test", form(def));
        assert.equal(error.code, code);
        assert.match(error.message, says);
        assert.doesNotMatch(error.message, new RegExp(TOKEN));
      });
    }

    it("is content with a model that has not come to its text by the first token", async () => {
      for (const message of [{ content: "", reasoning: "Hm" }, { content: "" }, { content: null }]) {
        server.handle((_, response) =>
          json(response, 200, { model: "org/a", choices: [{ message, finish_reason: "length" }] }),
        );
        assert.equal((await post("test", form())).model, "org/a", JSON.stringify(message));
      }
    });

    for (const route of ["test", "models"]) {
      it(`ends when the browser goes: ${route}`, async () => {
        server.handle(() => {});
        const abort = new AbortController();
        const body = JSON.stringify(form());
        const headers = { "content-type": "application/json" };
        const asked = fetch(`${red.url}/huggingface/${route}`, { method: "POST", headers, body, signal: abort.signal });
        await server.waitFor(1);
        abort.abort();
        await assert.rejects(asked);
        await server.last.closed;
      });
    }

    for (const body of [null, [], {}, { def: [] }, { id: {}, def: { baseUrl: {} }, token: {} }]) {
      it(`takes anything: ${JSON.stringify(body)}`, async () => {
        assert.ok("error" in (await post("test", body ?? {})));
      });
    }
  });

  describe("models", () => {
    it("are those that the server lists, asked for once in a while", async () => {
      const expected = MODELS.data.slice(0, 2);
      assert.deepEqual((await post("models", form())).models, expected);
      assert.deepEqual((await post("models", form())).models, expected);
      assert.equal(server.requests.length, 1);
      await post("models", form({}, "another"));
      assert.equal(server.requests.length, 2, "another token may see other models");
    });

    it("are there by the id of a deployed configuration for those who may only read", async () => {
      const get = async (id: string) => (await fetch(`${red.url}/huggingface/models/${id}`)).json() as Promise<Message>;
      assert.deepEqual((await get("config")).models, MODELS.data.slice(0, 2));
      assert.deepEqual(authorization(server), [`Bearer ${TOKEN}`]);
      for (const id of ["chat", "nobody", "__proto__"]) assert.equal((await get(id)).error.code, "invalid_input");
    });

    it("are, where the server is not reached or wants a token, the errors of a question", async () => {
      server.handle((_, response) => json(response, 401, { error: TOKEN }));
      for (const [body, code, says] of [
        [form(), "auth_error", /^Token refused/],
        [form({}, ""), "auth_error", /^Token missing/],
        [form({ baseUrl: "http://nowhere.invalid" }), "provider_unavailable", /^Host not found/],
        [form({ baseUrl: "http://127.0.0.1:1" }), "provider_unavailable", /Nothing answers/],
      ] as const) {
        const { error } = await post("models", body);
        assert.equal(error.code, code);
        assert.match(error.message, says);
      }
    });

    it("may be many, and hostile: what is known of them counts, if it is of its kind", async () => {
      const good = {
        id: "org/good",
        architecture: { input_modalities: ["text", "image"], output_modalities: ["text"] },
        providers: [
          {
            provider: "groq",
            status: "live",
            context_length: 8192,
            pricing: { input: 0.1, output: 0.2 },
            is_free: false,
            supports_tools: true,
            supports_structured_output: false,
            first_token_latency_ms: 210,
            throughput: 99.5,
          },
        ],
      };
      const deep = JSON.parse(`${"[".repeat(20_000)}${"]".repeat(20_000)}`);
      const odd = { id: "org/odd", created: 1, a: deep, architecture: { input_modalities: deep, x: 1 }, pricing: deep };
      const providers = [
        { provider: "p", status: 5, context_length: "8", pricing: { input: "1", x: deep }, throughput: null, a: deep },
        { provider: 5 },
        "p",
        null,
      ];
      const data = Array.from({ length: 1000 }, (_, index) => ({ id: `org/${index}`, providers: index }));
      const text = [good, { ...odd, providers }, ...data, [], "x", { id: 5 }, { id: {} }]
        .map((entry) => JSON.stringify(entry, (_, value) => (value === deep ? "DEEP" : value)))
        .join()
        .replaceAll('"DEEP"', `${"[".repeat(20_000)}${"]".repeat(20_000)}`);
      server.handle((_, response) => json(response, 200, `{"data":[${text}]}`));
      assert.deepEqual((await post("models", form())).models, [
        good,
        { id: "org/odd", architecture: { input_modalities: [] }, providers: [{ provider: "p", pricing: {} }] },
        ...data.map(({ id }) => ({ id })),
      ]);
    });

    it("hold no secret that a server echoes, and no part of one in an error", async () => {
      process.env.SOME_SECRET = "s3cret/value";
      const get = async () => (await fetch(`${red.url}/huggingface/models/config`)).json() as Promise<Message>;
      try {
        server.handle((request, response) => {
          const { authorization, "x-a": other } = request.headers;
          const id = `${authorization} ${other}`;
          return json(response, 200, { data: [{ id, providers: [{ provider: id, status: id }] }] });
        });
        const def = { model: "org/a", headers: { "x-a": "${SOME_SECRET}" } };
        await red.deploy(chatFlow(server.url, {}, def), { config: { token: TOKEN } });
        const shown = "Bearer *** ${SOME_SECRET}";
        const expected = [{ id: shown, providers: [{ provider: shown, status: shown }] }];
        assert.deepEqual((await post("models", form(def))).models, expected);
        assert.deepEqual((await get()).models, expected);
        server.handle((request, response) => json(response, 200, `${request.headers.authorization}`));
        const { error } = await post("models", form({ headers: {} }));
        assert.doesNotMatch(error.message, /Bearer|hf_/);
      } finally {
        delete process.env.SOME_SECRET;
      }
    });

    it("are an error where the list has no end", async () => {
      server.handle((_, response) => {
        const write = (): void => {
          while (response.write("x".repeat(65_536)));
          response.once("drain", write);
        };
        write();
      });
      assert.match((await post("models", form())).error.message, /too long/);
      await server.last.closed;
    });

    const lists: [what: string, answer: Handler, says: RegExp][] = [
      ["is refused", (_, r) => json(r, 404, {}), /status 404/],
      ["is none", (_, r) => json(r, 200, { data: 5 }), /no list of models/],
      ["is no JSON", (_, r) => json(r, 200, "<html>"), /list of models/],
    ];
    for (const [what, answer, says] of lists) {
      it(`are an error where the list ${what}`, async () => {
        server.handle(answer);
        const { error } = await post("models", form());
        assert.equal(error.code, "provider_unavailable");
        assert.match(error.message, says);
      });
    }
  });
});
