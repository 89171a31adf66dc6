// `bellhop demo` in Chromium, used as a visitor uses it.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { launch, openPage } from './lib/browser.mjs';
import { faintTexts } from './lib/contrast.mjs';
import { Demo, freshNumber, Visit } from './lib/demo.mjs';
import { wrongCode } from './lib/server.mjs';

const limit = { timeout: 90_000 };

let demo;
let browser;
let opened;

before(async () => {
  demo = await Demo.start();
  browser = await launch();
}, { timeout: 400_000 });

after(async () => {
  await browser?.close();
  await demo?.close();
});

beforeEach(() => {
  opened = [];
});

afterEach(async () => {
  const complaints = opened.flatMap((one) => one.complaints);
  await Promise.all(opened.map((one) => one.close()));
  assert.deepEqual(complaints, [], 'the page has no errors and breaks no policy');
});

async function visit(options = {}) {
  const one = await openPage(browser, options);
  opened.push(one);
  one.page.setDefaultTimeout(20_000);
  const visitor = new Visit(one.page);
  visitor.answer = await visitor.open(demo.address);
  return visitor;
}

test('by the keyboard alone: sign up, change the name, sign out, sign in, reload', limit, async () => {
  const visitor = await visit();
  const { keyboard } = visitor.page;
  const number = freshNumber();

  await visitor.tabTo(visitor.number);
  await keyboard.type(number);
  await keyboard.press('Enter');
  await visitor.code.waitFor();
  await visitor.focused(visitor.code);

  const code = await visitor.codeOf(number);
  await keyboard.type(wrongCode(code));
  await keyboard.press('Enter');
  await visitor.alert.waitFor();
  await visitor.focused(visitor.code);
  assert.match(await visitor.alert.textContent(), /not the code/);
  assert.equal(await visitor.code.getAttribute('aria-invalid'), 'true');
  const described = (await visitor.code.getAttribute('aria-describedby')).split(' ');
  assert.ok(described.includes(await visitor.alert.getAttribute('id')), 'the error belongs to the field');

  await keyboard.press('Control+A');
  await keyboard.type(code);
  await keyboard.press('Enter');
  await visitor.name.waitFor();
  await visitor.focused(visitor.title);
  assert.equal(await visitor.title.textContent(), 'Welcome');
  const userId = await profileOf(visitor, 'User id');
  assert.match(userId, /^[0-9a-f-]{36}$/);
  assert.equal(await profileOf(visitor, 'Phone number'), number);
  assert.equal(await visitor.texts(number).count(), 1, 'one text signs up and in');

  await visitor.tabTo(visitor.name);
  await keyboard.type('Asha Rao');
  await keyboard.press('Enter');
  await visitor.page.getByText('Your name is saved.').waitFor();
  assert.equal(await visitor.title.textContent(), 'Welcome, Asha Rao');

  await visitor.tabTo(visitor.page.getByRole('button', { name: 'Sign out' }));
  await keyboard.press('Enter');
  await visitor.number.waitFor();
  await visitor.focused(visitor.number);

  await keyboard.type(number);
  await keyboard.press('Enter');
  await visitor.code.waitFor();
  await visitor.focused(visitor.code);
  await keyboard.type(await visitor.codeOf(number, 2));
  await keyboard.press('Enter');
  await visitor.page.getByRole('heading', { name: 'Welcome, Asha Rao' }).waitFor();
  assert.equal(await profileOf(visitor, 'User id'), userId, 'the same user comes back');

  await visitor.page.reload();
  await visitor.page.getByRole('heading', { name: 'Welcome, Asha Rao' }).waitFor();
  await visitor.codeOf(number, 2); // the phone gets its texts back one by one
  assert.equal(await visitor.texts(number).count(), 2, 'a reload costs no text');
});

test('the phone hands its code to the app, by the keyboard too', limit, async () => {
  const visitor = await visit();
  const number = freshNumber();
  await visitor.enterNumber(number);
  await visitor.tabTo(visitor.useCode);
  await visitor.page.keyboard.press('Enter');
  await visitor.focused(visitor.code);
  assert.equal(await visitor.code.inputValue(), await visitor.codeOf(number));
  await visitor.page.keyboard.press('Enter');
  await visitor.name.waitFor();
});

