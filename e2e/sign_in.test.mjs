// What else happens at sign-in and setup: other ways, wrong codes, resends, revoking, the keyboard alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Reader, SIZES } from './browser.mjs';
import { Owner } from './owner.mjs';
import { until } from './server.mjs';
import { stage } from './stage.mjs';

const { server, browser } = await stage();

/** A code that is not this one. */
const another = (code) => String((Number(code) + 1) % 1_000_000).padStart(6, '0');

/** The same digits as a Japanese keyboard may leave them. */
const fullWidth = (code) => [...code].map((digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)).join('');

/** A reader and an owner with two methods, signed out. */
async function signedOut(name, how = { language: 'ja' }) {
  const reader = await Reader.open(browser, server, { ...how, name });
  const owner = new Owner(server);
  await owner.signUp(reader);
  await owner.signOut(reader);
  return { reader, owner };
}

for (const language of ['ja', 'en']) {
  test(`another way, the app: ${language}`, async () => {
    const { reader, owner } = await signedOut(`other-way-${language}`, { language, size: SIZES[0] });
    await owner.typePassword(reader);
    await owner.announcedCode(reader);
    await reader.page.locator('a[href^="/sign-in/other-ways"]').click();
    await reader.looksAt('/sign-in/other-ways', 'other-ways');
    assert.equal(await chooseApp(reader), 303);
    await reader.looksAt('/sign-in/code', 'app-code');
    assert.equal(await reader.fillAndSend('/sign-in/code', { code: await owner.app.nextCode() }), 303);
    await reader.looksAt('/security', 'signed-in-by-app');
    await owner.sms.noCodeUnread();
    await reader.close();
  });
}

/** Chooses the way that has no number: the app. */
async function chooseApp(reader) {
  const forms = reader.form('/sign-in/other-ways');
  const radios = forms.locator('input[type="radio"][name="authenticator_id"]');
  if ((await radios.count()) > 0) {
    await forms.locator('label').filter({ hasNotText: '••••' }).click();
    return reader.send('/sign-in/other-ways');
  }
  const button = forms.locator('button').filter({ hasNotText: '••••' });
  assert.equal(await button.count(), 1, 'one way without a number');
  return reader.send('/sign-in/other-ways', button);
}

test('a wrong code is refused and counted, the right one works after it, typed as people type', async () => {
  const { reader, owner } = await signedOut('wrong-code');
  await owner.typePassword(reader);
  const code = await owner.announcedCode(reader);
  assert.equal(await reader.fillAndSend('/sign-in/code', { code: another(code) }), 422);
  await reader.looksAt('/sign-in/code', 'wrong');
  await reader.seesProblem();
  assert.match(await reader.text(), /(?<!\d)4(?!\d)/, 'how many tries are left');
  assert.equal(await reader.fillAndSend('/sign-in/code', { code: '12345' }), 422);
  await reader.looksAt('/sign-in/code', 'not-a-code');
  const typed = `${fullWidth(code.slice(0, 3))}　${fullWidth(code.slice(3))}`;
  assert.equal(await reader.fillAndSend('/sign-in/code', { code: typed }), 303);
  await reader.looksAt('/security', 'in');
  await reader.close();
});

test('five wrong codes end the sign-in, also for the right code', async () => {
  const { reader, owner } = await signedOut('used-up', { language: 'en' });
  await owner.typePassword(reader);
  const code = await owner.announcedCode(reader);
  const csrf = await reader.form('/sign-in/code').locator('[name="csrf"]').inputValue();
  for (let wrong = 1; wrong <= 5; wrong += 1) {
    assert.equal(await reader.fillAndSend('/sign-in/code', { code: another(code) }), 422, `wrong code ${wrong}`);
  }
  await reader.looksAt('/sign-in/code', 'used-up');
  await reader.seesProblem();
  assert.equal(await reader.form('/sign-in/code').count(), 0, 'there is no field to type into any more');
  const late = await reader.page.request.post('/sign-in/code', {
    form: { csrf, code },
    headers: { origin: server.url },
    maxRedirects: 0,
  });
  assert.ok(late.status() >= 300 && late.status() < 500, String(late.status()));
  await reader.goto('/security');
  await reader.looksAt('/sign-in', 'still-out');
  await reader.close();
});

test('a resend that comes too early sends nothing and says so; the code stays', async () => {
  // Without JavaScript: with it the button sleeps until its time has come.
  const { reader, owner } = await signedOut('resend', { language: 'ja', javaScript: false });
  await owner.typePassword(reader);
  const code = await owner.announcedCode(reader);
  // While the message is being sent there is no button.
  await until('the button', async () => {
    await reader.goto('/sign-in/code');
    return (await reader.form('/sign-in/resend').count()) > 0;
  });
  await reader.send('/sign-in/resend');
  await reader.looksAt('/sign-in/code', 'too-early');
  assert.ok((await reader.page.locator('[role="status"]:visible, [role="alert"]:visible').count()) > 0, await reader.text());
  assert.equal(await reader.fillAndSend('/sign-in/code', { code }), 303);
  await reader.looksAt('/security', 'in');
  await owner.sms.noCodeUnread();
  await reader.close();
});

