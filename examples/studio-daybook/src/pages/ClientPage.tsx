import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router-dom';
import { ArrowLeft, FilePlus2 } from 'lucide-react';
import Problem from '../components/Problem';
import SessionForm from '../components/SessionForm';
import { useLoad } from '../hooks/useLoad';
import { longDay, message, money } from '../lib/format';
import { supabase } from '../lib/supabase';
import type { Client, StudioSession } from '../lib/types';
import Lost from './Lost';

type Full = Omit<Client, 'sessions'> & { sessions: StudioSession[]; invoices: { id: string; number: string; status: string }[] };

export default function ClientPage() {
  const { id = '' } = useParams();
  const navigate = useNavigate();
  const [failed, setFailed] = useState('');
  const [adding, setAdding] = useState(false);
  const { data, problem, reload } = useLoad(async () => {
    const { data: row, error } = await supabase
      .from('clients')
      .select('*, sessions(*), invoices(id, number, status)')
      .eq('id', id)
      .order('starts_at', { referencedTable: 'sessions', ascending: false })
      .limit(50, { referencedTable: 'sessions' })
      .maybeSingle();
    if (error) throw error;
    return { client: row as unknown as Full | null };
  }, [id]);

  if (!data) return <Problem text={problem} />;
  const { client } = data;
  if (!client) return <Lost />;

  const saveNotes = async (notes: string) => {
    if (notes === client.notes) return;
    const { error } = await supabase.from('clients').update({ notes }).eq('id', client.id);
    setFailed(error ? message(error) : '');
  };

  const putAway = async () => {
    const archived_at = client.archived_at ? null : new Date().toISOString();
    const { error } = await supabase.from('clients').update({ archived_at }).eq('id', client.id);
    if (error) setFailed(message(error));
    else reload();
  };

  // every session that is done and stands on no invoice yet becomes a line
  const bill = async () => {
    try {
      const billed = await supabase
        .from('invoice_lines')
        .select('session_id, invoice:invoices!inner(client_id)')
        .eq('invoice.client_id', client.id)
        .not('session_id', 'is', null);
      if (billed.error) throw billed.error;
      const known = new Set(billed.data.map((line) => line.session_id));
      const open = client.sessions.filter((session) => session.status === 'done' && !known.has(session.id)).reverse();
      if (!open.length) return setFailed('Nothing to bill: tick off a session as done first.');
      const number = await supabase.rpc('next_invoice_number');
      if (number.error) throw number.error;
      const invoice = await supabase.from('invoices').insert({ client_id: client.id, number: number.data }).select().single();
      if (invoice.error) throw invoice.error;
      const lines = await supabase.from('invoice_lines').insert(
        open.map((session, position) => ({
          invoice_id: invoice.data.id,
          session_id: session.id,
          description: session.title,
          quantity: 1,
          unit_price: session.fee,
          position,
        })),
      );
      if (lines.error) throw lines.error;
      navigate(`/invoices/${invoice.data.id}`);
    } catch (error) {
      setFailed(message(error));
    }
  };

  const remove = async () => {
    const { error } = await supabase.from('clients').delete().eq('id', client.id);
    if (error) setFailed(error.code === '23503' ? 'There are invoices to this client, so the client stays in the book.' : message(error));
    else navigate('/clients');
  };

  return (
    <>
      <Link to="/clients" className="inline-flex items-center gap-2 text-sm text-soft hover:text-ink"><ArrowLeft className="h-4 w-4" /> Clients</Link>
      <div className="mt-4 flex flex-wrap items-end justify-between gap-4">
        <div>
          <h1 className="text-5xl">{client.name}</h1>
          <p className="mt-1 text-soft">{client.email ?? 'no email'}</p>
        </div>
        <div className="flex flex-wrap gap-2">
          <button type="button" className="button-plain" onClick={() => setAdding(!adding)}>New session</button>
          <button type="button" className="button" onClick={bill}><FilePlus2 className="h-4 w-4" /> Bill what is done</button>
        </div>
      </div>
      <Problem text={problem || failed} />
      {adding && <SessionForm clients={[{ ...client, sessions: undefined }]} clientId={client.id} onDone={() => { setAdding(false); reload(); }} />}

      <div className="mt-10 grid gap-12 lg:grid-cols-[1.6fr_1fr]">
        <section>
          <h2 className="mb-2 text-2xl">Sessions</h2>
          {client.sessions.map((session) => (
            <div key={session.id} className="flex items-baseline gap-5 border-t border-rule py-3">
              <span className="w-36 shrink-0 text-sm text-soft">{longDay(session.starts_at)}</span>
              <span className={`flex-1 ${session.status === 'cancelled' ? 'text-soft line-through' : ''}`}>{session.title}</span>
              <span className="text-sm text-soft">{session.status}</span>
              <span className="w-24 text-right tabular-nums">{money(session.fee)}</span>
            </div>
          ))}
          {!client.sessions.length && <p className="border-t border-rule py-6 text-soft">Nothing arranged.</p>}
        </section>
        <section className="space-y-8">
          <label className="block">
            <span className="mb-2 block font-serif text-2xl">Notes</span>
            <textarea defaultValue={client.notes} onBlur={(event) => saveNotes(event.target.value)} rows={5} className="w-full border border-rule bg-white p-4 focus:border-ink focus:outline-none" placeholder="Only you read this." />
          </label>
          <div>
            <h2 className="mb-2 text-2xl">Invoices</h2>
            {client.invoices.map((invoice) => (
              <Link key={invoice.id} to={`/invoices/${invoice.id}`} className="flex justify-between border-t border-rule py-2.5 hover:text-seal">
                {invoice.number} <span className="text-sm text-soft">{invoice.status}</span>
              </Link>
            ))}
            {!client.invoices.length && <p className="text-soft">None yet.</p>}
          </div>
          <div className="flex gap-2">
            <button type="button" className="button-plain" onClick={putAway}>{client.archived_at ? 'Take out again' : 'Put away'}</button>
            <button type="button" className="button-plain hover:border-seal hover:text-seal" onClick={remove}>Delete</button>
          </div>
        </section>
      </div>
    </>
  );
}
