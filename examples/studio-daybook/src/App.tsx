import { lazy, Suspense } from 'react';
import { BrowserRouter, Navigate, Route, Routes } from 'react-router-dom';
import Frame from './components/Frame';
import { useUser } from './hooks/useSession';
import Clients from './pages/Clients';
import ClientPage from './pages/ClientPage';
import Lost from './pages/Lost';
import Welcome from './pages/Welcome';
import Week from './pages/Week';

const Invoices = lazy(() => import('./pages/Invoices'));
const InvoicePage = lazy(() => import('./pages/InvoicePage'));
const Settings = lazy(() => import('./pages/Settings'));

export default function App() {
  const user = useUser();
  if (user === undefined) return null;

  return (
    <BrowserRouter>
      <Suspense fallback={null}>
        <Routes>
          {user ? (
            <Route element={<Frame user={user} />}>
              <Route path="/" element={<Navigate to="/week" replace />} />
              <Route path="/week" element={<Week />} />
              <Route path="/clients" element={<Clients />} />
              <Route path="/clients/:id" element={<ClientPage />} />
              <Route path="/invoices" element={<Invoices />} />
              <Route path="/invoices/:id" element={<InvoicePage />} />
              <Route path="/settings" element={<Settings user={user} />} />
              <Route path="*" element={<Lost />} />
            </Route>
          ) : (
            <Route path="*" element={<Welcome />} />
          )}
        </Routes>
      </Suspense>
    </BrowserRouter>
  );
}
