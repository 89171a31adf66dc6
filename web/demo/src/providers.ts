/** A pretended SMS provider of the demo. */
export interface Provider {
  readonly name: string;
  readonly down: boolean;
}

/** By whom texts go, the first that is asked first. */
export function listProviders(): Promise<Provider[]> {
  return call();
}

/** Takes a provider down, or up again. */
export function setProvider(name: string, down: boolean): Promise<Provider[]> {
  return call({
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ name, down }),
  });
}

async function call(options?: RequestInit): Promise<Provider[]> {
  const answer = await fetch('/demo/providers', { cache: 'no-store', ...options });
  if (!answer.ok) throw new Error(`/demo/providers: HTTP ${answer.status}`);
  return (await answer.json()) as Provider[];
}
