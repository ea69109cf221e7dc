/** What a person does to place an order, for tests in front of the fixture and of a real node. */

/** Drops a file on the page's drop zone, as a person does with the mouse. */
export async function drop_file(page, name, type, bytes) {
  const transfer = await page.evaluateHandle(
    ([file_name, file_type, base64]) => {
      const data = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const dropped = new DataTransfer();
      dropped.items.add(new File([data], file_name, { type: file_type }));
      return dropped;
    },
    [name, type, Buffer.from(bytes).toString("base64")],
  );
  for (const kind of ["dragover", "drop"]) await page.locator(".drop").dispatchEvent(kind, { dataTransfer: transfer });
}

/** Types a token and presses the button. */
export async function sign_in(page, token) {
  await page.getByLabel("Token of this node").fill(token);
  await page.getByRole("button", { name: "Sign in" }).click();
}

/** Waits until the quote allows it, places the order and gives the id of the page that it leads to. */
export async function place(page, timeout = 60_000) {
  const button = page.getByRole("button", { name: "Place the order" });
  await page.locator(".confirm .button:enabled").waitFor();
  await button.click();
  await page.waitForURL(/#\/orders\/[0-9a-z-]+$/, { timeout });
  return page.url().split("/").pop();
}

/**
 * Puts a wallet into the page before it loads: it announces itself by EIP-6963 and passes every request to `request` of the test,
 * which answers with {result} or {error: {code, message}}.
 */
export async function add_wallet(page, name, request) {
  await page.exposeFunction("wallet_request", request);
  await page.addInitScript((wallet_name) => {
    const provider = {
      async request(call) {
        const { result, error } = await window.wallet_request(call);
        if (error) throw Object.assign(new Error(error.message), { code: error.code });
        return result;
      },
    };
    const info = { uuid: "6f2b1f2e-0000-4000-8000-000000000001", name: wallet_name, icon: "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=", rdns: "test.wallet" };
    const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: Object.freeze({ info, provider }) }));
    addEventListener("eip6963:requestProvider", announce);
    announce();
  }, name);
}