test('texts go by the spare provider while main is down, and say what they cost', limit, async () => {
  const visitor = await visit();
  const number = freshNumber();
  await visitor.page.getByRole('button', { name: 'Take main down' }).click();
  try {
    await visitor.page.getByRole('status').filter({ hasText: 'main is down, so texts go by spare' }).waitFor();
    await visitor.checkIn(number);
    assert.match(await visitor.texts(number).textContent(), /by spare · GSM-7, 1 segment/);
  } finally {
    await visitor.page.getByRole('button', { name: 'Bring main back' }).click();
    await visitor.page.getByRole('button', { name: 'Take main down' }).waitFor();
  }
});

test('the phone texts back: STOP is obeyed until START, HELP is answered', limit, async () => {
  const visitor = await visit();
  const number = freshNumber();
  const reply = visitor.page.getByRole('textbox', { name: `Text back from ${number}` });
  const say = async (word) => {
    await reply.fill(word);
    await visitor.page.keyboard.press('Enter');
    await visitor.texts(number).filter({ hasText: word }).first().waitFor();
    await visitor.page.waitForFunction((label) => document.querySelector(`[aria-label="${label}"]`).value === '', `Text back from ${number}`);
  };
  await visitor.checkIn(number);
  await say('HELP');
  await visitor.texts(number).filter({ hasText: 'This is the demo' }).waitFor();
  await say('STOP');
  await visitor.page.getByRole('button', { name: 'Sign out' }).click();
  await visitor.number.fill(number);
  await visitor.page.keyboard.press('Enter');
  await visitor.alert.waitFor();
  assert.match(await visitor.alert.textContent(), /If it texted STOP, text START/);
  await say('START');
  await visitor.enterNumber(number);
  const texts = visitor.texts(number).filter({ hasText: /code is \d{6}/ });
  await texts.nth(1).waitFor();
  await visitor.enterCode(/\b\d{6}\b/.exec(await texts.nth(1).textContent())[0]);
  await visitor.name.waitFor();
});

test('a text is announced and shows its line for browsers', limit, async () => {
  const visitor = await visit();
  const number = freshNumber();
  await visitor.enterNumber(number);
  const code = await visitor.codeOf(number);
  const announced = visitor.page.locator('[aria-live="polite"]', { hasText: `New text to ${number}` });
  await announced.waitFor({ state: 'attached' });
  assert.match(await announced.textContent(), new RegExp(code));
  assert.match(await visitor.texts(number).locator('.bound').textContent(), new RegExp(`^@\\S+ #${code}$`));
});

test('fields carry what browsers and phones fill them by', limit, async () => {
  const visitor = await visit();
  assert.deepEqual(await attributes(visitor.number), { type: 'tel', autocomplete: 'tel', inputmode: 'tel' });
  await visitor.enterNumber(freshNumber());
  assert.deepEqual(await attributes(visitor.code), { type: null, autocomplete: 'one-time-code', inputmode: 'numeric' });
});

test('a number may be typed as people write it, and is told what is wrong with it', limit, async () => {
  const visitor = await visit();
  for (const [typed, told] of [
    ['', /type your phone number/],
    ['415 555 0100', /country code/],
    ['+1 415 CALL ME', /digits only/],
    ['+1 415', /too short/],
  ]) {
    await visitor.number.fill(typed);
    await visitor.page.keyboard.press('Enter');
    await visitor.alert.filter({ hasText: told }).waitFor();
    await visitor.focused(visitor.number);
  }
  const number = freshNumber();
  await visitor.enterNumber(number.replace(/^\+1 (\d{3}) (\d{3}) (\d{4})$/, ' +1 ($1) $2-$3 '));
  await visitor.codeOf(number);
});

test('a sample number is one of those set aside for fiction', limit, async () => {
  const visitor = await visit();
  await visitor.page.getByRole('button', { name: 'Use a sample number' }).click();
  await visitor.focused(visitor.number);
  assert.match(await visitor.number.inputValue(), /^\+1 415 555 01\d\d$/);
});

