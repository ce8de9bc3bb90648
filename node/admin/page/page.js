// Keeps the page up to date: fetches it again and replaces the parts that have changed. The node renders
// everything, so without this script the page is complete, but not refreshed.
"use strict";

const kIntervalMs = 2000;
const kTimeoutMs = 5000;
const kParts = ["summary", "tiles", "cluster", "members", "charts", "top", "drops"];

const offline = document.getElementById("offline");
let answeredAt = new Date();

function replaceChanged(fresh) {
  for (const id of kParts) {
    const now = document.getElementById(id);
    const next = fresh.getElementById(id);
    if (!next || now.innerHTML === next.innerHTML) continue;
    now.replaceChildren(...document.adoptNode(next).childNodes);
    now.dataset.changes = Number(now.dataset.changes || 0) + 1;
  }
}

async function update() {
  try {
    const answer = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(kTimeoutMs) });
    if (!answer.ok) throw new Error("status " + answer.status);
    replaceChanged(new DOMParser().parseFromString(await answer.text(), "text/html"));
    answeredAt = new Date();
    offline.hidden = true;
  } catch {
    offline.querySelector("time").textContent = answeredAt.toLocaleTimeString();
    offline.hidden = false;
  }
  // A hidden page costs the node nothing.
  if (document.hidden) {
    document.addEventListener("visibilitychange", update, { once: true });
  } else {
    setTimeout(update, kIntervalMs);
  }
}

setTimeout(update, kIntervalMs);
