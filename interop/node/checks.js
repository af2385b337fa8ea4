// A check is a name and a condition; the last line counts them.

import { isDeepStrictEqual } from "node:util";

let passed = 0;
let failed = 0;

export function check(name, condition, seen) {
  if (condition) {
    passed += 1;
    console.log(`ok: ${name}`);
  } else {
    failed += 1;
    console.log(`FAILED: ${name}: saw ${seen instanceof Error ? seen.stack : JSON.stringify(seen)}`);
  }
}

export function setting(name) {
  const value = process.env["KEYHOLDER_" + name];
  if (value === undefined) throw new Error(`KEYHOLDER_${name} is missing`);
  return value;
}

export const ORG = setting("ORG_URL").replace(/\/$/, "");
export const TENANT = setting("TENANT_ID");
export const AUTHORITY = `${setting("ORIGIN")}/${TENANT}`;

export function claims(token) {
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());
}

function agrees(said, expected) {
  return Object.entries(expected).every(([key, value]) => said[key] === value);
}

// That a token is an application's of version 1. `proof` is 1 for a secret, 2 for a key.
export function checkApplication(name, token, client, principal, proof) {
  const said = claims(token);
  const expected = {
    aud: ORG,
    iss: `https://sts.windows.net/${TENANT}/`,
    tid: TENANT,
    appid: client,
    appidacr: proof,
    idtyp: "app",
    oid: principal,
    sub: principal,
    ver: "1.0",
  };
  check(name, agrees(said, expected) && said.scp === undefined && said.upn === undefined, said);
}

// That a token is a person's of version 1, through the application `client`.
export function checkPerson(name, token, client, user, scope, proof = "0") {
  const said = claims(token);
  const expected = {
    aud: ORG,
    iss: `https://sts.windows.net/${TENANT}/`,
    tid: TENANT,
    appid: client,
    appidacr: proof,
    upn: user,
    ver: "1.0",
  };
  check(name, agrees(said, expected) && said.scp.split(" ").includes(scope) && said.oid !== said.sub, said);
}

// That what was asked for is refused with this AADSTS number.
export async function checkRefused(name, number, ask) {
  try {
    const answer = await ask();
    check(`${name} is refused`, false, answer);
  } catch (error) {
    const numbers = [...String(error.message).matchAll(/AADSTS(\d+)/g)].map((found) => Number(found[1]));
    check(`${name} is AADSTS${number}`, numbers.length === 1 && numbers[0] === number, error);
  }
}

// A part of a program: what it throws is a failed check, and the rest is done all the same.
export async function part(name, work) {
  try {
    await work();
  } catch (error) {
    check(name, false, error);
  }
}

// That what was asked for is refused with this status and this code of Dataverse's, in these words.
export async function checkDenied(name, status, code, words, ask) {
  try {
    const answer = await ask();
    check(`${name} is refused`, false, answer ?? null);
  } catch (error) {
    const right = error.status === status && error.code === code && words.test(error.message);
    check(`${name} is ${status} ${code}`, right, { status: error.status, code: error.code, message: error.message });
  }
}

// That two values are the same, whatever the order of their members.
export function checkSame(name, seen, expected) {
  check(name, isDeepStrictEqual(seen, expected), seen ?? null);
}

export function done() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
