// web/step-up by itself, against a server that demands a proof of each request.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, mock, test } from 'node:test';

import { answerStepUp, installStepUp, stepUpFetch } from '../web/step-up/index.js';
import { work } from '../web/step-up/work.js';
import { Demands } from './lib/demands.mjs';

const work12 = { kind: 'proof-of-work', algorithm: 'SHA-256', bits: 12 };
const captcha = { kind: 'turnstile', siteKey: 'site-1' };
const textUs = { kind: 'text-us', number: '+447700900123', text: 'BELLHOP 7KQ2MX9D', seconds: 600 };

const limit = { timeout: 30_000 };

const server = new Demands();
before(() => server.open());
after(() => server.close());
beforeEach(() => {
  server.requests.length = 0;
  server.ways = [work12];
  server.judge = () => false;
});

const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AWSCognitoIdentityProviderService.SignUp', 'amz-sdk-invocation-id': 'first' };
const signUp = { method: 'POST', headers, body: JSON.stringify({ Username: '+14155550123', ClientMetadata: { mine: 'kept' } }) };
const kindOf = ({ proof }) => proof?.kind;

test('the hash is SHA-256, whatever the length of what it is of', limit, async () => {
  for (let length = 0; length < 140; length++) {
    const token = 'x'.repeat(length);
    const counter = await work(token, 6);
    const first = createHash('sha256').update(`${token}:${counter}`).digest()[0];
    assert.equal(first >> 2, 0, `a token of ${length} letters`);
  }
});

test('a request is proved and sent once more, with an invocation of its own', limit, async () => {
  const fetch = stepUpFetch(globalThis.fetch, { endpoint: server.address });
  for (const [input, init] of [
    [server.address, signUp],
    [new URL(server.address), { ...signUp, body: new TextEncoder().encode(signUp.body) }],
    [new Request(server.address, signUp), undefined],
    [new Request(server.address, { ...signUp, body: new Blob([signUp.body]) }), {}],
  ]) {
    server.requests.length = 0;
    const response = await fetch(input, init);
    assert.equal(response.status, 200);
    assert.equal((await response.json()).UserSub, 'sub-1');
    const [first, second, ...more] = server.requests;
    assert.equal(more.length, 0);
    assert.equal(first.headers['amz-sdk-invocation-id'], 'first');
    assert.match(second.headers['amz-sdk-invocation-id'], /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    assert.equal(second.headers['x-amz-target'], headers['x-amz-target']);
    assert.equal(second.headers['content-type'], headers['content-type']);
    const { 'bellhop:step-up': proof, ...metadata } = second.body.ClientMetadata;
    assert.deepEqual({ ...second.body, ClientMetadata: metadata }, JSON.parse(signUp.body));
    assert.deepEqual(Object.keys(JSON.parse(proof)), ['demand', 'kind', 'answer']);
  }
});

test('a demand of a trigger, in the words that Cognito has for it', limit, async () => {
  const demand = JSON.stringify({ demand: 'a.b', seconds: 120, ways: [work12] });
  const metadata = [];
  const cognito = async (_, { body }) => {
    metadata.push(JSON.parse(body).ClientMetadata);
    if (metadata.length > 1) return new Response('{"UserSub":"sub-1"}');
    const message = `PreSignUp failed with error Step-up required: ${demand}.`;
    return new Response(JSON.stringify({ __type: 'UserLambdaValidationException', message }), { status: 400 });
  };
  const response = await stepUpFetch(cognito, { endpoint: server.address })(server.address, signUp);
  assert.equal((await response.json()).UserSub, 'sub-1');
  const { demand: proved, answer } = JSON.parse(metadata[1]['bellhop:step-up']);
  assert.equal(proved, 'a.b');
  const hash = createHash('sha256').update(`a.b:${answer}`).digest();
  assert.equal((hash[0] << 4) | (hash[1] >> 4), 0);
  const other = '{"__type":"UserLambdaValidationException","message":"PreSignUp failed with error LimitExceeded: no."}';
  const refused = await stepUpFetch(async () => new Response(other, { status: 400 }), { endpoint: server.address })(server.address, signUp);
  assert.equal(await refused.text(), other);
});

test('installed and taken away again', limit, async () => {
  const before = globalThis.fetch;
  const undo = installStepUp({ endpoint: server.address.replace(/\/$/, '') });
  assert.equal((await globalThis.fetch(server.address, signUp)).status, 200);
  undo();
  assert.equal(globalThis.fetch, before);
});

test('all else passes as it is', limit, async () => {
  const calls = [];
  const answer = new Response('{"__type":"ForbiddenException","message":"Step-up required: {}"}', { status: 400 });
  const fetch = stepUpFetch((...args) => (calls.push(args), Promise.resolve(answer)), { endpoint: server.address });
  const stream = new ReadableStream({ start: (controller) => controller.close() });
  for (const args of [
    ['https://elsewhere.example/', signUp],
    [`${server.address}more`, signUp],
    [server.address],
    [server.address, undefined],
    [server.address, { ...signUp, method: 'PUT' }],
    [server.address, { ...signUp, body: stream, duplex: 'half' }],
    [server.address, { ...signUp, body: new FormData() }],
    [server.address, { ...signUp, headers: { ...headers, Authorization: 'AWS4-HMAC-SHA256 …' } }],
    [server.address, { ...signUp, headers: { 'no such name': 'x' } }],
    [server.address, { method: 'POST' }],
    [server.address, signUp], // whose answer is no demand
  ]) {
    calls.length = 0;
    assert.equal(await fetch(...args), answer, 'the very same response');
    assert.deepEqual(calls.length, 1);
    assert.ok(args.every((arg, i) => calls[0][i] === arg), 'the very same arguments');
  }
  for (const [status, body] of [
    [400, '{"__type":"ForbiddenException","message":"no"}'],
    [400, '{"__type":"LimitExceededException","message":"Step-up required: {}"}'],
    [400, 'Step-up required: {'],
    [400, '<html>'],
    [403, '{"__type":"ForbiddenException","message":"Step-up required: {\\"demand\\":\\"x\\",\\"ways\\":[]}"}'],
    [200, '{}'],
  ]) {
    const plain = stepUpFetch(async () => new Response(body, { status }), { endpoint: server.address });
    const response = await plain(server.address, signUp);
    assert.equal(response.bodyUsed, false);
    assert.equal(await response.text(), body);
  }
  const broken = stepUpFetch(() => Promise.reject(new TypeError('fetch failed')), { endpoint: server.address });
  await assert.rejects(broken(server.address, signUp), { message: 'fetch failed' });
});

test('the ways are gone in the order of the server, as far as the app can go them', limit, async () => {
  server.ways = [{ kind: 'attestation' }, captcha, work12];
  const tasks = [];
  const failures = [];
  server.judge = ({ answer }) => answer === 'token-1';
  const options = { endpoint: server.address, onFailure: (kind, error) => failures.push(`${kind}: ${error.message}`) };
  const send = async (solvers) => {
    server.requests.length = 0;
    const response = await stepUpFetch(globalThis.fetch, { ...options, solvers })(server.address, signUp);
    return [response.status, ...server.requests.map(kindOf)];
  };
  assert.deepEqual(await send({}), [200, undefined, 'proof-of-work']);
  assert.deepEqual(await send({ turnstile: (task) => (tasks.push(task), 'token-1') }), [200, undefined, 'turnstile']);
  assert.deepEqual(await send({ turnstile: async () => undefined }), [200, undefined, 'proof-of-work']);
  const throws = () => {
    throw new Error('no network');
  };
  assert.deepEqual(await send({ turnstile: throws }), [200, undefined, 'proof-of-work']);
  assert.deepEqual(failures, ['turnstile: no network']);
  assert.deepEqual(await send({ 'proof-of-work': false }), [400, undefined]);
  assert.deepEqual(await send({ turnstile: () => 'bad' }), [400, undefined, 'turnstile', 'turnstile'], 'no more than two demands');

  const [{ siteKey, demand, expires, signal }] = tasks;
  assert.equal(siteKey, 'site-1');
  assert.equal(demand.length, 80);
  assert.ok(expires - Date.now() > 60_000 && expires - Date.now() <= 120_000);
  assert.ok(signal.aborted, 'it is over');
});

test('a text on its way is waited for with the same proof', limit, async () => {
  server.ways = [textUs, work12];
  let looks = 0;
  server.judge = ({ kind, answer }) => kind === 'text-us' && answer === '' && ++looks > 2;
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    let task;
    const shows = (given) => {
      task = given;
      return true;
    };
    const sent = stepUpFetch(globalThis.fetch, { endpoint: server.address, solvers: { 'text-us': shows } })(server.address, signUp);
    let response;
    sent.then((value) => (response = value));
    while (response === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      mock.timers.tick(100);
    }
    assert.equal(response.status, 200);
    assert.equal(task.link, 'sms:+447700900123?&body=BELLHOP%207KQ2MX9D');
    assert.ok(task.signal.aborted, 'the app may take its notice away');
    const proofs = server.requests.slice(1).map(({ body }) => body.ClientMetadata['bellhop:step-up']);
    assert.equal(proofs.length, 3);
    assert.equal(new Set(proofs).size, 1);
    assert.equal(new Set(server.requests.map((one) => one.headers['amz-sdk-invocation-id'])).size, 4);
  } finally {
    mock.timers.reset();
  }
  const declines = { 'text-us': () => false };
  server.requests.length = 0;
  await stepUpFetch(globalThis.fetch, { endpoint: server.address, solvers: declines })(server.address, signUp);
  assert.deepEqual(server.requests.map(kindOf), [undefined, 'proof-of-work']);
});

