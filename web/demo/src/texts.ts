import { useEffect, useState } from 'react';

/** A text as the demo's phone received it. */
export interface Text {
  readonly id: string;
  readonly to: string;
  readonly body: string;
  /** When it arrived, in milliseconds since 1970. */
  readonly at: number;
  /** The provider by which it came. */
  readonly provider: string;
  /** How it went on the air, GSM-7 or UCS-2, and as how many texts it is billed. */
  readonly encoding: string;
  readonly segments: number;
  /** Whether the phone sent it. */
  readonly mine?: boolean;
}

/** A text taken apart: what to read, the code in it, and the line for browsers. */
export interface Reading {
  readonly words: string;
  readonly code: string | undefined;
  /** The origin-bound form, `@host #code`, by which browsers match code and page. */
  readonly bound: string | undefined;
}

export function readText(body: string): Reading {
  const lines = body.trimEnd().split('\n');
  const last = /^@\S+ #(\d{4,10})$/.exec(lines.at(-1) ?? '');
  const words = (last ? lines.slice(0, -1) : lines).join('\n').trim();
  const code = last?.[1] ?? /\b\d{6,8}\b/.exec(words)?.[0];
  return { words, code, bound: last?.[0] };
}

export interface Thread {
  readonly to: string;
  readonly texts: readonly Text[];
}

/** Threads by number, the one with the newest text last. */
export function threads(texts: readonly Text[]): Thread[] {
  const byNumber = new Map<string, Text[]>();
  for (const text of texts) {
    const before = byNumber.get(text.to) ?? [];
    byNumber.delete(text.to);
    byNumber.set(text.to, [...before, text]);
  }
  return [...byNumber].map(([to, list]) => ({ to, texts: list }));
}

/** Texts back from a number of the phone's. */
export async function textBack(from: string, body: string): Promise<void> {
  const answer = await fetch('/demo/replies', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ from, body }),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

export interface Reception {
  readonly texts: readonly Text[];
  readonly connected: boolean;
  /** The texts that arrived while this page was open: replays do not count. */
  readonly fresh: readonly Text[];
}

const kept = 50;
const patience = 2000; // milliseconds before a refused connection is tried again

/** The texts on the demo's phone, now and as they arrive. */
export function useTexts(): Reception {
  const [texts, setTexts] = useState<readonly Text[]>([]);
  const [connected, setConnected] = useState(false);
  const [opened] = useState(() => Date.now());

  useEffect(() => {
    let stream: EventSource;
    let again: ReturnType<typeof setTimeout> | undefined;

    const connect = () => {
      stream = new EventSource('/demo/texts');
      stream.onopen = () => setConnected(true);
      stream.onmessage = (event: MessageEvent<string>) => {
        const text = JSON.parse(event.data) as Text;
        setTexts((before) => (before.some(({ id }) => id === text.id) ? before : [...before, text].slice(-kept)));
      };
      stream.onerror = () => {
        setConnected(false);
        // A lost connection comes back by itself; after an HTTP error it does not.
        if (stream.readyState === EventSource.CLOSED) again = setTimeout(connect, patience);
      };
    };

    connect();
    return () => {
      clearTimeout(again);
      stream.close();
    };
  }, []);

  const fresh = texts.filter(({ at, mine }) => at >= opened && !mine);
  return { texts, connected, fresh };
}
