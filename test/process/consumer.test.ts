import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { npmCommand } from "../../dev/npm";
import { root } from "../support/root";
import { chunk, json, replyChunks, sse, startServer, type TestServer } from "../support/server";

const pkg = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
const run = promisify(execFile);

/** Uses the whole public API. It needs only the language, and the types of the web or of Node.js. */
const CONSUMER = `
import {
  type AbortOptions,
  type AssistantMessage,
  ChatClient,
  ChatError,
  type ChatRequest,
  type ClientOptions,
  type CompleteOptions,
  type Completion,
  type CompletionStream,
  type Delta,
  type ErrorCause,
  type ErrorCode,
  type ModelEntry,
  type ModelProvider,
  type ProgressListener,
  type ProxyChoice,
  type ProxyRules,
  type Timing,
  type TlsOptions,
  type ToolCall,
  type Usage,
} from "${pkg.name}/client";

export async function ask(baseUrl: string, token: string | undefined): Promise<unknown> {
  const proxyRules: ProxyRules = { env: {} };
  const proxy: ProxyChoice | undefined = undefined;
  const tls: TlsOptions = { rejectUnauthorized: true };
  const options: ClientOptions = { baseUrl, token, retries: 0, timeout: 5, tls, proxyRules, headers: { "x-test": "1" } };
  const client = new ChatClient(options);
  const request: ChatRequest = { model: "some/model", messages: [{ role: "user", content: "Hi" }], temperature: 0 };

  const abort: AbortOptions = { signal: new AbortController().signal };
  const stream: CompletionStream = client.stream(request, abort);
  const deltas: Delta[] = [];
  for await (const delta of stream) deltas.push(delta);
  const streamed: Completion = await stream.completion;
  const calls: ToolCall[] = streamed.message.tool_calls ?? [];

  const texts: string[] = [];
  const listener: ProgressListener = { onText: (delta) => texts.push(delta) };
  const complete: CompleteOptions = { ...abort, listener };
  const { message, usage, timing }: { message: AssistantMessage; usage?: Usage; timing: Timing } =
    await client.complete({ ...request, stream: true }, complete);

  const models: ModelEntry[] = await client.models();
  const providers: ModelProvider[] = models.flatMap((model) => model.providers ?? []);

  let code: ErrorCode | undefined;
  let cause: ErrorCause | undefined;
  try {
    await client.complete({ model: "refused", messages: [] });
  } catch (error) {
    if (error instanceof ChatError) ({ code, cause } = error);
  }
  await client.close();

  // @ts-expect-error a question needs a model
  if (!baseUrl) await client.complete({ messages: [] });
  // @ts-expect-error for our own nodes alone
  if (!baseUrl) client.reserve();
  // @ts-expect-error for our own nodes alone
  if (!baseUrl) await client.complete(request, { priority: "begun" });
  // @ts-expect-error a misspelt option
  if (!baseUrl) new ChatClient({ retry: 1, proxy });

  return {
    deltas,
    calls: calls.map((call) => call.function.name),
    texts,
    text: message.content,
    tokens: usage?.["total_tokens"],
    hasTiming: timing.total_ms >= 0,
    models: models.map(({ id }) => id),
    providers: providers.length,
    code,
    status: cause?.status,
  };
}
`;

const CALL = { index: 0, id: "c1", type: "function", function: { name: "f", arguments: "{}" } };
const EXPECTED = {
  deltas: [
    { type: "reasoning", text: "Hm." },
    { type: "text", text: "Hello" },
  ],
  calls: ["f"],
  texts: ["Hello"],
  text: "Hello",
  tokens: 7,
  hasTiming: true,
  models: ["some/model"],
  providers: 0,
  code: "auth_error",
  status: 401,
};

