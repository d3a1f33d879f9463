/**
 * Writes the .proto files of the container runtime's interfaces from data/api-facts/grpc.json, with the messages that
 * the agent needs and no others, and generates TypeScript from them (`npm run generate:grpc`).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Field = readonly [number, string];
interface Package {
  readonly messages?: Readonly<Record<string, Readonly<Record<string, Field>>>>;
  readonly enums?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly services?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const root = join(import.meta.dirname, '..', '..');
const folder = join(root, 'src', 'kubelet', 'runtime', 'cri');
const facts = JSON.parse(readFileSync(join(root, 'data', 'api-facts', 'grpc.json'), 'utf8')) as Readonly<
  Record<string, Package>
>;

/** What is kept: methods by package and service; and messages that no method names. */
const methods: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'runtime.v1': {
    RuntimeService: [
      'Version',
      'RunPodSandbox',
      'StopPodSandbox',
      'RemovePodSandbox',
      'PodSandboxStatus',
      'ListPodSandbox',
      'CreateContainer',
      'StartContainer',
      'StopContainer',
      'RemoveContainer',
      'ListContainers',
      'ContainerStatus',
      'UpdateContainerResources',
      'ReopenContainerLog',
      'ExecSync',
      'Exec',
      'Attach',
      'PortForward',
      'ListContainerStats',
      'UpdateRuntimeConfig',
      'Status',
      'GetContainerEvents',
    ],
    ImageService: ['ListImages', 'ImageStatus', 'PullImage', 'RemoveImage', 'ImageFsInfo'],
  },
  'containerd.services.content.v1': { Content: ['Info', 'Read', 'Write', 'Abort', 'Update'] },
  'containerd.services.images.v1': { Images: ['Get', 'List', 'Create', 'Update', 'Delete'] },
  'containerd.services.leases.v1': { Leases: ['Create', 'Delete'] },
  'containerd.services.events.v1': { Events: ['Subscribe'] },
  'grpc.health.v1': { Health: ['Check'] },
};
const extraMessages = ['containerd.events.TaskExit'];
/** Messages of other operating systems. Fields of their types are left out. */
const unwanted = /Windows/;

const wellKnown: Readonly<Record<string, string>> = {
  'google.protobuf.Any': 'google/protobuf/any.proto',
  'google.protobuf.Empty': 'google/protobuf/empty.proto',
  'google.protobuf.FieldMask': 'google/protobuf/field_mask.proto',
  'google.protobuf.Timestamp': 'google/protobuf/timestamp.proto',
};
const scalars = new Set(['string', 'bool', 'bytes', 'int32', 'int64', 'uint32', 'uint64', 'double', 'float']);

interface Found {
  readonly package: string;
  readonly name: string;
}

function find(type: string): Found {
  const owner = Object.keys(facts)
    .filter((name) => type.startsWith(`${name}.`))
    .sort((a, b) => b.length - a.length)[0];
  if (owner === undefined) throw new Error(`no package has ${type}`);
  return { package: owner, name: type.slice(owner.length + 1) };
}

function typesIn(field: string): readonly string[] {
  return field
    .replace(/^(repeated|optional) /, '')
    .replace(/ oneof .*$/, '')
    .replace(/^map<(.*),(.*)>$/, '$1 $2')
    .split(' ')
    .filter((type) => !scalars.has(type));
}

/** Every type that is reached from the kept methods. */
function reach(): ReadonlySet<string> {
  const reached = new Set<string>();
  const queue = [...extraMessages];
  for (const [owner, services] of Object.entries(methods)) {
    for (const [service, names] of Object.entries(services)) {
      for (const name of names) {
        const signature = facts[owner]?.services?.[service]?.[name];
        if (signature === undefined) throw new Error(`no method ${owner}.${service}.${name}`);
        queue.push(...signature.replaceAll('stream ', '').split(' -> '));
      }
    }
  }
  for (let type = queue.pop(); type !== undefined; type = queue.pop()) {
    if (reached.has(type)) continue;
    reached.add(type);
    if (type in wellKnown) continue;
    const { package: owner, name } = find(type);
    for (const [, field] of Object.values(facts[owner]?.messages?.[name] ?? {}))
      queue.push(...typesIn(field).filter((used) => !unwanted.test(used)));
  }
  return reached;
}

const reached = reach();

function reference(type: string): string {
  return scalars.has(type) ? type : `.${type}`;
}

