import { QueryClientProvider } from "@tanstack/react-query";
import { Route, Switch } from "wouter";
import { Page } from "@/components/Page";
import { queryClient } from "@/lib/queryClient";
import Auth from "@/pages/auth";
import Shed from "@/pages/shed";
import ToolPage from "@/pages/tool";
import Wall from "@/pages/wall";

export default function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <Page>
        <Switch>
          <Route path="/" component={Wall} />
          <Route path="/auth" component={Auth} />
          <Route path="/shed" component={Shed} />
          <Route path="/tools/:id">{({ id }) => <ToolPage id={id} />}</Route>
          <Route>
            <h1 className="text-2xl font-semibold">This hook is empty</h1>
          </Route>
        </Switch>
      </Page>
    </QueryClientProvider>
  );
}
