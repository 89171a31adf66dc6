import { useEffect, useState, type FormEvent, type RefObject } from 'react';

import { answer, askAgain, type Next } from './auth';
import { endsCodeStep, sentence } from './errors';
import { Field } from './Field';
import { spaced } from './number';
import type { Pending } from './pending';
import { useAction } from './useAction';
import { useSecondsUntil } from './useSecondsUntil';

interface CodeStepProps {
  pending: Pending;
  code: string;
  field: RefObject<HTMLInputElement | null>;
  onCode: (code: string) => void;
  onNext: (next: Next) => Promise<void>;
  onStartAgain: (given: { number: string; problem?: string }) => void;
}

/** Seconds before Bellhop sends the second, third … text for one code, and not sooner. */
const resendGaps = [30, 60, 120, 300] as const;

export function CodeStep({ pending, code, field, onCode, onNext, onStartAgain }: CodeStepProps) {
  const [notice, setNotice] = useState<string>();
  const action = useAction();
  const number = spaced(pending.number);
  const wait = useSecondsUntil(pending.asked + resendGap(pending.texts));

  useEffect(() => field.current?.focus(), [field]);

  const orStartAgain = (call: () => Promise<void>) => async () => {
    try {
      await call();
    } catch (error) {
      if (!endsCodeStep(error)) throw error;
      onStartAgain({ number, problem: sentence(error) });
    }
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    field.current?.focus();
    setNotice(undefined);
    const digits = code.replace(/\D/g, '');
    if (digits === '') {
      action.refuse('Please type the code from the text.');
      return;
    }
    action.run(orStartAgain(async () => onNext(await answer(pending, digits))));
  };

  const resend = () => {
    if (wait > 0) return;
    action.run(
      orStartAgain(async () => {
        await onNext(await askAgain(pending));
        setNotice('Asked for once more. A code that you have already is good too.');
        field.current?.focus();
      }),
    );
  };

  return (
    <form onSubmit={submit} noValidate>
      <h1 id="step-title">Enter your code</h1>
      <p className="lead">
        {pending.confirmed && 'Your number is confirmed. Since this page was loaded anew, one more code signs you in. '}
        We sent a text to <strong className="number">{number}</strong>.{' '}
        <button type="button" className="link" onClick={() => onStartAgain({ number })}>
          Change number
        </button>
      </p>
      <Field
        ref={field}
        label="Code"
        className="code"
        name="code"
        autoComplete="one-time-code"
        inputMode="numeric"
        hint="Six digits. It is good for ten minutes and works once."
        value={code}
        problem={action.problem}
        onChange={(event) => onCode(event.target.value)}
      />
      <button type="submit" className="primary" aria-disabled={action.busy}>
        {action.busy ? 'One moment…' : 'Check in'}
      </button>
      <button type="button" className="secondary" aria-disabled={action.busy || wait > 0} onClick={resend}>
        {wait > 0 ? `Text me again in ${wait} s` : 'Text me again'}
      </button>
      <p role="status" className="notice">
        {notice}
      </p>
    </form>
  );
}

/** Milliseconds to wait after so many texts. */
function resendGap(texts: number): number {
  return 1000 * (resendGaps[texts - 1] ?? 300);
}
