export default function Problem({ text }: { text: string }) {
  if (!text) return null;
  return (
    <p role="alert" className="my-4 border-l-2 border-seal bg-seal/5 px-4 py-2.5 text-sm text-seal">
      {text}
    </p>
  );
}
