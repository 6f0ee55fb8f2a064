import { useCallback, useEffect, useState } from 'react';
import { message } from '../lib/format';

export function useLoad<T>(load: () => Promise<T>, deps: unknown[]) {
  const [data, setData] = useState<T>();
  const [problem, setProblem] = useState('');
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    let current = true;
    load().then(
      (next) => {
        if (!current) return;
        setData(next);
        setProblem('');
      },
      (error) => current && setProblem(message(error)),
    );
    return () => {
      current = false;
    };
    // the caller names what the answer depends on
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [...deps, turn]);

  const reload = useCallback(() => setTurn((value) => value + 1), []);
  return { data, problem, reload };
}
