const TITLES = { before: "As it came", after: "As it left" };
const MESSAGES_MAX = 2000, STATE_EVERY = 3000, MESSAGES_EVERY = 1000;
const TABS = ["calls", "trust", "decisions", "explain"];
let next = 0, token = sessionStorage.getItem("sipveil-token") ?? "", isIn = true;

async function ask(path, options = {}) {
  const headers = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...options.headers };
  const response = await fetch(path, { ...options, headers, cache: "no-store" });
  if (response.status === 401) showDoor();
  return response;
}

function showDoor() {
  at("refused").textContent = token && isIn ? "Another token is wanted." : at("refused").textContent;
  isIn = false;
  at("door").hidden = false;
  at("verdict").textContent = "This page needs the token.";
}
at("door").addEventListener("submit", async (event) => {
  event.preventDefault();
  token = at("token").value.trim();
  const response = await ask("api/state");
  if (!response.ok) { at("refused").textContent = "That is another token."; return; }
  sessionStorage.setItem("sipveil-token", token);
  at("token").value = "";
  at("refused").textContent = "";
  at("door").hidden = true;
  isIn = true;
  await showState();
});

// Tabs, by mouse and by arrow keys.
function choose(name) {
  for (const one of TABS) {
    const tab = at(`tab-${one}`), isChosen = one === name;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    at(`view-${one}`).hidden = !isChosen;
  }
}
TABS.forEach((name, index) => {
  const tab = at(`tab-${name}`);
  tab.addEventListener("click", () => choose(name));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const beside = TABS[(index + step + TABS.length) % TABS.length];
    choose(beside);
    at(`tab-${beside}`).focus();
    event.preventDefault();
  });
});

// Calls as they happen.
async function showMessages() {
  if (!isIn || document.hidden || at("pause").checked) return;
  const response = await ask(`api/messages?from=${next}`);
  if (!response.ok) return;
  const told = await response.json();
  if (told.next < next || told.from > next) forget();
  next = told.next;
  if (told.messages.length === 0) return;
  const changed = take(told.messages);
  keep();
  const found = showCalls();
  if (current && changed.has(current)) drawCall(current);
  if (!current && found.length > 0) showCall(found[0]);
}
// Numbers began anew: so do the calls.
function forget() {
  calls.clear();
  sorted = [];
  current = chosen = null;
  at("ladder").replaceChildren();
  at("message").replaceChildren();
}
function keep() {
  let count = [...calls.values()].reduce((sum, call) => sum + call.messages.length, 0);
  for (const call of calls.values()) {
    if (count <= MESSAGES_MAX) break;
    if (call === current) continue;
    count -= call.messages.length;
    calls.delete(call.key);
  }
  sorted = sorted.filter((call) => calls.has(call.key));
}

// How things stand.
const series = (row) => Object.entries(row.labels).map(([key, value]) => `${key} ${value}`).join(", ");
const since = (unix) => new Date(unix * 1000).toLocaleString();

async function showState() {
  if (!isIn || document.hidden) return;
  let told;
  try {
    const response = await ask("api/state");
    if (!response.ok) return;
    told = await response.json();
  } catch {
    at("verdict").textContent = "The proxy does not answer.";
    at("verdict").classList.add("leak");
    return;
  }
  const { now, policy } = told;
  at("version").textContent = told.version;
  at("verdict").classList.toggle("leak", told.state !== "ready");
  at("verdict").textContent = { ready: "Takes new requests.", draining: "Draining: nothing new is taken.", ended: "No worker is left." }[told.state];
  const facts = [["sipveil_unanswered", "without a final answer"], ["sipveil_transactions", "transactions"],
    ["sipveil_registrations", "registrations"], ["sipveil_dialogs", "dialogs kept"], ["sipveil_workers", "workers"]];
  at("counts").replaceChildren(...facts.filter(([name]) => name in now).map(([name, text]) => element("li", {}, `${now[name]} ${text}`)));
  showCounted(told);
  if (policy) showPolicy(policy);
}

function showCounted({ counted, explained }) {
  const groups = new Map();
  for (const row of counted) {
    if (/_(bucket|sum|count)$/.test(row.name)) continue;
    if (!groups.has(row.name)) groups.set(row.name, []);
    groups.get(row.name).push(row);
  }
  const parts = [];
  for (const [name, rows] of groups) {
    parts.push(element("h3", {}, explained[name] ?? name));
    rows.sort((one, other) => other.value - one.value);
    parts.push(table(["", "count"], rows.map((one) => {
      const made = row(series(one) || name, one.value);
      made.lastChild.className = "number";
      return made;
    })));
  }
  if (parts.length === 0) parts.push(element("p", { class: "quiet" }, "Nothing yet."));
  at("counted").replaceChildren(...parts);
}

