import type { ConfigForm, TestOwner, TestResponse, TokenOwner } from "../shared/admin-api.js";
import { describeWithheld, isError, postForm } from "./admin-api.js";
import { make, makeButton, text } from "./red.js";

/** Where Hugging Face makes a token with the permission that is needed, and no other. */
const NEW_TOKEN =
  "https://huggingface.co/settings/tokens/new?ownUserPermissions=inference.serverless.write&tokenType=fineGrained";

/**
 * Makes the button that asks for one token with the open form's values, and shows the result.
 *
 * @param element the button's parent
 * @param read reads the form
 * @returns a function that cancels a running test
 */
export function createConnectionTest(element: HTMLElement, read: () => ConfigForm): { destroy(): void } {
  const abort = new AbortController();
  const result = make("div", { class: "huggingface-hint huggingface-test-result", role: "status" });
  const owner = make("div", { class: "huggingface-hint huggingface-test-owner" });
  const button = makeButton(text("test.button"), "fa-plug", () => void test());
  const test = async () => {
    button.disabled = true;
    owner.replaceChildren();
    show(text("test.running"), "");
    const response = await postForm<TestResponse>("test", read(), abort.signal);
    button.disabled = false;
    if (isError(response)) {
      show(response.error.message, "huggingface-problem");
    } else {
      const { model, host, ms, provider = host, window } = response;
      const reached = text("test.reached", { model, provider, seconds: (ms / 1000).toFixed(1) });
      const size = window === undefined ? "" : ` ${text("test.window", { tokens: window })}`;
      show(reached + size, "huggingface-good");
    }
    result.append(` ${describeWithheld(response)}`.trimEnd());
    const { account } = response as TestOwner;
    if (account) showOwner(account);
    RED.tray.resize();
  };
  const show = (message: string, kind: string) => {
    result.className = `huggingface-hint huggingface-test-result ${kind}`;
    result.textContent = message;
  };
  const showOwner = (account: TokenOwner) => {
    const { organizations, isPermissionMissing } = account;
    owner.replaceChildren(make("div", {}, describeOwner(account)));
    if (isPermissionMissing) {
      const link = make("a", { href: NEW_TOKEN, target: "_blank", rel: "noopener noreferrer" }, text("account.mend"));
      owner.append(make("div", { class: "huggingface-problem" }, text("account.missing"), " ", link));
    }
    if (organizations.length > 0) {
      owner.append(make("div", {}, text("account.orgs", { names: organizations.join(", ") })));
    }
    offerOrganizations(organizations);
  };
  element.append(button, result, owner);
  return { destroy: () => abort.abort() };
}

function describeOwner({ name, isOrganization, kind, tokenName }: TokenOwner): string {
  const params = { name, kind: text(`account.${["read", "write", "fineGrained"].includes(kind) ? kind : "other"}`) };
  if (isOrganization) return text("account.org", params);
  return tokenName ? text("account.named", { ...params, token: tokenName }) : text("account.user", params);
}

/** Offers organizations in the field that says who pays. */
function offerOrganizations(names: string[]): void {
  const field = document.querySelector("#node-config-input-billTo");
  if (!field) return;
  const id = "huggingface-config-organizations";
  const list = document.getElementById(id) ?? make("datalist", { id });
  list.replaceChildren(...names.map((name) => make("option", { value: name })));
  field.after(list);
  field.setAttribute("list", id);
}
