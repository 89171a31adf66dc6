// aws-amplify 5 as published, in Node: the example's own flow, then the rest of
// its Auth class, against `bellhop serve`.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import * as example from '../examples/amplify-v5/src/auth.js';
import { Auth } from './lib/amplify5.mjs';
import { freshNumber, Server, wrongCode } from './lib/server.mjs';

const limit = { timeout: 60_000 };
const password = 'Correct-Horse-7-Battery';
const other = 'Purple-Donkey-4-Stapler';

let server;
let phones;
let everyFlow; // the id of an app client

before(async () => {
  server = await Server.start();
  phones = server.phones;
  const made = await server.newClient(['USER_SRP_AUTH', 'USER_PASSWORD_AUTH', 'CUSTOM_AUTH', 'REFRESH_TOKEN_AUTH']);
  everyFlow = made.ClientId;
}, { timeout: 400_000 });

after(() => server?.close());

afterEach(async () => {
  await Auth.signOut();
  assert.deepEqual(phones.faults, [], 'every delivery follows the Standard Webhooks convention');
});

function configure(userPoolWebClientId) {
  example.configure({ region: 'us-east-1', userPoolId: server.poolId, userPoolWebClientId, endpoint: server.endpoint });
}

/** Has passwords go by another flow from now on. */
function useFlow(authenticationFlowType) {
  Auth.configure({ authenticationFlowType });
}

async function assertTexts(number, count) {
  await server.settle();
  assert.equal(phones.to(number).length, count, `texts to ${number}`);
}

async function register(number) {
  await Auth.signUp(number, password);
  await Auth.confirmSignUp(number, await phones.code(number), { forceAliasCreation: true });
}

/** Signs up and in, by one text. */
async function checkIn(number) {
  await register(number);
  return await Auth.signIn(number, password);
}

/** How an API call of nobody in particular ends, by the name of its error. */
async function refusal(operation, request) {
  return (await server.call(operation, request)).body.__type;
}

function tokensOf(session) {
  return { AccessToken: session.getAccessToken().getJwtToken(), RefreshToken: session.getRefreshToken().getToken() };
}

describe('the example', () => {
  before(() => configure(server.clientId));

  test('signs up and in by one text, and says nothing to the console', limit, async (t) => {
    const said = ['debug', 'error', 'info', 'log', 'warn'].map((level) => t.mock.method(console, level));
    const number = freshNumber();
    const asked = await example.enter(number);
    assert.equal(asked.step, 'confirm');
    const code = await phones.code(number);
    await assert.rejects(example.answer(asked, wrongCode(code)), { code: 'CodeMismatchException' });
    assert.deepEqual(await example.answer(asked, code), { step: 'in' });
    assert.equal(await example.whoIsIn(), number);
    await assertTexts(number, 1);

    await example.leave();
    assert.equal(await example.whoIsIn(), undefined);
    for (const level of said) assert.equal(level.mock.callCount(), 0);
  });

  test('lets a known number in by a text, after two wrong codes', limit, async () => {
    const number = freshNumber();
    await server.tokens(number);

    let asked = await example.enter(number);
    assert.equal(asked.step, 'code');
    const code = await phones.code(number, 2);
    for (const n of [1, 2]) {
      asked = await example.answer(asked, wrongCode(code, n));
      assert.deepEqual([asked.step, asked.wrong], ['code', true]);
    }
    assert.deepEqual(await example.answer(asked, code), { step: 'in' });
    assert.equal(await example.whoIsIn(), number);
    await assertTexts(number, 2);
  });

  test('lets nobody in at the third wrong code', limit, async () => {
    const number = freshNumber();
    await server.tokens(number);

    let asked = await example.enter(number);
    const code = await phones.code(number, 2);
    asked = await example.answer(asked, wrongCode(code, 1));
    asked = await example.answer(asked, wrongCode(code, 2));
    await assert.rejects(example.answer(asked, wrongCode(code, 3)), { code: 'NotAuthorizedException' });
    await assert.rejects(example.answer(asked, code), { code: 'NotAuthorizedException' });
    assert.equal(await example.whoIsIn(), undefined);
  });

  test('lets the owner in where a stranger signed up with the number too', limit, async () => {
    const number = freshNumber();
    await server.call('SignUp', { ClientId: everyFlow, Username: number, Password: other });
    await phones.text(number);
    const asked = await example.enter(number);
    const next = await example.answer(asked, await phones.code(number, 2));
    assert.equal(next.step, 'code', 'the password of the sign-up is dropped');
    assert.deepEqual(await example.answer(next, await phones.code(number, 3)), { step: 'in' });
    assert.equal(await example.whoIsIn(), number);
  });

  test('takes the sign-up of a number that never confirmed again', limit, async () => {
    const number = freshNumber();
    await example.enter(number);
    await phones.text(number);
    const again = await example.enter(number);
    assert.equal(again.step, 'confirm');
    assert.deepEqual(await example.answer(again, await phones.code(number, 2)), { step: 'in' });
  });
});

