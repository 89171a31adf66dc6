// The code that docs/deploy-cognito.md tells apps to have, run as it stands there.
// Here the server's built-in challenge answers it; bellhop-lambda's is the same one.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, describe, test } from 'node:test';

import { Amplify } from 'aws-amplify';
import { fetchUserAttributes, getCurrentUser, signOut } from 'aws-amplify/auth';

import { Auth } from './lib/amplify5.mjs';
import { freshNumber, Server, wrongCode } from './lib/server.mjs';

const limit = { timeout: 60_000 };

let server;
let phones;
let page;

before(async () => {
  page = await readFile(new URL('../docs/deploy-cognito.md', import.meta.url), 'utf8');
  server = await Server.start();
  phones = server.phones;
  Amplify.configure({
    Auth: { Cognito: { userPoolId: server.poolId, userPoolClientId: server.clientId, userPoolEndpoint: server.endpoint } },
  });
  Auth.configure({
    region: 'us-east-1',
    userPoolId: server.poolId,
    userPoolWebClientId: server.clientId,
    endpoint: server.endpoint,
    authenticationFlowType: 'CUSTOM_AUTH',
  });
}, { timeout: 400_000 });

after(() => server?.close());

afterEach(async () => {
  await signOut();
  await Auth.signOut();
  assert.deepEqual(phones.faults, [], 'every delivery follows the Standard Webhooks convention');
});

/** Imports the code below a mark of the page, with the packages of these tests. */
async function code(mark, packages) {
  const found = new RegExp(`<!-- ${mark} -->\\n\`\`\`js\\n(.*?)\`\`\``, 's').exec(page);
  assert.ok(found, `the page has code below ${mark}`);
  const text = found[1].replace(/ from '([^']+)'/g, (_, name) => ` from '${packages[name]}'`);
  return await import(`data:text/javascript,${encodeURIComponent(text)}`);
}

const six = { 'aws-amplify/auth': import.meta.resolve('aws-amplify/auth') };
const five = { 'aws-amplify': new URL('./lib/amplify5.mjs', import.meta.url) };

describe('Amplify 6', () => {
  test('signs up and in by one text, and then in by one', limit, async (t) => {
    const { enter, answer } = await code('amplify-6', six);
    const number = freshNumber();
    t.mock.timers.enable({ apis: ['setTimeout'] }); // else Amplify's own of three minutes keeps this process
    let asked = await enter(number);
    t.mock.timers.reset();
    const first = await phones.code(number);
    await assert.rejects(answer(asked, wrongCode(first)), { name: 'CodeMismatchException' });
    assert.deepEqual(await answer(asked, first), { step: 'in' });
    assert.equal((await fetchUserAttributes()).phone_number_verified, 'true');

    await signOut();
    asked = await enter(number);
    const second = await phones.code(number, 2);
    await assert.rejects(answer(asked, wrongCode(second)), { name: 'CodeMismatchException' });
    assert.deepEqual(await answer(asked, second), { step: 'in' });
    await server.settle();
    assert.equal(phones.to(number).length, 2);
  });

  test('signs in by CUSTOM_AUTH after two wrong codes', limit, async () => {
    const { enter, answer } = await code('amplify-6-custom', six);
    const number = freshNumber();
    await server.tokens(number);
    let asked = await enter(number);
    const right = await phones.code(number, 2);
    for (const n of [1, 2]) {
      asked = await answer(asked, wrongCode(right, n));
      assert.deepEqual([asked.step, asked.wrong], ['sign-in', true]);
    }
    assert.deepEqual(await answer(asked, right), { step: 'in' });
    assert.ok(await getCurrentUser());
  });
});

describe('Amplify 5', () => {
  for (const [who, known] of [['a new number', false], ['a known one', true]]) {
    test(`signs ${who} in after a wrong code`, limit, async () => {
      const { enter, answer } = await code('amplify-5', five);
      const number = freshNumber();
      if (known) await server.tokens(number);
      let asked = await enter(number);
      await phones.text(number, 2);
      // The other text is of the sign-up, which no trigger confirms here.
      const { body } = phones.to(number).find(({ purpose }) => purpose === 'sign_in');
      const right = /\b\d{6}\b/.exec(body)[0];
      asked = await answer(asked, wrongCode(right));
      assert.deepEqual([asked.step, asked.wrong], ['sign-in', true]);
      assert.deepEqual(await answer(asked, right), { step: 'in' });
      const { attributes } = await Auth.currentAuthenticatedUser();
      assert.deepEqual([attributes.phone_number, attributes.phone_number_verified], [number, true]);
    });
  }
});
