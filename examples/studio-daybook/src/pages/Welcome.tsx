import { useState, type FormEvent } from 'react';
import Problem from '../components/Problem';
import { message } from '../lib/format';
import { supabase } from '../lib/supabase';

const page: [time: string, what: string, who: string, done: boolean][] = [
  ['09:00', 'Test shots, north light', 'Noor Haddad', true],
  ['10:30', 'Portraits, first set', 'Odile Marchetti', true],
  ['13:00', 'Workshop reportage', 'Bram & Sons Joinery', false],
  ['16:30', 'Selection, two coffees', 'Odile Marchetti', false],
];

export default function Welcome() {
  const [joining, setJoining] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const [note, setNote] = useState('');

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const email = String(form.get('email')).trim();
    const password = String(form.get('password'));
    setBusy(true);
    setProblem('');
    try {
      if (joining) {
        const { data, error } = await supabase.auth.signUp({ email, password });
        if (error) throw error;
        if (!data.session) setNote('One more step: open the link we sent you by mail.');
      } else {
        const { error } = await supabase.auth.signInWithPassword({ email, password });
        if (error) throw error;
      }
    } catch (error) {
      setProblem(message(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <div className="min-h-screen lg:grid lg:grid-cols-[1.25fr_1fr]">
      <section className="flex flex-col justify-between gap-14 bg-leaf px-6 py-8 sm:px-14 lg:min-h-screen lg:py-12">
        <div className="flex items-center gap-2.5 font-serif text-2xl">
          <img src="/daybook.svg" alt="" className="h-8" /> Daybook
        </div>
        <div>
          <h1 className="max-w-xl text-5xl leading-[1.04] sm:text-7xl">
            Who comes when, and what they <em className="text-seal">owe</em> you.
          </h1>
          <p className="mt-6 max-w-md text-lg text-soft">
            One page a week for sessions, one drawer for clients, and invoices that write themselves from what you did.
          </p>
        </div>
        <div className="max-w-lg -rotate-1 bg-white px-8 py-7 shadow-[0_24px_50px_-30px_rgba(29,27,24,0.5)]" aria-hidden>
          <p className="mb-3 font-serif text-2xl">Tuesday</p>
          {page.map(([time, what, who, done]) => (
            <div key={time} className="flex items-baseline gap-5 border-t border-rule py-2.5">
              <span className="w-12 text-sm tabular-nums text-soft">{time}</span>
              <span className={`flex-1 ${done ? 'text-soft line-through decoration-seal' : ''}`}>{what}</span>
              <span className="hidden text-sm text-soft sm:inline">{who}</span>
            </div>
          ))}
        </div>
      </section>
      <section className="flex items-center px-6 py-14 sm:px-14">
        <form onSubmit={submit} className="w-full max-w-sm space-y-6">
          <h2 className="text-4xl">{joining ? 'Open a new book' : 'Open your book'}</h2>
          <label className="block">
            <span className="caption">Email</span>
            <input name="email" type="email" required autoComplete="email" className="field" placeholder="you@example.com" />
          </label>
          <label className="block">
            <span className="caption">Password</span>
            <input name="password" type="password" required minLength={6} autoComplete={joining ? 'new-password' : 'current-password'} className="field" />
          </label>
          <Problem text={problem} />
          {note && <p className="text-sm text-moss">{note}</p>}
          <button type="submit" className="button w-full" disabled={busy}>{joining ? 'Create account' : 'Sign in'}</button>
          <button type="button" className="text-sm text-soft underline-offset-4 hover:underline" onClick={() => { setJoining(!joining); setProblem(''); }}>
            {joining ? 'I have a book already' : 'New here? Create an account'}
          </button>
        </form>
      </section>
    </div>
  );
}
