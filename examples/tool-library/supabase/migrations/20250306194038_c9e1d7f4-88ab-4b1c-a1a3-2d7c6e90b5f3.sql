-- What hangs on the pegboard
CREATE TYPE public.tool_category AS ENUM ('garden', 'wood', 'painting', 'repair', 'kitchen', 'outdoors');

CREATE TABLE public.tools (
  id UUID NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
  owner_id UUID NOT NULL DEFAULT auth.uid() REFERENCES public.profiles(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  category public.tool_category NOT NULL DEFAULT 'repair',
  picture_url TEXT,
  max_days INTEGER NOT NULL DEFAULT 7,
  is_listed BOOLEAN NOT NULL DEFAULT true,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
  CONSTRAINT tools_name_length CHECK (char_length(name) BETWEEN 2 AND 80),
  CONSTRAINT tools_max_days_range CHECK (max_days BETWEEN 1 AND 60)
);

CREATE INDEX tools_owner_id_idx ON public.tools (owner_id);
CREATE INDEX tools_listed_idx ON public.tools (created_at DESC) WHERE is_listed;

ALTER TABLE public.tools ENABLE ROW LEVEL SECURITY;

-- Anyone passing by may look at the wall; a tool taken off it is its owner's business
CREATE POLICY "Listed tools are visible to everyone"
ON public.tools FOR SELECT
USING (is_listed);

CREATE POLICY "Owners see all their tools"
ON public.tools FOR SELECT TO authenticated
USING (auth.uid() = owner_id);

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

CREATE TRIGGER update_tools_updated_at
  BEFORE UPDATE ON public.tools
  FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();

-- Tools a neighbour wants to remember
CREATE TABLE public.favourites (
  user_id UUID NOT NULL DEFAULT auth.uid() REFERENCES public.profiles(id) ON DELETE CASCADE,
  tool_id UUID NOT NULL REFERENCES public.tools(id) ON DELETE CASCADE,
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, tool_id)
);

ALTER TABLE public.favourites ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Users manage their own favourites"
ON public.favourites FOR ALL TO authenticated
USING (auth.uid() = user_id)
WITH CHECK (auth.uid() = user_id);
