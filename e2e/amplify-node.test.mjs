// aws-amplify 6 as published, in Node, through the whole flow against `bellhop serve`.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { Amplify } from 'aws-amplify';
import {
  autoSignIn,
  confirmResetPassword,
  confirmSignIn,
  confirmSignUp,
  confirmUserAttribute,
  deleteUser,
  deleteUserAttributes,
  fetchAuthSession,
  fetchUserAttributes,
  getCurrentUser,
  resendSignUpCode,
  resetPassword,
  sendUserAttributeVerificationCode,
  signIn,
  signOut,
  signUp,
  updatePassword,
  updateUserAttribute,
  updateUserAttributes,
} from 'aws-amplify/auth';

import { freshNumber, Server, wrongCode } from './lib/server.mjs';

const limit = { timeout: 60_000 };
const password = 'Correct-Horse-7-Battery';
const other = 'Purple-Donkey-4-Stapler';

let server;
let phones;

before(async () => {
  server = await Server.start();
  phones = server.phones;
  configure(server.clientId);
}, { timeout: 400_000 });

after(() => server?.close());

afterEach(async () => {
  await signOut();
  assert.deepEqual(phones.faults, [], 'every delivery follows the Standard Webhooks convention');
});

function configure(userPoolClientId) {
  Amplify.configure({
    Auth: { Cognito: { userPoolId: server.poolId, userPoolClientId, userPoolEndpoint: server.endpoint } },
  });
}

/** Asserts that a number received so many texts, now that all are delivered. */
async function assertTexts(number, count) {
  await server.settle();
  assert.equal(phones.to(number).length, count, `texts to ${number}`);
}

/** Signs up with a password, by one text, and leaves the user signed out. */
async function register(number) {
  await signUp({ username: number, password, options: { userAttributes: { phone_number: number } } });
  await confirmSignUp({ username: number, confirmationCode: await phones.code(number) });
}

/**
 * Signs up and in, by one text. Not by autoSignIn, of which Amplify drops a
 * second call within 300 ms.
 */
async function checkIn(number) {
  await register(number);
  await signIn({ username: number, password });
}

async function accessToken() {
  const { tokens } = await fetchAuthSession();
  return tokens.accessToken.toString();
}

describe('sign-up without a password', () => {
  test('one text confirms the number and signs in', limit, async (t) => {
    const number = freshNumber();
    t.mock.timers.enable({ apis: ['setTimeout'] }); // else Amplify's own of three minutes keeps this process
    const started = await signUp({
      username: number,
      options: { userAttributes: { phone_number: number }, autoSignIn: { authFlowType: 'USER_AUTH' } },
    });
    t.mock.timers.reset();
    assert.equal(started.nextStep.signUpStep, 'CONFIRM_SIGN_UP');
    assert.equal(started.nextStep.codeDeliveryDetails.deliveryMedium, 'SMS');
    assert.ok(!started.nextStep.codeDeliveryDetails.destination.includes(number.slice(0, 8)), 'the number is masked');

    const confirmed = await confirmSignUp({ username: number, confirmationCode: await phones.code(number) });
    assert.equal(confirmed.nextStep.signUpStep, 'COMPLETE_AUTO_SIGN_IN');
    assert.deepEqual(await autoSignIn(), { isSignedIn: true, nextStep: { signInStep: 'DONE' } });

    const user = await getCurrentUser();
    assert.equal(user.userId, started.userId);
    assert.equal((await fetchUserAttributes()).phone_number_verified, 'true');
    await assertTexts(number, 1);
  });

  test('a wrong code is a mismatch, and the right one still confirms', limit, async () => {
    const number = freshNumber();
    await signUp({ username: number, options: { userAttributes: { phone_number: number } } });
    const code = await phones.code(number);
    await assert.rejects(confirmSignUp({ username: number, confirmationCode: wrongCode(code) }), {
      name: 'CodeMismatchException',
    });
    const { isSignUpComplete } = await confirmSignUp({ username: number, confirmationCode: code });
    assert.ok(isSignUpComplete);
  });

  test('a number that never confirmed may sign up again', limit, async () => {
    const number = freshNumber();
    await signUp({ username: number, options: { userAttributes: { phone_number: number } } });
    await phones.text(number);
    const again = await signUp({ username: number, options: { userAttributes: { phone_number: number } } });
    assert.equal(again.nextStep.signUpStep, 'CONFIRM_SIGN_UP');
  });

  test('the code of a resend confirms', limit, async () => {
    const number = freshNumber();
    await signUp({ username: number, options: { userAttributes: { phone_number: number } } });
    await phones.text(number);
    await resendSignUpCode({ username: number });
    const { isSignUpComplete } = await confirmSignUp({ username: number, confirmationCode: await phones.code(number, 2) });
    assert.ok(isSignUpComplete);
  });
});

