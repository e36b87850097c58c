"use strict";
// Everything that was recorded is shown as text, never as markup.
// What is drawn is the same in the report of a capture and on the page of the running proxy.
const at = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const ROW = 34, TOP = 46, COLUMN = 190, LEFT = 100, CALLS_SHOWN = 500;

function element(name, attributes = {}, ...inside) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}
function drawn(name, attributes = {}, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const leaks = (message) => [...(message.recorded_leak ?? []), ...(message.would_leak ?? [])];
const isLeak = (message) => leaks(message).length > 0;
const isStopped = (message) => message.result === "refused" || message.result === "dropped";
const isChanged = (message) => (message.decisions ?? []).length > 0 || isStopped(message) || message.result === "unreadable";
const nameOf = (message) => message.kind ?? (message.result === "repeated" ? `again ${message.same_as}` : "unreadable");
const shownLeak = (message) => leaks(message).map((header) => (header === "*" ? "the message itself" : header)).join(", ");

function said(message) {
  const words = [`message ${message.number}: ${nameOf(message)} from ${message.from} to ${message.to}`];
  if (message.origin) words.push(`${message.origin.standing} to ${message.hop.standing}`);
  if (isStopped(message)) words.push(message.result);
  if (isLeak(message)) words.push(`shows a stranger ${shownLeak(message)}`);
  return words.join(", ");
}

// Calls, in the order of their first message; those that leak come first.
const calls = new Map();
let sorted = [], current = null, chosen = null;

function take(messages) {
  const changed = new Set();
  for (const message of messages) {
    const key = message.call ?? -1;
    if (!calls.has(key)) calls.set(key, { key, messages: [] });
    calls.get(key).messages.push(message);
    changed.add(calls.get(key));
  }
  for (const call of changed) {
    call.leaks = call.messages.filter(isLeak).length;
    call.title = call.key < 0 ? "not of a call" : `${call.key + 1}: ${nameOf(call.messages[0])}`;
    call.text = call.messages.map((message) => [nameOf(message), message.result, ...leaks(message), message.refusal?.rule,
      ...(message.decisions ?? []).flatMap((one) => [one.header, one.action, one.rule])].join(" ")).join(" ").toLowerCase();
  }
  sorted = [...calls.values()].sort((one, other) => (other.leaks > 0) - (one.leaks > 0));
  return changed;
}

function showCalls() {
  const wanted = at("find").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const found = sorted.filter((call) => wanted.every((word) => call.text.includes(word) || call.title.toLowerCase().includes(word))
    && (!at("leaks").checked || call.leaks > 0) && (!at("changes").checked || call.messages.some(isChanged)));
  at("calls").replaceChildren(...found.slice(0, CALLS_SHOWN).map((call) => {
    const button = element("button", { type: "button" }, call.title, " ",
      element("span", { class: "quiet" }, `${call.messages.length} messages`));
    if (call.leaks > 0) button.append(element("span", { class: "leak" }, ` ${call.leaks} leaking`));
    button.addEventListener("click", () => showCall(call));
    call.button = button;
    if (call === current) button.setAttribute("aria-current", "true");
    return element("li", {}, button);
  }));
  const more = found.length > CALLS_SHOWN ? `, the first ${CALLS_SHOWN} are listed` : "";
  at("found").textContent = `${found.length} of ${sorted.length} calls${more}`;
  return found;
}

function columns(call) {
  const standings = new Map();
  for (const message of call.messages) {
    if (message.origin) standings.set(message.from, message.origin.standing);
    else if (!standings.has(message.from)) standings.set(message.from, "untrusted");
    if (message.hop) standings.set(message.to, message.hop.standing);
    else if (!standings.has(message.to)) standings.set(message.to, "untrusted");
  }
  const order = { served: 0, trusted: 1, untrusted: 2 };
  return [...standings].sort((one, other) => order[one[1]] - order[other[1]]);
}

function showCall(call) {
  current?.button?.removeAttribute("aria-current");
  current = call;
  call.button?.setAttribute("aria-current", "true");
  drawCall(call);
  showMessage(call.messages.find(isLeak) ?? call.messages[0]);
}

function drawCall(call) {
  at("ladder-title").textContent = `Ladder of ${call.key < 0 ? "what is not of a call" : "call " + call.title}`;
  const parties = columns(call);
  const place = new Map(parties.map(([name], index) => [name, LEFT + index * COLUMN]));
  const width = LEFT * 2 + (parties.length - 1) * COLUMN, height = TOP + call.messages.length * ROW + 20;
  const svg = drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-labelledby": "ladder-title" });
  for (const [name, standing] of parties) {
    const x = place.get(name);
    svg.append(drawn("text", { x, y: 20, "text-anchor": "middle", class: standing }, `${name} (${standing})`));
    svg.append(drawn("line", { x1: x, x2: x, y1: 28, y2: height, class: `life ${standing}` }));
  }
  const inside = parties.filter(([, standing]) => standing !== "untrusted").length;
  if (inside > 0 && inside < parties.length) {
    const x = LEFT + (inside - .5) * COLUMN;
    svg.append(drawn("line", { x1: x, x2: x, y1: 6, y2: height, class: "boundary" }));
  }
  call.messages.forEach((message, index) => svg.append(arrow(message, index, place, width)));
  at("ladder").replaceChildren(svg);
}

function arrow(message, index, place, width) {
  const y = TOP + index * ROW + 16, [from, to] = [place.get(message.from), place.get(message.to)];
  const kinds = ["arrow"];
  if (isChanged(message)) kinds.push("changed");
  if (isStopped(message)) kinds.push("stopped");
  if (isLeak(message)) kinds.push("leak");
  const group = drawn("g", { class: kinds.join(" "), tabindex: 0, role: "button", "aria-pressed": String(message === chosen), "aria-label": said(message) });
  const ahead = to >= from ? -1 : 1;
  group.append(drawn("rect", { class: "ground", x: 2, y: y - 17, width: width - 4, height: ROW - 2, rx: 5 }));
  group.append(drawn("line", { x1: from, x2: to, y1: y, y2: y }));
  if (from !== to) group.append(drawn("path", { d: `M ${to} ${y} l ${ahead * 9} -5 l 0 10 z` }));
  const mark = isLeak(message) ? " ⚠" : isStopped(message) ? " ✕" : "";
  group.append(drawn("text", { x: (from + to) / 2, y: y - 4, "text-anchor": "middle" }, nameOf(message) + mark));
  group.addEventListener("click", () => showMessage(message));
  group.addEventListener("keydown", (event) => {
    const beside = { ArrowDown: group.nextElementSibling, ArrowUp: group.previousElementSibling }[event.key];
    if (event.key === "Enter" || event.key === " ") showMessage(message);
    else if (beside?.classList.contains("arrow")) beside.focus();
    else return;
    event.preventDefault();
  });
  message.arrow = group;
  return group;
}

// Rows that stand on both sides stay; of the longest such sequence the rest is gone or has come.
function compared(before, after) {
  const lengths = Array.from({ length: before.length + 1 }, () => new Uint16Array(after.length + 1));
  for (let one = before.length - 1; one >= 0; one--)
    for (let other = after.length - 1; other >= 0; other--)
      lengths[one][other] = before[one] === after[other] ? lengths[one + 1][other + 1] + 1
        : Math.max(lengths[one + 1][other], lengths[one][other + 1]);
  const stays = [new Set(), new Set()];
  for (let one = 0, other = 0; one < before.length && other < after.length;) {
    if (before[one] === after[other]) { stays[0].add(one++); stays[1].add(other++); }
    else if (lengths[one + 1][other] >= lengths[one][other + 1]) one++;
    else other++;
  }
  return stays;
}

function side(title, rows, stays, kind, sign) {
  const text = element("pre", { tabindex: 0, "aria-label": title });
  rows.forEach((row, index) => {
    const isSame = stays.has(index);
    text.append(element("span", isSame ? {} : { class: kind }, `${isSame ? " " : sign} ${row}\n`));
  });
  return element("div", {}, element("h3", {}, title), text);
}

function row(...cells) {
  return element("tr", {}, ...cells.map((cell) => element("td", {}, String(cell))));
}
const line = (number) => (number === 0 ? "default" : `line ${number}`);

function showMessage(message) {
  chosen?.arrow?.setAttribute("aria-pressed", "false");
  chosen = message;
  message.arrow?.setAttribute("aria-pressed", "true");
  const parts = [element("h2", {}, said(message))];
  if (isLeak(message)) parts.push(element("p", { class: "leak" }, `A stranger is shown: ${shownLeak(message)}`));
  if (message.error) parts.push(element("p", {}, `It cannot be read: ${message.error}`));
  if (message.why) parts.push(element("p", {}, `It goes no further: ${message.why}`));
  if (message.refusal) parts.push(element("p", {}, `Refused: ${message.refusal.status} ${message.refusal.reason}, ${message.refusal.rule}, ${message.refusal.clause}`));
  if (message.origin) {
    const ends = [["sender", message.from, message.origin], ["next hop", message.to, message.hop]];
    parts.push(table(["", "party", "standing", "evidence", "policy"],
      ends.map(([what, party, end]) => row(what, party, end.standing, end.reason, line(end.policy_line)))));
  }
  const decisions = message.decisions ?? [];
  if (decisions.length > 0)
    parts.push(table(["header", "what is done", "where", "rule", "clause", "policy"], decisions.map((one) =>
      row(one.header, one.action, one.door === "in" ? "on arrival" : "on leaving", one.rule, one.clause, line(one.policy_line)))));
  else if (message.result === "cleared") parts.push(element("p", { class: "quiet" }, "Nothing in it is decided on: it passes."));
  const after = message.after ?? [];
  const stays = message.after ? compared(message.before, after) : [new Set(message.before.keys()), new Set()];
  const sides = element("div", { class: "sides" }, side(TITLES.before, message.before, stays[0], "gone", "−"));
  if (message.after) sides.append(side(TITLES.after, after, stays[1], "come", "+"));
  parts.push(sides);
  at("message").replaceChildren(...parts);
}

function table(titles, rows) {
  const head = element("tr", {}, ...titles.map((title) => element("th", { scope: "col" }, title)));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function search() {
  const found = showCalls();
  if (!found.includes(current) && found.length > 0) showCall(found[0]);
}
for (const id of ["find", "leaks", "changes"]) at(id).addEventListener("input", search);
