import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router-dom';
import { ArrowLeft, Printer } from 'lucide-react';
import Problem from '../components/Problem';
import { useLoad } from '../hooks/useLoad';
import { isoDay, longDay, message, money, sum } from '../lib/format';
import { supabase } from '../lib/supabase';
import type { Invoice, Studio } from '../lib/types';
import Lost from './Lost';

export default function InvoicePage() {
  const { id = '' } = useParams();
  const navigate = useNavigate();
  const [failed, setFailed] = useState('');
  const [letter, setLetter] = useState('');
  const { data, problem, reload } = useLoad(async () => {
    const [invoice, studio] = await Promise.all([
      supabase
        .from('invoices')
        .select('*, client:clients!invoices_client_id_fkey(id, name, email), lines:invoice_lines(*, session:sessions(title, starts_at))')
        .eq('id', id)
        .order('position', { referencedTable: 'lines' })
        .maybeSingle(),
      supabase.from('studios').select('*').maybeSingle(),
    ]);
    if (invoice.error || studio.error) throw invoice.error ?? studio.error;
    return { invoice: invoice.data as unknown as Invoice | null, studio: studio.data as Studio | null };
  }, [id]);

  if (!data) return <Problem text={problem} />;
  const { invoice, studio } = data;
  if (!invoice) return <Lost />;
  const currency = studio?.currency ?? 'EUR';

  const move = async (values: { status: Invoice['status']; paid_on?: string }) => {
    const { error } = await supabase.from('invoices').update(values).eq('id', invoice.id).select().single();
    if (error) setFailed(message(error));
    else reload();
  };

  const remove = async () => {
    const { error } = await supabase.from('invoices').delete().eq('id', invoice.id);
    if (error) setFailed(message(error));
    else navigate('/invoices');
  };

  const remind = async () => {
    const { data, error } = await supabase.functions.invoke('reminder', { body: { invoiceId: invoice.id } });
    if (error) setFailed(message(error));
    else setLetter(data.letter);
  };

  return (
    <>
      <div className="no-print flex flex-wrap items-center justify-between gap-3">
        <Link to="/invoices" className="inline-flex items-center gap-2 text-sm text-soft hover:text-ink"><ArrowLeft className="h-4 w-4" /> Invoices</Link>
        <div className="flex gap-2">
          {invoice.status === 'draft' && <button type="button" className="button-plain" onClick={remove}>Tear up</button>}
          {invoice.status === 'draft' && <button type="button" className="button" onClick={() => move({ status: 'sent' })}>Mark as sent</button>}
          {invoice.status === 'sent' && <button type="button" className="button-plain" onClick={remind}>Write a reminder</button>}
          {invoice.status === 'sent' && <button type="button" className="button" onClick={() => move({ status: 'paid', paid_on: isoDay(new Date()) })}>Money is here</button>}
          <button type="button" aria-label="Print" className="button-plain" onClick={() => window.print()}><Printer className="h-4 w-4" /></button>
        </div>
      </div>
      <Problem text={problem || failed} />
      {letter && <pre data-testid="letter" className="no-print mt-6 whitespace-pre-wrap border border-rule px-6 py-4 text-sm">{letter}</pre>}
      <article className="relative mt-6 bg-white px-8 py-12 shadow-[0_24px_60px_-40px_rgba(29,27,24,0.5)] sm:px-14">
        {invoice.status === 'paid' && (
          <span className="absolute right-14 top-32 -rotate-12 rounded-sm border-2 border-moss px-4 py-1 font-serif text-3xl text-moss">paid</span>
        )}
        <header className="flex justify-between gap-6">
          <p className="font-serif text-3xl">{studio?.name ?? 'My studio'}</p>
          <p className="text-right text-sm text-soft">Invoice<br /><span className="text-lg text-ink" data-testid="number">{invoice.number}</span></p>
        </header>
        <div className="mt-12 grid gap-6 sm:grid-cols-3">
          <p><span className="caption">To</span><br />{invoice.client?.name}<br /><span className="text-soft">{invoice.client?.email}</span></p>
          <p><span className="caption">Issued</span><br />{longDay(invoice.issued_on)}</p>
          <p><span className="caption">Due</span><br />{longDay(invoice.due_on)}</p>
        </div>
        <table className="mt-12 w-full">
          <tbody>
            {invoice.lines.map((line) => (
              <tr key={line.id} className="border-t border-rule align-baseline">
                <td className="py-3">{line.description}{line.session && <span className="block text-sm text-soft">{longDay(line.session.starts_at)}</span>}</td>
                <td className="py-3 text-right tabular-nums text-soft">{Number(line.quantity)} × {money(line.unit_price, currency)}</td>
                <td className="w-32 py-3 text-right tabular-nums">{money(Number(line.quantity) * Number(line.unit_price), currency)}</td>
              </tr>
            ))}
            <tr className="border-t-2 border-ink">
              <td className="py-4 font-serif text-2xl" colSpan={2}>Total</td>
              <td className="py-4 text-right font-serif text-2xl" data-testid="total">{money(sum(invoice.lines), currency)}</td>
            </tr>
          </tbody>
        </table>
        <p className="mt-10 whitespace-pre-line text-sm text-soft">{studio?.payment_note || 'Thank you. Please pay within fourteen days.'}</p>
      </article>
    </>
  );
}
