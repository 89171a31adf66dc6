// CommonJS, in every style that handlers have had.
const answer = (event, how) => { event.response = { how }; return event; };

exports.asynchronous = async (event) => answer(event, 'async');
exports.promise = (event) => new Promise((resolve) => { setImmediate(() => resolve(answer(event, 'promise'))); });
exports.callback = (event, context, callback) => { setImmediate(() => callback(null, answer(event, 'callback'))); };
exports.callbackAtOnce = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = true;
  setInterval(() => {}, 60_000); // a pool of connections, say
  callback(null, answer(event, 'at once'));
  callback(new Error('the second end counts for nothing'));
};
exports.done = (event, context) => setImmediate(() => context.done(null, answer(event, 'done')));
exports.succeed = (event, context) => { context.succeed(answer(event, 'succeed')); };
exports.fail = (event, context) => context.fail(new Error('fail'));
exports.failWithoutReason = (event, context) => context.fail();
exports.plain = (event) => answer(event, 'plain');
exports.text = () => 'a text';
exports.nothing = async () => {};
exports.never = () => new Promise(() => {});
exports.waits = () => new Promise(() => { setInterval(() => {}, 60_000); });
exports.nested = { deeper: { handler: async (event) => answer(event, 'nested') } };

class Denied extends Error {
  constructor(message) { super(message); this.name = 'Denied'; }
}
exports.throwsAtOnce = () => { throw new Denied('not you'); };
exports.rejects = async () => { throw new Denied('not you either'); };
exports.callsBackWithError = (event, context, callback) => callback(new Denied('nor you'));
exports.callsBackWithText = (event, context, callback) => callback('only a text');
exports.throwsText = async () => { throw 'thrown text'; };
exports.throwsUmlaut = async () => { throw new Error('Für Sie nicht: €'); };
exports.throwsLater = () => new Promise(() => { setImmediate(() => { throw new TypeError('later'); }); });
exports.rejectsUnseen = () => new Promise((resolve) => {
  Promise.reject(new Denied('unseen'));
  setTimeout(resolve, 60_000);
});
exports.circular = async (event) => { event.self = event; return event; };

exports.context = async (event, context) => {
  const left = context.getRemainingTimeInMillis();
  return {
    ...context,
    left: left > 0 && left <= 60_000,
    sameID: /^[0-9a-f-]{36}$/.test(context.awsRequestId),
    trace: /^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Sampled=0$/.test(process.env._X_AMZN_TRACE_ID),
    folder: process.cwd() === process.env.LAMBDA_TASK_ROOT,
    awsRequestId: undefined, callbackWaitsForEmptyEventLoop: undefined,
  };
};
exports.environment = async () => process.env;
