import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { createFileRoute, useNavigate } from "@tanstack/react-router";
import type { FormEvent } from "react";
import { Page, Problem, button, field, quiet } from "@/components/Page";
import { supabase } from "@/integrations/supabase/client";
import { addTool, answerLoan, getShed, listTool } from "@/lib/shed.functions";

export const Route = createFileRoute("/_authenticated/shed")({ component: Shed });

type Loan = Awaited<ReturnType<typeof getShed>>["loans"][number];

function Shed() {
  const client = useQueryClient();
  const navigate = useNavigate();
  const shed = useQuery({ queryKey: ["shed"], queryFn: () => getShed() });
  const done = { onSuccess: () => client.invalidateQueries({ queryKey: ["shed"] }) };
  const add = useMutation({ mutationFn: (data: { name: string; description: string }) => addTool({ data }), ...done });
  const list = useMutation({ mutationFn: (data: { id: string; is_listed: boolean }) => listTool({ data }), ...done });
  const answer = useMutation({
    mutationFn: (data: { id: string; status: "approved" | "declined" | "returned" }) => answerLoan({ data }),
    ...done,
  });

  async function signOut() {
    await supabase.auth.signOut();
    client.clear();
    await navigate({ to: "/auth" });
  }

  function hangUp(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    add.mutate({ name: String(form.get("name")), description: String(form.get("description")) });
    event.currentTarget.reset();
  }

  if (shed.error) return <Page><Problem text={shed.error.message} /></Page>;
  if (!shed.data) return <Page>One moment …</Page>;
  const { name, userId, tools, loans } = shed.data;
  const problem = add.error ?? list.error ?? answer.error;

  return (
    <Page>
      <div className="flex items-center justify-between">
        <h1 className="text-2xl font-semibold">{name}'s shed</h1>
        <button className={quiet} onClick={signOut}>
          Sign out
        </button>
      </div>
      <form onSubmit={hangUp} className="my-6 grid gap-3 rounded border border-stone-300 p-4">
        <label>
          What is it?
          <input name="name" required minLength={2} maxLength={80} className={field} />
        </label>
        <label>
          What should a neighbour know?
          <input name="description" className={field} />
        </label>
        <button className={button} disabled={add.isPending}>
          Hang it up
        </button>
      </form>
      <Problem text={problem?.message ?? null} />
      <ul className="grid gap-2">
        {tools.map((tool) => (
          <li key={tool.id} data-testid="my-tool" data-id={tool.id} className="flex justify-between rounded bg-white p-3">
            {tool.name} {!tool.is_listed && "(only you see it)"}
            <button className={quiet} onClick={() => list.mutate({ id: tool.id, is_listed: !tool.is_listed })}>
              {tool.is_listed ? "Take it off the wall" : "Hang it back"}
            </button>
          </li>
        ))}
      </ul>
      <h2 className="mt-8 text-lg font-medium">Loans</h2>
      <ul className="mt-2 grid gap-2">
        {loans.map((loan) => (
          <LoanRow key={loan.id} loan={loan} isMine={loan.lender_id === userId} onAnswer={answer.mutate} />
        ))}
      </ul>
    </Page>
  );
}

type Answer = (data: { id: string; status: "approved" | "declined" | "returned" }) => void;

function LoanRow({ loan, isMine, onAnswer }: { loan: Loan; isMine: boolean; onAnswer: Answer }) {
  return (
    <li data-testid="loan" className="flex items-center justify-between gap-2 rounded bg-white p-3">
      <span>
        {loan.tool.name} {isMine ? `to ${loan.borrower.display_name}` : `from ${loan.lender.display_name}`}:{" "}
        <b>{loan.status}</b> {loan.note}
      </span>
      {isMine && loan.status === "requested" && (
        <span className="flex gap-2">
          <button className={quiet} onClick={() => onAnswer({ id: loan.id, status: "approved" })}>
            Lend it
          </button>
          <button className={quiet} onClick={() => onAnswer({ id: loan.id, status: "declined" })}>
            Not now
          </button>
        </span>
      )}
      {isMine && loan.status === "approved" && (
        <button className={quiet} onClick={() => onAnswer({ id: loan.id, status: "returned" })}>
          It is back
        </button>
      )}
    </li>
  );
}
