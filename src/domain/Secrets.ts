/**
 * Sealing of secrets at the edge: what comes in is sealed before it becomes part of a command, and what a reader may
 * see in clear is opened there again. The key is the state directory's; it is in no event, no snapshot and no answer.
 */
import { Context, Effect, Schema } from "effect"
import type { SealedSecret } from "./auth/AuthGroup.ts"

/** A secret cannot be opened: it was sealed with another key or for another place, or its record is damaged. */
export class SecretUnreadable extends Schema.TaggedError<SecretUnreadable>()("SecretUnreadable", {
  /** What the secret was to be opened as. */
  context: Schema.String,
  detail: Schema.String
}) {
  override get message() {
    return `the secret of ${this.context} cannot be opened: ${this.detail}`
  }
}

/** Whoever asks may not see secrets in clear. */
export class SecretWithheld extends Schema.TaggedError<SecretWithheld>()("SecretWithheld", {
  /** What the secret was to be opened as. */
  context: Schema.String
}) {
  override get message() {
    return "secrets are shown on the control socket only"
  }
}

/** The port; implemented beside the state directory. */
export class Secrets extends Context.Service<
  Secrets,
  {
    /** Each call gives other bytes; the fingerprint is the same for the same `context` and `secret`. */
    readonly seal: (context: string, secret: string) => Effect.Effect<SealedSecret>
    /** `context` must be that of `seal`. */
    readonly unseal: (context: string, sealed: SealedSecret) => Effect.Effect<string, SecretUnreadable | SecretWithheld>
  }
>()("lunlog/domain/Secrets") {}

/** Takes secrets and shows none: for whoever is not the owner of the control socket. */
export const withheldSecrets = (secrets: Secrets["Service"]): Secrets["Service"] =>
  Secrets.of({ seal: secrets.seal, unseal: (context) => Effect.fail(new SecretWithheld({ context })) })
