// The page that waits for a message: what becomes of it is shown while the page is open, without taking the cursor or moving
// what is being used. The ledger is written to from outside, as another node of the server would.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { Reader, SIZES } from './browser.mjs';
import { Owner } from './owner.mjs';
import { until } from './server.mjs';
import { stage } from './stage.mjs';

const { server, browser } = await stage();

// As `nidan_core::ledger::State` is stored.
const STATES = { accepted: 2, rejected: 3, ambiguous: 4, delivered: 5, undelivered: 6 };

const SAID = {
  ja: {
    accepted: '携帯電話会社に渡しました。',
    delivered: '届きました。SMSをご確認ください。',
    undelivered: 'SMSを届けられませんでした。',
    ambiguous: '届いたか、まだ分かりません。',
    rejected: 'SMSを届けられませんでした。',
    done: '別の画面で確認が済みました。',
  },
  en: {
    accepted: 'The phone company has it.',
    delivered: 'It arrived. Look at your phone.',
    undelivered: 'The SMS could not be delivered.',
    ambiguous: 'Unclear whether it arrived.',
    rejected: 'The SMS could not be delivered.',
    done: 'Confirmed in another window.',
  },
};

/** Lets the newest message with a code be in this state. */
function becomes(state) {
  const newest = 'SELECT message_id FROM message WHERE challenge_id IS NOT NULL ORDER BY message_id DESC LIMIT 1';
  const change = `UPDATE message SET state = ${STATES[state]} WHERE message_id = (${newest})`;
  execFileSync('sqlite3', [join(server.data, 'nidan.db'), '.timeout 5000', change]);
}

const news = (reader) => reader.page.locator('#news');

const says = (reader, state) => news(reader).filter({ hasText: SAID[reader.language][state] }).waitFor();

/** At the page that asks for the code of a message that has arrived, as far as the ledger knows. */
async function atTheCodePage(name, how) {
  const reader = await Reader.open(browser, server, { ...how, name });
  const owner = new Owner(server);
  await owner.signUp(reader);
  await owner.signOut(reader);
  await owner.typePassword(reader);
  const code = await owner.announcedCode(reader);
  if (how.javaScript !== false) await says(reader, 'delivered');
  return { reader, owner, code };
}

for (const [language, size] of [['ja', SIZES[0]], ['en', SIZES[1]]]) {
  test(`what becomes of a message is shown without reloading: ${language}`, async () => {
    const { reader, owner, code } = await atTheCodePage(`waiting-${language}`, { language, size });
    await reader.page.evaluate(() => { globalThis.sameDocument = true; });
    const field = reader.form('/sign-in/code').locator('[name="code"]');
    await field.fill(code.slice(0, 3));
    const place = await field.boundingBox();
    for (const state of ['accepted', 'ambiguous', 'delivered', 'undelivered']) {
      becomes(state);
      await says(reader, state);
      assert.equal(await field.inputValue(), code.slice(0, 3), 'what was typed stays');
      assert.ok(await field.evaluate((field) => field === document.activeElement), 'the cursor stays');
      assert.deepEqual(await field.boundingBox(), place, `nothing moves: ${state}`);
      await reader.looksAt('/sign-in/code', state);
    }
    assert.equal(await news(reader).getAttribute('role'), 'status', 'said aloud, and without interrupting');
    assert.equal(await news(reader).locator('a[href="/sign-in/other-ways"]').count(), 1, 'another way, at once');
    assert.ok(await reader.form('/sign-in/resend').locator('button').isEnabled(), 'and again, at once');
    assert.ok(await reader.page.evaluate(() => globalThis.sameDocument), 'the page was never loaded anew');

    // One press leads to the app.
    assert.equal(await reader.send('/sign-in/other-ways'), 303);
    await reader.looksAt('/sign-in/code', 'app');
    assert.equal(await reader.fillAndSend('/sign-in/code', { code: await owner.app.nextCode() }), 303);
    await reader.close();
  });
}

test('a second window is told that the code was entered in the first', async () => {
  const { reader, owner, code } = await atTheCodePage('two-windows', { language: 'ja', size: SIZES[0] });
  const second = await reader.page.context().newPage();
  await second.goto('/sign-in/code');
  assert.equal(await reader.fillAndSend('/sign-in/code', { code }), 303);
  await second.locator('#news', { hasText: SAID.ja.done }).waitFor();
  await second.locator('#news a[href="/"]').click();
  await second.waitForURL('**/security');
  await owner.sms.noCodeUnread();
  await reader.close();
});

test('an early press is counted down, and the countdown ends by itself', async () => {
  const { reader, owner } = await atTheCodePage('countdown', { language: 'en', size: SIZES[0] });
  const button = reader.form('/sign-in/resend').locator('button');
  assert.ok(await button.isDisabled());
  const left = async () => Number((await button.innerText()).match(/in (\d+) s/)[1]);
  const first = await left();
  assert.ok(first > 0 && first <= 30, `${first}`);
  await until('the countdown goes on', async () => (await left()) < first);
  // Whoever goes round the script is told when, and nothing is sent.
  await button.evaluate((button) => { button.disabled = false; });
  assert.equal(await reader.send('/sign-in/resend'), 303);
  assert.match(await reader.text(), /It was sent just now, at \d\d:\d\d \(letters [A-Z]{2}, message 2 today\)/);
  await reader.looksAt('/sign-in/code', 'too-early');
  await owner.sms.noCodeUnread();
  await reader.close();
});

for (const language of ['ja', 'en']) {
  test(`without JavaScript the page says the same when it is reloaded: ${language}`, async () => {
    const { reader } = await atTheCodePage(`reloaded-${language}`, { language, size: SIZES[0], javaScript: false });
    becomes('accepted');
    await reader.goto('/sign-in/code');
    await says(reader, 'accepted');
    const reload = news(reader).locator('a[data-reload]');
    assert.ok(await reload.isVisible());
    assert.match(await reader.text(), /\d\d:\d\d:\d\d/, 'when it can be sent again, by the clock');
    await reader.looksAt('/sign-in/code', 'accepted');
    becomes('rejected');
    await reload.click();
    await says(reader, 'rejected');
    await reader.looksAt('/sign-in/code', 'rejected');
    assert.equal(await reader.send('/sign-in/other-ways'), 303);
    await reader.looksAt('/sign-in/code', 'app');
    await reader.close();
  });
}
