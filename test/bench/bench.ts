/** `npm run bench [-- NAME...]`: each benchmark prints ratios to a floor or a peer measured in the same run. */
const benches: Readonly<Record<string, () => Promise<void>>> = {
  api: async () => (await import('./api.ts')).benchApi(),
  'pod-start': async () => (await import('./pod-start.ts')).benchPodStart(),
  store: async () => void (await import('./store.ts')), // the module is the benchmark
  'watch-cache': async () => void (await import('./watch-cache.ts')),
  'life-cycle': async () => (await import('./life-cycle.ts')).benchLifeCycle(),
};

const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) {
  const bench = benches[name];
  if (!bench) throw new Error(`no benchmark ${name}: there are ${Object.keys(benches).join(', ')}`);
  await bench();
}
