import { useEffect, useState } from 'react';

import { listProviders, setProvider, type Provider } from './providers';
import { useAction } from './useAction';

/** By whom texts go, and a switch that shows what happens when a provider is down. */
export function Route() {
  const [providers, setProviders] = useState<readonly Provider[]>([]);
  const { busy, problem, run } = useAction();

  useEffect(() => {
    void listProviders().then(setProviders, () => undefined); // the page works without it
  }, []);

  const [main, spare] = providers;
  if (!main || !spare) return null;

  return (
    <section className="route" aria-label="By whom texts go">
      <p role="status">
        {main.down ? (
          <>
            The provider <strong>{main.name}</strong> is down, so texts go by <strong>{spare.name}</strong>. Nobody waits
            for them.
          </>
        ) : (
          <>
            Texts go by the provider <strong>{main.name}</strong>. Where it fails, <strong>{spare.name}</strong> takes
            over at once.
          </>
        )}
      </p>
      <button
        type="button"
        className="chip"
        disabled={busy}
        onClick={() => run(async () => setProviders(await setProvider(main.name, !main.down)))}
      >
        {main.down ? `Bring ${main.name} back` : `Take ${main.name} down`}
      </button>
      {problem && (
        <p role="alert" className="problem">
          {problem.text}
        </p>
      )}
    </section>
  );
}
