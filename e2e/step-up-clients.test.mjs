// Real clients with web/step-up pass demands of proof of work: strangers sign up, and
// who has not signed in before signs in.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import * as sdk from '@aws-sdk/client-cognito-identity-provider';
import { FetchHttpHandler } from '@smithy/fetch-http-handler';
import { AuthenticationDetails, CognitoUser, CognitoUserAttribute, CognitoUserPool } from 'amazon-cognito-identity-js';
import { Amplify } from 'aws-amplify';
import * as auth from 'aws-amplify/auth';

import * as example from '../examples/amplify-v5/src/auth.js';
import { answerStepUp, installStepUp } from '../web/step-up/index.js';
import { launch, openPage } from './lib/browser.mjs';
import { freshNumber, Server } from './lib/server.mjs';
import { Site } from './lib/site.mjs';

const limit = { timeout: 60_000 };
const password = 'Correct-Horse-7-Battery';

/** After a few texts that nobody answers every stranger must step up. */
const guard = `
budgets: { server: { hour: $5, day: $50, month: $500 }, earn-back: 0% }
tuning: { soft: 1% }
step-up: [{ proof-of-work: { least: 16, most: 16 } }]
`;

let server;
let phones;
let undo;
let proved; // the operations of requests with a proof

before(async () => {
  server = await Server.start({ guard });
  phones = server.phones;
  const SignUp = () => server.call('SignUp', { ClientId: server.clientId, Username: freshNumber() });
  for (let texts = 0; (await SignUp()).status === 200; texts++) assert.ok(texts < 10, 'the guard asks for no proof');
}, { timeout: 400_000 });

after(() => server?.close());

const plain = globalThis.fetch;

beforeEach(() => {
  proved = [];
  globalThis.fetch = async (input, init) => {
    const request = new Request(input instanceof Request ? input.clone() : input, init);
    note(request.headers.get('x-amz-target'), await request.text());
    return await plain(input, init);
  };
  undo = installStepUp({ endpoint: server.endpoint });
});

afterEach(() => {
  globalThis.fetch = plain;
  assert.deepEqual(phones.faults, [], 'every delivery follows the Standard Webhooks convention');
});

/** Notes the operation of a request that has a proof. */
function note(target, body) {
  if (body?.includes('bellhop:step-up')) proved.push(target.split('.').at(-1));
}

async function assertTexts(number, count) {
  await server.settle();
  assert.equal(phones.to(number).length, count, `texts to ${number}`);
}

test('aws-amplify 6 in Node, by the lines of the documentation', limit, async () => {
  undo();
  const page = await readFile(new URL('../docs/step-up.md', import.meta.url), 'utf8');
  const lines = /```js\n([^]*?)```/.exec(page)[1].replace('bellhop-step-up', import.meta.resolve('../web/step-up/index.js'));
  await import(`data:text/javascript,${encodeURIComponent(lines.replace('https://auth.example.com/', server.endpoint))}`);

  Amplify.configure({ Auth: { Cognito: { userPoolId: server.poolId, userPoolClientId: server.clientId, userPoolEndpoint: server.endpoint } } });
  const number = freshNumber();
  const byText = { username: number, options: { authFlowType: 'USER_AUTH', preferredChallenge: 'SMS_OTP' } };
  await auth.signUp({ username: number, options: { userAttributes: { phone_number: number } } });
  await auth.confirmSignUp({ username: number, confirmationCode: await phones.code(number) });
  for (const count of [2, 3]) {
    await auth.signIn(byText);
    const { isSignedIn } = await auth.confirmSignIn({ challengeResponse: await phones.code(number, count) });
    assert.ok(isSignedIn);
    await auth.signOut();
  }
  assert.deepEqual(proved, ['SignUp', 'InitiateAuth'], 'who has signed in is not asked again');
});

test('aws-amplify 5 in Node', limit, async () => {
  example.configure({ region: 'us-east-1', userPoolId: server.poolId, userPoolWebClientId: server.clientId, endpoint: server.endpoint });
  const number = freshNumber();
  for (const count of [1, 2]) {
    await example.answer(await example.enter(number), await phones.code(number, count));
    assert.equal(await example.whoIsIn(), number);
    await example.leave();
  }
  assert.deepEqual(proved, ['SignUp']);
  await assertTexts(number, 2);
});

