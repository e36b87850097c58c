const { messages, summary } = JSON.parse(document.getElementById("data").textContent);
const TITLES = { before: "As recorded", after: "As it would leave" };

function showSummary() {
  const leaking = summary.recorded_leaks + summary.would_leak;
  const verdict = at("verdict");
  verdict.textContent = leaking === 0 ? "No stranger was shown what the policy forbids."
    : `${summary.recorded_leaks} messages show a stranger what the policy forbids` +
      (summary.would_leak > 0 ? `, and ${summary.would_leak} would.` : ".");
  verdict.classList.toggle("leak", leaking > 0);
  for (const key of ["messages", "requests", "responses", "repeated", "unreadable", "refused", "dropped", "removed", "rewritten", "left_out"])
    if (summary[key] > 0) at("counts").append(element("li", {}, `${summary[key]} ${key.replace("_", " ")}`));
}

take(messages);
showSummary();
search();
