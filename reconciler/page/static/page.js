// Brings the page up to date without a flash: what unfolds stays unfolded, the focus and the place stay where they are.
// Without this script the page reloads itself as a whole.
"use strict";

const pause = Number(document.body.dataset.refresh) * 1000;
let answered = Date.now();

function parts(root) {
  return [".top", "#now", ".bottom"].map((name) => root.querySelector(name));
}

function mark(element) {
  if (!element || element === document.body) return null;
  if (element.id) return () => document.getElementById(element.id);
  const inside = element.closest("details[id]");
  return inside && (() => document.getElementById(inside.id)?.querySelector("summary"));
}

function take(text) {
  const next = new DOMParser().parseFromString(text, "text/html");
  if (parts(next).includes(null)) throw new Error("another page");
  const open = [...document.querySelectorAll("details[open][id]")].map((each) => each.id);
  const focused = mark(document.activeElement);
  for (const id of open) next.getElementById(id)?.setAttribute("open", "");
  const icon = next.querySelector("link[rel=icon]").getAttribute("href");
  const here = document.querySelector("link[rel=icon]");
  if (here.getAttribute("href") !== icon) here.setAttribute("href", icon);
  const old = parts(document);
  parts(next).forEach((part, place) => old[place].replaceWith(document.adoptNode(part)));
  document.title = next.title;
  if (focused) focused()?.focus({ preventScroll: true });
}

function tellLost(isLost) {
  const lost = document.getElementById("lost");
  if (lost.hidden !== isLost) return;
  lost.hidden = !isLost;
  const since = new Date(answered).toISOString().slice(11, 19);
  lost.textContent = isLost ? `No answer from kea-reconciler since ${since} UTC: what stands here is old.` : "";
  document.body.classList.toggle("old", isLost);
}

async function refresh() {
  try {
    const got = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(pause * 2) });
    if (!got.ok) throw new Error(String(got.status));
    take(await got.text());
    answered = Date.now();
    tellLost(false);
  } catch {
    tellLost(true);
  }
}

async function again() {
  if (!document.hidden && String(getSelection()) === "") await refresh();
  setTimeout(again, pause);
}

document.addEventListener("visibilitychange", () => document.hidden || refresh());
setTimeout(again, pause);
