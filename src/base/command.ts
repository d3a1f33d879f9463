import { spawn } from 'node:child_process';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** More output than this of one program is cut off. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** A program that ended with another code than 0, or could not be started. */
export class CommandError extends Error {
  readonly code: number;
  constructor(command: string, args: readonly string[], result: CommandResult) {
    super(
      `${[command, ...args.slice(0, 4)].join(' ')}: ${result.stderr.trim().split('\n').at(-1) || `exit code ${result.code}`}`,
    );
    this.name = 'CommandError';
    this.code = result.code;
  }
}

/** Runs a program by its arguments, never through a shell. Throws CommandError unless it ends with 0. */
export async function command(
  program: string,
  args: readonly string[],
  options: { readonly input?: string; readonly signal?: AbortSignal } = {},
): Promise<CommandResult> {
  const result = await tryCommand(program, args, options);
  if (result.code !== 0) throw new CommandError(program, args, result);
  return result;
}

/** As `command`, for whoever wants to look at the exit code (127: the program is not there). */
export function tryCommand(
  program: string,
  args: readonly string[],
  options: { readonly input?: string; readonly signal?: AbortSignal } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'pipe', ...(options.signal ? { signal: options.signal } : {}) });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let size = 0;
    const collect = (into: Buffer[]) => (data: Buffer) => {
      size += data.length;
      if (size <= MAX_OUTPUT_BYTES) into.push(data);
    };
    child.stdout.on('data', collect(stdout));
    child.stderr.on('data', collect(stderr));
    child.stdin.on('error', () => undefined); // the program may end before it has read its input
    let failure: Error | undefined;
    child.on('error', (error) => {
      failure = error;
    });
    child.on('close', (code) => {
      const text = Buffer.concat(stderr).toString();
      resolve({
        code: failure ? 127 : (code ?? 128),
        stdout: Buffer.concat(stdout).toString(),
        stderr: failure ? `${failure.message}\n${text}` : text,
      });
    });
    child.stdin.end(options.input ?? '');
  });
}
