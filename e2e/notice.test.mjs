// An owner changes the password, and answers a notice by the reference in it, on a phone's screen, in a browser that nobody is
// signed in with.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Reader, SIZES } from './browser.mjs';
import { Owner } from './owner.mjs';
import { until } from './server.mjs';
import { stage } from './stage.mjs';

const { server, browser } = await stage();

for (const [language, javaScript] of [['ja', true], ['en', false], ['en', true]]) {
  const how = { language, size: SIZES[0], javaScript };
  const name = `${language}-${javaScript ? 'js' : 'nojs'}`;

  test(`another password: ${name}`, async () => {
    const reader = await Reader.open(browser, server, { ...how, name: `password-${name}` });
    const owner = new Owner(server);
    await owner.signUp(reader);
    await reader.goto('/security');
    await reader.page.locator('a[href="/security/password"]').click();
    await reader.looksAt('/security/password', 'form');
    const typed = { current_password: 'not the password', new_password: 'umi-to-yama-to-12-mikan' };
    assert.equal(await reader.fillAndSend('/security/password', typed), 422);
    await reader.seesProblem();
    await reader.looksAt('/security/password', 'wrong-current');
    assert.equal(await reader.fillAndSend('/security/password', { current_password: owner.password, new_password: 'password1' }), 422);
    await reader.seesProblem();
    await reader.looksAt('/security/password', 'common');
    typed.current_password = owner.password;
    assert.equal(await reader.fillAndSend('/security/password', typed), 303);
    await reader.looksAt('/security', 'changed');
    await letterWithReference(owner, { ja: 'パスワードが変更されました', en: 'Your password was changed' }[language]);
    await owner.signOut(reader);
    assert.equal(await owner.typePassword(reader), 422, 'the old one is none');
    assert.equal(await owner.typePassword(reader, typed.new_password), 303);
    await reader.close();
  });

  test(`this was not me: ${name}`, async () => {
    const owner = new Owner(server);
    const thief = await Reader.open(browser, server, { ...how, name: `notice-signed-in-${name}` });
    await owner.signUp(thief);
    const reference = await letterWithReference(owner, { ja: '2段階認証が有効になりました', en: 'Two-step verification is on' }[language]);
    const reader = await Reader.open(browser, server, { ...how, name: `notice-${name}` });
    await reader.goto('/sign-in');
    await reader.page.locator('a[href="/notice"]').click();
    await reader.looksAt('/notice', 'form');
    assert.equal(await reader.fillAndSend('/notice', { reference: 'CDFH-JKMN-PRTV' }), 422);
    await reader.seesProblem();
    await reader.looksAt('/notice', 'unknown');
    assert.equal(await reader.fillAndSend('/notice', { reference: ` ${reference.toLowerCase()} ` }), 303);
    assert.match(reader.path, /^\/notice\/msg_\w+$/);
    await reader.looksAt(reader.path, 'event');
    const text = await reader.text();
    assert.ok(!text.includes(owner.email) && !text.includes(owner.phone.slice(-4)), text);
    assert.equal(await reader.send(reader.path, reader.form(reader.path).locator('[value="me"]')), 303);
    await reader.looksAt(reader.path, 'me');
    assert.equal(await reader.send(reader.path, reader.form(reader.path).locator('[value="not_me"]')), 303);
    await reader.looksAt(reader.path, 'not-me');
    assert.equal(await reader.form(reader.path).count(), 0, 'that was the last word');
    await thief.goto('/security');
    await thief.looksAt('/sign-in', 'thrown-out');
    await thief.close();
    await reader.close();
  });
}

/** The reference in the letter with this title. */
async function letterWithReference(owner, title) {
  const letter = await until(`a letter: ${title}`, async () => (await owner.mail.all()).find(({ text }) => text.includes(title)));
  assert.ok(!/https?:|www\./.test(letter.text), letter.text);
  const reference = /\b(?:[A-Z]{4}-){2}[A-Z]{4}\b/.exec(letter.text);
  assert.ok(reference, `a reference in: ${letter.text}`);
  return reference[0];
}
