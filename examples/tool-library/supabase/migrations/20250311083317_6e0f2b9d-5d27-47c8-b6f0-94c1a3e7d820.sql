-- Borrowing: from a request to the day the tool hangs on its hook again
CREATE TYPE public.loan_status AS ENUM ('requested', 'approved', 'declined', 'cancelled', 'returned');

CREATE TABLE public.loans (
  id UUID NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
  tool_id UUID NOT NULL REFERENCES public.tools(id) ON DELETE CASCADE,
  borrower_id UUID NOT NULL DEFAULT auth.uid() REFERENCES public.profiles(id) ON DELETE CASCADE,
  lender_id UUID NOT NULL REFERENCES public.profiles(id) ON DELETE CASCADE,
  starts_on DATE NOT NULL,
  ends_on DATE NOT NULL,
  note TEXT,
  status public.loan_status NOT NULL DEFAULT 'requested',
  created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
  updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
  CONSTRAINT loans_days_in_order CHECK (ends_on >= starts_on)
);

CREATE INDEX loans_tool_id_idx ON public.loans (tool_id, starts_on);
CREATE INDEX loans_borrower_id_idx ON public.loans (borrower_id);
CREATE INDEX loans_lender_id_idx ON public.loans (lender_id);

ALTER TABLE public.loans ENABLE ROW LEVEL SECURITY;

CREATE POLICY "Both sides of a loan can see it"
ON public.loans FOR SELECT TO authenticated
USING (auth.uid() IN (borrower_id, lender_id));

CREATE POLICY "Borrowers ask for themselves"
ON public.loans FOR INSERT TO authenticated
WITH CHECK (auth.uid() = borrower_id AND status = 'requested');

CREATE POLICY "Both sides of a loan can move it on"
ON public.loans FOR UPDATE TO authenticated
USING (auth.uid() IN (borrower_id, lender_id))
WITH CHECK (auth.uid() IN (borrower_id, lender_id));

-- The lender is whoever owns the tool, never what the browser claims
CREATE OR REPLACE FUNCTION public.prepare_loan()
RETURNS TRIGGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = ''
AS $$
DECLARE
  _tool public.tools;
BEGIN
  SELECT * INTO _tool FROM public.tools WHERE id = NEW.tool_id AND is_listed FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'That tool is not on the wall any more';
  END IF;
  IF _tool.owner_id = NEW.borrower_id THEN
    RAISE EXCEPTION 'This one is yours already';
  END IF;
  IF NEW.ends_on - NEW.starts_on >= _tool.max_days THEN
    RAISE EXCEPTION 'This tool is lent for % days at most', _tool.max_days;
  END IF;
  IF EXISTS (
    SELECT 1 FROM public.loans l
    WHERE l.tool_id = NEW.tool_id AND l.status = 'approved'
      AND daterange(l.starts_on, l.ends_on, '[]') && daterange(NEW.starts_on, NEW.ends_on, '[]')
  ) THEN
    RAISE EXCEPTION 'Somebody else has it on those days';
  END IF;
  NEW.lender_id = _tool.owner_id;
  RETURN NEW;
END;
$$;

-- The lender answers; the borrower may only withdraw or bring back
CREATE OR REPLACE FUNCTION public.guard_loan_update()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = ''
AS $$
BEGIN
  IF NEW.tool_id <> OLD.tool_id OR NEW.borrower_id <> OLD.borrower_id OR NEW.lender_id <> OLD.lender_id
     OR NEW.starts_on <> OLD.starts_on OR NEW.ends_on <> OLD.ends_on THEN
    RAISE EXCEPTION 'Ask again instead of changing a request';
  END IF;
  IF auth.uid() = OLD.borrower_id AND NEW.status <> OLD.status AND NEW.status NOT IN ('cancelled', 'returned') THEN
    RAISE EXCEPTION 'Only the owner of the tool can answer a request';
  END IF;
  RETURN NEW;
END;
$$;

REVOKE EXECUTE ON FUNCTION public.prepare_loan() FROM PUBLIC, anon, authenticated;

CREATE TRIGGER prepare_loan_before_insert
  BEFORE INSERT ON public.loans
  FOR EACH ROW EXECUTE FUNCTION public.prepare_loan();

CREATE TRIGGER guard_loan_before_update
  BEFORE UPDATE ON public.loans
  FOR EACH ROW EXECUTE FUNCTION public.guard_loan_update();

CREATE TRIGGER update_loans_updated_at
  BEFORE UPDATE ON public.loans
  FOR EACH ROW EXECUTE FUNCTION public.update_updated_at_column();
