// The record of messages: an owner finds it from the security page, and the card above it says what it is about.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Reader, SIZES } from './browser.mjs';
import { Owner } from './owner.mjs';
import { stage } from './stage.mjs';

const { server, browser } = await stage();

for (const [language, size, javaScript] of [['ja', SIZES[0], true], ['en', SIZES[1], true], ['ja', SIZES[0], false]]) {
  const name = `messages-${language}${javaScript ? '' : '-nojs'}`;
  test(`an owner reads the record of messages: ${name}`, async () => {
    const reader = await Reader.open(browser, server, { language, size, javaScript, name });
    const owner = new Owner(server);
    await owner.signUp(reader);
    await reader.goto('/security');
    await reader.page.locator('a[href="/security/messages"]').click();
    await reader.looksAt('/security/messages', 'record');
    const text = await reader.text();
    assert.ok(text.includes('••••') && !text.includes(owner.email), text);
    assert.ok(text.includes({ ja: 'いつもどおりです', en: 'All as usual' }[language]), text);
    await reader.close();
  });
}