test('a device that was not to be trusted is asked again; revoking and signing out everywhere end what they say', async () => {
  const { reader: first, owner } = await signedOut('everywhere-first');
  await owner.typePassword(first);
  await owner.typeSmsCode(first, { trust: false });
  await first.looksAt('/security', 'in');
  await owner.signOut(first);
  await owner.typePassword(first);
  assert.equal(first.path, '/sign-in/code', 'asked again');
  await owner.typeSmsCode(first);

  const second = await Reader.open(browser, server, { language: 'en', name: 'everywhere-second' });
  // Chosen in this browser: else the page would speak the account's language to who is signed in.
  await second.goto('/sign-in?lang=en');
  await owner.typePassword(second);
  await owner.typeSmsCode(second);
  await second.goto('/security');
  assert.equal(await second.form('/security/devices/revoke').count(), 2);
  const session = second.form('/security/sessions/revoke').last();
  assert.equal(await second.send('/security/sessions/revoke', session.locator('button')), 303);
  await second.looksAt('/security', 'session-revoked');
  await first.goto('/security');
  await first.looksAt('/sign-in', 'revoked');

  await owner.typePassword(first);
  assert.equal(first.path, '/security', 'the device is trusted still');
  assert.equal(await second.send('/security/sign-out-everywhere'), 303);
  for (const reader of [first, second]) {
    await reader.goto('/security');
    await reader.looksAt('/sign-in', 'out');
  }
  await owner.typePassword(first);
  assert.equal(first.path, '/sign-in/code', 'and no device is trusted any more');
  await first.close();
  await second.close();
});

test('setup says what is wrong with a number, and takes another', async () => {
  const reader = await Reader.open(browser, server, { language: 'ja', size: SIZES[0], name: 'numbers' });
  const owner = new Owner(server);
  await reader.goto('/sign-up');
  await reader.fillAndSend('/sign-up', { email: owner.email, password: owner.password });
  await reader.fillAndSend('/sign-up/code', { code: await owner.mail.code() });
  for (const phone of ['050-3456-7890', '12', 'こんにちは']) {
    assert.equal(await reader.fillAndSend('/setup/phone', { phone }), 422, phone);
    await reader.seesProblem();
    assert.equal(await reader.form('/setup/phone').locator('[name="phone"]').inputValue(), phone, 'kept as typed');
  }
  await reader.picture('refused');
  const mistaken = new Owner(server);
  assert.equal(await reader.fillAndSend('/setup/phone', { phone: mistaken.phone }), 303);
  const elsewhere = await mistaken.sms.code();
  assert.equal(await reader.send('/setup/phone/change'), 303);
  assert.equal(await reader.fillAndSend('/setup/phone', { phone: `+81 ${owner.phone.slice(1)}` }), 303);
  assert.equal(await reader.fillAndSend('/setup/phone/code', { code: elsewhere }), 422, 'a code is for one number');
  assert.equal(await reader.fillAndSend('/setup/phone/code', { code: await owner.sms.code() }), 303);
  await owner.setUpApp(reader);
  await reader.looksAt('/setup', 'done');
  await reader.close();
});

test('sign-in by keyboard alone, with the cursor always to be seen', async () => {
  const { reader, owner } = await signedOut('keyboard');
  await reader.goto('/sign-in');
  await tabTo(reader, '[name="email"]');
  await reader.page.keyboard.type(owner.email);
  await tabTo(reader, '[name="password"]');
  await reader.page.keyboard.type(owner.password);
  assert.equal(await reader.sendByEnter(), 303);
  const code = await owner.announcedCode(reader);
  await tabTo(reader, '[name="trust_device"]');
  await reader.page.keyboard.press('Space');
  assert.equal(await reader.page.locator('[name="trust_device"]').isChecked(), false);
  await tabTo(reader, '[name="code"]', 'Shift+Tab');
  await reader.page.keyboard.type(code);
  assert.equal(await reader.sendByEnter(), 303);
  await reader.looksAt('/security', 'in');
  await reader.close();
});

/** Moves the cursor by `key` until it is on `selector`; wherever it stops on the way it can be seen. */
async function tabTo(reader, selector, key = 'Tab') {
  const here = () => reader.page.evaluate((selector) => document.activeElement?.matches(selector), selector);
  for (let pressed = 0; !(await here()); pressed += 1) {
    assert.ok(pressed < 30, `${selector} is reached by ${key}`);
    await reader.page.keyboard.press(key);
    const seen = await reader.page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      return document.activeElement === document.body || style.outlineStyle !== 'none' || style.boxShadow !== 'none';
    });
    assert.ok(seen, await reader.page.evaluate(() => document.activeElement.outerHTML.slice(0, 200)));
  }
}
