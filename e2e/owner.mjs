// An owner of an account: what a person does on the pages, from sign-up to sign-out.
import assert from 'node:assert/strict';

import { AuthenticatorApp, readQr } from './authenticator_app.mjs';
import { codeIn, Inbox, tagIn } from './server.mjs';

let owners = 0;

/** Somebody with an e-mail address, a phone number and a password that nobody else has. */
export class Owner {
  email;
  password;
  /** The number as it is typed; `typed` may write it in other ways. */
  phone;
  mail;
  sms;
  app;

  constructor(server) {
    owners += 1;
    const number = String(owners).padStart(4, '0');
    this.email = `owner${number}@mail.example`;
    this.password = `kuruma-to-${number}-no-mikan`;
    this.phone = `090-1234-${number}`;
    this.mail = new Inbox(server.url, this.email);
    this.sms = new Inbox(server.url, `+81901234${number}`);
  }

  /** The number as a Japanese keyboard may leave it: full-width digits and long-vowel marks. */
  get fullWidthPhone() {
    return this.phone.replace(/\d/g, (digit) => String.fromCharCode(digit.charCodeAt(0) + 0xfee0)).replaceAll('-', 'ー');
  }

  /** From nothing to two confirmed methods and the page that says so. */
  async signUp(reader, phone = this.phone) {
    await reader.goto('/sign-up');
    await reader.looksAt('/sign-up', 'sign-up');
    assert.equal(await reader.fillAndSend('/sign-up', { email: this.email, password: this.password }), 303);
    await reader.looksAt('/sign-up/code', 'sign-up-code');
    assert.equal(await reader.fillAndSend('/sign-up/code', { code: await this.mail.code() }), 303);
    await this.setUpPhone(reader, phone);
    await this.setUpApp(reader);
    await reader.looksAt('/setup', 'done');
  }

  async setUpPhone(reader, phone) {
    await reader.looksAt('/setup', 'phone');
    assert.equal(await reader.fillAndSend('/setup/phone', { phone }), 303);
    await reader.looksAt('/setup', 'phone-code');
    assert.equal(await reader.fillAndSend('/setup/phone/code', { code: await this.sms.code() }), 303);
  }

  async setUpApp(reader) {
    await reader.page.locator('summary').click();
    const picture = await reader.looksAt('/setup', 'app');
    this.app = new AuthenticatorApp(readQr(picture));
    const key = (await reader.text()).match(/(?:[A-Z2-7]{4}\s?){8}/);
    assert.equal(key?.[0].replace(/\s/g, ''), this.app.key, 'the key to type is the key of the picture');
    assert.notEqual(this.app.issuer, '', 'the app says whose code it shows');
    assert.ok(this.app.label.endsWith(this.email), this.app.label);
    assert.equal(await reader.fillAndSend('/setup/app', { code: this.app.code() }), 303);
  }

  /** The first page of a sign-in. */
  async typePassword(reader, password = this.password) {
    await reader.goto('/sign-in');
    return reader.fillAndSend('/sign-in', { email: this.email, password });
  }

  /** The message that the code page announces: it carries the letters that the page shows. */
  async announcedCode(reader) {
    const message = await this.sms.next();
    assert.ok((await reader.text()).includes(tagIn(message)), `the page shows ${tagIn(message)}`);
    return codeIn(message);
  }

  /** The second page, by SMS. Trusts the device unless told otherwise. */
  async typeSmsCode(reader, { trust = true } = {}) {
    const code = await this.announcedCode(reader);
    const trustBox = reader.form('/sign-in/code').locator('[name="trust_device"]');
    assert.ok(await trustBox.isChecked(), 'the box is ticked');
    if (!trust) await trustBox.uncheck();
    assert.equal(await reader.fillAndSend('/sign-in/code', { code }), 303);
  }

  async signOut(reader) {
    await reader.goto('/sign-out');
    await reader.looksAt('/sign-out', 'sign-out');
    assert.equal(await reader.send('/sign-out'), 303);
    await reader.looksAt('/sign-in', 'signed-out');
  }
}
