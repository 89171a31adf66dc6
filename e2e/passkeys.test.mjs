// Passkeys by aws-amplify 6 in Chromium, made and used by its virtual authenticator; and
// the proof of a device that the browser remembers.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch, openPage } from './lib/browser.mjs';
import { freshNumber, Server } from './lib/server.mjs';
import { Site } from './lib/site.mjs';

const limit = { timeout: 60_000 };
const password = 'Correct-Horse-7-Battery';
const byPasskey = { authFlowType: 'USER_AUTH', preferredChallenge: 'WEB_AUTHN' };

let server;
let site;
let browser;
let opened;
let page;
let authenticator;
let passkeys;

before(async () => {
  [server, browser] = await Promise.all([Server.start(), launch()]);
  site = await Site.start('e2e/pages/passkeys', await server.folder('site'));
  const { UserPool } = await server.admin('CreateUserPool', {
    PoolName: 'riders',
    UsernameAttributes: ['phone_number'],
    AutoVerifiedAttributes: ['phone_number'],
    Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'SMS_OTP', 'WEB_AUTHN'] } },
    UserPoolTags: { 'bellhop:app-host': 'localhost' },
  });
  const { ClientId } = await server.newClient(['USER_AUTH'], { UserPoolId: UserPool.Id, PreventUserExistenceErrors: 'ENABLED' });
  passkeys = { userPoolId: UserPool.Id, userPoolClientId: ClientId, userPoolEndpoint: server.endpoint };

  opened = await openPage(browser);
  page = opened.page;
  page.setDefaultTimeout(20_000);
  authenticator = await page.context().newCDPSession(page);
  await authenticator.send('WebAuthn.enable');
  await authenticator.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
}, { timeout: 400_000 });

after(async () => {
  await opened?.close();
  await browser?.close();
  await site?.close();
  await server?.close();
});

/** Opens the page anew, on a host that passkeys can be for, with nothing remembered. */
async function visit(Cognito) {
  await page.goto(site.address.replace('127.0.0.1', 'localhost'));
  await page.waitForFunction(() => window.six !== undefined);
  await page.evaluate((given) => {
    localStorage.clear();
    window.configure(given);
  }, Cognito);
}

/** Calls Amplify in the page. A refusal comes back as its name and message. */
const call = (name, input) => page.evaluate(async ([method, given]) => {
  try {
    return await window.six[method](given);
  } catch (error) {
    return { refused: `${error.name}: ${error.message}` };
  }
}, [name, input]);

const steps = ({ isSignedIn, nextStep, refused }) => refused ?? (isSignedIn || nextStep.signInStep);

test('associate, sign in, choose, list, delete: one text and the notice', limit, async () => {
  const username = freshNumber();
  await visit(passkeys);
  await call('signUp', { username, options: { userAttributes: { phone_number: username }, autoSignIn: { authFlowType: 'USER_AUTH' } } });
  await call('confirmSignUp', { username, confirmationCode: await server.phones.code(username) });
  assert.equal(steps(await call('autoSignIn')), true);

  assert.equal(await call('associateWebAuthnCredential'), undefined);
  assert.match((await server.phones.text(username, 2)).body, /new passkey/);
  assert.match((await call('associateWebAuthnCredential')).refused, /PasskeyAlreadyExists|InvalidState/);

  await call('signOut');
  assert.equal(steps(await call('signIn', { username, options: byPasskey })), true);
  await call('signOut');
  assert.equal(steps(await call('signIn', { username, options: { authFlowType: 'USER_AUTH' } })), 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION');
  assert.equal(steps(await call('confirmSignIn', { challengeResponse: 'WEB_AUTHN' })), true);

  const { credentials } = await call('listWebAuthnCredentials');
  assert.equal(credentials.length, 1);
  const [{ credentialId, relyingPartyId, friendlyCredentialName, authenticatorTransports }] = credentials;
  assert.equal(relyingPartyId, 'localhost');
  assert.notEqual(friendlyCredentialName, '');
  assert.deepEqual(authenticatorTransports, ['internal']);

  await call('deleteWebAuthnCredential', { credentialId });
  assert.deepEqual((await call('listWebAuthnCredentials')).credentials, []);
  await call('signOut');
  assert.match(steps(await call('signIn', { username, options: byPasskey })), /PasskeyAuthenticationFailed|NotAllowed|PasskeyAuthenticationCanceled/);
  await server.settle();
  assert.equal(server.phones.to(username).length, 2);
});

test('a remembered device stands in for the second factor, until the browser forgets it', limit, async () => {
  const { UserPoolId, ClientId } = await server.poolWithDevices(['USER_SRP_AUTH', 'USER_PASSWORD_AUTH', 'USER_AUTH']);
  await visit({ userPoolId: UserPoolId, userPoolClientId: ClientId, userPoolEndpoint: server.endpoint });
  const username = freshNumber();
  await call('signUp', { username, password, options: { userAttributes: { phone_number: username } } });
  await call('confirmSignUp', { username, confirmationCode: await server.phones.code(username) });
  assert.equal(steps(await call('signIn', { username, password })), true);
  await server.wantsTexts(UserPoolId, username);
  await call('signOut');
  assert.equal(steps(await call('signIn', { username, password })), true);
  await call('signOut');
  assert.equal(steps(await call('signIn', { username, password, options: { authFlowType: 'USER_AUTH', preferredChallenge: 'PASSWORD_SRP' } })), true);
  await call('signOut');
  const sent = server.phones.to(username).length;
  await page.evaluate(() => localStorage.clear());
  assert.equal(steps(await call('signIn', { username, password })), 'CONFIRM_SIGN_IN_WITH_SMS_CODE');
  assert.equal(steps(await call('confirmSignIn', { challengeResponse: await server.phones.code(username, sent + 1) })), true);
});
