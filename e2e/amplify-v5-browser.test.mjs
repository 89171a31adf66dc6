// The aws-amplify 5 example in Chromium, built as for production, used as a
// visitor uses it.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';

import { launch, openPage } from './lib/browser.mjs';
import { freshNumber, Server, wrongCode } from './lib/server.mjs';
import { Site } from './lib/site.mjs';

const limit = { timeout: 90_000 };

let server;
let phones;
let site;
let browser;
let opened;

before(async () => {
  server = await Server.start();
  phones = server.phones;
  site = await Site.start('examples/amplify-v5', await server.folder('site'), {
    region: 'us-east-1',
    userPoolId: server.poolId,
    userPoolWebClientId: server.clientId,
    endpoint: `${server.endpoint}/`,
  });
  browser = await launch();
}, { timeout: 400_000 });

after(async () => {
  await browser?.close();
  await site?.close();
  await server?.close();
});

beforeEach(() => {
  opened = undefined;
});

afterEach(async () => {
  await opened?.close();
  assert.deepEqual(opened?.complaints, [], 'the page has no errors');
  assert.deepEqual(phones.faults, [], 'every delivery follows the Standard Webhooks convention');
});

/** The example's page in a new profile. */
async function visit() {
  opened = await openPage(browser);
  opened.page.setDefaultTimeout(20_000);
  const visitor = new Visitor(opened.page);
  await opened.page.goto(site.address);
  await visitor.number.waitFor();
  return visitor;
}

class Visitor {
  said = []; // all that the page wrote to the console
  passwords = []; // that it sent

  constructor(page) {
    this.page = page;
    this.number = page.getByLabel('Phone number');
    this.code = page.getByLabel('Code');
    this.alert = page.getByRole('alert');
    this.guest = page.getByText('Signed in as');
    page.on('console', (message) => this.said.push(message.text()));
    page.on('request', (request) => {
      const password = /"Password":"([^"]+)"/.exec(request.postData() ?? '')?.[1];
      if (password !== undefined) this.passwords.push(password);
    });
  }

  async enterNumber(number) {
    await this.number.fill(number);
    await this.page.keyboard.press('Enter');
    await this.code.waitFor();
  }

  async enterCode(code) {
    await this.code.fill(code);
    await this.page.keyboard.press('Enter');
  }

  async enterWrongCode(code) {
    await this.enterCode(code);
    await this.alert.filter({ hasText: 'That is not the code' }).waitFor();
    await this.page.waitForFunction(() => !document.forms.code.querySelector('fieldset').disabled);
  }

  /** Waits until the page says whose number is signed in. */
  async isIn(number) {
    await this.guest.filter({ hasText: number }).waitFor();
  }

  async signOut() {
    await this.page.getByRole('button', { name: 'Sign out' }).click();
    await this.number.waitFor();
  }
}

test('sign up, confirm, sign out, and in again by a text after two wrong codes', limit, async () => {
  const visitor = await visit();
  const number = freshNumber();

  await visitor.enterNumber(number);
  const code = await phones.code(number);
  await visitor.enterWrongCode(wrongCode(code));
  await visitor.enterCode(code);
  await visitor.isIn(number);
  assert.equal(phones.to(number).length, 1, 'one text signs up and in');
  await visitor.page.reload();
  await visitor.isIn(number);
  await visitor.signOut();

  await visitor.enterNumber(number);
  const second = await phones.code(number, 2);
  await visitor.enterWrongCode(wrongCode(second, 1));
  await visitor.enterWrongCode(wrongCode(second, 2));
  await visitor.enterCode(second);
  await visitor.isIn(number);
  await server.settle();
  assert.equal(phones.to(number).length, 2, 'wrong codes cost no text');
});

test('the third wrong code asks for the number again', limit, async () => {
  const visitor = await visit();
  const number = freshNumber();
  await server.tokens(number);

  await visitor.enterNumber(number);
  const code = await phones.code(number, 2);
  await visitor.enterWrongCode(wrongCode(code, 1));
  await visitor.enterWrongCode(wrongCode(code, 2));
  await visitor.enterCode(wrongCode(code, 3));
  await visitor.alert.filter({ hasText: 'This sign-in has ended' }).waitFor();
  await visitor.number.waitFor();
});

test('the password of the page goes to the server and nowhere else', limit, async () => {
  const visitor = await visit();
  const number = freshNumber();
  await visitor.enterNumber(number);
  await visitor.enterCode(await phones.code(number));
  await visitor.isIn(number);

  assert.equal(visitor.passwords.length, 1);
  const [password] = visitor.passwords;
  const kept = await visitor.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  const shown = await visitor.page.content();
  assert.ok(!`${kept}${shown}${visitor.page.url()}`.includes(password));
  assert.deepEqual(visitor.said, [], 'the console stays empty');
});
