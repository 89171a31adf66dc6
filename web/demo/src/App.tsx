import { useEffect, useRef, useState } from 'react';
import { flushSync } from 'react-dom';

import { currentGuest, type Guest, type Next } from './auth';
import { Bell } from './Bell';
import { CodeStep } from './CodeStep';
import { configureAmplify, loadConfig, type DemoConfig } from './config';
import { sentence } from './errors';
import { spaced } from './number';
import { NumberStep } from './NumberStep';
import { keepPending, keptPending, type Pending } from './pending';
import { Phone } from './Phone';
import { Profile } from './Profile';
import { Route } from './Route';
import { Setup } from './Setup';
import { readText, useTexts, type Text } from './texts';

type View =
  | { step: 'loading' }
  | { step: 'broken'; problem: string }
  | { step: 'number'; arrived: boolean; number?: string; problem?: string; notice?: string }
  | { step: 'code'; pending: Pending }
  | { step: 'guest'; arrived: boolean; guest: Guest };

type Half = 'app' | 'phone';

/** The page: the app on one half, the phone with its texts on the other. */
export function App() {
  const [config, setConfig] = useState<DemoConfig>();
  const [view, setView] = useState<View>({ step: 'loading' });
  const [code, setCode] = useState('');
  const [half, setHalf] = useState<Half>('app');
  const [seen, setSeen] = useState(0);
  const reception = useTexts();
  const { fresh } = reception;
  const codeField = useRef<HTMLInputElement>(null);

  useEffect(() => {
    let gone = false;
    void start().then(({ config: loaded, view: first }) => {
      if (gone) return;
      setConfig(loaded);
      setView(first);
    });
    return () => {
      gone = true;
    };
  }, []);

  const goOn = async (next: Next) => {
    setCode('');
    if (next !== 'signed-in') {
      keepPending(next);
      setView({ step: 'code', pending: next });
      return;
    }
    const guest = await currentGuest();
    keepPending(undefined);
    setView(guest ? { step: 'guest', arrived: true, guest } : { step: 'number', arrived: true });
  };

  const startAgain = (given: { number?: string; problem?: string; notice?: string }) => {
    keepPending(undefined);
    setCode('');
    setView({ step: 'number', arrived: true, ...given });
  };

  const useCode = (value: string) => {
    flushSync(() => {
      setHalf('app');
      setCode(value);
    });
    codeField.current?.focus();
  };

  const show = (next: Half) => {
    setHalf(next);
    setSeen(fresh.length);
  };

  const newest = fresh.at(-1);
  const unseen = half === 'phone' ? 0 : Math.max(0, fresh.length - seen);
  const awaited = view.step === 'code' ? view.pending.number : undefined;

  return (
    <>
      <header className="top">
        <a className="brand" href="/">
          <Bell key={newest?.id} ringing={newest !== undefined} />
          <span>Bellhop</span>
        </a>
        <p className="tag">demo</p>
      </header>

      <nav className="halves" aria-label="Halves of the demo">
        <HalfButton half="app" shown={half} onShow={show}>
          App
        </HalfButton>
        <HalfButton half="phone" shown={half} onShow={show}>
          Phone
          {unseen > 0 && (
            <span className="badge">
              {unseen}
              <span className="hidden-visually"> new</span>
            </span>
          )}
        </HalfButton>
      </nav>

      <main data-half={half}>
        <div className="half half-app" id="half-app">
          <section className="card" aria-labelledby="step-title">
            {view.step === 'loading' && <Loading />}
            {view.step === 'broken' && <Broken problem={view.problem} />}
            {view.step === 'number' && <NumberStep {...view} onNext={goOn} />}
            {view.step === 'code' && (
              <CodeStep
                key={view.pending.number + view.pending.kind}
                pending={view.pending}
                code={code}
                field={codeField}
                onCode={setCode}
                onNext={goOn}
                onStartAgain={startAgain}
              />
            )}
            {view.step === 'guest' && (
              <Profile
                guest={view.guest}
                arrived={view.arrived}
                onChange={(guest) => setView({ step: 'guest', arrived: false, guest })}
                onLeft={() => startAgain({ notice: 'You are signed out. Come back any time.' })}
                onEnded={(problem) => startAgain({ number: spaced(view.guest.number), problem })}
              />
            )}
          </section>
          {config && <Route />}
          {config && <Setup config={config} />}
        </div>

        <div className="half half-phone" id="half-phone">
          <Phone reception={reception} awaited={awaited} inFront={half === 'phone'} onUseCode={useCode} />
        </div>
      </main>

      <p className="hidden-visually" aria-live="polite">
        {newest && announcement(newest)}
      </p>
    </>
  );
}

/** Finds out where a freshly loaded page stands. */
async function start(): Promise<{ config?: DemoConfig; view: View }> {
  try {
    const config = await loadConfig();
    configureAmplify(config);
    return { config, view: await firstView() };
  } catch (error) {
    return { view: { step: 'broken', problem: sentence(error) } };
  }
}

async function firstView(): Promise<View> {
  const guest = await currentGuest();
  if (guest) return { step: 'guest', arrived: false, guest };
  const pending = keptPending(Date.now());
  if (pending) return { step: 'code', pending };
  return { step: 'number', arrived: false };
}

function announcement(text: Text): string {
  return `New text to ${spaced(text.to)}: ${readText(text.body).words}`;
}

interface HalfButtonProps {
  half: Half;
  shown: Half;
  onShow: (half: Half) => void;
  children: React.ReactNode;
}

/** On narrow screens, one half at a time. */
function HalfButton({ half, shown, onShow, children }: HalfButtonProps) {
  return (
    <button type="button" aria-pressed={half === shown} aria-controls={`half-${half}`} onClick={() => onShow(half)}>
      {children}
    </button>
  );
}

function Loading() {
  return (
    <p id="step-title" className="quiet" role="status">
      One moment…
    </p>
  );
}

function Broken({ problem }: { problem: string }) {
  return (
    <>
      <h1 id="step-title">Nobody at the desk</h1>
      <p role="alert" className="problem">
        {problem}
      </p>
      <button type="button" className="primary" onClick={() => location.reload()}>
        Load the page again
      </button>
    </>
  );
}
