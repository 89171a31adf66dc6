// amazon-cognito-identity-js 6 as published: what apps use that do not want the
// whole of Amplify.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import {
  AuthenticationDetails,
  CognitoUser,
  CognitoUserAttribute,
  CognitoUserPool,
} from 'amazon-cognito-identity-js';

import { freshNumber, Server, wrongCode } from './lib/server.mjs';

const limit = { timeout: 60_000 };
const password = 'Correct-Horse-7-Battery';
const other = 'Purple-Donkey-4-Stapler';

let server;
let phones;
let pool;

before(async () => {
  server = await Server.start();
  phones = server.phones;
  const { ClientId } = await server.newClient(['USER_SRP_AUTH', 'USER_PASSWORD_AUTH', 'CUSTOM_AUTH', 'REFRESH_TOKEN_AUTH']);
  pool = new CognitoUserPool({ UserPoolId: server.poolId, ClientId, endpoint: server.endpoint });
}, { timeout: 400_000 });

after(() => server?.close());

afterEach(() => {
  pool.getCurrentUser()?.signOut();
  assert.deepEqual(phones.faults, [], 'every delivery follows the Standard Webhooks convention');
});

/** The result of a method that takes (error, result). */
function called(object, method, ...args) {
  return new Promise((resolve, reject) => {
    object[method](...args, (error, result) => (error ? reject(error) : resolve(result)));
  });
}

/** How a method ends that takes an object of callbacks: the name of the one called, and what with. */
function ended(object, method, ...args) {
  return new Promise((resolve, reject) => {
    const end = (how) => [how, (...given) => resolve([how, ...given])];
    const ends = ['onSuccess', 'customChallenge', 'newPasswordRequired', 'inputVerificationCode', 'mfaRequired'].map(end);
    object[method](...args, { ...Object.fromEntries(ends), onFailure: reject });
  });
}

function userOf(number) {
  return new CognitoUser({ Username: number, Pool: pool });
}

async function signUp(number) {
  const attributes = [new CognitoUserAttribute({ Name: 'phone_number', Value: number })];
  return await called(pool, 'signUp', number, password, attributes, null);
}

async function register(number) {
  await signUp(number);
  await called(userOf(number), 'confirmRegistration', await phones.code(number), true);
}

/** Asks for a session with a password; gives the user and how it ended. */
async function signIn(number, Password, flow = 'USER_SRP_AUTH') {
  const user = userOf(number);
  user.setAuthenticationFlowType(flow);
  const [how, ...given] = await ended(user, 'authenticateUser', new AuthenticationDetails({ Username: number, Password }));
  return { user, how, given };
}

async function checkIn(number) {
  await register(number);
  return (await signIn(number, password)).user;
}

async function assertTexts(number, count) {
  await server.settle();
  assert.equal(phones.to(number).length, count, `texts to ${number}`);
}

test('signUp, resendConfirmationCode, confirmRegistration with forceAliasCreation', limit, async () => {
  const number = freshNumber();
  const signed = await signUp(number);
  assert.equal(signed.userConfirmed, false);
  assert.equal(signed.codeDeliveryDetails.DeliveryMedium, 'SMS');
  await phones.text(number);

  const user = userOf(number);
  await called(user, 'resendConfirmationCode');
  const code = await phones.code(number, 2);
  await assert.rejects(called(user, 'confirmRegistration', wrongCode(code), true), { code: 'CodeMismatchException' });
  assert.equal(await called(user, 'confirmRegistration', code, true), 'SUCCESS');
});

describe('authenticateUser', () => {
  const number = freshNumber();

  before(() => register(number), limit);

  for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH', 'CUSTOM_AUTH']) {
    test(`${flow} takes the right password and sends no text`, limit, async () => {
      await assert.rejects(signIn(number, `${password}!`, flow), { code: 'NotAuthorizedException' });
      const { how, given: [session] } = await signIn(number, password, flow);
      assert.equal(how, 'onSuccess');
      assert.equal(session.getIdToken().payload.phone_number, number);
      await assertTexts(number, 1);
    });
  }
});

describe('initiateAuth under CUSTOM_AUTH', () => {
  /** A user who is asked for a texted code, and that code. */
  async function asked() {
    const number = freshNumber();
    await server.tokens(number);
    const user = userOf(number);
    user.setAuthenticationFlowType('CUSTOM_AUTH');
    const [how] = await ended(user, 'initiateAuth', new AuthenticationDetails({ Username: number }));
    assert.equal(how, 'customChallenge');
    return { user, code: await phones.code(number, 2) };
  }

  test('sendCustomChallengeAnswer takes the code after two wrong ones', limit, async () => {
    const { user, code } = await asked();
    for (const n of [1, 2]) {
      assert.equal((await ended(user, 'sendCustomChallengeAnswer', wrongCode(code, n)))[0], 'customChallenge');
    }
    const [how, session] = await ended(user, 'sendCustomChallengeAnswer', code);
    assert.equal(how, 'onSuccess');
    assert.ok(session.isValid());
  });

  test('sendCustomChallengeAnswer refuses the third wrong code, and then the right one', limit, async () => {
    const { user, code } = await asked();
    for (const n of [1, 2]) await ended(user, 'sendCustomChallengeAnswer', wrongCode(code, n));
    const refused = { code: 'NotAuthorizedException' };
    await assert.rejects(ended(user, 'sendCustomChallengeAnswer', wrongCode(code, 3)), refused);
    await assert.rejects(ended(user, 'sendCustomChallengeAnswer', code), refused);
  });
});

