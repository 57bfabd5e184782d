// A view that travels: text, chain, seed and comparison as a link or a small file; another machine opens the same page.
import { viewFromFile, viewHash, viewToFile } from "../core/view_file.mjs";
import { el, setText } from "./dom.mjs";

export class Share {
  /** @param {any} lab */
  constructor(lab) {
    this.lab = lab;
    const { words } = lab;
    const button = (testid, act) => el("button", { type: "button", class: "lb-chip", "data-testid": testid, onclick: act },
      words.t(`lab.share.${testid.replace("-", "_")}`));
    this.file = el("input", { type: "file", accept: ".json,application/json", class: "lb-sr", tabindex: "-1",
      "aria-label": words.t("lab.share.open_file"), "data-testid": "open-file-input", onchange: () => this.#open() });
    this.address = el("input", { class: "lb-field is-small", readonly: true, hidden: true, "aria-label": words.t("lab.share.address"),
      "data-testid": "link-address", onfocus: () => this.address.select() });
    this.told = el("span", { class: "lb-muted", role: "status", "data-testid": "share-status" });
    this.node = el("section", { class: "lb-share", "aria-label": words.t("lab.share.title") }, el("b", {}, words.t("lab.share.title")),
      button("link", () => this.#copy()), button("save-file", () => this.#save()), button("open-file", () => this.file.click()), this.file,
        this.told, this.address);
  }

  tell(sentence) {
    setText(this.told, sentence);
  }

  /** A link or a file that could not be read or made. */
  refuse({ code, data, ...error }) {
    const { words } = this.lab;
    this.tell(words.has(`lab.view.${code}`) ? words.t(`lab.view.${code}`, data) : words.sentence({ ...error, code, data }));
  }

  #try(action) {
    try {
      action();
    } catch (error) {
      this.refuse(error);
    }
  }

  /** The clipboard may be forbidden: then the address stands there, selected. */
  #copy() {
    this.#try(() => {
      const { words } = this.lab;
      const url = new URL(location.href);
      url.search = "";
      url.hash = viewHash("sampler-lab", this.lab.exported());
      this.address.value = url.href;
      const show = () => {
        this.address.hidden = false;
        this.address.focus();
        this.tell(words.t("lab.share.copy_by_hand"));
      };
      if (!navigator.clipboard) return show();
      navigator.clipboard.writeText(url.href).then(() => this.tell(words.t("lab.share.copied")), show);
    });
  }

  #save() {
    this.#try(() => {
      const url = URL.createObjectURL(new Blob([viewToFile(this.lab.exported())], { type: "application/json" }));
      el("a", { href: url, download: "logitbox-view.json" }).click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
      this.tell(this.lab.words.t("lab.share.saved"));
    });
  }

  async #open() {
    const [file] = this.file.files;
    if (!file) return;
    const text = await file.text();
    this.file.value = "";
    this.#try(() => this.lab.actions.restore(viewFromFile(text)));
  }
}
