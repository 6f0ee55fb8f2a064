import { useState, type FormEvent } from 'react';
import { Link } from 'react-router-dom';
import { Search } from 'lucide-react';
import Problem from '../components/Problem';
import { useLoad } from '../hooks/useLoad';
import { message, plural } from '../lib/format';
import { supabase } from '../lib/supabase';
import type { Client } from '../lib/types';

export default function Clients() {
  const [search, setSearch] = useState('');
  const [shown, setShown] = useState(20);
  const [failed, setFailed] = useState('');
  const { data, problem, reload } = useLoad(async () => {
    let query = supabase.from('clients').select('*, sessions(count)', { count: 'exact' });
    if (search.trim()) query = query.ilike('name', `%${search.trim()}%`);
    const { data: rows, error, count } = await query
      .order('archived_at', { ascending: true, nullsFirst: true })
      .order('name')
      .range(0, shown - 1);
    if (error) throw error;
    return { rows: rows as Client[], count: count ?? 0 };
  }, [search, shown]);

  const add = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const target = event.currentTarget;
    const form = new FormData(target);
    const { error } = await supabase
      .from('clients')
      .insert({ name: String(form.get('name')).trim(), email: String(form.get('email')).trim() || null })
      .select();
    if (error) return setFailed(message(error));
    target.reset();
    setFailed('');
    reload();
  };

  return (
    <>
      <h1 className="text-5xl">Clients</h1>
      <form onSubmit={add} className="mt-8 flex flex-wrap items-end gap-5 border-y border-rule py-6">
        <label className="min-w-[180px] flex-1">
          <span className="caption">Name</span>
          <input name="name" required className="field" placeholder="Odile Marchetti" />
        </label>
        <label className="min-w-[180px] flex-1">
          <span className="caption">Email</span>
          <input name="email" type="email" className="field" placeholder="odile@example.com" />
        </label>
        <button type="submit" className="button">Add client</button>
      </form>
      <Problem text={problem || failed} />

      <div className="mt-8 flex items-center justify-between gap-4">
        <div className="relative w-64">
          <Search className="absolute left-0 top-2.5 h-4 w-4 text-soft" />
          <input type="search" aria-label="Search clients" placeholder="Look someone up" value={search} onChange={(event) => setSearch(event.target.value)} className="field pl-7" />
        </div>
        {data && <span className="text-sm text-soft">{plural(data.count, 'client')}</span>}
      </div>

      <ul className="mt-4">
        {data?.rows.map((client) => (
          <li key={client.id} data-testid="client">
            <Link to={`/clients/${client.id}`} className="flex items-baseline gap-6 border-b border-rule py-4 hover:bg-leaf sm:px-3">
              <span className={`font-serif text-2xl ${client.archived_at ? 'text-soft' : ''}`}>{client.name}</span>
              <span className="hidden flex-1 truncate text-sm text-soft sm:inline">{client.email}</span>
              <span className="ml-auto text-sm text-soft">{client.archived_at ? 'put away' : plural(client.sessions?.[0]?.count ?? 0, 'session')}</span>
            </Link>
          </li>
        ))}
      </ul>
      {data && !data.rows.length && <p className="py-12 text-center text-soft">{search ? 'Nobody of that name.' : 'No clients yet. The first one is always a friend.'}</p>}
      {data && data.count > shown && <button type="button" className="button-plain mt-6" onClick={() => setShown(shown + 20)}>Show more</button>}
    </>
  );
}
