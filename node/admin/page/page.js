// Keeps the page up to date: fetches it again and replaces the parts that have changed. Shows the values under the
// pointer in the charts. The node renders everything, so without this script the page is complete, but not
// refreshed.
"use strict";

const kIntervalMs = 2000;
const kTimeoutMs = 5000;
const kParts = [
  "summary", "problems", "tiles", "cluster", "members", "ranges", "charts", "latency", "top", "places", "bans",
  "drops", "records", "peers",
];
const kChartWidth = 400;  // in units of the charts

const offline = document.getElementById("offline");
const charts = document.getElementById("charts");
let answeredAt = new Date();
const rendered = new Map();  // of each part, as the node made it
let pointer = null;  // where it is in the charts, from 0 on the left to 1 on the right

function replaceChanged(fresh) {
  for (const id of kParts) {
    const now = document.getElementById(id);
    const next = fresh.getElementById(id);
    if (!now || !next || rendered.get(id) === next.innerHTML) continue;
    rendered.set(id, next.innerHTML);
    now.replaceChildren(...document.adoptNode(next).childNodes);
    now.dataset.changes = Number(now.dataset.changes || 0) + 1;
    if (now === charts) showValues();
  }
}

async function update() {
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(kTimeoutMs) });
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

// The number of the point that is nearest to the pointer, or of the newest.
function pointShown(times, rangeS) {
  const newest = times.length - 1;
  if (pointer === null) return newest;
  const at = times[newest] - rangeS * (1 - pointer);
  let nearest = 0;
  for (let i = 1; i < times.length; ++i) {
    if (Math.abs(times[i] - at) < Math.abs(times[nearest] - at)) nearest = i;
  }
  return nearest;
}

// All charts show the same moment: that under the pointer, or now.
function showValues() {
  const data = charts.querySelector("[data-times]");
  if (!data || !data.dataset.times) return;
  const times = data.dataset.times.split("|").map(Number);
  const rangeS = Number(data.dataset.range);
  const shown = pointShown(times, rangeS);
  const x = kChartWidth * (1 - (times[times.length - 1] - times[shown]) / rangeS);
  for (const figure of charts.querySelectorAll("figure")) {
    const values = figure.querySelectorAll(".key > span");
    figure.querySelectorAll(".line").forEach((line, number) => {
      values[number].textContent = line.dataset.values.split("|")[shown];
    });
    const cursor = figure.querySelector(".cursor");
    if (cursor) cursor.setAttribute("d", pointer === null ? "" : `M${x} 16V112`);
    figure.querySelector("time").textContent =
      pointer === null ? "" : new Date(times[shown] * 1000).toLocaleTimeString();
  }
}

function pointAt(event) {
  const chart = event.target.closest("svg");
  const box = chart && chart.getBoundingClientRect();
  pointer = box ? Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) : null;
  showValues();
}

if (charts) {
  charts.addEventListener("pointermove", pointAt);
  charts.addEventListener("pointerdown", pointAt);
  charts.addEventListener("pointerleave", () => {
    pointer = null;
    showValues();
  });
}
for (const id of kParts) {
  const part = document.getElementById(id);
  if (part) rendered.set(id, part.innerHTML);
}
setTimeout(update, kIntervalMs);
