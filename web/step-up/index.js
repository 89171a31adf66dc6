// Answers Bellhop's demands for more proof before a text is sent: a request that is
// refused with `Step-up required: …` is proved and sent once more, behind the back of
// whatever client made it. Everything else passes untouched.
import { work } from './work.js';

const opening = 'Step-up required: ';
const rounds = 2; // demands that one request meets: a way may fail, and another be offered
const pollEvery = 3000; // milliseconds between looks whether a text has come in
const kinds = ['attestation', 'text-us', 'turnstile', 'hcaptcha', 'recaptcha', 'proof-of-work'];

/**
 * Wraps globalThis.fetch for requests to the endpoint, and returns a function that
 * puts back what was there.
 */
export function installStepUp(options) {
  const before = globalThis.fetch;
  const wrapped = stepUpFetch(before, options);
  globalThis.fetch = wrapped;
  return () => {
    if (globalThis.fetch === wrapped) globalThis.fetch = before;
  };
}

/** A fetch that answers demands of the endpoint, and else is the one given. */
export function stepUpFetch(fetch, { endpoint, solvers = {}, onFailure }) {
  const home = address(endpoint);
  const send = (...args) => Reflect.apply(fetch, globalThis, args);
  return function stepUp(input, init) {
    const request = provable(home, input, init);
    return request === undefined ? send(input, init) : prove(send, request, solvers, onFailure);
  };
}

/**
 * Meets a demand without any fetch: gives what is to be added to the ClientMetadata
 * of the same request, or undefined if the message is no demand or no way of it can
 * be gone.
 */
export async function answerStepUp(message, { solvers = {}, signal, onFailure } = {}) {
  const demand = readDemand(message);
  const proof = demand && (await solve(demand, solvers, signal, onFailure));
  proof?.over();
  return proof?.metadata;
}

/** What may have to be proved: an unsigned POST to the endpoint, of a body that is there. */
function provable(home, input, init) {
  try {
    return read(home, input, init ?? {});
  } catch {
    return undefined; // what fetch itself will complain about
  }
}

function read(home, input, init) {
  const request = typeof Request === 'function' && input instanceof Request ? input : undefined;
  const method = init.method ?? request?.method ?? 'GET';
  if (method.toUpperCase() !== 'POST' || address(request?.url ?? input) !== home) return undefined;
  const headers = new Headers(init.headers ?? request?.headers);
  if (headers.has('authorization')) return undefined; // a signature is over the body
  const body = init.body ?? request?.clone(); // which is read once
  const text = textOf(body);
  if (text === undefined) return undefined;
  return { input, init, isRequest: request !== undefined, headers, text, signal: init.signal ?? request?.signal };
}

/** A function that reads a body, undefined for one that it would use up. */
function textOf(body) {
  if (typeof body === 'string') return async () => body;
  if (ArrayBuffer.isView(body) || body instanceof ArrayBuffer) return async () => new TextDecoder().decode(body);
  if (typeof body?.text !== 'function') return undefined;
  let text; // of a Blob, or of a Request's copy
  return () => (text ??= body.text());
}

function address(url) {
  try {
    return new URL(url, globalThis.location?.href).href.replace(/\/$/, '');
  } catch {
    return undefined;
  }
}

async function prove(send, request, solvers, onFailure) {
  let response = await send(request.input, request.init);
  for (let round = 0; round < rounds; round++) {
    const demand = await demandOf(response);
    const proof = demand && (await solve(demand, solvers, request.signal, onFailure));
    if (proof === undefined) return response;
    try {
      response = await again(send, request, proof.metadata);
      // The text is on its way: once it is there, the same proof is good.
      while (proof.waits && Date.now() + pollEvery < proof.until && (await demandOf(response))) {
        await interruptible(request.signal, new Promise((resolve) => setTimeout(resolve, pollEvery)));
        response = await again(send, request, proof.metadata);
      }
    } finally {
      proof.over();
    }
  }
  return response;
}

/** Sends the request once more with a proof, as a user action of its own. */
async function again(send, { input, init, isRequest, headers, text }, metadata) {
  const body = JSON.parse(await text());
  body.ClientMetadata = { ...body.ClientMetadata, ...metadata };
  const fresh = new Headers(headers);
  fresh.delete('content-length');
  // Under the old one the server would give the old answer.
  if (fresh.has('amz-sdk-invocation-id')) fresh.set('amz-sdk-invocation-id', newId());
  const options = { ...init, method: 'POST', headers: fresh, body: JSON.stringify(body) };
  return isRequest ? await send(new Request(input, options)) : await send(input, options);
}

/** The demand in a response, which stays unread; undefined if it is none. */
async function demandOf(response) {
  if (response.status !== 400) return undefined;
  try {
    const { __type, message } = await response.clone().json();
    return /\b(Forbidden|UserLambdaValidation)Exception$/.test(__type) ? readDemand(message) : undefined;
  } catch {
    return undefined; // some other answer, which is the client's to read
  }
}

// What Cognito makes of a trigger's refusal: bellhop-lambda's demands come so.
const ofTrigger = /^\w+ failed with error (.*)\.$/s;

function readDemand(message) {
  if (typeof message !== 'string') return undefined;
  const said = ofTrigger.exec(message)?.[1] ?? message;
  if (!said.startsWith(opening)) return undefined;
  try {
    const demand = JSON.parse(said.slice(opening.length));
    return typeof demand.demand === 'string' && Array.isArray(demand.ways) ? demand : undefined;
  } catch {
    return undefined;
  }
}

/** Goes the ways of a demand in their order until one has an answer. */
async function solve(demand, solvers, signal, onFailure) {
  for (const way of demand.ways) {
    const solver = kinds.includes(way.kind) ? (solvers[way.kind] ?? own[way.kind]) : undefined;
    if (typeof solver !== 'function') continue;
    const over = new AbortController();
    const end = () => over.abort(signal?.reason);
    signal?.addEventListener('abort', end);
    const finish = () => {
      signal?.removeEventListener('abort', end);
      over.abort();
    };
    const until = Date.now() + 1000 * (way.seconds ?? demand.seconds);
    try {
      const task = { ...way, demand: demand.demand, expires: new Date(until), signal: over.signal };
      if (way.kind === 'text-us') task.link = `sms:${way.number}?&body=${encodeURIComponent(way.text)}`;
      const answer = await interruptible(signal, solver(task));
      const waits = way.kind === 'text-us' && answer !== undefined && answer !== false;
      if (waits || typeof answer === 'string') return { metadata: metadataOf(demand, way, waits ? '' : answer), waits, until, over: finish };
    } catch (error) {
      if (signal?.aborted) {
        finish();
        throw error;
      }
      onFailure?.(way.kind, error);
    }
    finish();
  }
  return undefined;
}

function metadataOf({ demand }, { kind }, answer) {
  return { 'bellhop:step-up': JSON.stringify({ demand, kind, answer }) };
}

/** Solvers that need no app. */
const own = {
  'proof-of-work': ({ demand, bits, algorithm, expires, signal }) => {
    if (algorithm !== 'SHA-256') return undefined;
    return work(demand, bits, { signal, until: expires.getTime() });
  },
};

/** The promise's outcome, or the signal's reason if that comes first. */
async function interruptible(signal, promise) {
  if (signal == null) return await promise;
  let stop;
  const stopped = new Promise((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });
  try {
    return await Promise.race([promise, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function newId() {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID(); // in secure contexts
  const hex = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0'));
  hex[6] = `4${hex[6][1]}`;
  hex[8] = '89ab'[parseInt(hex[8][1], 16) % 4] + hex[8][1];
  return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