function fieldLine(name: string, [number, type]: Field): string | undefined {
  if (typesIn(type).some((used) => unwanted.test(used))) return undefined;
  const map = /^map<(.*),(.*)>$/.exec(type);
  if (map) return `map<${map[1]}, ${reference(map[2] ?? '')}> ${name} = ${number};`;
  const label = /^(repeated|optional) (.*)$/.exec(type);
  return label
    ? `${label[1]} ${reference(label[2] ?? '')} ${name} = ${number};`
    : `${reference(type)} ${name} = ${number};`;
}

/** Messages and enums whose names begin with `prefix.`, nested as their names say. */
function declarations(owner: string, prefix: string, indent: string): readonly string[] {
  const facts_ = facts[owner] ?? {};
  const lines: string[] = [];
  const isHere = (name: string) =>
    prefix ? name.startsWith(`${prefix}.`) && !name.slice(prefix.length + 1).includes('.') : !name.includes('.');
  for (const [name, values] of Object.entries(facts_.enums ?? {})) {
    if (!isHere(name) || !reached.has(`${owner}.${name}`)) continue;
    lines.push(`${indent}enum ${name.split('.').at(-1)} {`);
    for (const [value, number] of Object.entries(values).sort((a, b) => a[1] - b[1]))
      lines.push(`${indent}  ${value} = ${number};`);
    lines.push(`${indent}}`);
  }
  for (const [name, fields] of Object.entries(facts_.messages ?? {})) {
    if (
      !isHere(name) ||
      ![...reached].some((type) => type === `${owner}.${name}` || type.startsWith(`${owner}.${name}.`))
    )
      continue;
    lines.push(`${indent}message ${name.split('.').at(-1)} {`, ...declarations(owner, name, `${indent}  `));
    for (const [field, definition] of Object.entries(fields).sort((a, b) => a[1][0] - b[1][0])) {
      const line = fieldLine(field, definition);
      if (line) lines.push(`${indent}  ${line}`);
    }
    lines.push(`${indent}}`);
  }
  return lines;
}

function services(owner: string): readonly string[] {
  const lines: string[] = [];
  for (const [service, names] of Object.entries(methods[owner] ?? {})) {
    lines.push(`service ${service} {`);
    for (const name of names) {
      const [from = '', to = ''] = (facts[owner]?.services?.[service]?.[name] ?? '').split(' -> ');
      const show = (type: string) => (type.startsWith('stream ') ? `stream .${type.slice(7)}` : `.${type}`);
      lines.push(`  rpc ${name}(${show(from)}) returns (${show(to)});`);
    }
    lines.push('}');
  }
  return lines;
}

function fileOf(owner: string): string {
  return `${owner.replaceAll('.', '-')}.proto`;
}

const owners = [
  ...new Set([...reached].filter((type) => !(type in wellKnown)).map((type) => find(type).package)),
].sort();
rmSync(join(folder, 'generated'), { recursive: true, force: true });
mkdirSync(join(folder, 'proto'), { recursive: true });
for (const owner of owners) {
  const body = [...services(owner), ...declarations(owner, '', '')];
  const text = body.join('\n');
  const imports = [
    ...Object.entries(wellKnown)
      .filter(([type]) => text.includes(`.${type} `) || text.includes(`.${type})`) || text.includes(`.${type}>`))
      .map(([, file]) => file),
    ...owners.filter((other) => other !== owner && text.includes(` .${other}.`)).map(fileOf),
  ];
  const head = [
    '// Generated by `npm run generate:grpc` from data/api-facts/grpc.json. Do not edit.',
    'syntax = "proto3";',
    `package ${owner};`,
    ...imports.map((file) => `import "${file}";`),
  ];
  writeFileSync(join(folder, 'proto', fileOf(owner)), `${[...head, '', ...body].join('\n')}\n`);
}
execFileSync(
  join(root, 'node_modules', '.bin', 'buf'),
  [
    'generate',
    '--template',
    JSON.stringify({
      version: 'v2',
      plugins: [
        {
          local: join(root, 'node_modules', '.bin', 'protoc-gen-es'),
          out: join(folder, 'generated'),
          opt: ['target=ts', 'import_extension=ts', 'erasable_syntax=true'],
        },
      ],
    }),
    join(folder, 'proto'),
  ],
  { stdio: 'inherit', cwd: root },
);
