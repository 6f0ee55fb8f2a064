import { useRef, useState, type FormEvent } from "react";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Input, Select, Textarea } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { useAuth } from "@/hooks/useAuth";
import { useToolChanges } from "@/hooks/useTools";
import { categories, categoryNames, type Category } from "@/lib/categories";
import { uploadPicture } from "@/lib/pictures";

export function AddTool({ onDone }: { onDone: () => void }) {
  const { user } = useAuth();
  const { add } = useToolChanges();
  const picture = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    try {
      const file = picture.current?.files?.[0];
      const url = file ? await uploadPicture(user!.id, file) : null;
      if (file && !url) toast.info("The picture could not be kept. The tool hangs without one for now.");
      await add.mutateAsync([
        {
          owner_id: user!.id,
          name: String(form.get("name")).trim(),
          description: String(form.get("description")).trim(),
          category: form.get("category") as Category,
          max_days: Number(form.get("max_days")),
          picture_url: url,
        },
      ]);
      toast.success("It hangs on the wall");
      onDone();
    } catch (error) {
      toast.error((error as Error).message);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Card className="p-6">
      <form onSubmit={submit} className="grid gap-4 sm:grid-cols-2">
        <div className="space-y-2">
          <Label htmlFor="name">What is it?</Label>
          <Input id="name" name="name" required minLength={2} maxLength={80} placeholder="Cordless drill, 18 V" />
        </div>
        <div className="grid grid-cols-2 gap-4">
          <div className="space-y-2">
            <Label htmlFor="category">Where it hangs</Label>
            <Select id="category" name="category" defaultValue="repair">
              {categoryNames.map((name) => (
                <option key={name} value={name}>{categories[name].label}</option>
              ))}
            </Select>
          </div>
          <div className="space-y-2">
            <Label htmlFor="max_days">Days at most</Label>
            <Input id="max_days" name="max_days" type="number" min={1} max={60} defaultValue={7} required />
          </div>
        </div>
        <div className="space-y-2 sm:col-span-2">
          <Label htmlFor="description">What should a neighbour know?</Label>
          <Textarea id="description" name="description" placeholder="Two batteries, one of them tired. Bits are in the lid." />
        </div>
        <div className="space-y-2">
          <Label htmlFor="picture">A picture, if you like</Label>
          <Input id="picture" ref={picture} type="file" accept="image/*" className="py-1.5" />
        </div>
        <div className="flex items-end justify-end gap-2">
          <Button type="button" variant="ghost" onClick={onDone}>Cancel</Button>
          <Button type="submit" disabled={busy}>Hang it up</Button>
        </div>
      </form>
    </Card>
  );
}
