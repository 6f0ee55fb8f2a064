import type { InvoiceLine } from './types';

export const money = (amount: number, currency = 'EUR') =>
  new Intl.NumberFormat('en-GB', { style: 'currency', currency }).format(amount);

export const isoDay = (date: Date) => date.toLocaleDateString('sv-SE');

export const addDays = (date: Date, days: number) => {
  const next = new Date(date);
  next.setDate(next.getDate() + days);
  return next;
};

export const monday = (date: Date) => {
  const start = addDays(date, -((date.getDay() + 6) % 7));
  start.setHours(0, 0, 0, 0);
  return start;
};

export const clock = (iso: string) =>
  new Date(iso).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });

export const longDay = (iso: string) =>
  new Date(iso.length === 10 ? `${iso}T12:00:00` : iso).toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });

export const sum = (lines: Pick<InvoiceLine, 'quantity' | 'unit_price'>[]) =>
  lines.reduce((total, line) => total + Number(line.quantity) * Number(line.unit_price), 0);

export const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

export const message = (error: unknown) =>
  error && typeof error === 'object' && 'message' in error ? String(error.message) : 'Something went wrong';
