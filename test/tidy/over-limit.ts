/** Files over 500 lines, each with the reason why it is not split. Tables and generated code aside. */
export const overLimit: Readonly<Record<string, string>> = {};
