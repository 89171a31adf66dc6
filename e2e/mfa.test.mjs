// Second factors by aws-amplify 6 and 5 as published, in Node, against `bellhop serve`.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, afterEach, before, describe, test } from 'node:test';

import { Amplify } from 'aws-amplify';
import {
  confirmSignIn,
  fetchMFAPreference,
  setUpTOTP,
  signIn,
  signOut,
  updateMFAPreference,
  verifyTOTPSetup,
} from 'aws-amplify/auth';

import * as example from '../examples/amplify-v5/src/auth.js';
import { Auth } from './lib/amplify5.mjs';
import { freshNumber, Server, wrongCode } from './lib/server.mjs';

const limit = { timeout: 60_000 };
const password = 'Correct-Horse-7-Battery';
const poolMFA = { MfaConfiguration: 'OPTIONAL', SmsMfaConfiguration: {}, SoftwareTokenMfaConfiguration: { Enabled: true } };

let server;
let phones;

before(async () => {
  server = await Server.start();
  phones = server.phones;
  await server.admin('SetUserPoolMfaConfig', poolMFA);
  const { ClientId } = await server.newClient(['USER_SRP_AUTH', 'USER_AUTH', 'CUSTOM_AUTH', 'REFRESH_TOKEN_AUTH']);
  Amplify.configure({ Auth: { Cognito: { userPoolId: server.poolId, userPoolClientId: ClientId, userPoolEndpoint: server.endpoint } } });
  example.configure({ region: 'us-east-1', userPoolId: server.poolId, userPoolWebClientId: ClientId, endpoint: server.endpoint });
  Auth.configure({ authenticationFlowType: 'USER_SRP_AUTH' });
}, { timeout: 400_000 });

after(() => server?.close());

afterEach(async () => {
  await signOut();
  await Auth.signOut();
  assert.deepEqual(phones.faults, [], 'every delivery follows the Standard Webhooks convention');
});

/**
 * An authenticator app. Each code is of the step after the last one, beginning with
 * the one before now, so that three serve without any waiting.
 */
class App {
  #step = Math.floor(Date.now() / 30_000) - 2;

  constructor(secret) {
    const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
    this.key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  }

  next() {
    this.#step += 1;
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(this.#step));
    const mac = createHmac('sha1', this.key).update(counter).digest();
    const value = mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff;
    return String(value % 1_000_000).padStart(6, '0');
  }
}

/** A confirmed user with a password and a verified number. */
async function member() {
  const number = freshNumber();
  await server.invite(number, password);
  await server.admin('AdminSetUserPassword', { Username: number, Password: password, Permanent: true });
  return number;
}

/** The code of the newest text; notices to the same number hold none. */
async function texted(number, before) {
  for (let count = before + 1; ; count++) {
    const { body } = await phones.text(number, count);
    const code = /\b\d{6}\b/.exec(body)?.[0];
    if (code !== undefined) return code;
  }
}

describe('aws-amplify 6', () => {
  test('an app is set up, asked for, and takes each code once', limit, async () => {
    const username = await member();
    assert.equal((await signIn({ username, password })).nextStep.signInStep, 'DONE');
    const { sharedSecret } = await setUpTOTP();
    const app = new App(sharedSecret);
    const first = app.next();
    await assert.rejects(verifyTOTPSetup({ code: wrongCode(first) }), { name: 'EnableSoftwareTokenMFAException' });
    await verifyTOTPSetup({ code: first });
    await updateMFAPreference({ totp: 'PREFERRED' });
    assert.deepEqual(await fetchMFAPreference(), { enabled: ['TOTP'], preferred: 'TOTP' });
    await signOut();

    const asked = await signIn({ username, password });
    assert.equal(asked.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
    await assert.rejects(confirmSignIn({ challengeResponse: first }), { name: 'ExpiredCodeException' });
    const code = app.next();
    await assert.rejects(confirmSignIn({ challengeResponse: wrongCode(code) }), { name: 'CodeMismatchException' });
    assert.ok((await confirmSignIn({ challengeResponse: code })).isSignedIn);
    await updateMFAPreference({ sms: 'ENABLED', totp: 'ENABLED' });
    await signOut();

    const choice = await signIn({ username, password });
    assert.equal(choice.nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_MFA_SELECTION');
    const before = phones.to(username).length;
    const byText = await confirmSignIn({ challengeResponse: 'SMS' });
    assert.equal(byText.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
    assert.ok((await confirmSignIn({ challengeResponse: await texted(username, before) })).isSignedIn);
  });

  test('a texted code is followed by an app where a second factor is required', limit, async () => {
    const username = await member();
    const ResourceArn = (await server.admin('DescribeUserPool')).UserPool.Arn;
    await server.admin('TagResource', { ResourceArn, Tags: { 'bellhop:second-factor': 'required' } });
    try {
      const options = { authFlowType: 'USER_AUTH', preferredChallenge: 'SMS_OTP' };
      const asked = await signIn({ username, options });
      assert.equal(asked.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
      const choice = await confirmSignIn({ challengeResponse: await phones.code(username) });
      assert.equal(choice.nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION');
      assert.deepEqual(choice.nextStep.allowedMFATypes, ['TOTP', 'EMAIL']);
      const setUp = await confirmSignIn({ challengeResponse: 'TOTP' });
      assert.equal(setUp.nextStep.signInStep, 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP');
      const app = new App(setUp.nextStep.totpSetupDetails.sharedSecret);
      assert.ok((await confirmSignIn({ challengeResponse: app.next() })).isSignedIn);
      await signOut();

      await signIn({ username, options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } });
      const then = await confirmSignIn({ challengeResponse: await texted(username, 1) });
      assert.equal(then.nextStep.signInStep, 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
      assert.ok((await confirmSignIn({ challengeResponse: app.next() })).isSignedIn);
    } finally {
      await server.admin('UntagResource', { ResourceArn, TagKeys: ['bellhop:second-factor'] });
    }
  });
});

test('aws-amplify 5: an app is set up, and asked for', limit, async () => {
  const username = await member();
  const user = await Auth.signIn(username, password);
  const app = new App(await Auth.setupTOTP(user));
  await Auth.verifyTotpToken(user, app.next());
  await Auth.setPreferredMFA(user, 'TOTP');
  assert.equal(await Auth.getPreferredMFA(user, { bypassCache: true }), 'SOFTWARE_TOKEN_MFA');
  await Auth.signOut();

  const asked = await Auth.signIn(username, password);
  assert.equal(asked.challengeName, 'SOFTWARE_TOKEN_MFA');
  const code = app.next();
  await assert.rejects(Auth.confirmSignIn(asked, wrongCode(code), 'SOFTWARE_TOKEN_MFA'), { code: 'CodeMismatchException' });
  await Auth.confirmSignIn(asked, code, 'SOFTWARE_TOKEN_MFA');
  assert.equal((await Auth.currentAuthenticatedUser()).username, user.username);
});
