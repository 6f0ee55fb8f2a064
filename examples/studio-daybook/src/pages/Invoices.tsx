import { useState } from 'react';
import { Link } from 'react-router-dom';
import Problem from '../components/Problem';
import { useLoad } from '../hooks/useLoad';
import { longDay, money, sum } from '../lib/format';
import { supabase } from '../lib/supabase';
import type { Invoice } from '../lib/types';

const kinds = { all: ['draft', 'sent', 'paid'], open: ['draft', 'sent'], paid: ['paid'] };
const ink = { draft: 'text-soft', sent: 'text-brass', paid: 'text-moss' };

export default function Invoices() {
  const [kind, setKind] = useState<keyof typeof kinds>('all');
  const { data, problem } = useLoad(async () => {
    const [rows, open] = await Promise.all([
      supabase
        .from('invoices')
        .select('*, client:clients!invoices_client_id_fkey(id, name, email), lines:invoice_lines(id, quantity, unit_price)')
        .in('status', kinds[kind])
        .order('issued_on', { ascending: false })
        .order('number', { ascending: false })
        .limit(100),
      supabase.from('invoices').select('*', { count: 'exact', head: true }).eq('status', 'sent'),
    ]);
    if (rows.error || open.error) throw rows.error ?? open.error;
    return { invoices: rows.data as unknown as Invoice[], open: open.count ?? 0 };
  }, [kind]);

  return (
    <>
      <div className="flex flex-wrap items-end justify-between gap-4">
        <div>
          <p className="text-soft">{data ? (data.open ? `${data.open} waiting for money` : 'Nobody owes you anything') : ' '}</p>
          <h1 className="text-5xl">Invoices</h1>
        </div>
        <div className="flex gap-2">
          {(Object.keys(kinds) as (keyof typeof kinds)[]).map((name) => (
            <button key={name} type="button" aria-pressed={kind === name} onClick={() => setKind(name)} className={`button-plain capitalize ${kind === name ? 'border-ink' : ''}`}>{name}</button>
          ))}
        </div>
      </div>
      <Problem text={problem} />
      <ul className="mt-8 border-t border-rule">
        {data?.invoices.map((invoice) => (
          <li key={invoice.id} data-testid="invoice">
            <Link to={`/invoices/${invoice.id}`} className="flex items-baseline gap-6 border-b border-rule py-4 hover:bg-leaf sm:px-3">
              <span className="w-28 tabular-nums">{invoice.number}</span>
              <span className="flex-1 font-serif text-2xl">{invoice.client?.name}</span>
              <span className="hidden text-sm text-soft sm:inline">{longDay(invoice.issued_on)}</span>
              <span className={`w-14 text-sm ${ink[invoice.status]}`}>{invoice.status}</span>
              <span className="w-28 text-right tabular-nums">{money(sum(invoice.lines))}</span>
            </Link>
          </li>
        ))}
      </ul>
      {data && !data.invoices.length && <p className="py-14 text-center text-soft">Invoices begin at a client: tick off sessions, then bill what is done.</p>}
    </>
  );
}
