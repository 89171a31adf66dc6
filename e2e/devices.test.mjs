// Which requests of aws-amplify 6 and 5 in Chromium carry a device key, and what makes
// them lose it. docs/devices.md has what is measured here, word for word; with
// UPDATE=1 it is written there.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

import { launch, openPage } from './lib/browser.mjs';
import { freshNumber, Server, wrongCode } from './lib/server.mjs';
import { Site } from './lib/site.mjs';

const limit = { timeout: 120_000 };
const password = 'Correct-Horse-7-Battery';
const document = new URL('../docs/devices.md', import.meta.url);
const flows = ['USER_AUTH', 'USER_SRP_AUTH', 'USER_PASSWORD_AUTH', 'CUSTOM_AUTH', 'REFRESH_TOKEN_AUTH'];

let server;
let phones;
let site;
let browser;
let opened;
let page;

before(async () => {
  server = await Server.start();
  phones = server.phones;
  site = await Site.start('e2e/pages/devices', await server.folder('site'));
  browser = await launch();
  opened = await openPage(browser);
  page = opened.page;
  page.setDefaultTimeout(20_000);
  page.on('request', note);
}, { timeout: 400_000 });

after(async () => {
  await opened?.close();
  await browser?.close();
  await site?.close();
  await server?.close();
});

/** The requests since the last take, by what they are called here. */
let noted = [];

function note(request) {
  const target = request.headers()['x-amz-target']?.split('.').at(-1);
  if (request.method() !== 'POST' || target === undefined) return;
  const body = JSON.parse(request.postData());
  const sent = body.AuthParameters ?? body.ChallengeResponses ?? {};
  const about = body.AuthFlow ?? body.ChallengeName;
  noted.push({ name: about === undefined ? target : `${target} ${about}`, target, body, key: sent.DEVICE_KEY ?? body.DeviceKey ?? null });
}

function take() {
  const all = noted;
  noted = [];
  return all;
}

/** What there is to tell of requests: whether each has the key. */
function told(requests) {
  return requests
    .filter(({ target }) => !['GetUser', 'RevokeToken', 'GlobalSignOut'].includes(target))
    .map(({ name, key }) => `${name} ${key === null ? 'no' : '**yes**'}`)
    .join(', ');
}

/** The device keys in the browser, and under whose names they are. */
async function kept() {
  return await page.evaluate(() => Object.entries(localStorage).filter(([name]) => name.endsWith('.deviceKey')));
}

/** aws-amplify 6, called by hand. */
const six = {
  client: undefined,
  async open() {
    const config = { userPoolId: server.poolId, userPoolClientId: this.client, userPoolEndpoint: server.endpoint };
    await visit((given) => window.configureSix(given), config);
  },
  call: (name, input) => page.evaluate(([method, given]) => window.six[method](given), [name, input]),
  async register(number) {
    await this.call('signUp', { username: number, password, options: { userAttributes: { phone_number: number }, autoSignIn: { authFlowType: 'USER_AUTH' } } });
    await this.call('confirmSignUp', { username: number, confirmationCode: await phones.code(number) });
  },
  signIn: (number, options) => six.call('signIn', { username: number, ...options }),
  answer: (challengeResponse) => six.call('confirmSignIn', { challengeResponse }),
  signOut: (input) => six.call('signOut', input),
  refresh: () => six.call('fetchAuthSession', { forceRefresh: true }),
};

/** aws-amplify 5, called by hand: what it gives to go on with stays in the page. */
const five = {
  client: undefined,
  async open() {
    const config = { region: 'us-east-1', userPoolId: server.poolId, userPoolWebClientId: this.client, endpoint: server.endpoint };
    await visit((given) => window.five.configure(given), config);
  },
  call: (name, ...input) => page.evaluate(async ([method, given]) => {
    window.user = await window.five[method](...given);
    return window.user?.challengeName;
  }, [name, input]),
  async register(number) {
    await this.call('signUp', number, password);
    await this.call('confirmSignUp', number, await phones.code(number));
  },
  async signIn(number, { flow, password: given }) {
    await page.evaluate((authenticationFlowType) => window.five.configure({ authenticationFlowType }), flow);
    return await five.call('signIn', number, given);
  },
  answer: (code) => page.evaluate(async (given) => {
    window.user = await window.five.sendCustomChallengeAnswer(window.user, given);
  }, code),
  signOut: (input) => five.call('signOut', input),
  refresh: () => five.call('currentAuthenticatedUser', { bypassCache: true }),
  /** Has it think that its access token is over. */
  expire: () => page.evaluate(() => new Promise((resolve, reject) => {
    window.five.currentUserPoolUser().then((user) => {
      user.refreshSession(user.getSignInUserSession().getRefreshToken(), (error) => (error ? reject(error) : resolve()));
    }, reject);
  })),
};

