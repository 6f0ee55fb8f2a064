-- Is it free on those days? Loans are private, so this answers yes or no and nothing more
CREATE OR REPLACE FUNCTION public.is_tool_free(_tool_id UUID, _from DATE, _to DATE)
RETURNS BOOLEAN
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = ''
AS $$
  SELECT NOT EXISTS (
    SELECT 1 FROM public.loans
    WHERE tool_id = _tool_id
      AND status = 'approved'
      AND daterange(starts_on, ends_on, '[]') && daterange(_from, GREATEST(_from, _to), '[]')
  );
$$;

REVOKE EXECUTE ON FUNCTION public.is_tool_free(UUID, DATE, DATE) FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION public.is_tool_free(UUID, DATE, DATE) TO authenticated;

-- How many tools hang under each label, as far as the caller may see
CREATE OR REPLACE FUNCTION public.wall_summary()
RETURNS TABLE (category public.tool_category, tools BIGINT)
LANGUAGE sql
STABLE
SET search_path = ''
AS $$
  SELECT t.category, count(*) FROM public.tools t WHERE t.is_listed GROUP BY t.category ORDER BY t.category;
$$;
