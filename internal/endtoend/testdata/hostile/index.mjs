// A pool's functions that do what nobody hopes for. What, the user's name says:
// the trigger, and the mischief.
import { exit } from 'node:process';

const mischief = {
  throw: () => {
    throw new Error('Come back tomorrow');
  },
  crash: () => exit(1),
  hang: () => new Promise(() => setInterval(() => {}, 60_000)),
  garbage: () => '<html>',
  nothing: () => undefined,
  huge: (event) => ({ ...event, rest: 'x'.repeat(7 << 20) }),
  spin: () => {
    for (;;);
  },
};

export const handler = async (event) => {
  const [trigger] = event.triggerSource.split('_');
  const [where, what, value] = (event.request.userAttributes.name ?? '').split(' ');
  if (trigger === where) {
    if (what in mischief) return await mischief[what](event);
    Object.assign(event.response, JSON.parse(value));
    return event;
  }
  const { session, privateChallengeParameters, challengeAnswer } = event.request;
  if (trigger === 'DefineAuthChallenge') event.response.issueTokens = session.at(-1)?.challengeResult === true;
  if (trigger === 'DefineAuthChallenge') event.response.challengeName = 'CUSTOM_CHALLENGE';
  if (trigger === 'CreateAuthChallenge') event.response.privateChallengeParameters = { answer: 'open' };
  if (trigger === 'VerifyAuthChallengeResponse') event.response.answerCorrect = challengeAnswer === privateChallengeParameters.answer;
  return event;
};
