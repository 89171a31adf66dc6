import { useLayoutEffect, useState } from 'react';

/** Whole seconds until a moment in milliseconds since 1970, counting down to 0. */
export function useSecondsUntil(moment: number): number {
  const [now, setNow] = useState(() => Date.now());
  const left = Math.max(0, Math.ceil((moment - now) / 1000));

  useLayoutEffect(() => {
    setNow(Date.now()); // a new moment must not be measured from an old one
    const timer = setInterval(() => {
      const current = Date.now();
      setNow(current);
      if (current >= moment) clearInterval(timer);
    }, 1000);
    return () => clearInterval(timer);
  }, [moment]);

  return left;
}
