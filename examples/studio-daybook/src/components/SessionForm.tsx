import { useState, type FormEvent } from 'react';
import { isoDay, message } from '../lib/format';
import { supabase } from '../lib/supabase';
import type { Client } from '../lib/types';
import Problem from './Problem';

export default function SessionForm({ clients, clientId, onDone }: { clients: Client[]; clientId?: string; onDone: () => void }) {
  const [problem, setProblem] = useState('');

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const { error } = await supabase
      .from('sessions')
      .insert({
        client_id: form.get('client_id'),
        title: String(form.get('title')).trim(),
        starts_at: new Date(`${form.get('day')}T${form.get('time')}`).toISOString(),
        minutes: Number(form.get('minutes')),
        fee: Number(form.get('fee')),
      })
      .select()
      .single();
    if (error) setProblem(message(error));
    else onDone();
  };

  return (
    <form onSubmit={submit} className="my-6 grid gap-x-6 gap-y-4 border border-rule bg-white p-6 sm:grid-cols-6">
      <label className="sm:col-span-3">
        <span className="caption">What</span>
        <input name="title" required className="field" placeholder="Portraits, second set" />
      </label>
      <label className="sm:col-span-3">
        <span className="caption">For whom</span>
        <select name="client_id" required defaultValue={clientId} className="field">
          {clients.map((client) => (
            <option key={client.id} value={client.id}>{client.name}</option>
          ))}
        </select>
      </label>
      <label className="sm:col-span-2">
        <span className="caption">Day</span>
        <input name="day" type="date" required defaultValue={isoDay(new Date())} className="field" />
      </label>
      <label>
        <span className="caption">Time</span>
        <input name="time" type="time" required defaultValue="10:00" className="field" />
      </label>
      <label>
        <span className="caption">Minutes</span>
        <input name="minutes" type="number" min={5} max={1440} step={5} required defaultValue={60} className="field" />
      </label>
      <label>
        <span className="caption">Fee</span>
        <input name="fee" type="number" min={0} step="0.01" required defaultValue={120} className="field" />
      </label>
      <div className="flex items-end gap-2">
        <button type="submit" className="button w-full">Write down</button>
      </div>
      <div className="sm:col-span-6"><Problem text={problem} /></div>
    </form>
  );
}
