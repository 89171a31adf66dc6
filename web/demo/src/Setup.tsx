import type { DemoConfig } from './config';

/** How this very app was pointed at Bellhop, to be copied into another. */
export function Setup({ config }: { config: DemoConfig }) {
  const snippet = `Amplify.configure({
  Auth: {
    Cognito: {
      userPoolId: '${config.userPoolId}',
      userPoolClientId: '${config.userPoolClientId}',
      userPoolEndpoint: '${config.endpoint}',
    },
  },
});`;

  return (
    <aside className="setup">
      <p>
        This is an ordinary <strong>aws-amplify 6</strong> app. Everything runs on this machine, and the texts go no
        further than the phone on this page.
      </p>
      <details>
        <summary>Point your own app here</summary>
        <pre tabIndex={0} aria-label="Amplify configuration">
          {snippet}
        </pre>
      </details>
    </aside>
  );
}
