// A person at a browser without scripts: opens an address, fills in forms, presses buttons.

import { setting } from "./checks.js";

const ENTITIES = { "&quot;": '"', "&#39;": "'", "&lt;": "<", "&gt;": ">", "&amp;": "&" };

function attribute(tag, name) {
  const found = new RegExp(`\\b${name}="([^"]*)"`).exec(tag);
  return found?.[1].replace(/&(quot|#39|lt|gt|amp);/g, (entity) => ENTITIES[entity]);
}

export class Browser {
  #cookies = new Map();

  // A page; or, once the browser leaves the local org, the parameters that it leaves with.
  async #ask(address, options = {}) {
    let [url, how] = [new URL(address, setting("ORIGIN")), options];
    for (;;) {
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      const answer = await fetch(url, { redirect: "manual", ...how, headers: { ...how.headers, cookie } });
      for (const line of answer.headers.getSetCookie()) {
        const [name, value] = line.split(";")[0].split(/=(.*)/s);
        this.#cookies.set(name, value);
      }
      const location = answer.headers.get("location");
      if (!location) return { url, text: await answer.text() };
      [url, how] = [new URL(location, url), {}];
      if (url.origin !== setting("ORIGIN")) return Object.fromEntries(url.searchParams);
    }
  }

  open(address) {
    return this.#ask(address);
  }

  press(page, button, fields = {}) {
    const form = {};
    for (const [tag] of page.text.matchAll(/<input [^>]*>/g)) form[attribute(tag, "name")] = attribute(tag, "value");
    const action = attribute(/<form [^>]*>/.exec(page.text)[0], "action");
    const body = new URLSearchParams({ ...form, ...fields, action: button });
    return this.#ask(new URL(action, page.url), { method: "POST", body, headers: { origin: setting("ORIGIN") } });
  }

  signIn(page, username, password) {
    return this.press(page, "sign-in", { username, password });
  }
}

// Does on this device what the other one asks for.
export async function approveDevice({ verificationUri, userCode }, username, password) {
  const browser = new Browser();
  const page = await browser.press(await browser.open(verificationUri), "code", { user_code: userCode });
  return browser.press(await browser.signIn(page, username, password), "accept");
}
