// What the script adds to the pages, and that a browser has nothing to complain of: no error, no warning, nothing that the
// content security policy had to stop. Every reader of every test is held to that when it closes.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Reader, SIZES } from './browser.mjs';
import { Owner } from './owner.mjs';
import { stage } from './stage.mjs';

const { server, browser } = await stage();

const open = (name, language = 'en', size = SIZES[1]) => Reader.open(browser, server, { language, size, name });

for (const language of ['ja', 'en']) {
  test(`pages for whoever is not signed in: ${language}`, async () => {
    const reader = await open(`outside-${language}`, language, SIZES[0]);
    const titles = new Set();
    for (const path of ['/demo', '/demo/phone', '/sign-up', '/sign-in', '/notice']) {
      await reader.goto(path);
      await reader.looksAt(path, path.slice(1).replaceAll('/', '-'));
      titles.add(await reader.page.title());
    }
    assert.equal((await reader.page.goto('/nowhere')).status(), 404);
    await reader.looksAt('/nowhere', 'not-found');
    titles.add(await reader.page.title());
    assert.equal(titles.size, 6, 'each page has a title of its own');
    await reader.goto('/');
    await reader.looksAt('/sign-in', 'led-here');
    await reader.close();
  });
}

test('what a browser complains of is heard', async () => {
  const complaints = {
    'Content Security Policy': () => {
      const script = document.createElement('script');
      script.textContent = 'globalThis.ran = true';
      document.body.append(script);
    },
    'status of 404': () => new Promise((resolve) => {
      const picture = new Image();
      picture.onerror = resolve;
      picture.src = '/assets/nothing.svg';
    }),
    'thrown on purpose': () => setTimeout(() => { throw new Error('thrown on purpose'); }),
  };
  for (const [said, act] of Object.entries(complaints)) {
    const reader = await open('complaint');
    await reader.goto('/sign-in');
    await Promise.all([reader.page.waitForEvent(said === 'thrown on purpose' ? 'pageerror' : 'console'), reader.page.evaluate(act)]);
    assert.equal(await reader.page.evaluate(() => globalThis.ran), undefined);
    await assert.rejects(reader.close(), new RegExp(said));
  }
});

test('the cursor waits where something is to be typed, and goes to what is wrong', async () => {
  const reader = await open('cursor');
  const owner = new Owner(server);
  const cursorIsOn = (selector) => reader.page.evaluate((selector) => document.activeElement.matches(selector), selector);
  await reader.goto('/sign-up');
  await reader.fillAndSend('/sign-up', { email: owner.email, password: owner.password });
  assert.ok(await cursorIsOn('[name="code"]'));
  await reader.fillAndSend('/sign-up/code', { code: 'no code' });
  assert.ok(await cursorIsOn('[role="alert"]'));
  await reader.close();
});

test('the demo phone shows what arrives while it is open', async () => {
  const reader = await open('live-phone');
  const owner = new Owner(server);
  await reader.goto('/sign-up');
  const link = reader.page.locator('header a[href="/demo/phone"]');
  const [phone] = await Promise.all([reader.page.waitForEvent('popup'), link.click()]);
  await phone.waitForLoadState();
  await reader.fillAndSend('/sign-up', { email: owner.email, password: owner.password });
  const code = await owner.mail.code();
  await phone.locator('article', { hasText: owner.email }).filter({ hasText: code }).waitFor();
  await reader.close();
});

test('a password can be looked at, and the key for the app copied', async () => {
  const reader = await open('comforts');
  const owner = new Owner(server);
  await reader.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await reader.goto('/sign-up');
  const password = reader.form('/sign-up').locator('[name="password"]');
  await reader.page.getByLabel('Show password').check();
  assert.equal(await password.getAttribute('type'), 'text');
  await reader.looksAt('/sign-up', 'password-shown');
  await reader.fillAndSend('/sign-up', { email: owner.email, password: owner.password });
  await reader.fillAndSend('/sign-up/code', { code: await owner.mail.code() });
  await owner.setUpPhone(reader, owner.phone);
  await reader.page.locator('summary').click();
  const copy = reader.page.locator('[data-copy]');
  const label = await copy.innerText();
  await copy.click();
  await reader.page.waitForFunction((label) => document.querySelector('[data-copy]').textContent !== label, label);
  const copied = await reader.page.evaluate(() => navigator.clipboard.readText());
  assert.match(copied, /^(?:[A-Z2-7]{4} ?){8}$/);
  assert.equal(copied, await reader.page.locator('#key').innerText());
  await reader.looksAt('/setup', 'key-copied');
  await reader.close();
});
