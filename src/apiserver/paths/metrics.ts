import type { PathHandler } from './path-handler.ts';

export const metricsPath: PathHandler = {
  path: '/metrics',
  async handle({ server }) {
    const { text, contentType } = await server.metrics.expose();
    return { status: 200, headers: { 'content-type': contentType }, body: [Buffer.from(text)] };
  },
};
