import { useState, type FormEvent } from 'react';
import type { User } from '@supabase/supabase-js';
import Problem from '../components/Problem';
import { useLoad } from '../hooks/useLoad';
import { message } from '../lib/format';
import { supabase } from '../lib/supabase';
import type { Studio } from '../lib/types';

export default function Settings({ user }: { user: User }) {
  const [failed, setFailed] = useState('');
  const [saved, setSaved] = useState(false);
  const { data, problem } = useLoad(async () => {
    const { data: studio, error } = await supabase.from('studios').select('*').eq('owner_id', user.id).maybeSingle();
    if (error) throw error;
    return { studio: studio as Studio | null };
  }, [user.id]);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const { error } = await supabase.from('studios').upsert(
      {
        owner_id: user.id,
        name: String(form.get('name')).trim(),
        currency: form.get('currency'),
        hourly_rate: Number(form.get('hourly_rate')),
        payment_note: String(form.get('payment_note')).trim(),
      },
      { onConflict: 'owner_id' },
    );
    setFailed(error ? message(error) : '');
    setSaved(!error);
  };

  return (
    <>
      <h1 className="text-5xl">Studio</h1>
      <p className="mt-1 text-soft">What stands on your invoices.</p>
      <Problem text={problem || failed} />
      {data && (
        <form onSubmit={submit} onChange={() => setSaved(false)} className="mt-10 grid max-w-2xl gap-x-8 gap-y-7 sm:grid-cols-4">
          <label className="sm:col-span-4">
            <span className="caption">Name</span>
            <input name="name" required defaultValue={data.studio?.name ?? ''} placeholder="Studio Marchetti" className="field font-serif text-2xl" />
          </label>
          <label className="sm:col-span-2">
            <span className="caption">Currency</span>
            <select name="currency" defaultValue={data.studio?.currency ?? 'EUR'} className="field">
              {['EUR', 'GBP', 'USD', 'CHF', 'SEK'].map((code) => <option key={code}>{code}</option>)}
            </select>
          </label>
          <label className="sm:col-span-2">
            <span className="caption">Rate for an hour</span>
            <input name="hourly_rate" type="number" min={0} step="0.01" required defaultValue={data.studio?.hourly_rate ?? 80} className="field" />
          </label>
          <label className="sm:col-span-4">
            <span className="caption">How to pay</span>
            <textarea name="payment_note" rows={3} defaultValue={data.studio?.payment_note ?? ''} placeholder="By transfer, within fourteen days." className="field" />
          </label>
          <div className="flex items-center gap-4 sm:col-span-4">
            <button type="submit" className="button">Save</button>
            {saved && <span role="status" className="text-sm text-moss">Saved</span>}
          </div>
        </form>
      )}
    </>
  );
}
