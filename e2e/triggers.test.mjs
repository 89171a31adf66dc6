// aws-amplify 6 and 5 as published, in Node, against `bellhop serve` with the
// functions of examples/triggers-sms.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { Amplify } from 'aws-amplify';
import { confirmSignIn, fetchAuthSession, getCurrentUser, signIn, signOut, signUp } from 'aws-amplify/auth';

import { Auth } from './lib/amplify5.mjs';
import { Postbox } from './lib/postbox.mjs';
import { freshNumber, Server, wrongCode } from './lib/server.mjs';

const limit = { timeout: 60_000 };
const password = 'Correct-Horse-7-Battery';
const asked = 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE';
const incorrect = { name: 'NotAuthorizedException', message: 'Incorrect username or password.' };

const postbox = new Postbox();
let folder;
let server;
let userPoolId;
let clientId;

before(async () => {
  await postbox.open();
  folder = await mkdtemp(join(tmpdir(), 'bellhop-e2e-'));
  server = await Server.start({ triggers: await postbox.triggersFile(folder) });
  const LambdaConfig = JSON.parse(await readFile(new URL('../examples/triggers-sms/lambda-config.json', import.meta.url)));
  const made = await server.admin('CreateUserPool', { PoolName: 'sms', UsernameAttributes: ['phone_number'], LambdaConfig });
  userPoolId = made.UserPool.Id;
  const client = await server.newClient(['CUSTOM_AUTH', 'REFRESH_TOKEN_AUTH'], {
    UserPoolId: userPoolId,
    PreventUserExistenceErrors: 'ENABLED',
  });
  clientId = client.ClientId;
}, { timeout: 400_000 });

after(async () => {
  await server?.close();
  await postbox.close();
  await rm(folder, { recursive: true, force: true });
});

describe('aws-amplify 6', () => {
  before(() => {
    Amplify.configure({ Auth: { Cognito: { userPoolId, userPoolClientId: clientId, userPoolEndpoint: server.endpoint } } });
  });

  afterEach(() => signOut());

  /** Signs up, which PreSignUp confirms without a text. */
  async function register(number) {
    const { isSignUpComplete } = await signUp({ username: number, password, options: { userAttributes: { phone_number: number } } });
    assert.ok(isSignUpComplete);
    assert.equal(postbox.to(number).length, 0);
  }

  test('CUSTOM_WITHOUT_SRP takes the right code after two wrong ones, by one text', limit, async () => {
    const number = freshNumber();
    await register(number);
    const { nextStep } = await signIn({ username: number, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
    assert.equal(nextStep.signInStep, asked);
    assert.equal(nextStep.additionalInfo.medium, 'SMS');
    assert.equal(nextStep.additionalInfo.answer, undefined, 'what is private stays on the server');
    const code = await postbox.code(number);
    for (const n of [1, 2]) {
      const again = await confirmSignIn({ challengeResponse: wrongCode(code, n) });
      assert.equal(again.nextStep.signInStep, asked);
    }
    assert.ok((await confirmSignIn({ challengeResponse: code })).isSignedIn);
    assert.equal(postbox.to(number).length, 1);
    assert.ok((await fetchAuthSession({ forceRefresh: true })).tokens.accessToken);
  });

  test('CUSTOM_WITHOUT_SRP ends at the third wrong code', limit, async () => {
    const number = freshNumber();
    await register(number);
    await signIn({ username: number, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
    const code = await postbox.code(number);
    await confirmSignIn({ challengeResponse: wrongCode(code, 1) });
    await confirmSignIn({ challengeResponse: wrongCode(code, 2) });
    await assert.rejects(confirmSignIn({ challengeResponse: wrongCode(code, 3) }), incorrect);
    await assert.rejects(getCurrentUser(), { name: 'UserUnAuthenticatedException' });
  });

  test('CUSTOM_WITH_SRP asks for the code after the password', limit, async () => {
    const number = freshNumber();
    await register(number);
    const { nextStep } = await signIn({ username: number, password, options: { authFlowType: 'CUSTOM_WITH_SRP' } });
    assert.equal(nextStep.signInStep, asked);
    assert.ok((await confirmSignIn({ challengeResponse: await postbox.code(number) })).isSignedIn);
  });

  test('CUSTOM_WITH_SRP sends nothing for a wrong password', limit, async () => {
    const number = freshNumber();
    await register(number);
    const started = signIn({ username: number, password: `${password}!`, options: { authFlowType: 'CUSTOM_WITH_SRP' } });
    await assert.rejects(started, incorrect);
    assert.equal(postbox.to(number).length, 0);
  });

  test('a number that nobody has is asked too, and sent nothing', limit, async () => {
    const number = freshNumber();
    const { nextStep } = await signIn({ username: number, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
    assert.equal(nextStep.signInStep, asked);
    await confirmSignIn({ challengeResponse: '000000' });
    await confirmSignIn({ challengeResponse: '000001' });
    await assert.rejects(confirmSignIn({ challengeResponse: '000002' }), incorrect);
    assert.equal(postbox.to(number).length, 0);
  });
});

describe('aws-amplify 5', () => {
  before(() => {
    Auth.configure({
      region: 'us-east-1', userPoolId, userPoolWebClientId: clientId, endpoint: server.endpoint,
      authenticationFlowType: 'CUSTOM_AUTH',
    });
  });

  afterEach(() => Auth.signOut());

  async function register(number) {
    const { userConfirmed } = await Auth.signUp(number, password);
    assert.ok(userConfirmed);
  }

  test('signIn and sendCustomChallengeAnswer, with a wrong code before the right one', limit, async () => {
    const number = freshNumber();
    await register(number);
    const user = await Auth.signIn(number);
    assert.equal(user.challengeName, 'CUSTOM_CHALLENGE');
    const code = await postbox.code(number);
    await Auth.sendCustomChallengeAnswer(user, wrongCode(code));
    await Auth.sendCustomChallengeAnswer(user, code);
    assert.equal((await Auth.currentAuthenticatedUser()).attributes.phone_number, number);
    assert.equal(postbox.to(number).length, 1);
  });

  test('the third wrong code ends it', limit, async () => {
    const number = freshNumber();
    await register(number);
    const user = await Auth.signIn(number);
    const code = await postbox.code(number);
    await Auth.sendCustomChallengeAnswer(user, wrongCode(code, 1));
    await Auth.sendCustomChallengeAnswer(user, wrongCode(code, 2));
    await assert.rejects(Auth.sendCustomChallengeAnswer(user, wrongCode(code, 3)), { code: 'NotAuthorizedException' });
  });

  test('signIn with a password is asked for the code after it', limit, async () => {
    const number = freshNumber();
    await register(number);
    const user = await Auth.signIn(number, password);
    assert.equal(user.challengeName, 'CUSTOM_CHALLENGE');
    await Auth.sendCustomChallengeAnswer(user, await postbox.code(number));
    assert.equal((await Auth.currentAuthenticatedUser()).attributes.phone_number, number);
  });
});
