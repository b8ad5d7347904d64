/** Files by URL: fetched in a page, read from disk in Node. */

/**
 * @param {URL} url
 * @returns {Promise<Uint8Array>}
 */
export async function read(url) {
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    try {
      return new Uint8Array(await readFile(url));
    } catch (error) {
      throw new Error(`${decodeURI(url.pathname)} cannot be read (${error.code}).`);
    }
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} cannot be loaded: the server answers ${response.status}.`);
  return new Uint8Array(await response.arrayBuffer());
}

/** @param {URL} url */
export async function readJson(url) {
  const text = new TextDecoder().decode(await read(url));
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${url.pathname} is not JSON. Export the page again.`);
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {Promise<string | null>} SHA-256 in hexadecimal; null where the browser has none (pages not from localhost or https)
 */
export async function digest(bytes) {
  if (!globalThis.crypto?.subtle) return null;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
