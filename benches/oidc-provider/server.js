// oidc-provider with what makes it comparable: one confidential client, client credentials, and
// access tokens that are JWTs signed with RS256 by a 2048-bit key, over https. Everything else is
// as it comes: state in memory, nothing logged, one process, as its documentation starts it.
//
// Takes the files of a certificate and its key; prints its port on one line of JSON, then serves
// until killed.

import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:https';
import { Provider } from 'oidc-provider';

const [certificate, key] = process.argv.slice(2);
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) });

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const signing = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const provider = new Provider(`https://localhost:${port}`, {
    clients: [
      {
        client_id: 'orders-sync',
        client_secret: 'a-secret-of-forty-characters-as-entra-has',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: 'client_secret_post',
      },
    ],
    jwks: { keys: [{ ...signing, use: 'sig', alg: 'RS256' }] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: 'all',
          audience: resource,
          accessTokenTTL: 3600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  server.on('request', provider.callback());
  const { version } = createRequire(import.meta.url)('oidc-provider/package.json');
  console.log(JSON.stringify({ port, version, node: process.version }));
});