async function visit(configure, config) {
  await page.goto(site.address);
  await page.evaluate(() => localStorage.clear());
  await page.waitForFunction(() => window.five !== undefined);
  await page.evaluate(configure, config);
}

const sixFlows = [
  ['CUSTOM_WITHOUT_SRP', { options: { authFlowType: 'CUSTOM_WITHOUT_SRP' } }, ['code']],
  ['CUSTOM_WITH_SRP', { password, options: { authFlowType: 'CUSTOM_WITH_SRP' } }, []],
  ['USER_AUTH, SMS_OTP preferred', { options: { authFlowType: 'USER_AUTH', preferredChallenge: 'SMS_OTP' } }, ['code']],
  ['USER_AUTH, SMS_OTP chosen', { options: { authFlowType: 'USER_AUTH' } }, ['SMS_OTP', 'code']],
  ['USER_AUTH, PASSWORD', { password, options: { authFlowType: 'USER_AUTH', preferredChallenge: 'PASSWORD' } }, []],
  ['USER_AUTH, PASSWORD_SRP', { password, options: { authFlowType: 'USER_AUTH', preferredChallenge: 'PASSWORD_SRP' } }, []],
  ['USER_SRP_AUTH', { password }, []],
  ['USER_PASSWORD_AUTH', { password, options: { authFlowType: 'USER_PASSWORD_AUTH' } }, []],
];

const fiveFlows = [
  ['CUSTOM_AUTH without a password', { flow: 'CUSTOM_AUTH' }, ['code']],
  ['CUSTOM_AUTH with a password', { flow: 'CUSTOM_AUTH', password }, []],
  ['USER_SRP_AUTH', { flow: 'USER_SRP_AUTH', password }, []],
  ['USER_PASSWORD_AUTH', { flow: 'USER_PASSWORD_AUTH', password }, []],
];

/** Signs in, with the code wherever one is wanted. */
async function enter(amplify, number, [, input, answers]) {
  const texts = phones.to(number).length;
  await amplify.signIn(number, input);
  for (const answer of answers) await amplify.answer(answer === 'code' ? await phones.code(number, texts + 1) : answer);
}

/** A row: a first sign-in by the flow, then a second one after signing out. */
async function row(amplify, flow) {
  const number = freshNumber();
  await amplify.open();
  await amplify.register(number);
  take();
  await enter(amplify, number, flow);
  const first = take();
  const confirmed = first.find(({ target }) => target === 'ConfirmDevice');
  assert.ok(confirmed, `${flow[0]} confirms its device`);
  assert.deepEqual(Object.keys(confirmed.body).sort(), ['AccessToken', 'DeviceKey', 'DeviceName', 'DeviceSecretVerifierConfig']);
  const [[place, key]] = await kept();
  assert.equal(key, confirmed.key);
  const name = place.split('.').slice(2, -1).join('.');
  await amplify.signOut();
  take();
  await enter(amplify, number, flow);
  const second = take();
  for (const { key: sent } of second) assert.ok(sent === null || sent === key || second.some((r) => r.target === 'ConfirmDevice'));
  return `| ${flow[0]} | ${name === number ? 'what was typed' : 'the sub'} | ${told(second)} |`;
}


