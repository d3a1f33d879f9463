/**
 * Replaces `$(NAME)` by its value where there is one and leaves it where there is none; `$$` is a `$`, so that
 * `$$(NAME)` stays `$(NAME)`. Source: core/v1 Container.command.
 */
export function expand(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (match, name: string | undefined) => {
    if (name === undefined) return '$';
    return values.get(name) ?? match;
  });
}

/** As `expand`, but an unknown name is an error, as subPathExpr has it. */
export function expandStrictly(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (_, name: string | undefined) => {
    if (name === undefined) return '$';
    const value = values.get(name);
    if (value === undefined) throw new Error(`missing value for "${name}"`);
    return value;
  });
}
