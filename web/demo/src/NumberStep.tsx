import { useEffect, useRef, useState, type FormEvent } from 'react';

import { enter, type Next } from './auth';
import { Field } from './Field';
import { readNumber, sampleNumber, spaced } from './number';
import { useAction } from './useAction';

interface NumberStepProps {
  /** Whether the visitor came here from another step, so that focus follows. */
  arrived: boolean;
  number?: string;
  problem?: string;
  notice?: string;
  onNext: (next: Next) => Promise<void>;
}

export function NumberStep({ arrived, number = '', problem, notice, onNext }: NumberStepProps) {
  const [text, setText] = useState(number);
  const action = useAction(problem);
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => {
    if (arrived) field.current?.focus();
  }, [arrived]);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const typed = readNumber(text);
    if (typed.problem !== undefined) {
      action.refuse(typed.problem);
      field.current?.focus();
      return;
    }
    action.run(async () => onNext(await enter(typed.number)));
  };

  const useSample = () => {
    setText(spaced(sampleNumber()));
    field.current?.focus();
  };

  return (
    <form onSubmit={submit} noValidate>
      <h1 id="step-title">Check in with your phone</h1>
      {notice && (
        <p role="status" className="notice">
          {notice}
        </p>
      )}
      <p className="lead">New here or back again, it is the same step. We text you a code, and you are in.</p>
      <Field
        ref={field}
        label="Phone number"
        type="tel"
        name="tel"
        autoComplete="tel"
        inputMode="tel"
        placeholder="+1 415 555 0123"
        hint="With + and country code, like +91 for India or +1 for the United States. Spaces and dashes are fine."
        value={text}
        problem={action.problem}
        onChange={(event) => setText(event.target.value)}
      />
      <button type="submit" className="primary" aria-disabled={action.busy}>
        {action.busy ? 'Sending…' : 'Text me a code'}
      </button>
      <button type="button" className="secondary" onClick={useSample}>
        Use a sample number
      </button>
    </form>
  );
}
