// One call in flight, the last one wins: for a gesture that asks faster than the server answers.

/**
 * Wraps `run` so that at most one call is in flight and, behind it, only the newest waiting one is kept. A call in
 * flight is let through to its answer: a long drag still shows something.
 * @template A, R
 * @param {(argument: A) => Promise<R> | R} run
 * @returns {(argument: A) => Promise<R | undefined>} undefined where a newer call took the place before this one began
 */
export function latest(run) {
  let isBusy = false;
  /** @type {{argument: A, resolve: (result: any) => void, reject: (error: unknown) => void} | null} */ let waiting = null;

  async function start({ argument, resolve, reject }) {
    isBusy = true;
    try {
      resolve(await run(argument));
    } catch (error) {
      reject(error);
    }
    const next = waiting;
    waiting = null;
    isBusy = false;
    if (next) start(next);
  }

  return (argument) => new Promise((resolve, reject) => {
    const call = { argument, resolve, reject };
    if (!isBusy) return void start(call);
    waiting?.resolve(undefined);
    waiting = call;
  });
}
