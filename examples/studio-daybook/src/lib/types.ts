export interface Studio {
  owner_id: string;
  name: string;
  currency: string;
  hourly_rate: number;
  payment_note: string;
}

export interface Client {
  id: string;
  name: string;
  email: string | null;
  phone: string | null;
  notes: string;
  archived_at: string | null;
  sessions?: { count: number }[];
}

export type SessionStatus = 'tentative' | 'confirmed' | 'done' | 'cancelled';

export interface StudioSession {
  id: string;
  client_id: string;
  title: string;
  starts_at: string;
  minutes: number;
  fee: number;
  status: SessionStatus;
  client?: { id: string; name: string } | null;
}

export interface InvoiceLine {
  id: string;
  description: string;
  quantity: number;
  unit_price: number;
  position: number;
  session?: { title: string; starts_at: string } | null;
}

export interface Invoice {
  id: string;
  number: string;
  issued_on: string;
  due_on: string;
  paid_on: string | null;
  status: 'draft' | 'sent' | 'paid';
  client: { id: string; name: string; email: string | null } | null;
  lines: InvoiceLine[];
}

export interface Totals {
  billed: number;
  paid: number;
  overdue: number;
}
