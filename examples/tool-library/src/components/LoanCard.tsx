import { Link } from "react-router-dom";
import { toast } from "sonner";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { useLoanChanges, useMyLoans } from "@/hooks/useLoans";
import type { Enums } from "@/integrations/supabase/types";
import { categories } from "@/lib/categories";
import { cn, showDay } from "@/lib/utils";

type Loan = NonNullable<ReturnType<typeof useMyLoans>["data"]>["lending"][number];

const tone: Record<Enums<"loan_status">, string> = {
  requested: "bg-accent/30 text-accent-foreground",
  approved: "bg-[#d7e6c5] text-[#2c4d24]",
  declined: "bg-[#f6cfc2] text-[#7d2d1c]",
  cancelled: "bg-muted text-muted-foreground",
  returned: "bg-secondary text-muted-foreground",
};

export function LoanCard({ loan, side }: { loan: Loan; side: "lending" | "borrowing" }) {
  const { answer } = useLoanChanges();
  const Icon = categories[loan.tool?.category ?? "repair"].icon;
  const other = side === "lending" ? loan.borrower : loan.lender;
  const move = (status: Enums<"loan_status">) =>
    answer.mutate({ id: loan.id, status }, { onError: (error) => toast.error(error.message) });

  return (
    <Card className="flex flex-wrap items-center gap-4 p-4" data-testid={`${side}-loan`}>
      <div className={cn("rounded-xl p-3", categories[loan.tool?.category ?? "repair"].tile)}>
        <Icon className="h-5 w-5" />
      </div>
      <div className="min-w-[180px] flex-1">
        <Link to={`/tools/${loan.tool_id}`} className="font-medium hover:underline">{loan.tool?.name ?? "A tool taken off the wall"}</Link>
        <p className="text-sm text-muted-foreground">
          {side === "lending" ? "to" : "from"} {other?.display_name ?? "a neighbour"}, {showDay(loan.starts_on)} to {showDay(loan.ends_on)}
        </p>
        {loan.note && <p className="mt-1 text-sm italic text-muted-foreground">“{loan.note}”</p>}
      </div>
      <Badge className={tone[loan.status]}>{loan.status}</Badge>
      <div className="flex gap-2">
        {side === "lending" && loan.status === "requested" && (
          <>
            <Button size="sm" onClick={() => move("approved")}>Lend it</Button>
            <Button size="sm" variant="outline" onClick={() => move("declined")}>Not now</Button>
          </>
        )}
        {side === "borrowing" && loan.status === "requested" && (
          <Button size="sm" variant="outline" onClick={() => move("cancelled")}>Withdraw</Button>
        )}
        {loan.status === "approved" && (
          <Button size="sm" variant="outline" onClick={() => move("returned")}>It is back</Button>
        )}
      </div>
    </Card>
  );
}
