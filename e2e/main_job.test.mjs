// The main job: from sign-up to a device that needs no code, in both languages, on a phone's and a desk's screen, with
// JavaScript and without.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Reader, SIZES } from './browser.mjs';
import { Owner } from './owner.mjs';
import { stage } from './stage.mjs';

const { server, browser } = await stage();

for (const language of ['ja', 'en']) {
  for (const size of SIZES) {
    for (const javaScript of [true, false]) {
      const name = `${language}-${size.width}-${javaScript ? 'js' : 'nojs'}`;
      test(`main job: ${name}`, () => mainJob({ language, size, javaScript, name }));
    }
  }
}

async function mainJob(how) {
  const reader = await Reader.open(browser, server, how);
  const owner = new Owner(server);
  await owner.signUp(reader, how.language === 'ja' ? owner.fullWidthPhone : owner.phone);
  await reader.goto('/security');
  await reader.looksAt('/security', 'security');
  await owner.signOut(reader);

  assert.equal(await owner.typePassword(reader), 303);
  await reader.looksAt('/sign-in/code', 'sign-in-code');
  await owner.typeSmsCode(reader);
  await reader.looksAt('/security', 'signed-in-by-code');
  assert.equal(await reader.form('/security/devices/revoke').count(), 1, 'this device is listed as trusted');
  await owner.signOut(reader);

  assert.equal(await owner.typePassword(reader), 303);
  await reader.looksAt('/security', 'signed-in-by-password-alone');
  await owner.sms.noCodeUnread();
  await owner.mail.noCodeUnread();
  await reader.goto(`/demo/phone?to=${encodeURIComponent(owner.email)}`);
  await reader.looksAt('/demo/phone', 'demo-phone');
  await reader.close();
}
