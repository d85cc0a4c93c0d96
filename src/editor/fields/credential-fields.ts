import type { ConfigForm, HeadersResponse } from "../../shared/admin-api.js";
import { type EditedNode, text } from "../red.js";
import { createHeaderList } from "./header-list.js";
import { HEADER_CREDENTIALS, hasSecretHeaders, readSecretHeaders, writeSecretHeaders } from "./header-rows.js";

const field = (property: string): JQuery => $(`#node-config-input-${property}`);

/** The token and the headers in the form of a server, of models or of tools. */
export interface CredentialFields {
  /** Puts headers and credentials where the editor looks for them. */
  save(): void;
  /** Reads the open form, deployed or not. */
  read(): ConfigForm;
}

/**
 * Makes the list of headers, and shows the secret ones: those changed since the last deploy, otherwise the stored ones
 * without values.
 *
 * @param route - returns the names of stored secret headers: `huggingface/<route>/<id>`
 * @param unread - properties that are left out of the form as it is read
 */
export function createCredentialFields(node: EditedNode, route: string, unread: readonly string[]): CredentialFields {
  const headers = createHeaderList(field("headers-container")[0] as HTMLElement, node["headers"], {
    name: node._(`${node.type}.placeholder.headerName`),
    value: node._(`${node.type}.placeholder.headerValue`),
  });
  const changed = readSecretHeaders(node.credentials);
  if (changed || !hasSecretHeaders(node.credentials)) headers.addSecret(changed ?? {});
  else {
    const hint = $(`#${node.type}-headers-problem`);
    $.getJSON(`huggingface/${route}/${encodeURIComponent(node.id)}`, ({ names }: Partial<HeadersResponse>) => {
      if (!names) hint.text(text("secret.unknown"));
      else headers.addSecret(Object.fromEntries(names.map((name) => [name, { stored: name }])));
    }).fail(() => hint.text(text("secret.unknown")));
  }
  return {
    save: () => {
      node["headers"] = headers.value();
      const written: Partial<Record<string, string>> = writeChanged(headers.changedSecretHeaders());
      for (const name of HEADER_CREDENTIALS) {
        const value = written[name];
        if (value === undefined) field(name).removeAttr("id");
        else field(name).val(value);
        hideUnused(node, name);
      }
      hideUnused(node, "token");
    },
    read: () => {
      const { defaults } = RED.nodes.getType(node.type);
      const names = Object.keys(defaults).filter((name) => name !== "headers" && !unread.includes(name));
      const def = { ...Object.fromEntries(names.map((name) => [name, inputValue(name)])), headers: headers.headers() };
      return { id: node.id, def, token: String(field("token").val() ?? ""), secretHeaders: headers.secretHeaders() };
    },
  };
}

const writeChanged = (changed: Parameters<typeof writeSecretHeaders>[0] | undefined) =>
  changed ? writeSecretHeaders(changed) : {};

/** Hides an empty, never stored credential from the editor, which would see a change and restart all users of this node. */
function hideUnused(node: EditedNode, name: "token" | (typeof HEADER_CREDENTIALS)[number]): void {
  const input = field(name);
  if (input.val() === "" && !node.credentials?.[`has_${name}`]) input.removeAttr("id");
}

function inputValue(name: string): unknown {
  const input = field(name);
  const value = input.is(":checkbox") ? input.prop("checked") : input.val();
  return value === "_ADD_" ? "" : value;
}
