// Real clients with web/step-up pass demands of proof of work: sign up by one text,
// and in again by another.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import * as sdk from '@aws-sdk/client-cognito-identity-provider';
import { FetchHttpHandler } from '@smithy/fetch-http-handler';
import { CognitoUser, CognitoUserAttribute, CognitoUserPool } from 'amazon-cognito-identity-js';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';

import * as example from '../examples/amplify-v5/src/auth.js';
import { installStepUp } from '../web/step-up/index.js';
import { launch, openPage } from './lib/browser.mjs';
import { Demands } from './lib/demands.mjs';
import { freshNumber, Server } from './lib/server.mjs';
import { Site } from './lib/site.mjs';

const limit = { timeout: 60_000 };
const password = 'Correct-Horse-7-Battery';

let server;
let phones;
let undo;
const gate = new Demands();

before(async () => {
  server = await Server.start();
  phones = server.phones;
  await gate.open();
  gate.behind = server.endpoint;
  gate.ways = [{ kind: 'proof-of-work', algorithm: 'SHA-256', bits: 18 }];
}, { timeout: 400_000 });

after(async () => {
  await gate.close();
  await server?.close();
});

beforeEach(() => {
  gate.proved.length = 0;
  undo = installStepUp({ endpoint: gate.address });
});

afterEach(() => {
  undo();
  assert.deepEqual(phones.faults, [], 'every delivery follows the Standard Webhooks convention');
});

async function assertTexts(number, count) {
  await server.settle();
  assert.equal(phones.to(number).length, count, `texts to ${number}`);
}

test('aws-amplify 6 in Node, by the lines of the documentation', limit, async (t) => {
  undo();
  const plain = globalThis.fetch;
  t.after(() => (globalThis.fetch = plain));
  const page = await readFile(new URL('../docs/step-up.md', import.meta.url), 'utf8');
  const lines = /```js\n([^]*?)```/.exec(page)[1].replace('bellhop-step-up', import.meta.resolve('../web/step-up/index.js'));
  await import(`data:text/javascript,${encodeURIComponent(lines.replace('https://auth.example.com/', gate.address))}`);

  Amplify.configure({ Auth: { Cognito: { userPoolId: server.poolId, userPoolClientId: server.clientId, userPoolEndpoint: gate.address } } });
  const number = freshNumber();
  await auth.signUp({ username: number, options: { userAttributes: { phone_number: number } } });
  await auth.confirmSignUp({ username: number, confirmationCode: await phones.code(number) });
  await auth.signIn({ username: number, options: { authFlowType: 'USER_AUTH', preferredChallenge: 'SMS_OTP' } });
  const { isSignedIn } = await auth.confirmSignIn({ challengeResponse: await phones.code(number, 2) });
  assert.ok(isSignedIn);
  await auth.signOut();
  assert.deepEqual(gate.proved, ['SignUp', 'InitiateAuth']);
  await assertTexts(number, 2);
});

test('aws-amplify 5 in Node', limit, async () => {
  example.configure({ region: 'us-east-1', userPoolId: server.poolId, userPoolWebClientId: server.clientId, endpoint: gate.address });
  const number = freshNumber();
  await example.answer(await example.enter(number), await phones.code(number));
  assert.equal(await example.whoIsIn(), number);
  await example.leave();
  await example.answer(await example.enter(number), await phones.code(number, 2));
  assert.equal(await example.whoIsIn(), number);
  await example.leave();
  // The example signs up first, and in where the number is known.
  assert.deepEqual(gate.proved, ['SignUp', 'InitiateAuth', 'SignUp', 'InitiateAuth']);
  await assertTexts(number, 2);
});

test('amazon-cognito-identity-js', limit, async () => {
  const pool = new CognitoUserPool({ UserPoolId: server.poolId, ClientId: server.clientId, endpoint: gate.address });
  const number = freshNumber();
  const attributes = [new CognitoUserAttribute({ Name: 'phone_number', Value: number })];
  await new Promise((resolve, reject) => pool.signUp(number, password, attributes, null, (error) => (error ? reject(error) : resolve())));
  const user = new CognitoUser({ Username: number, Pool: pool });
  await new Promise((resolve, reject) => user.resendConfirmationCode((error) => (error ? reject(error) : resolve())));
  assert.deepEqual(gate.proved, ['SignUp', 'ResendConfirmationCode']);
});

test('the AWS SDK, by fetch', limit, async () => {
  const client = server.sdk({ endpoint: gate.address, requestHandler: new FetchHttpHandler() });
  const number = freshNumber();
  const answer = await client.send(new sdk.SignUpCommand({ ClientId: server.clientId, Username: number }));
  assert.match(answer.UserSub, /^[0-9a-f-]{36}$/);
  assert.deepEqual(gate.proved, ['SignUp']);
  await assertTexts(number, 1);
});

describe('in Chromium', () => {
  let browser;
  let opened;
  const sites = [];
  before(async () => {
    browser = await launch();
  }, { timeout: 60_000 });
  after(async () => {
    await browser?.close();
    await Promise.all(sites.map((site) => site.close()));
  });
  afterEach(async () => {
    await opened?.close();
    assert.deepEqual(opened?.complaints, [], 'the page has no errors');
  });

  async function visit(page, config) {
    const site = await Site.start(page, await server.folder('site'), config);
    sites.push(site);
    opened = await openPage(browser);
    opened.page.setDefaultTimeout(20_000);
    await opened.page.goto(site.address);
    return opened.page;
  }

  test('aws-amplify 6', limit, async () => {
    const page = await visit('e2e/pages/step-up', { endpoint: gate.address, userPoolId: server.poolId, userPoolClientId: server.clientId });
    await page.waitForFunction(() => window.auth);
    const call = (name, input) => page.evaluate(([method, given]) => window.auth[method](given), [name, input]);
    const number = freshNumber();
    const options = { userAttributes: { phone_number: number }, autoSignIn: { authFlowType: 'USER_AUTH' } };
    await call('signUp', { username: number, options });
    await call('confirmSignUp', { username: number, confirmationCode: await phones.code(number) });
    assert.deepEqual(await call('autoSignIn'), { isSignedIn: true, nextStep: { signInStep: 'DONE' } });
    await call('signOut');
    await call('signIn', { username: number, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
    const { isSignedIn } = await call('confirmSignIn', { challengeResponse: await phones.code(number, 2) });
    assert.ok(isSignedIn);
    assert.deepEqual(gate.proved, ['SignUp', 'InitiateAuth']);
    await assertTexts(number, 2);
  });

  test('aws-amplify 5', limit, async () => {
    const config = { region: 'us-east-1', userPoolId: server.poolId, userPoolWebClientId: server.clientId, endpoint: gate.address };
    const page = await visit('examples/amplify-v5', config);
    const number = freshNumber();
    for (const count of [1, 2]) {
      await page.getByLabel('Phone number').fill(number);
      await page.keyboard.press('Enter');
      await page.getByLabel('Code').fill(await phones.code(number, count));
      await page.keyboard.press('Enter');
      await page.getByText('Signed in as').filter({ hasText: number }).waitFor();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Phone number').waitFor();
    }
    assert.deepEqual(gate.proved, ['SignUp', 'InitiateAuth', 'SignUp', 'InitiateAuth']);
    await assertTexts(number, 2);
  });
});