/** What a first sign-in by the Session of ConfirmSignUp leaves. */
async function autoSignInRow() {
  const number = freshNumber();
  await six.open();
  await six.register(number);
  take();
  await six.call('autoSignIn');
  const first = take();
  assert.equal((await kept()).length, 1, 'the device is kept');
  await six.signOut();
  take();
  await enter(six, number, sixFlows[0]);
  return `| autoSignIn after confirmSignUp, then CUSTOM_WITHOUT_SRP | ${await nameOfKey(number)} | ${told(first)}; then ${told(take())} |`;
}

/** The requests that no sign-in makes, each from a browser that has a key. */
async function otherRow(amplify, calls) {
  const number = freshNumber();
  await amplify.open();
  await amplify.register(number);
  await enter(amplify, number, amplify === six ? sixFlows.at(-1) : fiveFlows.at(-1));
  take();
  await amplify.refresh();
  await amplify.expire?.();
  await calls(number);
  return `| the others, and refreshing | | ${told(take())} |`;
}

async function nameOfKey(number) {
  const [[place]] = await kept();
  return place.split('.').slice(2, -1).join('.') === number ? 'what was typed' : 'the sub';
}

/** What becomes of the key: each thing that happens, and whether it is there after. */
async function survival(amplify, flow, reopen) {
  const number = freshNumber();
  await amplify.open();
  await amplify.register(number);
  await enter(amplify, number, flow);
  const [[place, key]] = await kept();
  const there = async () => ((await kept()).some(([name, value]) => name === place && value === key) ? 'kept' : '**lost**');
  const after = [];
  const again = async (times) => {
    const texts = phones.to(number).length;
    await amplify.signIn(number, flow[1]);
    const code = await phones.code(number, texts + 1);
    for (let n = 1; n <= times; n++) {
      await amplify.answer(wrongCode(code, n)).catch(() => {}); // the third ends the sign-in
    }
    return code;
  };

  await page.reload();
  await reopen();
  after.push(await there());
  await amplify.signOut();
  after.push(await there());
  const code = await again(1);
  await amplify.answer(code);
  await amplify.signOut({ global: true });
  after.push(await there());
  await again(3);
  after.push(await there());
  const other = freshNumber();
  await amplify.register(other);
  await enter(amplify, other, flow);
  after.push(await there());
  await amplify.signOut();
  await server.admin('AdminForgetDevice', { Username: number, DeviceKey: key });
  await enter(amplify, number, flow);
  const now = (await kept()).find(([name]) => name === place)[1];
  after.push(now === key ? '**kept, and of no use**' : 'replaced by a new one');
  return after;
}

const events = [
  'a reload of the page', 'signOut()', 'signOut({ global: true })', 'three wrong codes',
  'somebody else signs in with the same browser', 'the server has forgotten the device, and the user signs in again',
];

/** Reopens without clearing what the browser keeps. */
async function reopenSix() {
  await page.waitForFunction(() => window.five !== undefined);
  const config = { userPoolId: server.poolId, userPoolClientId: six.client, userPoolEndpoint: server.endpoint };
  await page.evaluate((given) => window.configureSix(given), config);
}

async function reopenFive() {
  await page.waitForFunction(() => window.five !== undefined);
  const config = { region: 'us-east-1', userPoolId: server.poolId, userPoolWebClientId: five.client, endpoint: server.endpoint };
  await page.evaluate((given) => window.five.configure(given), config);
}

const titles = '| sign-in | the key is kept under | requests of the next sign-in, and whether they have the key |\n|---|---|---|';

