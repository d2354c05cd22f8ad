// The keyboard, the large view and verdicts in place. Every page works without this file: it drives the same forms.
"use strict";

(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const photos = () => [...document.querySelectorAll("[data-photo]")];
  const viewer = $("#viewer");
  const returning = $("#returning");
  let current = null; // the id of the photo that keys act on
  let busy = false;

  document.documentElement.classList.add("script");

  const photo = () => document.getElementById(current || "");

  function choose(next, focus = true) {
    if (!next) return;
    current = next.id;
    for (const one of photos()) one.classList.toggle("current", one === next);
    if (viewer.open) fillViewer();
    else if (focus) {
      $(".large", next).focus({ preventScroll: true });
      next.scrollIntoView({ block: "nearest" });
    }
  }

  function step(by) {
    const all = photos();
    if (!all.length) return;
    const place = all.indexOf(photo());
    choose(all[Math.min(Math.max(place < 0 ? (by > 0 ? 0 : all.length - 1) : place + by, 0), all.length - 1)]);
  }

  function tell(words) {
    if (viewer && viewer.open) {
      $("#viewer-said").textContent = words;
      return;
    }
    const line = document.createElement("p");
    line.className = "notice ask";
    line.textContent = words;
    $("#said").replaceChildren(line);
  }

  function fillViewer() {
    const shown = photo();
    if (!shown) return;
    const badge = $(".title .badge", shown).textContent;
    $("#viewer-caption").textContent = `${shown.dataset.place} · ${shown.dataset.caption} · ${badge}`;
    const image = $("#viewer-image");
    const address = $(".large", shown).getAttribute("href");
    if (image.getAttribute("src") !== address) image.src = address;
    image.alt = $(".large img", shown).alt;
    for (const button of viewer.querySelectorAll("[data-judge]")) button.hidden = !shown.dataset.action;
    $("[data-judge=pass]", viewer).hidden = !$("form.pass", shown);
  }

  function enlarge(which) {
    choose(which, false);
    if (!viewer.open) viewer.showModal();
    $("#viewer-said").textContent = "";
    fillViewer();
  }

  function judge(verdict) {
    const shown = photo();
    if (!shown) return;
    if (!shown.dataset.action) {
      tell(shown.dataset.refusal);
    } else if (verdict === "pass") {
      const form = $("form.pass", shown);
      if (form) form.requestSubmit();
      else tell(shown.dataset.review === "pending" ? shown.dataset.refusal : $(".title .badge", shown).textContent);
    } else {
      openReturning(shown);
    }
  }

  function openReturning(shown) {
    const source = $("form:has([name=operation])", shown);
    const form = $("form", returning);
    form.action = shown.dataset.action;
    $(".fields", form).replaceChildren(
      ...["csrf_token", "operation", "base"].map((name) => $(`[name=${name}]`, source).cloneNode()),
    );
    $("#returning-caption").textContent = shown.dataset.caption;
    $("#returning-reason").value = "";
    returning.showModal();
    $("#returning-reason").focus();
  }

  // Submit without leaving the page: the answer is the same page, of which the main part is taken over.
  async function submitInPlace(form, button) {
    if (busy) return;
    busy = true;
    const judged = photo();
    const order = photos().map((one) => one.id);
    try {
      const fields = new URLSearchParams(new FormData(form, button));
      const answer = await fetch(form.action, { method: "POST", body: fields });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const main = $("#main", page);
      if (!answer.ok || !main || !new URL(answer.url).pathname.startsWith("/console/cases/")) {
        leaveWith(form, button); // a sign-in or a problem page: let the browser show it
        return;
      }
      $("#main").replaceChildren(...main.childNodes);
      $("#said").replaceChildren(...$("#said", page).childNodes);
      if (returning.open) returning.close();
      moveOn(judged, order);
    } catch {
      leaveWith(form, button);
    } finally {
      busy = false;
    }
  }

  // The same form the plain way; its operation's id makes a second arrival harmless.
  function leaveWith(form, button) {
    form.removeAttribute("data-inplace");
    form.requestSubmit(button);
  }

  function moveOn(judged, order) {
    const start = judged ? order.indexOf(judged.id) : -1;
    const later = [...order.slice(start + 1), ...order.slice(0, start + 1)].map((id) => document.getElementById(id));
    const next = later.find((one) => one && one.dataset.review === "pending") || document.getElementById(current || "");
    if (viewer.open) $("#viewer-said").textContent = $("#said").textContent.trim();
    choose(next);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-inplace]")) return;
    event.preventDefault();
    const card = form.closest("[data-photo]");
    if (card) current = card.id;
    submitInPlace(form, event.submitter);
  });

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-close], [data-open], [data-step], [data-judge], [data-reason], a.large, details.return > summary");
    if (!target) return;
    if (target.matches("a.large, summary")) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      const card = target.closest("[data-photo]");
      if (target.matches("summary")) {
        choose(card, false);
        judge("return");
      } else enlarge(card);
    } else if ("close" in target.dataset) target.closest("dialog").close();
    else if (target.dataset.open) document.getElementById(target.dataset.open).showModal();
    else if (target.dataset.step) step(Number(target.dataset.step));
    else if (target.dataset.judge) judge(target.dataset.judge);
    else if (target.dataset.reason) $("#returning-reason").value = target.dataset.reason;
  });

  document.addEventListener("focusin", (event) => {
    const card = event.target.closest("[data-photo]");
    if (card && card.id !== current) choose(card, false);
  });

  document.addEventListener("keydown", (event) => {
    if (!viewer || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select") || returning.open) return;
    const keys = { j: () => step(1), k: () => step(-1), p: () => judge("pass"), r: () => judge("return") };
    if (event.key === "?") {
      if (!$("#help").open) $("#help").showModal();
    } else if (keys[event.key] && !$("#help").open) keys[event.key]();
    else return;
    event.preventDefault();
  });

  if (viewer) viewer.addEventListener("close", () => choose(photo()));
})();
