// Between gr.HTML and an island: finds the mount point, hands over the tab, and takes the island down when its
// element leaves the document (Gradio has no unmount hook).
import { Api } from "../core/api.mjs";
import { Tab } from "./tab.mjs";

/** @type {Tab | undefined} shared by every island of this document */ let tab;

/** @param {HTMLElement} element what gr.HTML gives to js_on_load @param {string} name of the island's module */
export async function attach(element, name) {
  const root = element.querySelector(`[data-island="${name}"]`) ?? element;
  const { mount } = await import(`./${name}.mjs`);
  if (!tab || tab.gone.signal.aborted) tab = new Tab(new Api(new URL("api/v1", document.baseURI).href, clientId()));
  const island = mount({ root, tab });
  const watcher = new MutationObserver(() => {
    if (root.isConnected) return;
    watcher.disconnect();
    island.destroy();
  });
  watcher.observe(document.body, { childList: true, subtree: true });
}

/** One per tab: the server shares the model fairly among them. */
function clientId() {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
