import { useEffect, useLayoutEffect, useRef, useState } from 'react';

import { Bell } from './Bell';
import { spaced } from './number';
import { readText, textBack, threads, type Reception, type Text, type Thread } from './texts';
import { useAction } from './useAction';

interface PhoneProps {
  reception: Reception;
  /** The number whose code the app waits for. */
  awaited: string | undefined;
  /** Whether a narrow screen shows the phone, not the app. */
  inFront: boolean;
  onUseCode: (code: string) => void;
}

/** A phone that receives the texts to every number of the demo. */
export function Phone({ reception, awaited, inFront, onUseCode }: PhoneProps) {
  const { texts, connected } = reception;
  const log = useRef<HTMLDivElement>(null);
  const newest = texts.at(-1);

  useLayoutEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [texts, awaited, inFront]);

  return (
    <section className="phone" aria-labelledby="phone-title">
      <div className="screen">
        <StatusBar connected={connected} />
        <div className="caller">
          <span className="face">
            <Bell />
          </span>
          <h2 id="phone-title">Your phone</h2>
          <p>{connected ? 'Every text of this demo lands here' : 'No signal. Looking for the server…'}</p>
        </div>
        <div className="log" ref={log} tabIndex={0} role="group" aria-label="Texts, newest last">
          {texts.length === 0 && <p className="empty">No texts yet. Type a number in the app, and its code lands here.</p>}
          {threads(texts).map((thread) => (
            <section key={thread.to} aria-label={`Texts to ${spaced(thread.to)}`}>
              <h3>To {spaced(thread.to)}</h3>
              <ol>
                {thread.texts.map((text) => (
                  <Bubble
                    key={text.id}
                    text={text}
                    wanted={thread.to === awaited && text === newestOf(thread)}
                    onUseCode={onUseCode}
                  />
                ))}
              </ol>
            </section>
          ))}
        </div>
        {newest && <Reply key={newest.to} from={newest.to} />}
      </div>
    </section>
  );
}

/** The newest text that a thread's number received. */
function newestOf(thread: Thread): Text | undefined {
  return thread.texts.findLast(({ mine }) => !mine);
}

/** Where the phone's owner texts back, from the number that was texted last. */
function Reply({ from }: { from: string }) {
  const [body, setBody] = useState('');
  const { busy, problem, run } = useAction();
  const send = (event: React.FormEvent) => {
    event.preventDefault();
    const words = body.trim();
    if (words === '') return;
    run(async () => {
      await textBack(from, words);
      setBody('');
    });
  };

  return (
    <form className="reply" onSubmit={send}>
      <input
        aria-label={`Text back from ${spaced(from)}`}
        placeholder="Text back, like STOP"
        value={body}
        maxLength={300}
        autoComplete="off"
        onChange={(event) => setBody(event.target.value)}
      />
      <button type="submit" className="chip" disabled={busy}>
        Send
      </button>
      {problem && (
        <p role="alert" className="problem">
          {problem.text}
        </p>
      )}
    </form>
  );
}

interface BubbleProps {
  text: Text;
  /** Whether the app waits for the code in this text. */
  wanted: boolean;
  onUseCode: (code: string) => void;
}

function Bubble({ text, wanted, onUseCode }: BubbleProps) {
  const { words, code, bound } = readText(text.body);
  const [before, after] = code !== undefined && words.includes(code) ? words.split(code, 2) : [words, undefined];

  return (
    <li className={text.mine ? 'mine' : undefined}>
      <div className="bubble">
        <p>
          {before}
          {after !== undefined && (
            <>
              <strong className="number">{code}</strong>
              {after}
            </>
          )}
        </p>
        {bound !== undefined && (
          <p className="bound" title="The line by which a browser knows for which site the code is">
            {bound}
          </p>
        )}
      </div>
      <p className="meta">
        <Time at={text.at} />
        {!text.mine && <Freight text={text} />}
        {wanted && code !== undefined && (
          <button type="button" className="chip" onClick={() => onUseCode(code)}>
            Use code {code}
          </button>
        )}
      </p>
    </li>
  );
}

/** What its sender pays for, and whom. */
function Freight({ text }: { text: Text }) {
  const segments = text.segments === 1 ? '1 segment' : `${text.segments} segments`;
  return (
    <span className="freight" title="By which provider the text came, how it is encoded, and as how many it is billed">
      by {text.provider} · {text.encoding}, {segments}
    </span>
  );
}

function Time({ at }: { at: number }) {
  const moment = new Date(at);
  return <time dateTime={moment.toISOString()}>{clock(moment)}</time>;
}

function StatusBar({ connected }: { connected: boolean }) {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), 5000);
    return () => clearInterval(timer);
  }, []);

  return (
    <div className="status" aria-hidden="true">
      <span>{clock(now)}</span>
      <svg viewBox="0 0 44 12" className={connected ? undefined : 'lost'}>
        <g className="signal">
          <rect x="0" y="8" width="3" height="4" rx="1" />
          <rect x="4.5" y="5.5" width="3" height="6.5" rx="1" />
          <rect x="9" y="3" width="3" height="9" rx="1" />
          <rect x="13.5" y="0.5" width="3" height="11.5" rx="1" />
        </g>
        <rect className="outline" x="22.5" y="1" width="17" height="10" rx="3" />
        <rect x="24.5" y="3" width="11" height="6" rx="1.5" />
        <rect x="41" y="4" width="1.8" height="4" rx="0.9" />
      </svg>
    </div>
  );
}

function clock(moment: Date): string {
  return moment.toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' });
}
