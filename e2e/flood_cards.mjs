// Pictures of the card about a flood: each verdict in each language, on a phone's and a desk's screen, light and dark, in
// e2e/out/flood-*.png. The cards are the pages of a running server, as the integration tests leave them in target/pages/flood;
// `node e2e/flood_cards.mjs` runs those first, `--as-left` takes what is there. Holds the pages to axe.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { launch, SIZES } from './browser.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGES = `${ROOT}target/pages/flood/`;
const OUT = fileURLToPath(new URL('out/', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// Every verdict, and what looks different under the same verdict.
const CARDS = [
  'none', 'got_in', 'own_bug', 'own_bug_retries', 'own_bug_carrier', 'password_known', 'password_known_open',
  'impatient_owner', 'own_machine', 'not_arriving', 'cannot_tell',
];

if (!process.argv.includes('--as-left')) {
  const tests = ['flood::on_sqlite', 'flood::sign_ins::on_sqlite', 'flood::lines::on_sqlite'];
  const cargo = spawnSync('cargo', ['test', '-q', '-p', 'nidan', '--test', 'it', '--', ...tests], { cwd: ROOT, stdio: 'inherit' });
  assert.equal(cargo.status, 0, 'the histories behind the cards');
}

const names = CARDS.flatMap((card) => [`${card}.en.html`, `${card}.ja.html`]);
const left = await readdir(PAGES);
assert.deepEqual(names.filter((name) => !left.includes(name)), [], `missing in ${PAGES}`);
const browser = await launch();
for (const file of names) {
  const html = readFileSync(PAGES + file, 'utf8');
  assert.ok((html.match(/<button|class="button"/g) ?? []).length <= 1, `${file}: one thing to do`);
  for (const viewport of SIZES) {
    const page = await browser.newPage({ viewport });
    await page.setContent(html);
    const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.ok(content <= screen, `${file} is ${content} wide on a screen of ${screen}`);
    await page.evaluate(AXE);
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target)}`), [], `${file} ${colorScheme}`);
      await page.screenshot({ path: `${OUT}flood-${file.replace('.html', '')}-${viewport.width}-${colorScheme}.png`, fullPage: true });
    }
    await page.close();
  }
}
await browser.close();
