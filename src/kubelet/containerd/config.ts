/** Everything that a private containerd is told. Paths are absolute. */
export interface ContainerdConfig {
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly cniConfDir: string;
  readonly cniBinDir: string;
  readonly sandboxImage: string;
  /** Directory of `hosts.toml` files by registry. */
  readonly registryConfigDir: string;
  readonly snapshotter: 'overlayfs' | 'native';
  readonly systemdCgroup: boolean;
  /** The machine does not let us lower oom_score_adj (no CAP_SYS_RESOURCE). */
  readonly restrictOomScoreAdj: boolean;
}

/** Plug-ins that a node of ours never uses; without them containerd starts faster and takes less memory. */
const DISABLED = [
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.internal.v1.opt',
  'io.containerd.internal.v1.tracing',
  'io.containerd.tracing.processor.v1.otlp',
];

/** containerd's configuration file (version 2: understood by 1.6, 1.7 and, by conversion, 2.x). */
export function containerdToml(config: ContainerdConfig): string {
  const text = (value: string) => JSON.stringify(value);
  const cri = '[plugins."io.containerd.grpc.v1.cri"';
  return `# Written by dhow at each start. Do not edit.
version = 2
root = ${text(config.root)}
state = ${text(config.state)}
oom_score = 0
disabled_plugins = [${DISABLED.map(text).join(', ')}]

[grpc]
  address = ${text(config.socket)}

[debug]
  level = "warn"

[metrics]
  address = ""

${cri}]
  sandbox_image = ${text(config.sandboxImage)}
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  restrict_oom_score_adj = ${config.restrictOomScoreAdj}
  netns_mounts_under_state_dir = true
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  max_container_log_line_size = 16384

  ${cri}.containerd]
    snapshotter = ${text(config.snapshotter)}
    default_runtime_name = "runc"
    discard_unpacked_layers = false

    ${cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"

      ${cri}.containerd.runtimes.runc.options]
        SystemdCgroup = ${config.systemdCgroup}

  ${cri}.cni]
    bin_dir = ${text(config.cniBinDir)}
    conf_dir = ${text(config.cniConfDir)}
    max_conf_num = 1

  ${cri}.registry]
    config_path = ${text(config.registryConfigDir)}
`;
}
