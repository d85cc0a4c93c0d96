import { SERVERS, type Server, serverOf } from "../../shared/servers.js";
import { type EditedNode, make } from "../red.js";

const field = (property: string): JQuery => $(`#node-config-input-${property}`);

/**
 * Makes the choice of a server: a view of the base URL, which it fills in. Shows the address where it is not always the
 * same, and says which token and models go with it.
 */
export function createServerField(node: EditedNode): void {
  const select = $("#huggingface-config-server");
  const baseUrl = field("baseUrl");
  const model = field("model");
  const written = () => String(baseUrl.val() ?? "");
  const textOf = (key: string) => node._(`huggingface-config.server.${key}`);
  for (const { id } of SERVERS) select.append(make("option", { value: id }, textOf(id)));

  const show = (server: Server) => {
    const { id, kind } = server;
    select.val(id);
    baseUrl.toggle(kind !== "hub" && kind !== "demo");
    baseUrl.attr("placeholder", textOf(`placeholder.${kind === "endpoint" ? "endpoint" : "other"}`));
    $("#huggingface-config-server-tip").text(kind === "hub" ? "" : textOf(`tip.${kind}`));
    $("#huggingface-config-model-tip").text(textOf(`model.${kind}`));
    $("#huggingface-config-token-tip").text(textOf(`token.${kind}`));
    const isHosted = kind === "hub" || kind === "endpoint";
    $("#huggingface-config-models-link").toggle(kind === "hub");
    $("#huggingface-config-token-link").toggle(isHosted);
    field("token").attr("placeholder", isHosted ? "hf_…" : "");
    RED.tray.resize();
  };

  // A model of Hugging Face's that nobody chose means nothing to another server.
  const fresh = String(RED.nodes.getType(node.type).defaults["model"]?.value ?? "");
  let isTakenOut = false;
  const offerModel = (isHub: boolean) => {
    const shown = String(model.val() ?? "");
    if (isHub ? shown !== "" || !isTakenOut : shown !== fresh) return;
    isTakenOut = !isHub;
    model.val(isHub ? fresh : "").trigger("change");
  };

  let now = serverOf(written());
  const move = (server: Server) => {
    const before = now;
    now = server;
    show(server);
    if ((before.kind === "hub") !== (server.kind === "hub")) offerModel(server.kind === "hub");
  };
  select.on("change", () => {
    const server = SERVERS.find(({ id }) => id === select.val());
    if (!server) return;
    baseUrl.val(server.address).trigger("input").trigger("change");
    move(server);
    if (server.address === "") baseUrl.trigger("focus");
  });
  baseUrl.on("input change", () => {
    const server = serverOf(written());
    // While an address is written, what was chosen stays, unless it is one of another choice.
    const isBeingWritten = now.address === "" && (written() === "" || server.kind === "other");
    if (!isBeingWritten) move(server);
  });
  show(now);
}
