import { useRef, useState } from 'react';

import { sentence } from './errors';

/** An error sentence. The count tells two equal ones apart, so both are read out. */
export interface Problem {
  readonly text: string;
  readonly count: number;
}

export interface Action {
  readonly busy: boolean;
  readonly problem: Problem | undefined;
  refuse(text: string): void;
  /** Runs one call to the server at a time; its error becomes the problem. */
  run(call: () => Promise<void>): void;
}

export function useAction(first?: string): Action {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(first === undefined ? undefined : { text: first, count: 0 });
  const running = useRef(false);

  const refuse = (text: string) => setProblem((before) => ({ text, count: (before?.count ?? 0) + 1 }));

  const run = (call: () => Promise<void>) => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    call()
      .then(
        () => setProblem(undefined),
        (error: unknown) => refuse(sentence(error)),
      )
      .finally(() => {
        running.current = false;
        setBusy(false);
      });
  };

  return { busy, problem, refuse, run };
}
