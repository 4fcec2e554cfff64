import { isObject } from "./json";

/** How the wish to forget a source ended: whether it is gone, and that in a sentence. */
export async function forgetting(
  ask: () => Promise<Response>,
  name: string,
): Promise<{ readonly done: boolean; readonly words: string }> {
  let response: Response;
  try {
    response = await ask();
  } catch {
    return { done: false, words: "The server does not answer. Nothing was forgotten." };
  }
  if (response.ok) return { done: true, words: `${name} is forgotten` };
  const body: unknown = await response.json().catch(() => undefined);
  const said = isObject(body) && typeof body.error === "string" ? sentence(body.error) : undefined;
  if (response.status === 404) return { done: true, words: `${name} was forgotten already` };
  if (response.status === 409) return { done: false, words: `It lives, so it is kept. ${said ?? ""}`.trim() };
  if (response.status === 403) return { done: false, words: "Your token may look, not forget. Use one with the role control." };
  return { done: false, words: said ?? `The server answered ${response.status}. Nothing was forgotten.` };
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
