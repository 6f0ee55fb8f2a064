-- What hangs on the wall
CREATE TABLE public.tools (
  id UUID NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
  owner_id UUID NOT NULL DEFAULT auth.uid() REFERENCES public.profiles(id) ON DELETE CASCADE,
  name TEXT NOT NULL CHECK (char_length(name) BETWEEN 2 AND 80),
  description TEXT NOT NULL DEFAULT '',
  is_listed BOOLEAN NOT NULL DEFAULT true,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()
);

CREATE INDEX tools_owner_id_idx ON public.tools (owner_id);

ALTER TABLE public.tools ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Listed tools are visible to everyone"
ON public.tools FOR SELECT
USING (is_listed OR auth.uid() = owner_id);

CREATE POLICY "Owners add tools"
ON public.tools FOR INSERT TO authenticated
WITH CHECK (auth.uid() = owner_id);

CREATE POLICY "Owners change their tools"
ON public.tools FOR UPDATE TO authenticated
USING (auth.uid() = owner_id)
WITH CHECK (auth.uid() = owner_id);

CREATE POLICY "Owners remove their tools"
ON public.tools FOR DELETE TO authenticated
USING (auth.uid() = owner_id);
