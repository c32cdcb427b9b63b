// An identity provider with a login form: node provider.mjs, with its settings as JSON in PROVIDER; prints its port.
import http from 'node:http';
import Provider from 'oidc-provider';

const settings = JSON.parse(process.env.PROVIDER);
const provider = new Provider(settings.issuer, {
  clients: [{
    client_id: settings.client,
    client_secret: settings.secret,
    redirect_uris: [settings.redirect],
    grant_types: ['authorization_code'],
    response_types: ['code'],
    id_token_signed_response_alg: settings.alg,
  }],
  jwks: settings.jwks,
  cookies: { keys: ['only for tests'] },
  pkce: { required: () => true },
  acrValues: ['phr', 'pwd'],
  claims: { openid: ['sub', 'insurer', 'roles', 'acr', 'amr'] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false } },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, ...settings.people[id].claims }),
  }),
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
});
provider.proxy = true;
const answer = provider.callback();

const server = http.createServer(async (req, res) => {
  if (!req.url.startsWith('/interaction/')) return answer(req, res);
  if (req.method === 'GET') {
    res.setHeader('Content-Type', 'text/html; charset=utf-8');
    return res.end('<!doctype html><form method="post"><input name="login"><input name="password" type="password"><button>Entrer</button></form>');
  }
  let body = '';
  for await (const part of req) body += part;
  const form = new URLSearchParams(body);
  const person = settings.people[form.get('login')];
  if (!person || person.password !== form.get('password')) {
    return provider.interactionFinished(req, res, { error: 'access_denied' }, { mergeWithLastSubmission: false });
  }
  return provider.interactionFinished(req, res, {
    login: { accountId: form.get('login'), acr: person.acr, amr: person.amr },
  }, { mergeWithLastSubmission: false });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