// The trust domain as a picture: this node, its listeners, and who can be at the other end of each.
const STANDING = { trusted: "trusted", ue: "served", untrusted: "untrusted", listed: "untrusted" };
function showPolicy(policy) {
  at("origin").textContent = `${policy.file}, in force since ${since(policy.since)}; the trust domain is ${policy.domain}.`;
  const listeners = policy.listeners, height = 70 + listeners.length * 64;
  const svg = drawn("svg", { width: 760, height, viewBox: `0 0 760 ${height}`, role: "img", "aria-label": saidOfPolicy(policy) });
  svg.append(drawn("rect", { class: "zone trusted", x: 8, y: 8, width: 430, height: height - 16, rx: 10 }));
  svg.append(drawn("text", { class: "trusted", x: 24, y: 32 }, `trust domain ${policy.domain}`));
  svg.append(drawn("rect", { class: "node trusted", x: 340, y: 44, width: 90, height: height - 64, rx: 8 }));
  svg.append(drawn("text", { x: 385, y: height / 2 + 8, "text-anchor": "middle" }, "sipveil"));
  listeners.forEach((listener, index) => {
    const y = 70 + index * 64, standing = STANDING[listener.peers], isInside = standing === "trusted";
    const x = isInside ? 24 : 560, [from, to] = isInside ? [214, 340] : [430, 560];
    svg.append(drawn("line", { class: `link ${standing}`, x1: from, x2: to, y1: y, y2: y }));
    svg.append(drawn("rect", { class: `node ${standing}`, x, y: y - 22, width: 190, height: 44, rx: 8 }));
    svg.append(drawn("text", { x: x + 95, y: y - 3, "text-anchor": "middle" }, listener.name));
    svg.append(drawn("text", { class: standing, x: x + 95, y: y + 14, "text-anchor": "middle" }, listener.who));
  });
  at("picture").replaceChildren(svg);
  at("parties").replaceChildren(
    element("h3", {}, "Listeners"),
    table(["name", "who is there", "where", "secured by"], listeners.map((one) => row(one.name, one.who, one.binds.join(" "), one.secured_by ?? "nothing"))),
    element("h3", {}, "Peers"),
    policy.peers.length === 0 ? element("p", { class: "quiet" }, "None is listed.")
      : table(["name", "by what it is known", "secured by", "direction"], policy.peers.map((one) => row(one.name, one.known_by.join(", ") || "nothing", one.secured_by ?? "nothing", one.direction))),
    element("h3", {}, "Routes"),
    table(["from", "methods", "domains", "to", "by"], policy.routes.map((one) => row(one.from, one.methods, one.domains, one.next_hops, one.via))));
  const words = ["trusted", "untrusted", "ue", ...listeners.map((one) => one.name), ...policy.peers.map((one) => one.name)];
  at("words").replaceChildren(...words.map((word) => element("option", { value: word })));
}
function saidOfPolicy(policy) {
  return policy.listeners.map((one) => `${one.name}: ${one.who}`).join("; ");
}

// A message of the operator's own.
at("question").addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ message: at("text").value, from: at("from").value.trim(), to: at("to").value.trim() });
  const response = await ask("api/explain", { method: "POST", body, headers: { "Content-Type": "application/json" } });
  const told = await response.json().catch(() => ({ error: `status ${response.status}` }));
  at("answer").replaceChildren(...(response.ok ? explained(told) : [element("p", { class: "leak" }, told.error)]));
});
function explained(told) {
  const parts = [element("h3", {}, `${told.message}: ${told.verdict}`)];
  if (told.why) parts.push(element("p", {}, told.rule ? `${told.status} ${told.reason}: ${told.why} (${told.rule}, ${told.clause})` : told.why));
  parts.push(table(["", "listener", "standing", "evidence", "policy"], [["sender", told.from], ["next hop", told.to]].map(([what, one]) =>
    row(what, one.listener, one.standing, one.reason, one.policy ?? "default"))));
  if (told.asks_for.length > 0) parts.push(element("p", {}, `Privacy that counts: ${told.asks_for.join(", ")}`));
  parts.push(table(["header", "value", "what becomes of it", "rule", "clause", "policy"], told.headers.map((one) =>
    row(one.header, one.value, one.becomes ? `${one.fate}: ${one.becomes}` : one.fate, one.rule ?? "", one.clause ?? "", one.policy ?? ""))));
  for (const beside of told.beside ?? []) parts.push(element("p", { class: "quiet" }, beside));
  if (told.leaves) parts.push(element("h3", {}, "As it would leave"), element("pre", { tabindex: 0, "aria-label": "As it would leave" }, told.leaves));
  return parts;
}

setInterval(showMessages, MESSAGES_EVERY);
setInterval(showState, STATE_EVERY);
document.addEventListener("visibilitychange", showState);
showState().then(showMessages);
