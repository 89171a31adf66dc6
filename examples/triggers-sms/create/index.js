// CreateAuthChallenge: a code, and the text that carries it. CommonJS, async.
const { randomInt } = require('node:crypto');

exports.handler = async (event) => {
  const { session, userAttributes, userNotFound } = event.request;

  // After a wrong answer the code stays, and nobody is texted again.
  const before = session.find(({ challengeMetadata }) => challengeMetadata?.startsWith('CODE-'));
  let code = before?.challengeMetadata.slice('CODE-'.length);
  if (code === undefined) {
    code = String(randomInt(1_000_000)).padStart(6, '0');
    if (!userNotFound) await text(userAttributes.phone_number, `${code} is your code.`);
  }

  event.response.publicChallengeParameters = { medium: 'SMS' };
  event.response.privateChallengeParameters = { answer: code };
  event.response.challengeMetadata = `CODE-${code}`;
  return event;
};

// On AWS this would be Publish of @aws-sdk/client-sns.
async function text(to, body) {
  const answer = await fetch(process.env.SMS_URL, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ to, body }),
  });
  if (!answer.ok) throw new Error('The text could not be sent.');
}
