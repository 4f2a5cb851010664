// An authenticator app, independent of the server: reads the QR code off a picture of the screen and counts codes (RFC 6238).
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';

import jsQR from 'jsqr';
import { PNG } from 'pngjs';

import { until } from './server.mjs';

const STEP_MS = 30_000;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** What the QR code on a picture says. */
export function readQr(png) {
  const { data, width, height } = PNG.sync.read(png);
  const found = jsQR(new Uint8ClampedArray(data), width, height);
  assert.ok(found, 'a QR code that can be read is on the picture');
  return found.data;
}

function base32Decode(text) {
  let bits = '';
  for (const letter of text) {
    const value = BASE32.indexOf(letter);
    assert.ok(value >= 0, `base32: ${letter}`);
    bits += value.toString(2).padStart(5, '0');
  }
  return Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
}

/** RFC 4226. */
export function hotp(secret, counter, digits = 6) {
  const moving = Buffer.alloc(8);
  moving.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac('sha1', secret).update(moving).digest();
  const offset = mac[19] & 0xf;
  const number = mac.readUInt32BE(offset) & 0x7fffffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/** One enrolled account in the app. */
export class AuthenticatorApp {
  /** The key as people type it, in groups. */
  key;
  label;
  issuer;
  #secret;
  #lastStep = -1;

  constructor(uri) {
    const url = new URL(uri);
    assert.equal(url.protocol, 'otpauth:');
    assert.equal(url.host, 'totp');
    const get = (name, otherwise) => url.searchParams.get(name) ?? otherwise;
    assert.equal(get('algorithm', 'SHA1').toUpperCase(), 'SHA1');
    assert.equal(get('digits', '6'), '6');
    assert.equal(get('period', '30'), '30');
    this.key = get('secret', '');
    this.issuer = get('issuer', '');
    this.label = decodeURIComponent(url.pathname.slice(1));
    this.#secret = base32Decode(this.key);
    assert.equal(this.#secret.length * 8, 160);
  }

  /** The code shown now. */
  code() {
    this.#lastStep = Math.floor(Date.now() / STEP_MS);
    return hotp(this.#secret, this.#lastStep);
  }

  /** The code after the last one: as a person does, waits until the app shows another. */
  async nextCode() {
    await until('the next step of the app', () => Math.floor(Date.now() / STEP_MS) > this.#lastStep, STEP_MS + 1000);
    return this.code();
  }
}
