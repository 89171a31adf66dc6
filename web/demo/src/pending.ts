/** A code that the app waits for. It outlives a reload of the page. */
export interface Pending {
  readonly kind: 'sign-up' | 'sign-in';
  readonly number: string;
  /** When the last text was asked for, in milliseconds since 1970. */
  readonly asked: number;
  /** How many texts were asked for. */
  readonly texts: number;
  /** The number was confirmed, and a second code is needed to sign in. */
  readonly confirmed?: boolean;
}

const key = 'bellhop-demo.pending';

/** Amplify keeps a sign-in over a reload for three minutes. */
const signInKept = 3 * 60 * 1000;

export function keepPending(pending: Pending | undefined): void {
  if (pending === undefined) sessionStorage.removeItem(key);
  else sessionStorage.setItem(key, JSON.stringify(pending));
}

export function keptPending(now: number): Pending | undefined {
  const text = sessionStorage.getItem(key);
  if (text === null) return undefined;
  const pending = JSON.parse(text) as Pending;
  const lost = pending.kind === 'sign-in' && now - pending.asked > signInKept;
  return lost ? undefined : pending;
}