/** All that docs/devices.md has of it, or the part that is quick to measure. */
async function measure(all) {
  const some = (list) => list.filter(([, , answers]) => all || answers.length === 1);
  const parts = [];
  const of = (name) => createRequire(new URL(name, import.meta.url))('aws-amplify/package.json').version;

  const sixes = [];
  for (const flow of some(sixFlows)) sixes.push(await row(six, flow));
  if (all) sixes.push(await autoSignInRow());
  if (all) sixes.push(await otherRow(six, async (number) => {
    await six.signOut();
    await six.call('resetPassword', { username: number });
    await six.call('confirmResetPassword', { username: number, confirmationCode: await phones.code(number, 2), newPassword: `${password}2` });
    const fresh = freshNumber();
    await six.call('signUp', { username: fresh, password });
    await six.call('resendSignUpCode', { username: fresh });
    await six.call('confirmSignUp', { username: fresh, confirmationCode: await phones.code(fresh) });
  }));
  parts.push(`### aws-amplify ${of('./')}`, titles, ...sixes);

  const fives = [];
  for (const flow of some(fiveFlows)) fives.push(await row(five, flow));
  if (all) fives.push(await otherRow(five, async (number) => {
    await five.signOut();
    await five.call('forgotPassword', number);
    await five.call('forgotPasswordSubmit', number, await phones.code(number, 2), `${password}2`);
    const fresh = freshNumber();
    await five.call('signUp', fresh, password);
    await five.call('resendSignUp', fresh);
    await five.call('confirmSignUp', fresh, await phones.code(fresh));
  }));
  parts.push(`### aws-amplify ${of('../examples/amplify-v5/')}`, titles, ...fives);

  const [ofSix, ofFive] = [await survival(six, sixFlows[0], reopenSix), await survival(five, fiveFlows[0], reopenFive)];
  parts.push('### What becomes of the key', '| what happens | aws-amplify 6 | aws-amplify 5 |\n|---|---|---|');
  parts.push(...events.map((event, i) => `| ${event} | ${ofSix[i]} | ${ofFive[i]} |`));
  return parts;
}

test('aws-amplify 6 and 5 send and keep device keys as docs/devices.md says', limit, async () => {
  six.client = (await server.newClient(flows)).ClientId;
  five.client = (await server.newClient(flows)).ClientId;
  const all = process.env.UPDATE !== undefined;
  const measured = await measure(all);
  let text = await readFile(document, 'utf8');
  if (all) {
    const [start, end] = ['<!-- measured -->\n', '<!-- end -->'];
    const block = measured.map((line) => (line.startsWith('###') ? `\n${line}\n` : line)).join('\n');
    text = text.slice(0, text.indexOf(start) + start.length) + block + '\n\n' + text.slice(text.indexOf(end));
    await writeFile(document, text);
  }
  for (const line of measured) assert.ok(text.includes(line), `docs/devices.md does not say: ${line}`);
  assert.deepEqual(opened.complaints, [], 'the page has no errors');
});

test('an app may tell its device by one line in ClientMetadata, in a flow that has no place for it', limit, async () => {
  const number = freshNumber();
  await six.open();
  await six.register(number);
  await enter(six, number, sixFlows[2]);
  const deviceKey = () => page.evaluate(async () => (await window.six.fetchAuthSession()).tokens.accessToken.payload.device_key);
  const key = await deviceKey();
  assert.equal(key, (await kept())[0][1], 'the access token names the device that Amplify keeps');
  await six.signOut();
  await page.evaluate(() => localStorage.clear());
  take();

  const clientMetadata = { 'bellhop:device': key };
  await enter(six, number, ['', { options: { authFlowType: 'USER_AUTH', preferredChallenge: 'SMS_OTP', clientMetadata } }, ['code']]);
  const requests = take();
  assert.deepEqual(requests.map(({ name, key: sent }) => [name, sent]), [['InitiateAuth USER_AUTH', null], ['RespondToAuthChallenge SMS_OTP', null]]);
  assert.equal(await deviceKey(), key, 'it is the same device, and confirms nothing again');
});

test('aws-amplify 5 takes that line as the last argument of signIn', limit, async () => {
  const number = freshNumber();
  await five.open();
  await five.register(number);
  await enter(five, number, fiveFlows[0]);
  const key = await page.evaluate(async () => (await window.five.currentSession()).getAccessToken().payload.device_key);
  assert.equal(key, (await kept())[0][1]);
  await five.signOut();
  await page.evaluate(() => localStorage.clear());
  take();

  const told = { 'bellhop:device': key };
  await five.call('signIn', number, undefined, told);
  await five.answer(await phones.code(number, 3));
  const [begun, answered, ...more] = take().filter(({ target }) => target !== 'GetUser');
  assert.deepEqual(begun.body.ClientMetadata, told);
  assert.equal(answered.name, 'RespondToAuthChallenge CUSTOM_CHALLENGE');
  assert.deepEqual(more, [], 'the device is known and confirms nothing again');
});
