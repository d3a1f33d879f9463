import { notAcceptableError } from '#machinery/status.ts';
import { clausesOf, JSON_TYPE } from '../negotiation/accept.ts';
import type { PathHandler } from './path-handler.ts';

/** What `/version` tells. Source: apimachinery version.Info. */
export interface VersionInfo {
  readonly gitVersion: string;
  readonly gitCommit: string;
  readonly buildDate: string;
}

/** The Kubernetes version whose API this is. */
export const KUBERNETES_VERSION = 'v1.36.2';

export function versionPath(info: VersionInfo): PathHandler {
  const body = Buffer.from(
    `${JSON.stringify(
      {
        major: '1',
        minor: '36',
        emulationMajor: '1',
        emulationMinor: '36',
        minCompatibilityMajor: '1',
        minCompatibilityMinor: '35',
        gitVersion: info.gitVersion,
        gitCommit: info.gitCommit,
        gitTreeState: 'clean',
        buildDate: info.buildDate,
        goVersion: `node${process.versions.node}`,
        compiler: 'v8',
        platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
      },
      null,
      2,
    )}`,
  );
  return {
    path: '/version',
    async handle({ request }) {
      const taken = clausesOf(request.header('accept')).some(
        ({ type }) => type === '*/*' || type === 'application/*' || type === JSON_TYPE,
      );
      if (!taken) throw notAcceptableError([JSON_TYPE]);
      return { status: 200, headers: { 'content-type': JSON_TYPE }, body: [body] };
    },
  };
}
