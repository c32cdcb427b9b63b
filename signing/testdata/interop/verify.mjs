// Verifies compact JWS with public JWK, one JSON object {"jws", "jwk"} a line of
// standard input, and prints for each the payload in hex, or "refused".
// Only ES256 is allowed; the JWK's own kid must be the one of the header.
import { createInterface } from "node:readline";
import { compactVerify, importJWK, calculateJwkThumbprint } from "jose";

for await (const line of createInterface({ input: process.stdin })) {
  try {
    const { jws, jwk } = JSON.parse(line);
    const key = await importJWK(jwk, "ES256");
    const { payload, protectedHeader } = await compactVerify(jws, key, { algorithms: ["ES256"] });
    const thumbprint = Buffer.from(await calculateJwkThumbprint(jwk, "sha256"), "base64url");
    const kid = thumbprint.subarray(0, 8).toString("base64url");
    if (protectedHeader.kid !== jwk.kid || jwk.kid !== kid) throw new Error("kid");
    console.log(Buffer.from(payload).toString("hex"));
  } catch {
    console.log("refused");
  }
}