describe('a reload', () => {
  test('keeps the code step of a sign-in, without another text', limit, async () => {
    const visitor = await visit();
    const number = freshNumber();
    await visitor.checkIn(number);
    await visitor.page.getByRole('button', { name: 'Sign out' }).click();
    await visitor.enterNumber(number);
    const code = await visitor.codeOf(number, 2);
    await visitor.page.reload();
    await visitor.code.waitFor();
    await visitor.enterCode(code);
    await visitor.name.waitFor();
    await visitor.codeOf(number, 2);
    assert.equal(await visitor.texts(number).count(), 2);
  });

  test('keeps the code step of a sign-up, and says why one more code is wanted', limit, async () => {
    const visitor = await visit();
    const number = freshNumber();
    await visitor.enterNumber(number);
    const code = await visitor.codeOf(number);
    await visitor.page.reload();
    await visitor.code.waitFor();
    await visitor.enterCode(code);
    await visitor.page.getByText('Your number is confirmed.').waitFor();
    await visitor.enterCode(await visitor.codeOf(number, 2));
    await visitor.name.waitFor();
  });
});

describe('a refusal is a sentence', () => {
  for (const [name, told] of [
    ['CodeDeliveryFailureException', 'No text can be sent to this number'],
    ['LimitExceededException', 'too often for this number'],
    ['TooManyRequestsException', 'Too many requests came from here'],
    ['ForbiddenException', 'Too many codes were asked for'],
    ['InvalidParameterException', 'did not accept this: the server’s own words'],
    ['InternalErrorException', 'The server failed'],
  ]) {
    test(`at the number: ${name}`, limit, async () => {
      const visitor = await visit();
      await refuse(visitor.page, name);
      await visitor.number.fill(freshNumber());
      await visitor.page.keyboard.press('Enter');
      await visitor.alert.filter({ hasText: told }).waitFor();
    });
  }

  test('at the code, when it ran out: another one may be asked for', limit, async () => {
    const visitor = await visit();
    await visitor.enterNumber(freshNumber());
    await refuse(visitor.page, 'ExpiredCodeException');
    await visitor.enterCode('123456');
    await visitor.alert.filter({ hasText: 'Ask for a new one' }).waitFor();
    await visitor.focused(visitor.code);
  });

  test('at the code, when the sign-in ended: it starts again with the number', limit, async () => {
    const visitor = await visit();
    const number = freshNumber();
    await visitor.enterNumber(number);
    await refuse(visitor.page, 'NotAuthorizedException');
    await visitor.enterCode('123456');
    await visitor.alert.filter({ hasText: 'start again with your number' }).waitFor();
    await visitor.focused(visitor.number);
    assert.equal(await visitor.number.inputValue(), number);
  });
});

test('when the server does not answer, the page says so and stays', limit, async () => {
  const visitor = await visit();
  await visitor.page.route('**/', (route) => (route.request().method() === 'POST' ? route.abort() : route.continue()));
  const cut = opened[0].complaints;
  await visitor.number.fill(freshNumber());
  await visitor.page.keyboard.press('Enter');
  await visitor.alert.filter({ hasText: 'The server does not answer' }).waitFor();
  await visitor.page.unrouteAll();
  await visitor.page.keyboard.press('Enter');
  await visitor.code.waitFor();
  assert.ok(cut.every((complaint) => complaint.includes('net::ERR_FAILED')), `only the cut line is noted: ${cut}`);
  cut.length = 0;
});

test('the phone comes back after the server refused it', limit, async () => {
  const one = await openPage(browser);
  opened.push(one);
  let refused = 0;
  await one.page.route('**/demo/texts', async (route) => {
    if (refused++ > 0) return await route.continue();
    return await route.fulfill({ status: 503, body: 'busy' });
  });
  const visitor = new Visit(one.page);
  await visitor.open(demo.address);
  await one.page.getByText('No signal').waitFor();
  await one.page.getByText('Every text of this demo lands here').waitFor();
  const number = freshNumber();
  await visitor.enterNumber(number);
  await visitor.codeOf(number);
  one.complaints.length = 0; // the browser's note about the 503
});

