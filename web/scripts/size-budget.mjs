// First load: what the page needs before it can draw, gzipped. Fails above the budget.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 170;
const root = join(dirname(fileURLToPath(import.meta.url)), "../../src/tachograph/server/static");
const html = readFileSync(join(root, "index.html"), "utf8");

if (/<script(?![^>]*\bsrc=)[^>]*>/.test(html) || /\sstyle=/.test(html)) {
  console.error("index.html holds an inline script or style, which the page's policy refuses.");
  process.exit(1);
}

const named = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1]);
const firstLoad = ["index.html", ...named.filter((name) => !name.endsWith(".svg"))];
const kilobytes = (name) => gzipSync(readFileSync(join(root, name))).length / 1024;
const total = firstLoad.reduce((sum, name) => sum + kilobytes(name), 0);

for (const name of firstLoad) console.log(`${kilobytes(name).toFixed(1).padStart(7)} KB  ${name}`);
const later = readdirSync(join(root, "assets")).filter((f) => !firstLoad.includes(`assets/${f}`));
for (const name of later) {
  console.log(`${kilobytes(`assets/${name}`).toFixed(1).padStart(7)} KB  assets/${name} (later)`);
}
console.log(`${total.toFixed(1).padStart(7)} KB  first load, of ${BUDGET_KB} KB`);
if (total > BUDGET_KB) {
  console.error(`First load is ${total.toFixed(1)} KB gzip, allowed are ${BUDGET_KB} KB.`);
  process.exit(1);
}
