// DefineAuthChallenge: what comes next in a sign-in. An ES module.

const TRIES = 3;

export const handler = async (event) => {
  const { session } = event.request;
  const last = session.at(-1);
  const answers = session.filter(({ challengeName }) => challengeName === 'CUSTOM_CHALLENGE');

  event.response.issueTokens = false;
  event.response.failAuthentication = false;

  if (last?.challengeName === 'SRP_A') {
    event.response.challengeName = 'PASSWORD_VERIFIER'; // the app began with a password
  } else if (last?.challengeName === 'CUSTOM_CHALLENGE' && last.challengeResult === true) {
    event.response.issueTokens = true;
  } else if (answers.length >= TRIES) {
    event.response.failAuthentication = true;
  } else {
    event.response.challengeName = 'CUSTOM_CHALLENGE';
  }
  return event;
};
