export default function NotFound() {
  return <h1 className="text-2xl font-semibold">This hook is empty</h1>
}
