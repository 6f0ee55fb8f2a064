import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { Redirect, useLocation } from "wouter";
import { Problem, button, field, quiet } from "@/components/Page";
import { apiRequest } from "@/lib/queryClient";
import type { Hung, Loan, Me } from "@/lib/types";

export default function Shed() {
  const me = useQuery<Me>({ queryKey: ["/api/user"] });
  if (me.data === undefined) return <p>One moment …</p>;
  return me.data ? <Own me={me.data} /> : <Redirect to="/auth" />;
}

function Own({ me }: { me: NonNullable<Me> }) {
  const [, go] = useLocation();
  const client = useQueryClient();
  const shed = useQuery<{ tools: Hung[]; loans: Loan[] }>({ queryKey: ["/api/shed"] });
  const change = useMutation({
    mutationFn: ([method, url, data]: [string, string, unknown]) => apiRequest(method, url, data),
    onSuccess: () => client.invalidateQueries({ queryKey: ["/api/shed"] }),
  });

  function hangUp(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    change.mutate(["POST", "/api/tools", new FormData(event.currentTarget)]);
    event.currentTarget.reset();
  }

  async function signOut() {
    await apiRequest("POST", "/api/logout");
    client.clear();
    go("/auth");
  }

  return (
    <>
      <div className="flex items-center justify-between">
        <h1 className="text-2xl font-semibold">{me.displayName}'s shed</h1>
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
        <label>
          A picture
          <input name="picture" type="file" accept="image/*" className={field} />
        </label>
        <button className={button} disabled={change.isPending}>
          Hang it up
        </button>
      </form>
      <Problem error={change.error ?? shed.error} />
      <ul className="grid gap-2">
        {shed.data?.tools.map((tool) => (
          <li key={tool.id} data-testid="my-tool" data-id={tool.id} className="flex justify-between rounded bg-white p-3">
            <span>
              {tool.name} {!tool.isListed && "(only you see it)"}
            </span>
            <button
              className={quiet}
              onClick={() => change.mutate(["PATCH", `/api/tools/${tool.id}`, { isListed: !tool.isListed }])}
            >
              {tool.isListed ? "Take it off the wall" : "Hang it back"}
            </button>
          </li>
        ))}
      </ul>
      <h2 className="mt-8 text-lg font-medium">Loans</h2>
      <ul className="mt-2 grid gap-2">
        {shed.data?.loans.map((loan) => (
          <LoanRow
            key={loan.id}
            loan={loan}
            isMine={loan.tool.ownerId === me.id}
            onAnswer={(status) => change.mutate(["PATCH", `/api/loans/${loan.id}`, { status }])}
          />
        ))}
      </ul>
    </>
  );
}

function LoanRow({ loan, isMine, onAnswer }: { loan: Loan; isMine: boolean; onAnswer: (status: string) => void }) {
  return (
    <li data-testid="loan" className="flex items-center justify-between gap-2 rounded bg-white p-3">
      <span>
        {loan.tool.name} {isMine ? `to ${loan.borrower.displayName}` : `from ${loan.tool.owner.displayName}`}:{" "}
        <b>{loan.status}</b> {loan.note}
      </span>
      {isMine && loan.status === "requested" && (
        <span className="flex gap-2">
          <button className={quiet} onClick={() => onAnswer("approved")}>
            Lend it
          </button>
          <button className={quiet} onClick={() => onAnswer("declined")}>
            Not now
          </button>
        </span>
      )}
      {isMine && loan.status === "approved" && (
        <button className={quiet} onClick={() => onAnswer("returned")}>
          It is back
        </button>
      )}
    </li>
  );
}
