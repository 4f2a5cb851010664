// A browser, and what every page must be: in the reader's language, within the screen, without a finding of axe.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const OUT = fileURLToPath(new URL('out/', import.meta.url));
const WAIT_MS_MAX = 10_000;

export const SIZES = [
  { width: 360, height: 740 },
  { width: 1280, height: 800 },
];

export async function launch() {
  await mkdir(OUT, { recursive: true });
  return chromium.launch({
    executablePath: process.env.NIDAN_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A fresh browser profile with one page open. Every reader has one: cookies are never shared. */
export class Reader {
  page;
  language;
  #name;
  #server;
  #context;
  #javaScript;
  #pictures = 0;
  #complaints = [];
  #refused = new Set();

  static async open(browser, server, { language, size = SIZES[1], javaScript = true, name }) {
    const context = await browser.newContext({
      locale: language === 'ja' ? 'ja-JP' : 'en-GB',
      viewport: size,
      javaScriptEnabled: javaScript,
      baseURL: server.url,
    });
    context.setDefaultTimeout(WAIT_MS_MAX);
    const reader = new Reader();
    reader.page = await context.newPage();
    reader.language = language;
    reader.#name = name;
    reader.#server = server;
    reader.#context = context;
    reader.#javaScript = javaScript;
    reader.#listen();
    return reader;
  }

  /** Every page of this reader, the demo phone in a tab of its own too. */
  #listen() {
    this.#context.on('weberror', (error) => this.#complaints.push(String(error.error())));
    this.#context.on('console', (message) => {
      // Also what the content security policy keeps from happening is told here, as an error.
      const loud = ['error', 'warning'].includes(message.type());
      if (loud) this.#complaints.push(`${message.location().url}: ${message.text()}`);
    });
    this.#context.on('response', (response) => {
      if (response.status() >= 500) this.#complaints.push(`${response.status()} ${response.url()}`);
      if (response.status() >= 400 && response.request().isNavigationRequest()) {
        this.#refused.add(`${response.url()}: Failed to load resource: the server responded with a status of ${response.status()}`);
      }
    });
    this.#context.on('request', (request) => {
      if (!request.url().startsWith(this.#server.url)) this.#complaints.push(`foreign: ${request.url()}`);
    });
  }

  /** Ends the reader, who must have met nothing that a browser complains of. */
  async close() {
    await this.#context.close();
    // A page that refuses what was typed or asked for is an answer, which Chromium reports as if it were a mistake.
    const isAnswer = (complaint) => [...this.#refused].some((refused) => complaint.startsWith(refused));
    assert.deepEqual(this.#complaints.filter((complaint) => !isAnswer(complaint)), [], 'the browser complained');
  }

  async goto(path) {
    const response = await this.page.goto(path);
    assert.ok(response.status() < 400, `${path}: ${response.status()}`);
  }

  /** The path shown now. */
  get path() {
    return new URL(this.page.url()).pathname;
  }

  /** The form that posts to `action`. */
  form(action) {
    return this.page.locator(`form[method="post" i][action="${action}"], form[method="post" i][action^="${action}?"]`);
  }

  /** Presses what sends the form, and waits for the page that follows. Returns the status of the answer to the post. */
  async send(action, button = this.form(action).locator('button:not([type="button"]), input[type="submit"]').first()) {
    return this.#posted(() => button.click());
  }

  /** As `send`, by the Enter key where the cursor is. */
  async sendByEnter() {
    return this.#posted(() => this.page.keyboard.press('Enter'));
  }

  async #posted(act) {
    const [response] = await Promise.all([
      this.page.waitForResponse((response) => response.request().method() === 'POST'),
      this.page.waitForEvent('load'),
      act(),
    ]);
    return response.status();
  }

  /** Fills the fields of the form by their names and sends it. */
  async fillAndSend(action, fields) {
    for (const [name, value] of Object.entries(fields)) {
      await this.form(action).locator(`[name="${name}"]`).fill(value);
    }
    return this.send(action);
  }

  /** What the page says to a reader. */
  async text() {
    return this.page.locator('main').innerText();
  }

  /** A problem is said aloud to those who cannot see it. */
  async seesProblem() {
    const said = this.page.locator('[role="alert"]:visible, [aria-invalid="true"]:visible');
    assert.ok((await said.count()) > 0, `a problem on ${this.path}: ${await this.text()}`);
  }

  /** A picture of the screen, light. */
  async picture(name) {
    this.#pictures += 1;
    const number = String(this.#pictures).padStart(2, '0');
    return this.page.screenshot({ path: `${OUT}${this.#name}-${number}-${name}.png`, fullPage: true });
  }

  /** Holds the page that is shown against what every page must be, and takes its picture. */
  async looksAt(path, name) {
    assert.equal(this.path, path, await this.text());
    assert.equal(await this.page.locator('html').getAttribute('lang'), this.language);
    assert.equal(await this.page.locator('h1').count(), 1, `one heading on ${path}`);
    assert.notEqual(await this.page.title(), '');
    const [content, screen] = await this.page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    assert.ok(content <= screen, `${path} (${name}) is ${content} wide on a screen of ${screen}`);
    const picture = await this.picture(name);
    if (this.#javaScript) await this.#accessible(name);
    return picture;
  }

  async #accessible(name) {
    for (const colorScheme of ['light', 'dark']) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.evaluate(AXE);
      const { violations } = await this.page.evaluate(() => globalThis.axe.run());
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`);
      assert.deepEqual(found, [], `axe on ${this.path} (${name}, ${colorScheme})`);
    }
    await this.page.emulateMedia({ colorScheme: 'light' });
  }
}
