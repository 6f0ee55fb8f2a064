import { NavLink, Outlet } from 'react-router-dom';
import { BookOpen, LogOut, ReceiptText, Settings2, Users } from 'lucide-react';
import type { User } from '@supabase/supabase-js';
import { supabase } from '../lib/supabase';

const places = [
  { to: '/week', label: 'Week', Icon: BookOpen },
  { to: '/clients', label: 'Clients', Icon: Users },
  { to: '/invoices', label: 'Invoices', Icon: ReceiptText },
  { to: '/settings', label: 'Studio', Icon: Settings2 },
];

export default function Frame({ user }: { user: User }) {
  return (
    <div className="min-h-screen md:grid md:grid-cols-[220px_1fr]">
      <aside className="no-print flex items-center gap-6 border-b border-rule bg-leaf px-5 py-3 md:sticky md:top-0 md:h-screen md:flex-col md:items-stretch md:gap-10 md:border-b-0 md:border-r md:px-6 md:py-8">
        <div className="flex items-center gap-2.5 font-serif text-2xl">
          <img src="/daybook.svg" alt="" className="h-7" /> <span className="hidden md:inline">Daybook</span>
        </div>
        <nav className="flex flex-1 gap-1 md:flex-col">
          {places.map(({ to, label, Icon }) => (
            <NavLink
              key={to}
              to={to}
              className={({ isActive }) =>
                `flex items-center gap-3 rounded-sm px-3 py-2 text-sm ${isActive ? 'bg-paper font-medium shadow-[inset_2px_0_0_#c8402a]' : 'text-soft hover:text-ink'}`
              }
            >
              <Icon className="h-4 w-4" /> <span className="hidden sm:inline">{label}</span>
            </NavLink>
          ))}
        </nav>
        <div className="text-sm">
          <p className="mb-2 hidden truncate text-soft md:block" data-testid="whoami">{user.email}</p>
          <button type="button" className="inline-flex items-center gap-2 text-soft hover:text-seal" onClick={() => supabase.auth.signOut()}>
            <LogOut className="h-4 w-4" /> Sign out
          </button>
        </div>
      </aside>
      <main className="mx-auto w-full max-w-5xl px-5 py-10 md:px-12">
        <Outlet />
      </main>
    </div>
  );
}