describe('sign-up', () => {
  before(() => configure(everyFlow));

  test('tells where the code went, masked', limit, async () => {
    const number = freshNumber();
    const { userConfirmed, codeDeliveryDetails } = await Auth.signUp({ username: number, password });
    assert.equal(userConfirmed, false);
    assert.equal(codeDeliveryDetails.DeliveryMedium, 'SMS');
    assert.ok(!codeDeliveryDetails.Destination.includes(number.slice(0, 8)), 'the number is masked');
  });

  test('resendSignUp sends a code that confirms', limit, async () => {
    const number = freshNumber();
    await Auth.signUp(number, password);
    await phones.text(number);
    await Auth.resendSignUp(number);
    await Auth.confirmSignUp(number, await phones.code(number, 2), { forceAliasCreation: true });
    await Auth.signIn(number, password);
  });

  test('a right password before the confirmation is UserNotConfirmedException', limit, async () => {
    const number = freshNumber();
    await Auth.signUp(number, password);
    await assert.rejects(Auth.signIn(number, password), { code: 'UserNotConfirmedException' });
  });
});

describe('sign-in with a password', () => {
  const number = freshNumber();

  before(async () => {
    configure(everyFlow);
    await register(number);
  }, limit);

  for (const flow of ['CUSTOM_AUTH', 'USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
    test(`${flow} takes the right one and sends no text`, limit, async () => {
      useFlow(flow);
      await assert.rejects(Auth.signIn(number, `${password}!`), { code: 'NotAuthorizedException' });
      const user = await Auth.signIn(number, password);
      assert.equal(user.challengeName, undefined);
      assert.ok((await Auth.currentSession()).isValid());
      await assertTexts(number, 1);
    });
  }

  for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
    test(`${flow} asks the user of an administrator for a new one`, limit, async () => {
      const invited = freshNumber();
      await server.invite(invited, password);
      useFlow(flow);
      const user = await Auth.signIn(invited, password);
      assert.equal(user.challengeName, 'NEW_PASSWORD_REQUIRED');
      await Auth.completeNewPassword(user, other);
      assert.equal((await Auth.currentUserInfo()).attributes.phone_number, invited);
      await Auth.signOut();
      await assert.rejects(Auth.signIn(invited, password), { code: 'NotAuthorizedException' });
      await Auth.signIn(invited, other);
      await assertTexts(invited, 0);
    });
  }
});

