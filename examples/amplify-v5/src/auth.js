// The way in by phone number with the Auth class of aws-amplify 5. This file is
// the part to copy; main.js is the page around it.
import { Auth } from 'aws-amplify';

/** The endpoint is the one line that an app on Cognito does not have. */
export function configure({ region, userPoolId, userPoolWebClientId, endpoint }) {
  Auth.configure({ region, userPoolId, userPoolWebClientId, endpoint, authenticationFlowType: 'CUSTOM_AUTH' });
}

/**
 * One way in for new and known numbers: sign up, and where the number has an
 * account already, sign in. Each way sends one text. What it gives is for
 * answer().
 */
export async function enter(phone) {
  const password = newPassword();
  try {
    await Auth.signUp(phone, password);
    return { step: 'confirm', phone, password };
  } catch (error) {
    if (error.code !== 'UsernameExistsException') throw error;
    return await signInByText(phone);
  }
}

/**
 * Gives the texted code back. A wrong one is a CodeMismatchException while a
 * number is confirmed. At a sign-in it leads to the same step once more,
 * marked `wrong`, and the third time to a NotAuthorizedException, after which
 * enter() starts anew.
 */
export async function answer(asked, code) {
  if (asked.step === 'confirm') {
    await Auth.confirmSignUp(asked.phone, code, { forceAliasCreation: true });
    return await signInByPassword(asked);
  }
  const user = await Auth.sendCustomChallengeAnswer(asked.user, code);
  return user.challengeName === undefined ? signedIn : { ...asked, user, wrong: true };
}

/** The phone number of whoever is signed in, or undefined. */
export async function whoIsIn() {
  const user = await Auth.currentAuthenticatedUser().catch(() => undefined); // says no more than that nobody is in
  return user?.attributes?.phone_number;
}

export async function leave() {
  await Auth.signOut();
}

const signedIn = { step: 'in' };

/**
 * Signs in without a second text, by the password that this page made when the
 * number signed up. The server drops that password where somebody else signed
 * up with the number too: then a text signs in.
 */
async function signInByPassword({ phone, password }) {
  try {
    await Auth.signIn(phone, password);
    return signedIn;
  } catch (error) {
    if (error.code !== 'NotAuthorizedException') throw error;
    return await signInByText(phone);
  }
}

async function signInByText(phone) {
  return { step: 'code', phone, user: await Auth.signIn(phone) };
}

/** Nobody types this password or sees it; it lives until the code is given. */
function newPassword() {
  const random = crypto.getRandomValues(new Uint8Array(24));
  return `aA1!${btoa(String.fromCharCode(...random))}`; // a character of each kind, whatever the policy
}
