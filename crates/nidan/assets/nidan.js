// Small comforts; every page works without them.
"use strict";
const all = (selector) => document.querySelectorAll(selector);

// "Send again": counts down, then wakes up. The server decides, this only says when it makes sense.
for (const button of all("[data-wait]")) {
  const ready = button.textContent;
  const end = Date.now() + button.dataset.wait * 1000;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? button.dataset.waiting.replace("{n}", left) : ready;
    if (left > 0) setTimeout(tick, 250);
  };
  tick();
}
for (const hint of all("[data-without-script]")) hint.remove();

// Passwords can be looked at.
for (const input of all("[data-show]")) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  label.className = "show";
  box.type = "checkbox";
  box.onchange = () => (input.type = box.checked ? "text" : "password");
  label.append(box, input.dataset.show);
  input.after(label);
  // What is shown must not stay in the browser's memory of forms.
  input.form.addEventListener("submit", () => (input.type = "password"));
}

// The key for the authenticator app goes to the clipboard.
for (const button of navigator.clipboard ? all("[data-copy]") : []) {
  button.hidden = false;
  button.onclick = async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = button.dataset.copied;
  };
}

// The demo phone shows what arrives.
for (const part of all("[data-refresh]")) {
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(part.id);
      if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
    } catch {}
  }, 2000);
}
