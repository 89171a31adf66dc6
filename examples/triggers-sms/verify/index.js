// VerifyAuthChallengeResponse: is it the code? CommonJS, with a callback.

exports.handler = (event, context, callback) => {
  const { privateChallengeParameters, challengeAnswer } = event.request;
  event.response.answerCorrect = challengeAnswer === privateChallengeParameters.answer;
  callback(null, event);
};
