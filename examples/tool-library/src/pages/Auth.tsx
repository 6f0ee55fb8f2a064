import { useState, type FormEvent } from "react";
import { Navigate, useLocation } from "react-router-dom";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { useAuth } from "@/hooks/useAuth";

export default function Auth() {
  const { user, loading, signIn, signUp } = useAuth();
  const location = useLocation();
  const [joining, setJoining] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");

  if (!loading && user) return <Navigate to={(location.state as { from?: string } | null)?.from ?? "/shed"} replace />;

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    setBusy(true);
    setProblem("");
    try {
      if (!joining) await signIn(text("email"), String(form.get("password")));
      else if (!(await signUp(text("email"), String(form.get("password")), text("display_name"), text("street"))))
        toast.info("Nearly there: follow the link in the mail we sent you.");
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      setBusy(false);
    }
  };

  return (
    <div className="container flex justify-center py-16">
      <Card className="w-full max-w-md overflow-hidden shadow-hook">
        <div className="relative bg-primary px-8 py-7 text-primary-foreground">
          <div className="pegboard absolute inset-0" />
          <h1 className="relative text-3xl font-bold">{joining ? "Join your street" : "Back to the shed"}</h1>
          <p className="relative mt-1 text-sm opacity-80">{joining ? "A name and a street is all your neighbours see." : "Sign in to lend and borrow."}</p>
        </div>
        <form onSubmit={submit} className="space-y-4 p-8">
          {joining && (
            <div className="grid grid-cols-2 gap-3">
              <div className="space-y-2">
                <Label htmlFor="display_name">Name</Label>
                <Input id="display_name" name="display_name" required maxLength={60} placeholder="Ines" />
              </div>
              <div className="space-y-2">
                <Label htmlFor="street">Street</Label>
                <Input id="street" name="street" placeholder="Lime Lane 7" />
              </div>
            </div>
          )}
          <div className="space-y-2">
            <Label htmlFor="email">Email</Label>
            <Input id="email" name="email" type="email" required autoComplete="email" placeholder="you@example.com" />
          </div>
          <div className="space-y-2">
            <Label htmlFor="password">Password</Label>
            <Input id="password" name="password" type="password" required minLength={6} autoComplete={joining ? "new-password" : "current-password"} />
          </div>
          {problem && <p role="alert" className="text-sm text-destructive">{problem}</p>}
          <Button type="submit" className="w-full" disabled={busy}>{joining ? "Create account" : "Sign in"}</Button>
          <button type="button" className="w-full text-center text-sm text-muted-foreground underline-offset-4 hover:underline"
            onClick={() => { setJoining(!joining); setProblem(""); }}>
            {joining ? "I have an account already" : "New here? Create an account"}
          </button>
        </form>
      </Card>
    </div>
  );
}