test('the page allows no inline code and nothing from elsewhere', limit, async () => {
  const visitor = await visit();
  const policy = (await visitor.answer.allHeaders())['content-security-policy'] ?? '';
  assert.match(policy, /default-src '(self|none)'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe-|\*|https?:/);

  const elsewhere = [];
  visitor.page.on('request', (request) => {
    if (!request.url().startsWith(demo.address)) elsewhere.push(request.url());
  });
  await visitor.page.reload();
  await visitor.checkIn(freshNumber());
  assert.deepEqual(elsewhere, []);
});

describe('on a narrow screen', () => {
  for (const width of [320, 390, 600]) {
    test(`of ${width} pixels nothing is cut off, and both halves are at hand`, limit, async () => {
      const visitor = await visit({ viewport: { width, height: 800 }, hasTouch: true });
      const number = freshNumber();
      await assertFits(visitor.page, 'number');
      await visitor.enterNumber(number);
      await visitor.codeOf(number);
      await assertFits(visitor.page, 'code');

      await visitor.page.getByRole('button', { name: /^Phone 1 new/ }).tap();
      await assertFits(visitor.page, 'phone');
      await visitor.useCode.tap();
      await visitor.focused(visitor.code);
      await visitor.page.keyboard.press('Enter');
      await visitor.name.waitFor();
      await assertFits(visitor.page, 'profile');
    });
  }
});

describe('text stands out from its ground', () => {
  for (const colorScheme of ['light', 'dark']) {
    test(colorScheme, limit, async () => {
      const visitor = await visit({ colorScheme, reducedMotion: 'reduce' });
      const { page } = visitor;
      const number = freshNumber();
      assert.deepEqual(await faintTexts(page, 4.5), [], 'number step');
      await visitor.enterNumber(number);
      const code = await visitor.codeOf(number);
      await visitor.enterCode(wrongCode(code));
      await visitor.alert.waitFor();
      assert.deepEqual(await faintTexts(page, 4.5), [], 'code step with an error');
      await visitor.enterCode(code);
      await visitor.name.waitFor();
      assert.deepEqual(await faintTexts(page, 4.5), [], 'profile');
      const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
      const red = Number(/\d+/.exec(ground)[0]);
      assert.equal(red < 128, colorScheme === 'dark', 'the page follows the wanted scheme');
    });
  }
});

/** Has every call of the API refused from now on, in the server's place. */
async function refuse(page, name) {
  await page.route('**/', async (route) => {
    if (route.request().method() !== 'POST') return await route.continue();
    await route.fulfill({
      status: 400,
      headers: { 'x-amzn-errortype': name },
      contentType: 'application/x-amz-json-1.1',
      body: JSON.stringify({ __type: name, message: 'the server’s own words' }),
    });
  });
}

test('a visitor whom the guard asks for more proof is let in by himself', limit, async () => {
  const config = await (await fetch(`${demo.address}/demo/config.json`)).json();
  const ask = async (number) => {
    const answer = await fetch(config.endpoint, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': 'AWSCognitoIdentityProviderService.SignUp' },
      body: JSON.stringify({ ClientId: config.userPoolClientId, Username: number }),
    });
    return await answer.json();
  };
  let said = {};
  for (let asked = 0; asked < 60 && said.__type === undefined; asked++) said = await ask(freshNumber().replaceAll(' ', ''));
  assert.equal(said.__type, 'ForbiddenException', 'the address has no credit any more');

  const visitor = await visit();
  const number = freshNumber();
  await visitor.number.fill(number);
  await visitor.page.keyboard.press('Enter');
  await visitor.code.waitFor();
  const demands = opened.at(-1).complaints.splice(0).filter((complaint) => !/400/.test(complaint));
  assert.deepEqual(demands, [], 'the demand itself is all that the browser notes');
  await visitor.code.fill(await visitor.codeOf(number));
  await visitor.page.keyboard.press('Enter');
  await visitor.name.waitFor();
});

async function profileOf(visitor, term) {
  return await visitor.page.locator('dl div', { hasText: term }).locator('dd').textContent();
}

async function attributes(field) {
  const [type, autocomplete, inputmode] = await Promise.all(
    ['type', 'autocomplete', 'inputmode'].map((name) => field.getAttribute(name)),
  );
  return { type, autocomplete, inputmode };
}

async function assertFits(page, what) {
  const { content, window } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    window: innerWidth,
  }));
  assert.ok(content <= window, `${what}: ${content} pixels wide in a window of ${window}`);
}
