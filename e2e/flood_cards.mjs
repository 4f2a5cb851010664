// Pictures of the card about a flood: each verdict in each language, as the integration tests left the pages in
// target/pages/flood (`cargo test -p nidan --test it -- flood`), on a phone's and a desk's screen. Holds them to axe.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { launch, SIZES } from './browser.mjs';

const PAGES = fileURLToPath(new URL('../target/pages/flood/', import.meta.url));
const OUT = fileURLToPath(new URL('out/', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const browser = await launch();
const files = (await readdir(PAGES)).filter((name) => name.endsWith('.html')).sort();
assert.ok(files.length > 0, `no pages in ${PAGES}`);
for (const file of files) {
  const html = readFileSync(PAGES + file, 'utf8');
  for (const viewport of SIZES) {
    for (const colorScheme of ['light', 'dark']) {
      const page = await browser.newPage({ viewport, colorScheme });
      await page.setContent(html);
      const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(content <= screen, `${file} is ${content} wide on a screen of ${screen}`);
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target)}`), [], `${file} ${colorScheme}`);
      await page.screenshot({ path: `${OUT}flood-${file.replace('.html', '')}-${viewport.width}-${colorScheme}.png`, fullPage: true });
      await page.close();
    }
  }
}
await browser.close();