test('a request that is aborted is given up at once', limit, async () => {
  const stop = new AbortController();
  const reason = new Error('the visitor left');
  server.ways = [captcha, { ...work12, bits: 28 }];
  let shown;
  const solvers = {
    turnstile: ({ signal }) => {
      shown = signal;
      stop.abort(reason);
      return new Promise(() => {}); // nobody solves it
    },
  };
  const fetch = stepUpFetch(globalThis.fetch, { endpoint: server.address, solvers });
  await assert.rejects(fetch(server.address, { ...signUp, signal: stop.signal }), reason);
  assert.ok(shown.aborted);
  assert.equal(server.requests.length, 1);

  const later = new AbortController();
  const working = stepUpFetch(globalThis.fetch, { endpoint: server.address });
  const sent = working(server.address, { ...signUp, signal: later.signal });
  while (server.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
  setTimeout(() => later.abort(reason), 20); // amid the work
  await assert.rejects(sent, reason);
});

test('the work leaves others their turn, and ends in time', limit, async () => {
  const stop = new AbortController();
  const working = work('token', 28, { signal: stop.signal });
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setTimeout(resolve)); // while it works
  stop.abort(new Error('enough'));
  await assert.rejects(working, /enough/);
  await assert.rejects(work('token', 28, { until: Date.now() }), /too long/);
});

test('without fetch: what is to be added to the metadata', limit, async () => {
  const first = await fetch(server.address, signUp);
  const { message } = await first.json();
  const metadata = await answerStepUp(message);
  const body = JSON.stringify({ Username: '+14155550123', ClientMetadata: metadata });
  assert.equal((await fetch(server.address, { ...signUp, body })).status, 200);
  assert.equal(await answerStepUp('User is disabled.'), undefined);
});
