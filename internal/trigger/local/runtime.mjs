// Runs one Node.js handler (18 or later) against the Lambda Runtime API, as AWS's own
// runtime does: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.
// Its errors are worded as that one's. Two things differ: an answer given to the
// callback is sent at once, whatever callbackWaitsForEmptyEventLoop says, and a
// plain object that a handler without callback returns is its answer.
import http from 'node:http';
import path from 'node:path';
import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { types } from 'node:util';

// A handler's libraries may wrap what they find, so it is taken before they come.
const { request } = http;
const { env } = process;
const exit = process.exit.bind(process);
const warn = console.error.bind(console);

const [address, secret] = env.AWS_LAMBDA_RUNTIME_API.split('/');
const [host, port] = address.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const major = process.versions.node.split('.')[0];
env.AWS_EXECUTION_ENV ??= `AWS_Lambda_nodejs${major}.x`;

const watched = new WeakSet();

/** One exchange with the Runtime API. Whoever loses it has nobody left to work for. */
function exchange(method, call, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = request({
      agent, host, port, method, path: `/${secret}/2018-06-01/runtime/${call}`,
      headers: body === undefined ? headers
        : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers },
    }, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => resolve({
        status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString('utf8'),
      }));
    });
    sent.on('socket', (socket) => {
      if (watched.has(socket)) return;
      watched.add(socket);
      socket.once('close', () => exit(1));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

class RuntimeError extends Error {
  constructor(name, message) {
    super(message);
    this.name = `Runtime.${name}`;
  }
}

function described(error) {
  try {
    if (types.isNativeError(error) || error instanceof Error) {
      return { errorType: error.name, errorMessage: error.message, trace: String(error.stack).split('\n') };
    }
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
      trace: [],
    };
  }
}

/** Tells of an error: the log, and the Runtime API. */
function report(what, call, error) {
  const text = JSON.stringify(described(error));
  warn(what, text);
  const type = String(JSON.parse(text).errorType).replace(/[^\x20-\x7e]/g, '?');
  return exchange('POST', call, text, { 'Lambda-Runtime-Function-Error-Type': type });
}

// What is going on: null while a handler is being loaded, then the invocation in
// progress, then undefined until there is another.
let current = null;

/** The end of a process that something was thrown in which nobody caught. */
function uncaught(what, error, code) {
  const call = current === null ? 'init/error' : current && `invocation/${current.take()}/error`;
  if (!call) {
    warn(what, JSON.stringify(described(error)));
    exit(code);
  }
  report(what, call, error).finally(() => exit(code));
}
process.on('uncaughtException', (error) => uncaught('Uncaught Exception', error, 129));
process.on('unhandledRejection', (reason) => {
  const error = new RuntimeError('UnhandledPromiseRejection', String(reason));
  if (reason?.stack) error.stack = reason.stack;
  uncaught('Unhandled Promise Rejection', error, 128);
});
// Nothing left to wait for, and no answer: null is the answer, as on Lambda.
process.on('beforeExit', () => current?.idle());

async function load(root, name) {
  const base = path.basename(name);
  const [, file, exported] = base.match(/^([^.]*)\.(.*)$/) ?? [];
  if (!file || name.includes('..')) throw new RuntimeError('MalformedHandlerName', 'Bad handler');
  const whole = path.resolve(root, path.dirname(name), file);
  const found = ['.js', '.mjs', '.cjs'].map((ending) => whole + ending).find((each) => existsSync(each));
  if (!found) throw new RuntimeError('ImportModuleError', `Error: Cannot find module '${file}'`);
  let module;
  try {
    module = await import(pathToFileURL(found).href);
  } catch (error) {
    const kind = error instanceof SyntaxError ? 'UserCodeSyntaxError'
      : ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(error?.code) ? 'ImportModuleError' : null;
    if (!kind) throw error;
    const worded = new RuntimeError(kind, String(error));
    worded.stack = error.stack;
    throw worded;
  }
  // What CommonJS exports is the default export of its import.
  const inside = (object) => exported.split('.').reduce((nested, key) => nested?.[key], object);
  const handler = inside(module) ?? inside(module.default);
  if (!handler) throw new RuntimeError('HandlerNotFound', `${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new RuntimeError('HandlerNotFound', `${name} is not a function`);
  return handler;
}

const plain = (value) => typeof value === 'object' && value !== null
  && [Object.prototype, null].includes(Object.getPrototypeOf(value));

/** Hands one event to the handler; resolves when its answer was taken. */
function invoke(handler, { headers, body }) {
  const id = headers['lambda-runtime-aws-request-id'];
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return new Promise((resolve, reject) => {
    let returned;
    const invocation = {
      /** Takes the right to answer, which there is once. */
      take() {
        current = undefined;
        return id;
      },
      idle: () => succeed(returned),
    };
    current = invocation;
    const send = (post) => {
      if (current !== invocation) return;
      invocation.take();
      post().then(resolve, reject);
    };
    const fail = (error) => send(() => report('Invoke Error', `invocation/${id}/error`, error));
    const succeed = (value) => {
      let text;
      try {
        text = JSON.stringify(value) ?? 'null';
      } catch {
        fail(new RuntimeError('MarshalError', 'Unable to stringify response body'));
        return;
      }
      send(() => exchange('POST', `invocation/${id}/response`, text));
    };
    const done = (error, value) => (error === undefined || error === null ? succeed(value) : fail(error));

    if (headers['lambda-runtime-trace-id']) env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
    const context = {
      callbackWaitsForEmptyEventLoop: true,
      functionName: env.AWS_LAMBDA_FUNCTION_NAME,
      functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
      memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
      invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
      awsRequestId: id,
      clientContext: undefined,
      identity: undefined,
      getRemainingTimeInMillis: () => deadline - Date.now(),
      succeed,
      fail: (error) => fail(error ?? 'handled'),
      done,
    };
    try {
      const result = handler(JSON.parse(body), context, done);
      if (typeof result?.then === 'function') result.then(succeed, (error) => fail(error ?? 'handled'));
      else if (handler.length < 3 && plain(result)) succeed(result);
      else if (handler.length < 3) returned = result;
    } catch (error) {
      fail(error);
    }
  });
}

async function main() {
  let handler;
  try {
    handler = await load(env.LAMBDA_TASK_ROOT, env._HANDLER);
  } catch (error) {
    await report('Init Error', 'init/error', error);
    exit(1);
  }
  current = undefined;
  for (;;) {
    const next = await exchange('GET', 'invocation/next');
    if (next.status !== 200) exit(1);
    await invoke(handler, next);
  }
}
main().catch(() => exit(1));
