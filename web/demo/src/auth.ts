import {
  autoSignIn,
  confirmSignIn,
  confirmSignUp,
  fetchUserAttributes,
  getCurrentUser,
  resendSignUpCode,
  signIn,
  signOut,
  signUp,
  updateUserAttributes,
} from 'aws-amplify/auth';

import { isNamed, isSignedOut } from './errors';
import type { Pending } from './pending';

/** What comes after a step: another code, or the app itself. */
export type Next = Pending | 'signed-in';

export interface Guest {
  readonly id: string;
  readonly number: string;
  readonly name: string;
}

/**
 * One way in for new and known numbers: sign up without a password, and sign in
 * if the number has an account already. Each way sends one text.
 */
export async function enter(number: string): Promise<Next> {
  try {
    const { nextStep } = await signUp({
      username: number,
      options: {
        userAttributes: { phone_number: number },
        autoSignIn: { authFlowType: 'USER_AUTH' },
      },
    });
    if (nextStep.signUpStep === 'CONFIRM_SIGN_UP') return pending('sign-up', number);
    return await finishSignUp(number);
  } catch (error) {
    if (!isNamed(error, 'UsernameExistsException')) throw error;
    return await textSignInCode(number);
  }
}

/** Gives the texted code back to the server. */
export async function answer(asked: Pending, code: string): Promise<Next> {
  if (asked.kind === 'sign-up') {
    await confirmSignUp({ username: asked.number, confirmationCode: code });
    return await finishSignUp(asked.number);
  }
  const { nextStep } = await confirmSignIn({ challengeResponse: code });
  return after(nextStep.signInStep, asked.number);
}

/** Asks for the text once more. */
export async function askAgain(asked: Pending): Promise<Next> {
  const texts = asked.texts + 1;
  if (asked.kind === 'sign-up') {
    await resendSignUpCode({ username: asked.number });
    return { ...asked, asked: Date.now(), texts };
  }
  const next = await textSignInCode(asked.number);
  return next === 'signed-in' ? next : { ...next, texts };
}

/** The signed-in guest, or undefined where nobody is signed in. */
export async function currentGuest(): Promise<Guest | undefined> {
  try {
    const { userId } = await getCurrentUser();
    const attributes = await fetchUserAttributes();
    return { id: userId, number: attributes.phone_number ?? '', name: attributes.name ?? '' };
  } catch (error) {
    if (!isSignedOut(error)) throw error;
    await signOut(); // forgets the tokens of an account or a pool that is gone
    return undefined;
  }
}

export async function rename(name: string): Promise<void> {
  await updateUserAttributes({ userAttributes: { name } });
}

export async function leave(): Promise<void> {
  await signOut();
}

/**
 * Signs in with what the confirmed sign-up left in Amplify's memory, without a
 * second text. A reload of the page empties that memory: then the number is
 * confirmed, and a sign-in code is texted.
 */
async function finishSignUp(number: string): Promise<Next> {
  try {
    const { nextStep } = await autoSignIn();
    return after(nextStep.signInStep, number);
  } catch (error) {
    if (!isNamed(error, 'AutoSignInException')) throw error;
    const next = await textSignInCode(number);
    return next === 'signed-in' ? next : { ...next, confirmed: true };
  }
}

async function textSignInCode(number: string): Promise<Next> {
  const { nextStep } = await signIn({
    username: number,
    options: { authFlowType: 'USER_AUTH', preferredChallenge: 'SMS_OTP' },
  });
  return after(nextStep.signInStep, number);
}

function after(step: string, number: string): Next {
  switch (step) {
    case 'DONE':
      return 'signed-in';
    case 'CONFIRM_SIGN_IN_WITH_SMS_CODE':
      return pending('sign-in', number);
    default:
      throw new Error(`this demo cannot take the step ${step}`);
  }
}

function pending(kind: Pending['kind'], number: string): Pending {
  return { kind, number, asked: Date.now(), texts: 1 };
}
