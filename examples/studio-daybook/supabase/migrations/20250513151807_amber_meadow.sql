/*
  # Invoices

  1. New Tables
    - `invoices`
      - `id` (uuid, primary key), `owner_id`, `client_id` (references clients)
      - `number` (text, unique for each owner), `issued_on`, `due_on`, `paid_on`, `status`
    - `invoice_lines`
      - `id` (uuid, primary key), `invoice_id` (references invoices)
      - `session_id` (references sessions, optional), `description`, `quantity`, `unit_price`, `position`

  2. Functions
    - `next_invoice_number()`: the next free number of the caller, such as 2025-0007
    - `studio_totals(_from, _to)`: billed, paid and open sums of the caller

  3. Security
    - Row level security on both tables; a line follows the invoice it stands on
*/

CREATE TABLE IF NOT EXISTS invoices (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id uuid NOT NULL DEFAULT auth.uid() REFERENCES auth.users(id) ON DELETE CASCADE,
  client_id uuid NOT NULL REFERENCES clients(id),
  number text NOT NULL,
  issued_on date NOT NULL DEFAULT CURRENT_DATE,
  due_on date NOT NULL DEFAULT CURRENT_DATE + 14,
  paid_on date,
  status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'sent', 'paid')),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (owner_id, number)
);

CREATE TABLE IF NOT EXISTS invoice_lines (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  invoice_id uuid NOT NULL REFERENCES invoices(id) ON DELETE CASCADE,
  session_id uuid REFERENCES sessions(id) ON DELETE SET NULL,
  description text NOT NULL,
  quantity numeric(10, 2) NOT NULL DEFAULT 1,
  unit_price numeric(10, 2) NOT NULL DEFAULT 0,
  position integer NOT NULL DEFAULT 0
);

CREATE INDEX IF NOT EXISTS invoices_owner_idx ON invoices (owner_id, issued_on DESC);
CREATE INDEX IF NOT EXISTS invoice_lines_invoice_idx ON invoice_lines (invoice_id, position);

ALTER TABLE invoices ENABLE ROW LEVEL SECURITY;
ALTER TABLE invoice_lines ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Owners can read their invoices"
  ON invoices FOR SELECT TO authenticated
  USING (auth.uid() = owner_id);

CREATE POLICY "Owners can write invoices to their clients"
  ON invoices FOR INSERT TO authenticated
  WITH CHECK (
    auth.uid() = owner_id
    AND EXISTS (SELECT 1 FROM clients WHERE clients.id = invoices.client_id AND clients.owner_id = auth.uid())
  );

CREATE POLICY "Owners can update their invoices"
  ON invoices FOR UPDATE TO authenticated
  USING (auth.uid() = owner_id)
  WITH CHECK (
    auth.uid() = owner_id
    AND EXISTS (SELECT 1 FROM clients WHERE clients.id = invoices.client_id AND clients.owner_id = auth.uid())
  );

CREATE POLICY "Owners can delete drafts"
  ON invoices FOR DELETE TO authenticated
  USING (auth.uid() = owner_id AND status = 'draft');

CREATE POLICY "Lines follow their invoice"
  ON invoice_lines FOR ALL TO authenticated
  USING (EXISTS (SELECT 1 FROM invoices WHERE invoices.id = invoice_lines.invoice_id AND invoices.owner_id = auth.uid()))
  WITH CHECK (EXISTS (SELECT 1 FROM invoices WHERE invoices.id = invoice_lines.invoice_id AND invoices.owner_id = auth.uid()));

CREATE OR REPLACE FUNCTION next_invoice_number()
RETURNS text
LANGUAGE sql
STABLE
AS $$
  SELECT to_char(CURRENT_DATE, 'YYYY') || '-' || lpad((COALESCE(max(split_part(number, '-', 2)::integer), 0) + 1)::text, 4, '0')
  FROM invoices
  WHERE owner_id = auth.uid() AND number ~ ('^' || to_char(CURRENT_DATE, 'YYYY') || '-[0-9]{1,6}$');
$$;

CREATE OR REPLACE FUNCTION studio_totals(_from date, _to date)
RETURNS json
LANGUAGE sql
STABLE
AS $$
  SELECT json_build_object(
    'billed', COALESCE(sum(l.quantity * l.unit_price) FILTER (WHERE i.status <> 'draft'), 0),
    'paid', COALESCE(sum(l.quantity * l.unit_price) FILTER (WHERE i.status = 'paid'), 0),
    'overdue', COALESCE(sum(l.quantity * l.unit_price) FILTER (WHERE i.status = 'sent' AND i.due_on < CURRENT_DATE), 0)
  )
  FROM invoices i
  LEFT JOIN invoice_lines l ON l.invoice_id = i.id
  WHERE i.owner_id = auth.uid() AND i.issued_on BETWEEN _from AND _to;
$$;

REVOKE EXECUTE ON FUNCTION next_invoice_number() FROM PUBLIC, anon;
REVOKE EXECUTE ON FUNCTION studio_totals(date, date) FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION next_invoice_number() TO authenticated;
GRANT EXECUTE ON FUNCTION studio_totals(date, date) TO authenticated;
