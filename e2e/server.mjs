// The server under test: the shipped binary as `nidan demo`, on a port and in a folder of its own, and the demo phone as
// the tests read it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BINARY = process.env.NIDAN_BIN ?? fileURLToPath(new URL('../target/debug/nidan', import.meta.url));
const READY_MS_MAX = 10_000;
const MESSAGE_MS_MAX = 10_000;
const POLL_MS = 25;

/** Calls `probe` until it returns something true, and returns that. Fails after `msMax` with `what`. */
export async function until(what, probe, msMax = MESSAGE_MS_MAX) {
  const end = Date.now() + msMax;
  for (;;) {
    const found = await probe();
    if (found) return found;
    assert.ok(Date.now() < end, `not within ${msMax} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts the server and waits for its `ready` line. `url` is what that line says. */
export async function startServer() {
  const data = await mkdtemp(join(tmpdir(), 'nidan-e2e-'));
  const child = spawn(BINARY, ['demo', '--listen', `127.0.0.1:${await freePort()}`, '--data', data], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = [];
  const url = new Promise((resolve, reject) => {
    const read = (line) => {
      said.push(line);
      const ready = /^ready (http\S+)$/.exec(line);
      if (ready) resolve(ready[1]);
    };
    createInterface({ input: child.stdout }).on('line', read);
    createInterface({ input: child.stderr }).on('line', read);
    const fail = (why) => reject(new Error(`${BINARY} demo: ${why}\n${said.join('\n')}`));
    child.on('error', (error) => fail(error.message));
    child.on('exit', (code) => fail(`ended with ${code}`));
    setTimeout(() => fail(`not ready within ${READY_MS_MAX} ms`), READY_MS_MAX).unref();
  });
  const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  return {
    url: await url,
    said,
    /** The folder that it keeps everything in. */
    data,
    /** Asks the server to finish, and returns how it ended. */
    async stop() {
      child.kill('SIGTERM');
      const how = await ended;
      await rm(data, { recursive: true, force: true });
      return how;
    },
  };
}

/** What arrives at one number or address, read in the order of arrival: each message once. */
export class Inbox {
  #url;
  #seen = new Set();

  constructor(serverUrl, to) {
    this.#url = `${serverUrl}/demo/phone.json?to=${encodeURIComponent(to)}`;
  }

  /** All that has arrived, oldest first. */
  async all() {
    const response = await fetch(this.#url);
    assert.equal(response.status, 200);
    return (await response.json()).reverse();
  }

  /** The next message that was not read yet. */
  async next() {
    const unread = async () => (await this.all()).find((message) => !this.#seen.has(message.id));
    const message = await until(`a message at ${this.#url}`, unread);
    this.#seen.add(message.id);
    return message;
  }

  /** The code of the next message. */
  async code() {
    return codeIn(await this.next());
  }

  /** That no code arrived that was not read; notices may have. */
  async noCodeUnread() {
    const unread = (await this.all()).filter((message) => !this.#seen.has(message.id));
    assert.deepEqual(unread.filter((message) => /\d{6}/.test(message.text)), []);
  }
}

/** The one code in a message; in an SMS the line that phones read must say the same. */
export function codeIn(message) {
  const codes = new Set(message.text.match(/(?<!\d)\d{6}(?!\d)/g));
  assert.equal(codes.size, 1, `one code in: ${message.text}`);
  const [code] = codes;
  if (message.channel === 'sms') {
    const lines = message.text.split('\n');
    assert.match(lines.at(-1), new RegExp(`^@\\S+ #${code}$`), message.text);
    assert.ok(!/https?:/.test(message.text), 'no link in an SMS');
  }
  return code;
}

/** The two letters by which a message and the screen that asked for it know each other. */
export function tagIn(message) {
  const tag = /記号が([A-Z]{2})|画面が([A-Z]{2})|shows ([A-Z]{2})/.exec(message.text);
  assert.ok(tag, `a tag in: ${message.text}`);
  return tag.slice(1).find(Boolean);
}