describe('sign-in by texted code', () => {
  test('USER_AUTH with SMS_OTP takes the right code after a wrong one', limit, async () => {
    const number = freshNumber();
    await server.tokens(number);

    const started = await signIn({
      username: number,
      options: { authFlowType: 'USER_AUTH', preferredChallenge: 'SMS_OTP' },
    });
    assert.equal(started.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
    const code = await phones.code(number, 2);
    await assert.rejects(confirmSignIn({ challengeResponse: wrongCode(code) }), { name: 'CodeMismatchException' });
    assert.ok((await confirmSignIn({ challengeResponse: code })).isSignedIn);
    await assertTexts(number, 2);
  });

  test('a used code does not sign in again', limit, async () => {
    const number = freshNumber();
    await server.tokens(number);
    await signIn({ username: number, options: { authFlowType: 'USER_AUTH', preferredChallenge: 'SMS_OTP' } });
    const code = await phones.code(number, 2);
    await confirmSignIn({ challengeResponse: code });
    await signOut();
    await signIn({ username: number, options: { authFlowType: 'USER_AUTH', preferredChallenge: 'SMS_OTP' } });
    if ((await phones.code(number, 3)) === code) return; // one chance in a million: the new code is that number too
    await assert.rejects(confirmSignIn({ challengeResponse: code }), { name: 'CodeMismatchException' });
  });

  test('CUSTOM_WITHOUT_SRP asks again after a wrong code, twice', limit, async () => {
    const number = freshNumber();
    await server.tokens(number);

    const started = await signIn({ username: number, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
    assert.equal(started.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE');
    const code = await phones.code(number, 2);
    for (const n of [1, 2]) {
      const { nextStep } = await confirmSignIn({ challengeResponse: wrongCode(code, n) });
      assert.equal(nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE');
    }
    assert.ok((await confirmSignIn({ challengeResponse: code })).isSignedIn);
    await assertTexts(number, 2);
  });

  test('CUSTOM_WITHOUT_SRP ends at the third wrong code', limit, async () => {
    const number = freshNumber();
    await server.tokens(number);

    await signIn({ username: number, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
    const code = await phones.code(number, 2);
    await confirmSignIn({ challengeResponse: wrongCode(code, 1) });
    await confirmSignIn({ challengeResponse: wrongCode(code, 2) });
    await assert.rejects(confirmSignIn({ challengeResponse: wrongCode(code, 3) }), { name: 'NotAuthorizedException' });
    await assert.rejects(confirmSignIn({ challengeResponse: code }), { name: 'NotAuthorizedException' });
    await assert.rejects(getCurrentUser(), { name: 'UserUnAuthenticatedException' });
  });
});

describe('sign-in with a password', () => {
  const number = freshNumber();

  before(() => register(number), limit);

  test('SRP, the default flow, sends no text', limit, async () => {
    const { isSignedIn } = await signIn({ username: number, password });
    assert.ok(isSignedIn);
    await assertTexts(number, 1);
  });

  test('CUSTOM_WITH_SRP is satisfied by the password', limit, async () => {
    const { isSignedIn } = await signIn({ username: number, password, options: { authFlowType: 'CUSTOM_WITH_SRP' } });
    assert.ok(isSignedIn);
    await assertTexts(number, 1);
  });

  test('USER_AUTH with PASSWORD_SRP is satisfied by the password', limit, async () => {
    const { isSignedIn } = await signIn({
      username: number,
      password,
      options: { authFlowType: 'USER_AUTH', preferredChallenge: 'PASSWORD_SRP' },
    });
    assert.ok(isSignedIn);
    await assertTexts(number, 1);
  });

  test('USER_AUTH with PASSWORD is satisfied by the password', limit, async () => {
    const { isSignedIn } = await signIn({
      username: number,
      password,
      options: { authFlowType: 'USER_AUTH', preferredChallenge: 'PASSWORD' },
    });
    assert.ok(isSignedIn);
    await assertTexts(number, 1);
  });

  test('USER_PASSWORD_AUTH is satisfied by the password, at an app client that allows it', limit, async () => {
    const { ClientId } = await server.newClient(['USER_PASSWORD_AUTH', 'REFRESH_TOKEN_AUTH']);
    configure(ClientId);
    try {
      const { isSignedIn } = await signIn({ username: number, password, options: { authFlowType: 'USER_PASSWORD_AUTH' } });
      assert.ok(isSignedIn);
      await signOut();
    } finally {
      configure(server.clientId);
    }
    await assertTexts(number, 1);
  });

  test('a temporary password leads to a new one', limit, async () => {
    const invited = freshNumber();
    await server.invite(invited, password);
    const started = await signIn({ username: invited, password });
    assert.equal(started.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED');
    assert.ok((await confirmSignIn({ challengeResponse: other })).isSignedIn);
  });

  test('a wrong password and an unknown number get the same answer', limit, async () => {
    const same = { name: 'NotAuthorizedException', message: 'Incorrect username or password.' };
    await assert.rejects(signIn({ username: number, password: `${password}!` }), same);
    await assert.rejects(signIn({ username: freshNumber(), password }), same);
  });

  test('USER_AUTH without a preference offers both factors, and SMS_OTP goes on', limit, async () => {
    const started = await signIn({ username: number, options: { authFlowType: 'USER_AUTH' } });
    assert.equal(started.nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION');
    const offered = started.nextStep.availableChallenges;
    assert.ok(offered.includes('SMS_OTP') && offered.includes('PASSWORD_SRP'), `offered: ${offered}`);

    const chosen = await confirmSignIn({ challengeResponse: 'SMS_OTP' });
    assert.equal(chosen.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
    assert.ok((await confirmSignIn({ challengeResponse: await phones.code(number, 2) })).isSignedIn);
  });
});

describe('signed in', () => {
  test('a forced refresh gives new tokens of the same user', limit, async () => {
    await checkIn(freshNumber());
    const old = await fetchAuthSession();
    const fresh = await fetchAuthSession({ forceRefresh: true });
    assert.notEqual(fresh.tokens.accessToken.toString(), old.tokens.accessToken.toString());
    assert.equal(fresh.userSub, old.userSub);
    assert.equal(fresh.tokens.accessToken.payload.iss, server.issuer);
  });

  test('a name is changed and read back', limit, async () => {
    const number = freshNumber();
    await checkIn(number);
    const changed = await updateUserAttributes({ userAttributes: { name: 'Asha' } });
    assert.equal(changed.name.nextStep.updateAttributeStep, 'DONE');
    const { name, phone_number } = await fetchUserAttributes();
    assert.deepEqual({ name, phone_number }, { name: 'Asha', phone_number: number });
  });

  test('an attribute is removed', limit, async () => {
    await checkIn(freshNumber());
    await updateUserAttributes({ userAttributes: { name: 'Asha' } });
    await deleteUserAttributes({ userAttributeKeys: ['name'] });
    assert.ok(!('name' in (await fetchUserAttributes())));
  });

  test('a new number is confirmed by a code that is texted to it', limit, async () => {
    const [number, next] = [freshNumber(), freshNumber()];
    await checkIn(number);
    const { nextStep } = await updateUserAttribute({ userAttribute: { attributeKey: 'phone_number', value: next } });
    assert.equal(nextStep.updateAttributeStep, 'CONFIRM_ATTRIBUTE_WITH_CODE');
    assert.equal(nextStep.codeDeliveryDetails.deliveryMedium, 'SMS');
    await phones.text(next);

    const sent = await sendUserAttributeVerificationCode({ userAttributeKey: 'phone_number' });
    assert.equal(sent.deliveryMedium, 'SMS');
    const code = await phones.code(next, 2);
    const confirm = (confirmationCode) => confirmUserAttribute({ userAttributeKey: 'phone_number', confirmationCode });
    await assert.rejects(confirm(wrongCode(code)), { name: 'CodeMismatchException' });
    await confirm(code);
    const { phone_number, phone_number_verified } = await fetchUserAttributes();
    assert.deepEqual([phone_number, phone_number_verified], [next, 'true']);
    const notice = await phones.text(number, 2);
    assert.match(notice.body, /phone number of your .* account was changed/, 'the old number is told');
    assert.equal(notice.purpose, 'notice');

    await signOut();
    assert.ok((await signIn({ username: next, password })).isSignedIn);
  });

  test('a password is changed with the old one', limit, async () => {
    const number = freshNumber();
    await checkIn(number);
    const wrong = updatePassword({ oldPassword: `${password}!`, newPassword: other });
    await assert.rejects(wrong, { name: 'NotAuthorizedException' });
    await updatePassword({ oldPassword: password, newPassword: other });
    await signOut();
    await assert.rejects(signIn({ username: number, password }), { name: 'NotAuthorizedException' });
    assert.ok((await signIn({ username: number, password: other })).isSignedIn);
  });

  test('a local sign-out ends the refresh token', limit, async () => {
    const { RefreshToken } = await server.tokens(freshNumber());
    assert.equal((await server.call('RevokeToken', { ClientId: server.clientId, Token: RefreshToken })).status, 200);
    const refreshed = await server.call('GetTokensFromRefreshToken', { ClientId: server.clientId, RefreshToken });
    assert.equal(refreshed.body.__type, 'NotAuthorizedException');
  });

  test('a global sign-out ends the access token', limit, async () => {
    await checkIn(freshNumber());
    const AccessToken = await accessToken();
    assert.equal((await server.call('GetUser', { AccessToken })).status, 200);
    await signOut({ global: true });
    const refused = await server.call('GetUser', { AccessToken });
    assert.equal(refused.status, 400);
    assert.equal(refused.body.__type, 'NotAuthorizedException');
  });

  test('a deleted user leaves the number free', limit, async () => {
    const number = freshNumber();
    await checkIn(number);
    const { userId } = await getCurrentUser();
    await deleteUser();

    const again = await signUp({ username: number, options: { userAttributes: { phone_number: number } } });
    assert.notEqual(again.userId, userId);
    const { isSignUpComplete } = await confirmSignUp({ username: number, confirmationCode: await phones.code(number, 2) });
    assert.ok(isSignUpComplete);
  });
});

test('a forgotten password is reset by a texted code', limit, async () => {
  const number = freshNumber();
  await register(number);
  const { nextStep } = await resetPassword({ username: number });
  assert.equal(nextStep.resetPasswordStep, 'CONFIRM_RESET_PASSWORD_WITH_CODE');
  assert.equal(nextStep.codeDeliveryDetails.deliveryMedium, 'SMS');
  const code = await phones.code(number, 2);
  const reset = (confirmationCode) => confirmResetPassword({ username: number, confirmationCode, newPassword: other });
  await assert.rejects(reset(wrongCode(code)), { name: 'CodeMismatchException' });
  await reset(code);
  await assert.rejects(signIn({ username: number, password }), { name: 'NotAuthorizedException' });
  assert.ok((await signIn({ username: number, password: other })).isSignedIn);
});

describe('refusals carry the names that apps route by', () => {
  test('a confirmed number cannot sign up', limit, async () => {
    const number = freshNumber();
    await checkIn(number);
    await assert.rejects(signUp({ username: number }), { name: 'UsernameExistsException' });
    await assertTexts(number, 1);
  });

  test('what is no number is an invalid parameter', limit, async () => {
    await assert.rejects(signUp({ username: 'asha' }), { name: 'InvalidParameterException' });
  });

  test('a password against the policy is named so', limit, async () => {
    await assert.rejects(signUp({ username: freshNumber(), password: 'short' }), { name: 'InvalidPasswordException' });
  });

  test('an unknown number gets a sign-in challenge like any other, and no text', limit, async () => {
    const number = freshNumber();
    const started = await signIn({
      username: number,
      options: { authFlowType: 'USER_AUTH', preferredChallenge: 'SMS_OTP' },
    });
    assert.equal(started.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
    await assert.rejects(confirmSignIn({ challengeResponse: '123456' }), { name: 'CodeMismatchException' });
    await assertTexts(number, 0);
  });
});
