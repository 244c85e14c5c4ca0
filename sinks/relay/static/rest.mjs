/** REST under /v1 of the host that served the page. */

/** Parsed JSON; throws an Error whose message says what the relay said. */
export async function ask(path, token = null) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers });
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw new Error(problem.detail ?? problem.title ?? `the relay answered ${answer.status}`);
}
