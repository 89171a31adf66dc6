/** Whether an error is one of the service's, or of Amplify's, by its name. */
export function isNamed(error: unknown, ...names: string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

/** Errors after which the code step leads nowhere: the number is asked again. */
export function endsCodeStep(error: unknown): boolean {
  return isNamed(error, 'NotAuthorizedException', 'UserNotFoundException', 'SignInException');
}

/** Errors of a call with tokens that are good no more. */
export function isSignedOut(error: unknown): boolean {
  return isNamed(
    error,
    'UserUnAuthenticatedException',
    'NotAuthorizedException',
    'UserNotFoundException',
    'ResourceNotFoundException',
  );
}

const sentences: Readonly<Record<string, string>> = {
  CodeMismatchException: 'That is not the code. Look at the newest text and try again.',
  ExpiredCodeException: 'This code is no longer good. Ask for a new one.',
  LimitExceededException: 'That was too often for this number. Wait a while, then try again.',
  TooManyFailedAttemptsException: 'That was too often for this number. Wait a while, then try again.',
  TooManyRequestsException: 'Too many requests came from here. Wait a minute, then try again.',
  CodeDeliveryFailureException: 'No text can be sent to this number. If it texted STOP, text START from it; else check it, or try again later.',
  NotAuthorizedException: 'This sign-in has ended. Please start again with your number.',
  UserNotFoundException: 'This sign-in has ended. Please start again with your number.',
  UserUnAuthenticatedException: 'This sign-in has ended. Please start again with your number.',
  ResourceNotFoundException: 'This page belongs to an earlier run of the demo. Please load it again.',
  SignInException: 'The code came too late for this sign-in. Please start again with your number.',
  ForbiddenException: 'Too many codes were asked for and not used. Try again later.',
  UserAlreadyAuthenticatedException: 'Somebody is signed in already, in another tab. Reload this page.',
  NetworkError: 'The server does not answer. See that it still runs, then try again.',
  InternalErrorException: 'The server failed. Its log says why. Please try again.',
  ServiceUnavailableException: 'The server is busy. Please try again in a moment.',
};

/** Says to a person what went wrong and what to do now. */
export function sentence(error: unknown): string {
  const known = error instanceof Error ? sentences[error.name] : undefined;
  if (known !== undefined) return known;
  if (isNamed(error, 'InvalidParameterException', 'InvalidPasswordException')) {
    return `The server did not accept this: ${(error as Error).message}`;
  }
  const reason = error instanceof Error ? error.message : String(error);
  return `Something unexpected went wrong: ${reason}`;
}
