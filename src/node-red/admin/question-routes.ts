import type { NodeAPI } from "node-red";
import { asInputError, asRecord, onAbort } from "../../client/internal";
import type { NextMessageResponse, QuestionsResponse, TextsLine, TotalsResponse } from "../../shared/admin-api";
import type { ConfigNode } from "../config-options";
import { ChatError } from "../errors";
import { watchTexts } from "../kept-texts";
import { awaitNextMessage, messageText } from "../next-message";
import { forgetQuestions, notedQuestions, totalsOf } from "../question-log";
import { type AdminRequest, findNode, makeTranslate } from "../red";
import { type DeployedNode, DeployedNodes } from "./deployed";
import { addGet, addPost, errorBody, respondWith } from "./routes";

/** Between two blank lines on a connection that nothing happens on: proxies close silent ones. */
const ALIVE_MS = 15_000;

/**
 * The routes behind the last questions of a chat node: their numbers for everybody who may read, their texts and the next
 * message for those who may write. Texts are kept only while a connection of `POST /texts` is open.
 */
export function addQuestionRoutes(RED: NodeAPI): void {
  const translate = makeTranslate(RED);
  RED.events.on("flows:started", () => {
    const nodes = new DeployedNodes(RED);
    forgetQuestions((id) => !nodes.get(id, "huggingface-chat") && !nodes.get(id, "huggingface-config"));
  });

  const deployed = (id: unknown, type: string): DeployedNode => {
    const node = new DeployedNodes(RED).get(id, type);
    if (!node) throw new ChatError("config_missing");
    return node;
  };

  const questions = async ({ params }: AdminRequest): Promise<QuestionsResponse> => ({
    questions: notedQuestions(deployed(params["id"], "huggingface-chat").id),
  });

  const totals = async ({ params }: AdminRequest): Promise<TotalsResponse> =>
    totalsOf(deployed(params["id"], "huggingface-config").id);

  const next = async ({ body }: AdminRequest, signal: AbortSignal): Promise<NextMessageResponse> => {
    const { id, config } = deployed(asRecord(body)?.["id"], "huggingface-chat");
    const node = findNode<ConfigNode>(RED, String(config ?? ""));
    const { client } = node?.settings ?? node?.open() ?? {};
    return new Promise((resolve, reject) => {
      const stop = awaitNextMessage(id, (msg) => {
        stop();
        try {
          resolve({ message: messageText(msg, (text) => client?.redact(text) ?? text) });
        } catch (error) {
          // It may have getters that throw: that is no reason to lose the question.
          reject(asInputError(error));
        }
      });
      onAbort(signal, () => {
        stop();
        reject(new ChatError("cancelled"));
      });
    });
  };

  /** Keeps the texts of a node until the browser goes, or the time is over. */
  const keep = ({ id, name }: DeployedNode, signal: AbortSignal, write: (line: TextsLine) => void) =>
    new Promise<void>((resolve) => {
      const params = { node: name || id };
      const { until, kept, leave } = watchTexts(
        id,
        { show: (texts) => write({ kept: texts }), end: resolve },
        () => RED.log.warn(translate("warning.texts_kept", params)),
        () => RED.log.info(translate("warning.texts_dropped", params)),
      );
      write({ until });
      for (const texts of kept) write({ kept: texts });
      onAbort(signal, () => {
        leave();
        resolve();
      });
    });

  addGet(RED, "/huggingface/questions/:id", "huggingface-chat.read", respondWith(RED, questions));
  addGet(RED, "/huggingface/totals/:id", "huggingface-config.read", respondWith(RED, totals));
  addPost(RED, "/huggingface/next", "huggingface-chat.write", respondWith(RED, next));
  addPost(RED, "/huggingface/texts", "huggingface-chat.write", async ({ body }, response, signal) => {
    const write = (line: TextsLine) => {
      if (!signal.aborted) response.write(`${JSON.stringify(line)}\n`);
    };
    response.set("content-type", "application/x-ndjson; charset=utf-8");
    response.set("cache-control", "no-store");
    response.set("x-accel-buffering", "no");
    const alive = setInterval(() => !signal.aborted && response.write("\n"), ALIVE_MS);
    alive.unref();
    try {
      await keep(deployed(asRecord(body)?.["id"], "huggingface-chat"), signal, write);
    } catch (error) {
      write(errorBody(RED, error));
    }
    clearInterval(alive);
    if (!signal.aborted) response.end();
  });
}
