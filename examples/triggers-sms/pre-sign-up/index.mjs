// PreSignUp: no text to sign up with. The first sign-in is by code, and only who
// reads it gets in. The number itself is not called verified here: nobody has
// proved anything yet.

export const handler = async (event) => {
  event.response.autoConfirmUser = true;
  return event;
};
