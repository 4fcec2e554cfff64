import { isObject, type Json, type JsonObject } from "./json";

/**
 * RFC 7396: the value after a merge patch. Null deletes, arrays are replaced whole.
 *
 * Nothing is changed in place, and what the patch doesn't touch is shared with the old value,
 * so that an unchanged part is recognised by identity.
 */
export function applyMergePatch(target: Json | undefined, patch: Json): Json {
  if (!isObject(patch)) return patch;
  // A map, because an object takes a key called __proto__ for something else.
  const result = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [key, change] of Object.entries(patch)) {
    if (change === undefined) continue;
    if (change === null) result.delete(key);
    else result.set(key, applyMergePatch(result.get(key), change));
  }
  return Object.fromEntries(result);
}

/** The same for a topic's value, which is always an object. */
export function patched(target: JsonObject, patch: JsonObject): JsonObject {
  return applyMergePatch(target, patch) as JsonObject;
}
