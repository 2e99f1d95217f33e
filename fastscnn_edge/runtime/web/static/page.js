"use strict";

const EVERY = 700; // milliseconds between two status requests
const STALE = 3; // seconds after which a picture is no longer called live

const find = (id) => document.getElementById(id);
const view = find("view");
const still = find("still");

let rows = [];
let run = null;
let paused = false;
let streams = 0; // makes each stream's URL unique, or the browser would show the last image of the old one
let frame = null;

function number(value, digits) {
  return value === null ? "–" : value.toFixed(digits);
}

function percent(share) {
  if (share === 0) return "–";
  return share < 0.001 ? "<0.1 %" : (share * 100).toFixed(1) + " %";
}

function element(name, className) {
  const made = document.createElement(name);
  if (className) made.className = className;
  return made;
}

function listClasses(classes) {
  rows = classes.map((one) => {
    const row = element("li");
    const [swatch, label, bar, fill, share] = [
      element("span", "swatch"), element("span"), element("span", "bar"), element("i"), element("span"),
    ];
    if (one.painted) swatch.style.background = one.color;
    label.textContent = one.label;
    bar.append(fill);
    row.append(swatch, label, bar, share);
    return { row, fill, share };
  });
  find("classes").replaceChildren(...rows.map((r) => r.row));
}

function startStream() {
  streams += 1;
  view.src = "stream.mjpg?" + streams;
}

function stopStream() {
  view.removeAttribute("src");
}

function say(state, text) {
  const line = find("state");
  line.dataset.state = state;
  if (line.textContent !== text) line.textContent = text;
}

function show(status) {
  if (run !== status.run) {
    if (run !== null && !paused) startStream();
    run = status.run;
    listClasses(status.classes);
    find("source").textContent = status.source;
    find("model").textContent = status.model;
    document.title = status.source + " – fastscnn-edge";
  }
  if (status.shape) view.style.aspectRatio = still.style.aspectRatio = status.shape;
  find("fps").textContent = number(status.fps, 1);
  find("latency").textContent = number(status.latency_ms, 0);
  find("temperature").textContent = number(status.temperature_c, 0);
  find("dropped").textContent = status.dropped;
  find("throttled").classList.toggle("silent", status.throttle !== "throttled");
  status.classes.forEach((one, index) => {
    const { row, fill, share } = rows[index];
    row.dataset.absent = one.share === 0;
    fill.style.width = one.share * 100 + "%";
    share.textContent = percent(one.share);
  });
  frame = status.frame;
  if (!paused) find("frame").textContent = frame || "";
  if (paused) say("waiting", "paused");
  else if (status.finished) say("waiting", "all frames are done");
  else if (frame === null) say("waiting", "waiting for the first frame");
  else if (status.age_s > STALE) say("waiting", "no new frame for " + Math.round(status.age_s) + " s");
  else say("live", "live");
}

async function look() {
  try {
    const answer = await fetch("status", { signal: AbortSignal.timeout(5000) });
    if (answer.status === 403) say("lost", "access denied: reopen the URL printed by the command");
    else if (!answer.ok) throw new Error(answer.status);
    else show(await answer.json());
  } catch {
    if (run !== null) run = ""; // a broken stream does not recover by itself
    say("lost", "no connection, or the run has ended");
  }
  setTimeout(look, document.hidden ? EVERY * 4 : EVERY);
}

find("pause").addEventListener("click", () => {
  paused = !paused;
  const button = find("pause");
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? "Resume" : "Pause";
  if (paused && view.naturalWidth) {
    still.width = view.naturalWidth;
    still.height = view.naturalHeight;
    still.getContext("2d").drawImage(view, 0, 0);
    view.hidden = true;
    still.hidden = false;
    stopStream();
  } else if (!paused) {
    view.hidden = false;
    still.hidden = true;
    startStream();
  }
});

// A hidden tab needs no images, so the board need not draw them.
document.addEventListener("visibilitychange", () => {
  if (paused) return;
  if (document.hidden) stopStream();
  else startStream();
});

look();