test('amazon-cognito-identity-js', limit, async () => {
  const pool = new CognitoUserPool({ UserPoolId: server.poolId, ClientId: server.clientId, endpoint: server.endpoint });
  const called = (object, method, ...args) =>
    new Promise((resolve, reject) => object[method](...args, (error, result) => (error ? reject(error) : resolve(result))));
  const number = freshNumber();
  await called(pool, 'signUp', number, password, [new CognitoUserAttribute({ Name: 'phone_number', Value: number })], null);
  const user = new CognitoUser({ Username: number, Pool: pool });
  user.setAuthenticationFlowType('CUSTOM_AUTH');
  await called(user, 'confirmRegistration', await phones.code(number), true);
  await new Promise((customChallenge, onFailure) =>
    user.initiateAuth(new AuthenticationDetails({ Username: number }), { customChallenge, onFailure, onSuccess: onFailure }));
  const code = await phones.code(number, 2);
  await new Promise((onSuccess, onFailure) => user.sendCustomChallengeAnswer(code, { onSuccess, onFailure, customChallenge: onFailure }));
  assert.deepEqual(proved, ['SignUp', 'InitiateAuth']);
});

test('the AWS SDK, by fetch', limit, async () => {
  const client = server.sdk({ endpoint: server.endpoint, requestHandler: new FetchHttpHandler() });
  const number = freshNumber();
  const answer = await client.send(new sdk.SignUpCommand({ ClientId: server.clientId, Username: number }));
  assert.match(answer.UserSub, /^[0-9a-f-]{36}$/);
  assert.deepEqual(proved, ['SignUp']);
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
    opened.page.on('request', (request) => note(request.headers()['x-amz-target'], request.postData()));
    await opened.page.goto(site.address);
    return opened.page;
  }

  test('aws-amplify 6', limit, async () => {
    const page = await visit('e2e/pages/step-up', { endpoint: server.endpoint, userPoolId: server.poolId, userPoolClientId: server.clientId });
    await page.waitForFunction(() => window.auth);
    const call = (name, input) => page.evaluate(([method, given]) => window.auth[method](given), [name, input]);
    const number = freshNumber();
    await call('signUp', { username: number, options: { userAttributes: { phone_number: number } } });
    await call('confirmSignUp', { username: number, confirmationCode: await phones.code(number) });
    await call('signIn', { username: number, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
    const { isSignedIn } = await call('confirmSignIn', { challengeResponse: await phones.code(number, 2) });
    assert.ok(isSignedIn);
    assert.deepEqual(proved, ['SignUp', 'InitiateAuth']);
    await assertTexts(number, 2);
  });

  test('aws-amplify 5', limit, async () => {
    const config = { region: 'us-east-1', userPoolId: server.poolId, userPoolWebClientId: server.clientId, endpoint: server.endpoint };
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
    assert.deepEqual(proved, ['SignUp']);
    await assertTexts(number, 2);
  });
});

// The last, since it leaves this machine's address shut out.
test('proofs that are none are refused, and their sender after a while', limit, async () => {
  undo();
  const SignUp = (number, ClientMetadata) => server.call('SignUp', { ClientId: server.clientId, Username: number, ClientMetadata });
  const [number, other] = [freshNumber(), freshNumber()];
  const refused = await SignUp(number);
  assert.equal(refused.body.__type, 'ForbiddenException');
  const metadata = await answerStepUp(refused.body.message);
  const proof = JSON.parse(metadata['bellhop:step-up']);
  const forged = { 'bellhop:step-up': JSON.stringify({ ...proof, demand: proof.demand.replace(/^./, 'B') }) };
  for (const [to, what] of [[number, forged], [other, metadata]]) {
    assert.match((await SignUp(to, what)).body.message, /^Step-up required: /);
  }
  assert.equal((await SignUp(number, metadata)).status, 200);
  assert.match((await SignUp(freshNumber(), metadata)).body.message, /^Step-up required: /, 'a demand is met once');
  await phones.text(number);
  assert.equal(phones.to(other).length, 0);

  let last;
  for (let tries = 0; tries < 50 && last !== 'TooManyRequestsException'; tries++) last = (await SignUp(number, forged)).body.__type;
  assert.equal(last, 'TooManyRequestsException');
});
