import ora from 'ora';
import { systemClock } from '#base/clock.ts';

/** Says what a command is doing: a spinner on a terminal, plain lines elsewhere. */
export interface Progress {
  /** Runs a step under a title and says how long it took. */
  step<T>(title: string, work: () => Promise<T>): Promise<T>;
}

export function createProgress(): Progress {
  const terminal = process.stderr.isTTY === true;
  return {
    async step(title, work) {
      const spinner = terminal ? ora(title).start() : undefined;
      const started = systemClock.now();
      try {
        const result = await work();
        const line = `${title} (${((systemClock.now() - started) / 1000).toFixed(1)} s)`;
        if (spinner) spinner.succeed(line);
        else process.stderr.write(`${line}\n`);
        return result;
      } catch (error) {
        spinner?.fail(title);
        throw error;
      }
    },
  };
}