describe("the client in the packed package", function () {
  this.timeout(120_000);
  let folder: string;
  let server: TestServer;
  const at = (name: string) => path.join(folder, name);
  const node = async (...args: string[]) => (await run(process.execPath, args, { cwd: folder })).stdout;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "huggingface-consumer-"));
    await run(...npmCommand("pack", root, "--ignore-scripts", "--pack-destination", folder), { cwd: folder });
    const [packed = ""] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
    const installed = at(`node_modules/${pkg.name}`);
    mkdirSync(installed, { recursive: true });
    await run("tar", ["-xzf", packed, "-C", installed, "--strip-components=1"], { cwd: folder });
    const link = (name: string) =>
      symlinkSync(path.join(root, "node_modules", name), at(`node_modules/${name}`), "junction");
    for (const name of Object.keys(pkg.dependencies)) link(name);
    mkdirSync(at("node_modules/@types"));
    link("@types/node");
    writeFileSync(at("package.json"), '{ "name": "consumer", "private": true }');
    server = await startServer((request, response) => {
      if (request.url.endsWith("/models")) return json(response, 200, { data: [{ id: "some/model" }] });
      if (request.body.model === "refused") return json(response, 401, {});
      return sse(response, [
        chunk(undefined, { delta: { reasoning: "Hm." } }),
        chunk("Hello", { delta: { tool_calls: [CALL] } }),
        chunk(undefined, { finish_reason: "tool_calls", usage: { total_tokens: 7 } }),
      ]);
    });
  });
  after(async () => {
    await server?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  /** Type-checks a source with the declarations that it imports. */
  async function compile(name: string, source: string, options: object): Promise<void> {
    writeFileSync(at(name), source);
    const compilerOptions = {
      target: "es2022",
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      types: [],
      lib: ["es2022", "dom"],
      ...options,
    };
    writeFileSync(at("tsconfig.json"), JSON.stringify({ compilerOptions, files: [name] }));
    try {
      await node(path.join(root, "node_modules/typescript/bin/tsc"));
    } catch (error) {
      assert.fail((error as { stdout: string }).stdout);
    }
  }

  const ways: [what: string, name: string, compiled: string | undefined, options: object][] = [
    ["an ECMAScript module", "esm.mts", "esm.mjs", { module: "node16" }],
    ["a CommonJS module", "cjs.cts", "cjs.cjs", { module: "node16" }],
    ["a project of the time before exports", "old.ts", "old.js", { module: "commonjs", moduleResolution: "node10" }],
    ["a bundler", "bundled.ts", undefined, { module: "esnext", moduleResolution: "bundler", noEmit: true }],
    [
      "types of Node.js in place of the web's",
      "types.mts",
      undefined,
      { module: "node16", noEmit: true, types: ["node"], lib: ["es2022"] },
    ],
  ];
  for (const [what, name, compiled, options] of ways) {
    it(`is typed for ${what}${compiled ? ", and runs there" : ""}`, async () => {
      await compile(name, CONSUMER, options);
      if (!compiled) return;
      const script = `import(${JSON.stringify(`./${compiled}`)})
        .then(({ ask }) => ask(${JSON.stringify(server.url)}, undefined))
        .then((result) => console.log(JSON.stringify(result)));`;
      assert.deepEqual(JSON.parse(await node("-e", script)), EXPECTED);
    });
  }

  it("finds mistakes: the declarations are not any", async () => {
    const wrong = CONSUMER.replace("retries: 0", 'retries: "none"');
    await assert.rejects(compile("wrong.mts", wrong, { module: "node16", noEmit: true }), /TS2322.*string.*number/s);
  });

  it("offers its client and its error, and nothing else", async () => {
    const offered = await node("-p", `JSON.stringify(Object.keys(require("${pkg.name}/client")).sort())`);
    assert.deepEqual(JSON.parse(offered), ["ChatClient", "ChatError"]);
    const found = await node("-p", `require.resolve("${pkg.name}/package.json")`);
    assert.equal(path.basename(found.trim()), "package.json");
  });

  for (const name of [
    "",
    "/client/internal",
    "/client/index.js",
    "/nodes/client/internal.js",
    "/nodes/huggingface-chat",
  ]) {
    it(`hides its other modules: ${name || "the package itself"}`, async () => {
      const script = `
        const codes = [];
        try { require("${pkg.name}${name}"); } catch ({ code }) { codes.push(code); }
        import("${pkg.name}${name}").catch(({ code }) => codes.push(code)).then(() => console.log(codes.join()));`;
      assert.equal((await node("-e", script)).trim(), Array(2).fill("ERR_PACKAGE_PATH_NOT_EXPORTED").join());
    });
  }

  it("does what the reference shows", async () => {
    const page = readFileSync(path.join(root, "docs/reference.md"), "utf8");
    const [, script = ""] = /## Use the client in a script\n[\s\S]*?```js\n([\s\S]*?)```/.exec(page) ?? [];
    assert.ok(script.split("\n").length <= 12, "it is short");
    writeFileSync(at("ask.mjs"), script);
    server.handle((_, response) => sse(response, replyChunks(["Because ", "of the air."], "stop", [3, 2])));
    const env = { ...process.env, CHAT_URL: server.url };
    const { stdout, stderr } = await run(process.execPath, ["ask.mjs"], { cwd: folder, env });
    assert.match(stdout, /^Because of the air\.\nstop .*completion_tokens: 2/s);
    assert.equal(stderr, "");
  });
});
