/*
  # Studio, clients and sessions

  1. New Tables
    - `studios`: one row for each account, what is printed on its invoices
      - `owner_id` (uuid, primary key, references auth.users)
      - `name`, `currency`, `hourly_rate`, `payment_note`
    - `clients`: the people a studio works for
      - `id` (uuid, primary key), `owner_id` (uuid, references auth.users)
      - `name`, `email`, `phone`, `notes`, `archived_at`
    - `sessions`: appointments
      - `id` (uuid, primary key), `owner_id`, `client_id` (references clients)
      - `title`, `starts_at`, `minutes`, `fee`, `status`

  2. Security
    - Row level security is on for each table
    - An account reads and writes its own rows, and a session only for its own client
*/

CREATE TABLE IF NOT EXISTS studios (
  owner_id uuid PRIMARY KEY DEFAULT auth.uid() REFERENCES auth.users(id) ON DELETE CASCADE,
  name text NOT NULL DEFAULT 'My studio',
  currency text NOT NULL DEFAULT 'EUR' CHECK (currency ~ '^[A-Z]{3}$'),
  hourly_rate numeric(10, 2) NOT NULL DEFAULT 80 CHECK (hourly_rate >= 0),
  payment_note text NOT NULL DEFAULT '',
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS clients (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id uuid NOT NULL DEFAULT auth.uid() REFERENCES auth.users(id) ON DELETE CASCADE,
  name text NOT NULL CHECK (length(trim(name)) > 0),
  email text,
  phone text,
  notes text NOT NULL DEFAULT '',
  archived_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  owner_id uuid NOT NULL DEFAULT auth.uid() REFERENCES auth.users(id) ON DELETE CASCADE,
  client_id uuid NOT NULL REFERENCES clients(id) ON DELETE CASCADE,
  title text NOT NULL,
  starts_at timestamptz NOT NULL,
  minutes integer NOT NULL DEFAULT 60 CHECK (minutes BETWEEN 5 AND 1440),
  fee numeric(10, 2) NOT NULL DEFAULT 0 CHECK (fee >= 0),
  status text NOT NULL DEFAULT 'confirmed' CHECK (status IN ('tentative', 'confirmed', 'done', 'cancelled')),
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX IF NOT EXISTS clients_owner_idx ON clients (owner_id, name);
CREATE INDEX IF NOT EXISTS sessions_owner_idx ON sessions (owner_id, starts_at);
CREATE INDEX IF NOT EXISTS sessions_client_idx ON sessions (client_id);

ALTER TABLE studios ENABLE ROW LEVEL SECURITY;
ALTER TABLE clients ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Owners can read their studio"
  ON studios FOR SELECT TO authenticated
  USING (auth.uid() = owner_id);

CREATE POLICY "Owners can create their studio"
  ON studios FOR INSERT TO authenticated
  WITH CHECK (auth.uid() = owner_id);

CREATE POLICY "Owners can update their studio"
  ON studios FOR UPDATE TO authenticated
  USING (auth.uid() = owner_id)
  WITH CHECK (auth.uid() = owner_id);

CREATE POLICY "Owners can read their clients"
  ON clients FOR SELECT TO authenticated
  USING (auth.uid() = owner_id);

CREATE POLICY "Owners can add clients"
  ON clients FOR INSERT TO authenticated
  WITH CHECK (auth.uid() = owner_id);

CREATE POLICY "Owners can update their clients"
  ON clients FOR UPDATE TO authenticated
  USING (auth.uid() = owner_id)
  WITH CHECK (auth.uid() = owner_id);

CREATE POLICY "Owners can delete their clients"
  ON clients FOR DELETE TO authenticated
  USING (auth.uid() = owner_id);

CREATE POLICY "Owners can read their sessions"
  ON sessions FOR SELECT TO authenticated
  USING (auth.uid() = owner_id);

CREATE POLICY "Owners can add sessions for their clients"
  ON sessions FOR INSERT TO authenticated
  WITH CHECK (
    auth.uid() = owner_id
    AND EXISTS (SELECT 1 FROM clients WHERE clients.id = sessions.client_id AND clients.owner_id = auth.uid())
  );

CREATE POLICY "Owners can update their sessions"
  ON sessions FOR UPDATE TO authenticated
  USING (auth.uid() = owner_id)
  WITH CHECK (
    auth.uid() = owner_id
    AND EXISTS (SELECT 1 FROM clients WHERE clients.id = sessions.client_id AND clients.owner_id = auth.uid())
  );

CREATE POLICY "Owners can delete their sessions"
  ON sessions FOR DELETE TO authenticated
  USING (auth.uid() = owner_id);
