/**
 * The key of a state directory (`secret-key`, 32 bytes in hexadecimal, mode 0600) and what it does: secrets of the
 * event log are sealed with AES-256-GCM, beside an HMAC by which they are compared. Without the file they cannot be
 * opened; so it belongs into every backup of the directory.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto"
import { chmod, readFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { Secrets, SecretUnreadable } from "../../domain/Secrets.ts"
import { CliFailure } from "../CliFailure.ts"
import { isMissing, isShared, writePrivateFile } from "./private-file.ts"

const keyBytes = 32
/** NIST SP 800-38D section 8.2.2: random, and far fewer than 2^32 under one key. */
const nonceBytes = 12
const tagBytes = 16
const fingerprintBytes = 16
const algorithm = "aes-256-gcm"

const derive = (key: Buffer, purpose: string): Buffer =>
  Buffer.from(hkdfSync("sha256", key, "", `lunlog ${purpose}`, keyBytes))

const openSealed = (key: Buffer, context: string, sealed: string): string => {
  const bytes = Buffer.from(sealed, "base64")
  if (bytes.length < nonceBytes + tagBytes) throw new Error("it is too short")
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(context))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString("utf8")
}

/** Sealing with a key of 32 bytes. */
export const secretsFrom = (key: Buffer): Secrets["Service"] => {
  const sealing = derive(key, "seal")
  const printing = derive(key, "fingerprint")
  return Secrets.of({
    seal: (context, secret) =>
      Effect.sync(() => {
        const nonce = randomBytes(nonceBytes)
        const cipher = createCipheriv(algorithm, sealing, nonce, { authTagLength: tagBytes })
        cipher.setAAD(Buffer.from(context))
        const text = Buffer.concat([cipher.update(secret, "utf8"), cipher.final()])
        const print = createHmac("sha256", printing)
          .update(JSON.stringify([context, secret]))
          .digest()
        return {
          sealed: Buffer.concat([nonce, text, cipher.getAuthTag()]).toString("base64"),
          fingerprint: print.subarray(0, fingerprintBytes).toString("hex")
        }
      }),
    unseal: (context, { sealed }) =>
      Effect.try({
        try: () => openSealed(sealing, context, sealed),
        // What OpenSSL says of it helps nobody: a wrong key and a damaged record look the same.
        catch: () => new SecretUnreadable({ context, detail: "it was sealed with another key, or is damaged" })
      })
  })
}

/** In the directory for good before anything is sealed with it: a lost key is a lost secret. */
const writeKey = async (path: string): Promise<Buffer> => {
  const key = randomBytes(keyBytes)
  await writePrivateFile(path, `${key.toString("hex")}\n`)
  return key
}

const keyOf = async (path: string): Promise<Buffer> => {
  const text = (await readFile(path, "utf8")).trim()
  if (!/^[0-9a-f]{64}$/u.test(text))
    throw new Error("it holds no key of 64 hexadecimal digits; restore it from a backup")
  return Buffer.from(text, "hex")
}

const readKey = async (path: string): Promise<Buffer> => {
  const key = await keyOf(path)
  // Volumes of containers widen modes; the key is for the server alone.
  if (await isShared(path)) await chmod(path, 0o600)
  return key
}

/** The directory's key, made if there is none. */
export const secretsOf = (directory: string): Effect.Effect<Secrets["Service"], CliFailure> =>
  Effect.suspend(() => {
    const path = join(directory, "secret-key")
    return Effect.tryPromise({
      try: async () => {
        const key = await readKey(path).catch((error: unknown) => {
          if (isMissing(error)) return writeKey(path)
          throw error
        })
        return secretsFrom(key)
      },
      catch: (error) => {
        const why = error instanceof Error ? error.message : String(error)
        return new CliFailure({ message: `cannot use the key of secrets ${path}: ${why}` })
      }
    })
  })

/**
 * The key beside a log directory, for whoever only reads: it is not looked at before a secret is to be opened, and
 * neither made nor changed.
 */
export const keptSecrets = (logDirectory: string): Secrets["Service"] => {
  const path = join(dirname(logDirectory), "secret-key")
  const read = (context: string) =>
    Effect.tryPromise({
      try: () => keyOf(path),
      catch: (error) => {
        const why = error instanceof Error ? error.message : String(error)
        const detail = isMissing(error) ? `the key ${path} is not there; copy it beside the log` : `${path}: ${why}`
        return new SecretUnreadable({ context, detail })
      }
    })
  return Secrets.of({
    seal: (context) => Effect.die(new Error(`nothing is sealed for a log that is only read: ${context}`)),
    unseal: (context, sealed) => Effect.flatMap(read(context), (key) => secretsFrom(key).unseal(context, sealed))
  })
}

/** Of what has no key, and no place for one: why, as a clause. */
export const noSecrets = (why: string): Secrets["Service"] =>
  Secrets.of({
    seal: (context) => Effect.die(new Error(`nothing is sealed for a log that is only read: ${context}`)),
    unseal: (context) => Effect.fail(new SecretUnreadable({ context, detail: why }))
  })
