import {
  addQuantities,
  compareQuantities,
  negateQuantity,
  parseQuantity,
  type Quantity,
  showQuantity,
} from './quantity.ts';

/** Amounts of resources by name, as requests, limits and quotas have them. */
export type Amounts = ReadonlyMap<string, Quantity>;

export function amountsOf(quantities: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(quantities ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}

export function sum(left: Amounts, right: Amounts): Amounts {
  const total = new Map(left);
  for (const [name, amount] of right) {
    const before = total.get(name);
    total.set(name, before ? addQuantities(before, amount) : amount);
  }
  return total;
}

/** The higher of both, for each name. */
export function most(left: Amounts, right: Amounts): Amounts {
  const highest = new Map(left);
  for (const [name, amount] of right) {
    const before = highest.get(name);
    if (!before || compareQuantities(amount, before) > 0) highest.set(name, amount);
  }
  return highest;
}

/** `left` less `right`, without what comes to nothing. */
export function difference(left: Amounts, right: Amounts): Amounts {
  const negative = new Map([...right].map(([name, amount]) => [name, negateQuantity(amount)] as const));
  return new Map([...sum(left, negative)].filter(([, { nanos }]) => nanos !== 0n));
}

/** The amounts of some names. */
export function mask(amounts: Amounts, wanted: (name: string) => boolean): Amounts {
  return new Map([...amounts].filter(([name]) => wanted(name)));
}

/** As the API serves them, in the order of the names. */
export function shownAmounts(amounts: Amounts): Record<string, string> {
  const entries = [...amounts].map(([name, amount]) => [name, showQuantity(amount)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
