import { useState } from 'react';
import { Link } from 'react-router-dom';
import { ChevronLeft, ChevronRight, Check, Plus, Sparkles } from 'lucide-react';
import Problem from '../components/Problem';
import SessionForm from '../components/SessionForm';
import { useLoad } from '../hooks/useLoad';
import { addDays, clock, isoDay, message, money, monday } from '../lib/format';
import { writeSampleWeek } from '../lib/sample';
import { supabase } from '../lib/supabase';
import type { Client, SessionStatus, StudioSession, Totals } from '../lib/types';

const bar: Record<SessionStatus, string> = {
  tentative: 'border-brass',
  confirmed: 'border-ink',
  done: 'border-moss opacity-60',
  cancelled: 'border-rule',
};

async function loadWeek(start: Date) {
  const year = start.getFullYear();
  const [sessions, clients, totals] = await Promise.all([
    supabase
      .from('sessions')
      .select('*, client:clients!sessions_client_id_fkey(id, name)')
      .gte('starts_at', start.toISOString())
      .lt('starts_at', addDays(start, 7).toISOString())
      .neq('status', 'cancelled')
      .order('starts_at'),
    supabase.from('clients').select('*').is('archived_at', null).order('name'),
    supabase.rpc('studio_totals', { _from: `${year}-01-01`, _to: `${year}-12-31` }),
  ]);
  const error = sessions.error ?? clients.error ?? totals.error;
  if (error) throw error;
  return { sessions: sessions.data as StudioSession[], clients: clients.data as Client[], totals: totals.data as Totals };
}

export default function Week() {
  const [start, setStart] = useState(() => monday(new Date()));
  const [adding, setAdding] = useState(false);
  const [failed, setFailed] = useState('');
  const { data, problem, reload } = useLoad(() => loadWeek(start), [start.getTime()]);
  const days = Array.from({ length: 7 }, (_, index) => addDays(start, index));
  const earned = data?.sessions.reduce((total, session) => total + Number(session.fee), 0) ?? 0;

  const sample = async () => {
    try {
      await writeSampleWeek();
      reload();
    } catch (error) {
      setFailed(message(error));
    }
  };

  const mark = async (session: StudioSession, status: SessionStatus) => {
    const { error } = await supabase.from('sessions').update({ status }).eq('id', session.id);
    if (error) setFailed(message(error));
    else reload();
  };

  return (
    <>
      <div className="flex flex-wrap items-end justify-between gap-4">
        <div>
          <p className="text-soft">
            {start.toLocaleDateString('en-GB', { day: 'numeric', month: 'long' })} to{' '}
            {addDays(start, 6).toLocaleDateString('en-GB', { day: 'numeric', month: 'long' })}
          </p>
          <h1 className="text-5xl">The week</h1>
        </div>
        <div className="flex items-center gap-2">
          <button type="button" aria-label="Earlier week" className="button-plain" onClick={() => setStart(addDays(start, -7))}><ChevronLeft className="h-4 w-4" /></button>
          <button type="button" className="button-plain" onClick={() => setStart(monday(new Date()))}>Today</button>
          <button type="button" aria-label="Later week" className="button-plain" onClick={() => setStart(addDays(start, 7))}><ChevronRight className="h-4 w-4" /></button>
          {!!data?.clients.length && (
            <button type="button" className="button" onClick={() => setAdding(!adding)}><Plus className="h-4 w-4" /> Session</button>
          )}
        </div>
      </div>
      <Problem text={problem || failed} />

      {data && (
        <dl className="mt-8 grid grid-cols-2 divide-rule border-y border-rule sm:grid-cols-4 sm:divide-x">
          {[
            ['This week', money(earned)],
            ['Billed this year', money(data.totals.billed)],
            ['Paid', money(data.totals.paid)],
            ['Overdue', money(data.totals.overdue)],
          ].map(([label, value]) => (
            <div key={label} className="py-4 sm:px-5 sm:first:pl-0">
              <dt className="caption">{label}</dt>
              <dd className={`mt-1 font-serif text-3xl ${label === 'Overdue' && data.totals.overdue > 0 ? 'text-seal' : ''}`}>{value}</dd>
            </div>
          ))}
        </dl>
      )}

      {adding && data && <SessionForm clients={data.clients} onDone={() => { setAdding(false); reload(); }} />}

      {data && !data.clients.length ? (
        <div className="mt-12 border border-dashed border-rule px-6 py-16 text-center">
          <h2 className="text-3xl">A fresh book</h2>
          <p className="mx-auto mt-2 max-w-sm text-soft">Add your first client, or fill this week with three people who do not exist to see how it feels.</p>
          <div className="mt-6 flex flex-wrap justify-center gap-3">
            <Link to="/clients" className="button">Add a client</Link>
            <button type="button" className="button-plain" onClick={sample}><Sparkles className="h-4 w-4" /> Fill in a sample week</button>
          </div>
        </div>
      ) : (
        <div className="mt-8">
          {days.map((day) => {
            const today = isoDay(day) === isoDay(new Date());
            const rows = data?.sessions.filter((session) => isoDay(new Date(session.starts_at)) === isoDay(day)) ?? [];
            return (
              <section key={isoDay(day)} className="grid gap-2 border-b border-rule py-5 grid-cols-[minmax(0,1fr)] sm:grid-cols-[170px_minmax(0,1fr)]">
                <h2 className={`text-2xl ${today ? 'text-seal' : rows.length ? '' : 'text-soft/60'}`}>
                  {day.toLocaleDateString('en-GB', { weekday: 'long' })} <span className="text-lg">{day.getDate()}</span>
                </h2>
                <div className="space-y-2">
                  {rows.map((session) => (
                    <article key={session.id} data-testid="session" className={`flex items-center gap-4 border-l-2 bg-white px-4 py-3 ${bar[session.status]}`}>
                      <span className="shrink-0 text-sm tabular-nums text-soft sm:w-28">{clock(session.starts_at)}<span className="hidden sm:inline">, {session.minutes} min</span></span>
                      <span className="min-w-0 flex-1">
                        <span className={`block truncate font-medium ${session.status === 'done' ? 'line-through decoration-moss' : ''}`}>{session.title}</span>
                        {session.client && <Link to={`/clients/${session.client.id}`} className="text-sm text-soft hover:text-seal">{session.client.name}</Link>}
                      </span>
                      <span className="tabular-nums">{money(session.fee)}</span>
                      {session.status === 'tentative' ? (
                        <button type="button" className="button-plain" onClick={() => mark(session, 'confirmed')}>Confirm</button>
                      ) : (
                        <button type="button" className="button-plain px-2.5" disabled={session.status === 'done'} aria-label={`${session.title} is done`} onClick={() => mark(session, 'done')}><Check className="h-4 w-4" /></button>
                      )}
                    </article>
                  ))}
                  {!rows.length && <p className="pt-1.5 text-sm text-soft/70">free</p>}
                </div>
              </section>
            );
          })}
        </div>
      )}
    </>
  );
}
