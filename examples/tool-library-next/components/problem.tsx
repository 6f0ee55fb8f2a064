export function Problem({ text }: { text: string | null }) {
  if (!text) return null
  return (
    <p role="alert" className="my-3 rounded bg-red-100 p-3">
      {text}
    </p>
  )
}
