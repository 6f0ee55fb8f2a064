import { Link } from 'react-router-dom';

export default function Lost() {
  return (
    <div className="py-24 text-center">
      <h1 className="text-6xl">This page was torn out</h1>
      <p className="mt-3 text-soft">Or it was never written.</p>
      <Link to="/week" className="button mt-8">Back to the week</Link>
    </div>
  );
}
