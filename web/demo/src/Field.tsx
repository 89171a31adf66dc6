import { useId, type ComponentProps } from 'react';

import type { Problem } from './useAction';

interface FieldProps extends Omit<ComponentProps<'input'>, 'id'> {
  label: string;
  hint?: string;
  problem?: Problem | undefined;
}

/** An input with its label, its hint and its error, tied together for all readers. */
export function Field({ label, hint, problem, ...input }: FieldProps) {
  const id = useId();
  const hintId = `${id}-hint`;
  const problemId = `${id}-problem`;
  const described = [problem && problemId, hint && hintId].filter(Boolean).join(' ');

  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input {...input} id={id} aria-invalid={problem !== undefined} aria-describedby={described || undefined} />
      {problem && (
        <p id={problemId} key={problem.count} role="alert" className="problem">
          {problem.text}
        </p>
      )}
      {hint && (
        <p id={hintId} className="hint">
          {hint}
        </p>
      )}
    </div>
  );
}
