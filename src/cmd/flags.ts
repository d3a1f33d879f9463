import { parseArgs } from 'node:util';
import { CliError } from './cli-error.ts';

/** The flags of one command: name -> what it takes. */
export type FlagTypes = Readonly<Record<string, 'string' | 'boolean'>>;

export type Flags<T extends FlagTypes> = {
  readonly [Name in keyof T]?: T[Name] extends 'boolean' ? boolean : string;
};

export interface ParsedFlags<T extends FlagTypes> {
  readonly flags: Flags<T>;
  readonly operands: readonly string[];
}

/** Reads the arguments of `dhow COMMAND`. Anything unknown is an error that names the command's help. */
export function parseFlags<T extends FlagTypes>(
  commandName: string,
  args: readonly string[],
  types: T,
): ParsedFlags<T> {
  const options = Object.fromEntries(Object.entries(types).map(([name, type]) => [name, { type }]));
  try {
    const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { flags: values as Flags<T>, operands: positionals };
  } catch (error) {
    const message = error instanceof Error ? (error.message.split('. To specify')[0] ?? '') : '';
    throw new CliError(`${message.charAt(0).toLowerCase()}${message.slice(1)}: see dhow ${commandName} --help`);
  }
}

/** A TCP port. */
export function parsePort(flag: string, text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65_535)
    throw new CliError(`--${flag} takes a port from 1 to 65535, not ${text}`);
  return port;
}

/** Refuses operands where a command takes none. */
export function noOperands(commandName: string, operands: readonly string[]): void {
  if (operands.length > 0) throw new CliError(`${commandName} takes no ${operands[0]}: see dhow ${commandName} --help`);
}