describe('signed in', () => {
  before(() => configure(everyFlow));

  test('attributes are read from the server, changed and read back', limit, async () => {
    const number = freshNumber();
    await checkIn(number);
    const user = await Auth.currentAuthenticatedUser({ bypassCache: true });
    assert.deepEqual([user.attributes.phone_number, user.attributes.phone_number_verified], [number, true]);

    assert.equal(await Auth.updateUserAttributes(user, { name: 'Asha' }), 'SUCCESS');
    const read = await Auth.userAttributes(user);
    assert.equal(read.find((one) => one.getName() === 'name').getValue(), 'Asha');
    assert.equal((await Auth.currentAuthenticatedUser({ bypassCache: true })).attributes.name, 'Asha');

    await Auth.deleteUserAttributes(user, ['name']);
    assert.ok(!(await Auth.userAttributes(user)).some((one) => one.getName() === 'name'));
  });

  test('a new number is verified by the code of a text to it', limit, async () => {
    const [number, next] = [freshNumber(), freshNumber()];
    const user = await checkIn(number);
    await Auth.updateUserAttributes(user, { phone_number: next });
    await phones.text(next);

    await Auth.verifyCurrentUserAttribute('phone_number');
    const code = await phones.code(next, 2);
    await assert.rejects(Auth.verifyCurrentUserAttributeSubmit('phone_number', wrongCode(code)), {
      code: 'CodeMismatchException',
    });
    await Auth.verifyCurrentUserAttributeSubmit('phone_number', code);
    const { attributes } = await Auth.currentAuthenticatedUser({ bypassCache: true });
    assert.deepEqual([attributes.phone_number, attributes.phone_number_verified], [next, true]);
    const notice = await phones.text(number, 2);
    assert.match(notice.body, /phone number of your .* account was changed/, 'the old number is told');
    assert.equal(notice.purpose, 'notice');

    await Auth.signOut();
    await Auth.signIn(next, password);
  });

  test('a refresh gives new tokens of the same user', limit, async () => {
    const user = await checkIn(freshNumber());
    const old = user.getSignInUserSession();
    const fresh = await new Promise((resolve, reject) => {
      user.refreshSession(old.getRefreshToken(), (error, session) => (error ? reject(error) : resolve(session)));
    });
    assert.notEqual(fresh.getAccessToken().getJwtToken(), old.getAccessToken().getJwtToken());
    assert.equal(fresh.getAccessToken().payload.sub, old.getAccessToken().payload.sub);
  });

  test('changePassword wants the old password, and the new one signs in', limit, async () => {
    const number = freshNumber();
    const user = await checkIn(number);
    await assert.rejects(Auth.changePassword(user, `${password}!`, other), { code: 'NotAuthorizedException' });
    await assert.rejects(Auth.changePassword(user, password, 'short1'), { code: 'InvalidPasswordException' });
    assert.equal(await Auth.changePassword(user, password, other), 'SUCCESS');
    await Auth.signOut();
    await assert.rejects(Auth.signIn(number, password), { code: 'NotAuthorizedException' });
    await Auth.signIn(number, other);
  });

  test('forgotPasswordSubmit takes the texted code, and the new password signs in', limit, async () => {
    const number = freshNumber();
    await register(number);
    const { CodeDeliveryDetails } = await Auth.forgotPassword(number);
    assert.equal(CodeDeliveryDetails.DeliveryMedium, 'SMS');
    assert.equal(CodeDeliveryDetails.AttributeName, 'phone_number');
    const code = await phones.code(number, 2);
    await assert.rejects(Auth.forgotPasswordSubmit(number, wrongCode(code), other), { code: 'CodeMismatchException' });
    assert.equal(await Auth.forgotPasswordSubmit(number, code, other), 'SUCCESS');
    await assert.rejects(Auth.signIn(number, password), { code: 'NotAuthorizedException' });
    await Auth.signIn(number, other);
  });

  test('a local sign-out ends the refresh token', limit, async () => {
    const { RefreshToken } = tokensOf((await checkIn(freshNumber())).getSignInUserSession());
    await Auth.signOut();
    const request = { ClientId: everyFlow, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: RefreshToken } };
    assert.equal(await refusal('InitiateAuth', request), 'NotAuthorizedException');
  });

  test('a global sign-out ends every token', limit, async () => {
    const number = freshNumber();
    const first = tokensOf((await checkIn(number)).getSignInUserSession());
    await Auth.signIn(number, password);
    await Auth.signOut({ global: true });
    assert.equal(await refusal('GetUser', { AccessToken: first.AccessToken }), 'NotAuthorizedException');
    const refresh = { ClientId: everyFlow, RefreshToken: first.RefreshToken };
    assert.equal(await refusal('GetTokensFromRefreshToken', refresh), 'NotAuthorizedException');
  });

  test('deleteUser leaves the number free', limit, async () => {
    const number = freshNumber();
    const user = await checkIn(number);
    const { sub } = user.getSignInUserSession().getIdToken().payload;
    assert.equal(await Auth.deleteUser(), 'SUCCESS');
    const { userSub } = await Auth.signUp(number, password);
    assert.notEqual(userSub, sub);
    await Auth.confirmSignUp(number, await phones.code(number, 2), { forceAliasCreation: true });
  });
});