describe('signed in', () => {
  /** A user's attributes by name. */
  async function attributesOf(user) {
    const attributes = await called(user, 'getUserAttributes');
    return Object.fromEntries(attributes.map((one) => [one.getName(), one.getValue()]));
  }

  test('attributes are read, updated and deleted', limit, async () => {
    const number = freshNumber();
    const user = await checkIn(number);
    assert.equal(await called(user, 'updateAttributes', [new CognitoUserAttribute({ Name: 'nickname', Value: 'Asha' })]), 'SUCCESS');
    const { nickname, phone_number, phone_number_verified } = await attributesOf(user);
    assert.deepEqual([nickname, phone_number, phone_number_verified], ['Asha', number, 'true']);
    assert.equal(await called(user, 'deleteAttributes', ['nickname']), 'SUCCESS');
    assert.ok(!('nickname' in (await attributesOf(user))));
  });

  test('refreshSession gives new tokens of the same user', limit, async () => {
    const user = await checkIn(freshNumber());
    const old = user.getSignInUserSession();
    const fresh = await called(user, 'refreshSession', old.getRefreshToken());
    assert.notEqual(fresh.getAccessToken().getJwtToken(), old.getAccessToken().getJwtToken());
    assert.equal(fresh.getIdToken().payload.sub, old.getIdToken().payload.sub);
  });

  test('changePassword, and the new one signs in', limit, async () => {
    const number = freshNumber();
    const user = await checkIn(number);
    await assert.rejects(called(user, 'changePassword', `${password}!`, other), { code: 'NotAuthorizedException' });
    assert.equal(await called(user, 'changePassword', password, other), 'SUCCESS');
    await assert.rejects(signIn(number, password), { code: 'NotAuthorizedException' });
    assert.equal((await signIn(number, other)).how, 'onSuccess');
  });

  test('globalSignOut ends the tokens', limit, async () => {
    const user = await checkIn(freshNumber());
    const AccessToken = user.getSignInUserSession().getAccessToken().getJwtToken();
    assert.equal((await ended(user, 'globalSignOut'))[0], 'onSuccess');
    assert.equal((await server.call('GetUser', { AccessToken })).body.__type, 'NotAuthorizedException');
  });

  test('deleteUser leaves the number free', limit, async () => {
    const number = freshNumber();
    const user = await checkIn(number);
    assert.equal(await called(user, 'deleteUser'), 'SUCCESS');
    await signUp(number);
    await called(userOf(number), 'confirmRegistration', await phones.code(number, 2), true);
  });
});

test('a remembered device stands in for the second factor, until it is forgotten here', limit, async (t) => {
  const { UserPoolId, ClientId } = await server.poolWithDevices(['USER_SRP_AUTH']);
  const first = pool;
  t.after(() => {
    pool = first;
  });
  pool = new CognitoUserPool({ UserPoolId, ClientId, endpoint: server.endpoint });
  const number = freshNumber();
  await checkIn(number);
  await server.wantsTexts(UserPoolId, number);
  const { user, how } = await signIn(number, password);
  assert.equal(how, 'onSuccess');
  user.clearCachedDeviceKeyAndPassword();
  assert.equal((await signIn(number, password)).how, 'mfaRequired');
});

test('forgotPassword, confirmPassword, and the new one signs in', limit, async () => {
  const number = freshNumber();
  await register(number);
  const user = userOf(number);
  const [how, sent] = await ended(user, 'forgotPassword');
  assert.equal(how, 'inputVerificationCode');
  assert.equal(sent.CodeDeliveryDetails.DeliveryMedium, 'SMS');
  const code = await phones.code(number, 2);
  await assert.rejects(ended(user, 'confirmPassword', wrongCode(code), other), { code: 'CodeMismatchException' });
  assert.deepEqual(await ended(user, 'confirmPassword', code, other), ['onSuccess', 'SUCCESS']);
  await assert.rejects(signIn(number, password), { code: 'NotAuthorizedException' });
  assert.equal((await signIn(number, other)).how, 'onSuccess');
});

for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
  test(`${flow} with a temporary password asks for a new one and takes attributes with it`, limit, async () => {
    const number = freshNumber();
    await server.invite(number, password);
    const { user, how, given: [attributes, required] } = await signIn(number, password, flow);
    assert.equal(how, 'newPasswordRequired');
    assert.equal(attributes.phone_number, number);
    assert.deepEqual(required, []);
    const [then, session] = await ended(user, 'completeNewPasswordChallenge', other, { name: 'Asha' });
    assert.equal(then, 'onSuccess');
    assert.equal(session.getIdToken().payload.name, 'Asha');
    assert.equal((await signIn(number, other, flow)).how, 'onSuccess');
  });
}
