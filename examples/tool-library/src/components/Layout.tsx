import { Link, NavLink, Outlet, useNavigate } from "react-router-dom";
import { LogOut } from "lucide-react";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { useAuth } from "@/hooks/useAuth";
import { useProfile } from "@/hooks/useProfile";
import { cn } from "@/lib/utils";

const tab = ({ isActive }: { isActive: boolean }) =>
  cn("rounded-full px-3.5 py-1.5 text-sm transition-colors hover:bg-secondary", isActive && "bg-secondary font-medium");

export function Logo() {
  return (
    <Link to="/" className="flex items-center gap-2.5 font-display text-xl font-bold tracking-tight">
      <img src="/favicon.svg" alt="" className="h-8 w-8" />
      <span className="hidden sm:inline">Commonshed</span>
    </Link>
  );
}

export function Layout() {
  const { user, signOut } = useAuth();
  const { profile } = useProfile();
  const navigate = useNavigate();

  const leave = async () => {
    try {
      await signOut();
      navigate("/");
    } catch (error) {
      toast.error((error as Error).message);
    }
  };

  return (
    <div className="flex min-h-screen flex-col">
      <header className="sticky top-0 z-20 border-b bg-background/85 backdrop-blur">
        <div className="container flex h-16 items-center gap-3 sm:gap-6">
          <Logo />
          <nav className="flex flex-1 items-center gap-1">
            <NavLink to="/tools" className={tab}>Tools</NavLink>
            {user && <NavLink to="/shed" className={tab}>My shed</NavLink>}
          </nav>
          {user ? (
            <div className="flex items-center gap-3">
              <span className="hidden text-sm text-muted-foreground md:inline" data-testid="whoami">
                {profile.data?.display_name ?? user.email}
              </span>
              <Button variant="outline" size="sm" onClick={leave}>
                <LogOut /> Sign out
              </Button>
            </div>
          ) : (
            <Button asChild size="sm">
              <Link to="/auth">Sign in</Link>
            </Button>
          )}
        </div>
      </header>
      <main className="flex-1">
        <Outlet />
      </main>
      <footer className="border-t">
        <div className="container flex flex-wrap items-center justify-between gap-3 py-8 text-sm text-muted-foreground">
          <span>Commonshed. One street, one very big shed.</span>
          <span>Bring it back cleaner than you found it.</span>
        </div>
      </footer>
    </div>
  );
}
