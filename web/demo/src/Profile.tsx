import { useEffect, useRef, useState, type FormEvent } from 'react';

import { leave, rename, type Guest } from './auth';
import { isSignedOut, sentence } from './errors';
import { Field } from './Field';
import { spaced } from './number';
import { useAction } from './useAction';

interface ProfileProps {
  guest: Guest;
  /** Whether the visitor has just signed in, so that focus follows. */
  arrived: boolean;
  onChange: (guest: Guest) => void;
  onLeft: () => void;
  /** The session was ended from elsewhere. */
  onEnded: (problem: string) => void;
}

export function Profile({ guest, arrived, onChange, onLeft, onEnded }: ProfileProps) {
  const [name, setName] = useState(guest.name);
  const [notice, setNotice] = useState<string>();
  const action = useAction();
  const title = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    if (arrived) title.current?.focus();
  }, [arrived]);

  const save = (event: FormEvent) => {
    event.preventDefault();
    setNotice(undefined);
    const wanted = name.trim();
    if (wanted === '') {
      action.refuse('Please type a name.');
      return;
    }
    action.run(async () => {
      try {
        await rename(wanted);
      } catch (error) {
        if (!isSignedOut(error)) throw error;
        await leave();
        onEnded(sentence(error));
        return;
      }
      setName(wanted);
      setNotice('Your name is saved.');
      onChange({ ...guest, name: wanted });
    });
  };

  return (
    <>
      <h1 id="step-title" ref={title} tabIndex={-1}>
        {guest.name === '' ? 'Welcome' : `Welcome, ${guest.name}`}
      </h1>
      <p className="lead">You are signed in, and stay so when you load the page again.</p>
      <dl>
        <div>
          <dt>Phone number</dt>
          <dd className="number">{spaced(guest.number)}</dd>
        </div>
        <div>
          <dt>Name</dt>
          <dd>{guest.name === '' ? <span className="quiet">not given yet</span> : guest.name}</dd>
        </div>
        <div>
          <dt>User id</dt>
          <dd className="id">{guest.id}</dd>
        </div>
      </dl>
      <form onSubmit={save} noValidate>
        <div className="row">
          <Field
            label={guest.name === '' ? 'What may we call you?' : 'Change your name'}
            name="name"
            autoComplete="name"
            maxLength={100}
            value={name}
            problem={action.problem}
            onChange={(event) => setName(event.target.value)}
          />
          <button type="submit" className="primary" aria-disabled={action.busy}>
            Save
          </button>
        </div>
        <p role="status" className="notice">
          {notice}
        </p>
      </form>
      <button
        type="button"
        className="secondary"
        onClick={() =>
          action.run(async () => {
            await leave();
            onLeft();
          })
        }
      >
        Sign out
      </button>
    </>
  );
}
