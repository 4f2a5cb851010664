// What the tests of one file share: a server of their own and a browser, from the first test to the last.
import assert from 'node:assert/strict';
import { after } from 'node:test';

import { launch } from './browser.mjs';
import { startServer } from './server.mjs';

export async function stage() {
  const server = await startServer();
  let browser;
  after(async () => {
    await browser?.close();
    const ended = await server.stop();
    assert.deepEqual(ended, { code: 0, signal: null }, 'the server finished what was in flight and ended well');
  });
  browser = await launch();
  return { server, browser };
}
