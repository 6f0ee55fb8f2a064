import { Link } from "react-router-dom";
import { Button } from "@/components/ui/button";

export default function NotFound() {
  return (
    <div className="container flex flex-col items-center py-28 text-center">
      <p className="font-display text-8xl font-extrabold text-accent">404</p>
      <h1 className="mt-4 text-2xl font-semibold">This hook is empty</h1>
      <p className="mt-2 text-muted-foreground">Whatever hung here was lent out, or never was.</p>
      <Button asChild className="mt-6"><Link to="/tools">Back to the wall</Link></Button>
    </div>
  );
}
