import 'jsr:@supabase/functions-js/edge-runtime.d.ts';
import { createClient } from 'https://esm.sh/@supabase/supabase-js@2.45.0';
import { corsHeaders } from '../_shared/cors.ts';

const reply = (body: unknown, status = 200) =>
  new Response(JSON.stringify(body), { status, headers: { ...corsHeaders, 'Content-Type': 'application/json' } });

Deno.serve(async (req: Request) => {
  if (req.method === 'OPTIONS') {
    return new Response('ok', { headers: corsHeaders });
  }

  try {
    const { invoiceId } = await req.json();
    // As the signed-in user, so that nobody gets a letter about somebody else's invoice.
    const supabase = createClient(Deno.env.get('SUPABASE_URL') ?? '', Deno.env.get('SUPABASE_ANON_KEY') ?? '', {
      global: { headers: { Authorization: req.headers.get('Authorization')! } },
    });
    const { data: { user }, error: userError } = await supabase.auth.getUser(req.headers.get('Authorization')!.replace('Bearer ', ''));
    if (userError || !user) return reply({ error: 'Please sign in' }, 401);

    const { data: invoice, error } = await supabase
      .from('invoices')
      .select('number, due_on, client:clients!invoices_client_id_fkey(name), lines:invoice_lines(quantity, unit_price)')
      .eq('id', invoiceId)
      .maybeSingle();
    if (error) throw error;
    if (!invoice) return reply({ error: 'No such invoice' }, 404);

    const total = invoice.lines.reduce((sum: number, line: { quantity: number; unit_price: number }) => sum + Number(line.quantity) * Number(line.unit_price), 0);
    const client = invoice.client as unknown as { name: string } | null;
    return reply({
      letter: `Dear ${client?.name ?? 'friend'},\n\ninvoice ${invoice.number} over ${total.toFixed(2)} was due on ${invoice.due_on}. ` +
        `Perhaps it slipped through; I would be glad to see it settled.\n\nKind regards\n${user.email}`,
    });
  } catch (error) {
    console.error('reminder failed:', error);
    return reply({ error: error instanceof Error ? error.message : 'Something went wrong' }, 500);
  }
});
