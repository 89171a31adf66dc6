import { installStepUp } from '../../../web/step-up/index.js'; // a copy, or npm install, does as well

import { answer, configure, enter, leave, whoIsIn } from './auth.js';

const { phone, code, guest } = document.forms;
const alert = document.querySelector('[role=alert]');

let asked; // what the code that the page waits for belongs to

/** Shows one of the forms, empty, and puts the cursor there. */
function show(form, { number = '', told = '' } = {}) {
  for (const one of [phone, code, guest]) one.hidden = one !== form;
  form.reset();
  form.querySelector('fieldset').disabled = false;
  const place = form.querySelector('output');
  if (place) place.value = number;
  alert.textContent = told;
  form.querySelector('input, button').focus();
}

async function showNext(next) {
  if (next.step === 'in') return await showGuest();
  asked = next;
  show(code, { number: next.phone, told: next.wrong ? sentences.CodeMismatchException : '' });
}

async function showGuest() {
  const number = await whoIsIn();
  show(number === undefined ? phone : guest, { number });
}

/** Runs an action when a form is submitted, once at a time. */
function onSubmit(form, action) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const typed = form.querySelector('input')?.value.replace(/[\s()-]/g, '');
    form.querySelector('fieldset').disabled = true;
    try {
      await action(typed);
    } catch (error) {
      const ended = error.code === 'NotAuthorizedException';
      show(ended ? phone : form, { number: asked?.phone, told: sentences[error.code] ?? error.message });
    }
  });
}

onSubmit(phone, async (number) => await showNext(await enter(number)));
onSubmit(code, async (typed) => await showNext(await answer(asked, typed)));
onSubmit(guest, async () => {
  await leave();
  show(phone);
});
document.querySelector('#again').addEventListener('click', () => show(phone));

const sentences = {
  CodeMismatchException: 'That is not the code. Try again.',
  ExpiredCodeException: 'This code is no longer good. Start again with your number.',
  NotAuthorizedException: 'This sign-in has ended. Start again with your number.',
  ForbiddenException: 'No code can be sent to this number now. Try again later.',
  LimitExceededException: 'That was too often for this number. Wait a while, then try again.',
};

const answered = await fetch('config.json');
const config = await answered.json();
installStepUp(config); // a proof where the server asks for one before it texts
configure(config);
await showGuest();
