import { Amplify } from 'aws-amplify';

import { installStepUp } from '../../step-up';

/** What the demo server says about the pool that it made for this page. */
export interface DemoConfig {
  readonly region: string;
  readonly userPoolId: string;
  readonly userPoolClientId: string;
  readonly endpoint: string;
}

export async function loadConfig(): Promise<DemoConfig> {
  const answer = await fetch('/demo/config.json', { cache: 'no-store' });
  if (!answer.ok) throw new Error(`/demo/config.json: HTTP ${answer.status}`);
  return (await answer.json()) as DemoConfig;
}

/** The whole of what an Amplify app needs in order to use Bellhop. */
export function configureAmplify(config: DemoConfig): void {
  installStepUp({ endpoint: config.endpoint }); // proof of work, where the guard wants it
  Amplify.configure({
    Auth: {
      Cognito: {
        userPoolId: config.userPoolId,
        userPoolClientId: config.userPoolClientId,
        userPoolEndpoint: config.endpoint,
      },
    },
  });
}
