// Small comforts; every page works without them.
"use strict";
const all = (selector) => document.querySelectorAll(selector);

// "Send again": counts down, then wakes up. The server decides, this only says when it makes sense.
const countDown = (part) => {
  for (const button of part.querySelectorAll("[data-wait]")) {
    const ready = button.textContent;
    const end = Date.now() + button.dataset.wait * 1000;
    const tick = () => {
      const left = Math.ceil((end - Date.now()) / 1000);
      button.disabled = left > 0;
      button.textContent = left > 0 ? button.dataset.waiting.replace("{n}", left) : ready;
      if (left > 0 && button.isConnected) setTimeout(tick, 250);
    };
    tick();
  }
};
countDown(document);

// What becomes of the message is shown as it happens. A part that somebody is in waits until he has left it.
const renew = (fresh) => {
  const part = document.getElementById(fresh.id);
  if (!part) return;
  if (part.contains(document.activeElement)) {
    part.addEventListener("focusout", () => setTimeout(renew, 0, fresh), { once: true });
  } else if (part.innerHTML !== fresh.innerHTML) {
    part.className = fresh.className;
    part.replaceChildren(...fresh.childNodes);
    countDown(part);
  }
};
for (const { dataset } of all("[data-events]")) {
  const events = new EventSource(dataset.events);
  const live = (is) => document.documentElement.classList.toggle("live", is);
  const told = ({ data }) => {
    for (const fresh of [...new DOMParser().parseFromString(data, "text/html").body.children]) renew(fresh);
  };
  live(true);
  events.onmessage = told;
  events.addEventListener("over", (event) => {
    events.close();
    told(event);
  });
  // Without events the link that reloads the page is shown again.
  events.onerror = () => live(events.readyState !== EventSource.CLOSED);
}

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
  const timer = setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(part.id);
      if (fresh && fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
    } catch {
      clearInterval(timer);
    }
  }, 2000);
}
