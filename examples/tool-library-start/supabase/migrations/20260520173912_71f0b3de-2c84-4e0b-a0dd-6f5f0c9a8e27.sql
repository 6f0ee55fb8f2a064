-- Who asked for what, and what the owner said
CREATE TYPE public.loan_status AS ENUM ('requested', 'approved', 'declined', 'returned');

CREATE TABLE public.loans (
  id UUID NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
  tool_id UUID NOT NULL REFERENCES public.tools(id) ON DELETE CASCADE,
  borrower_id UUID NOT NULL DEFAULT auth.uid() REFERENCES public.profiles(id) ON DELETE CASCADE,
  lender_id UUID NOT NULL REFERENCES public.profiles(id) ON DELETE CASCADE,
  note TEXT NOT NULL DEFAULT '',
  status public.loan_status NOT NULL DEFAULT 'requested',
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()
);

CREATE INDEX loans_borrower_id_idx ON public.loans (borrower_id);
CREATE INDEX loans_lender_id_idx ON public.loans (lender_id);
CREATE UNIQUE INDEX loans_one_at_a_time ON public.loans (tool_id) WHERE status = 'approved';

ALTER TABLE public.loans ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Both sides of a loan can see it"
ON public.loans FOR SELECT TO authenticated
USING (auth.uid() IN (borrower_id, lender_id));

CREATE POLICY "Borrowers ask for themselves"
ON public.loans FOR INSERT TO authenticated
WITH CHECK (auth.uid() = borrower_id AND status = 'requested');

CREATE POLICY "Lenders answer"
ON public.loans FOR UPDATE TO authenticated
USING (auth.uid() = lender_id)
WITH CHECK (auth.uid() = lender_id);

-- The lender is whoever owns the tool, never what the browser claims
CREATE OR REPLACE FUNCTION public.prepare_loan()
RETURNS TRIGGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = ''
AS $$
BEGIN
  SELECT owner_id INTO NEW.lender_id FROM public.tools WHERE id = NEW.tool_id AND is_listed;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'That tool is not on the wall any more';
  END IF;
  IF NEW.lender_id = NEW.borrower_id THEN
    RAISE EXCEPTION 'This one is yours already';
  END IF;
  RETURN NEW;
END;
$$;

REVOKE EXECUTE ON FUNCTION public.prepare_loan() FROM PUBLIC, anon, authenticated;

CREATE TRIGGER prepare_loan_before_insert
  BEFORE INSERT ON public.loans
  FOR EACH ROW EXECUTE FUNCTION public.prepare_loan();
