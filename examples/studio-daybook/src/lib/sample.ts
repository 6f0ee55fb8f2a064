import { addDays, monday } from './format';
import { supabase } from './supabase';

const people = [
  { name: 'Odile Marchetti', email: 'odile@example.com', notes: 'Portraits for the winter catalogue.' },
  { name: 'Bram & Sons Joinery', email: 'office@bram.example', notes: 'Wants the workshop, not the people.' },
  { name: 'Noor Haddad', email: 'noor@example.com', notes: 'Prefers mornings. North light.' },
];

const week: [person: number, day: number, hour: number, minutes: number, title: string, fee: number, status: string][] = [
  [0, 0, 10, 120, 'Portraits, first set', 340, 'confirmed'],
  [2, 1, 9, 90, 'Test shots', 160, 'confirmed'],
  [1, 2, 13, 180, 'Workshop reportage', 520, 'confirmed'],
  [0, 3, 11, 60, 'Selection and retouching', 120, 'tentative'],
  [2, 4, 9, 150, 'Look book', 410, 'confirmed'],
];

export async function writeSampleWeek() {
  const clients = await supabase.from('clients').insert(people).select('id, name');
  if (clients.error) throw clients.error;
  const ids = people.map(({ name }) => clients.data.find((row) => row.name === name)!.id);
  const start = monday(new Date());
  const rows = week.map(([person, day, hour, minutes, title, fee, status]) => {
    const at = addDays(start, day);
    at.setHours(hour, 0, 0, 0);
    return { client_id: ids[person], title, starts_at: at.toISOString(), minutes, fee, status };
  });
  const { error } = await supabase.from('sessions').insert(rows);
  if (error) throw error;
}
