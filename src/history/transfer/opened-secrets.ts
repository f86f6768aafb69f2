/** The secrets in a record or a state, in clear: for exports that somebody wants them in. */
import { Effect, Result, Schema } from "effect"
import type { ControlRecord } from "../../../eventlog/record.ts"
import { type AuthSecret, sealingContext } from "../../domain/auth/AuthGroup.ts"
import type { DesiredEntry } from "../../domain/config/AppliedConfig.ts"
import type { Event } from "../../domain/Event.ts"
import { decodeRecord } from "../../domain/event-codec.ts"
import type { Secrets } from "../../domain/Secrets.ts"
import { authGroupsOf, type State } from "../../domain/State.ts"

/** One user's secrets, with the names that RPCs give them. */
export interface OpenedSecret {
  /** Tag of the auth group. */
  readonly group: number
  readonly user: string
  readonly secret: string
  readonly muser?: string
  readonly msecret?: string
}

interface Sealed {
  readonly group: number
  readonly secret: AuthSecret
}

const readJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))

const inEntry = ({ payload, type, v }: DesiredEntry): ReadonlyArray<Sealed> => {
  const plain = readJson(payload)
  if (Result.isFailure(plain)) return []
  const event = decodeRecord({ seq: 0, type, v, payload: plain.success })
  return Result.isSuccess(event) ? inEvent(event.success) : []
}

const inEvent = (event: Event): ReadonlyArray<Sealed> => {
  switch (event._tag) {
    case "AuthGroupCreated":
      return event.secrets.map((secret) => ({ group: event.tag, secret }))
    case "AuthGroupSecretAdded":
      return [{ group: event.tag, secret: event.secret }]
    case "ConfigDesiredPart":
    case "ConfigTakenDown":
    case "ConfigApplied":
      return event.desired.filter(({ type }) => type.startsWith("AuthGroup")).flatMap(inEntry)
    default:
      return []
  }
}

const open = (secrets: Secrets["Service"], sealed: ReadonlyArray<Sealed>) =>
  Effect.forEach(sealed, ({ group, secret: { mutual, secret, user } }) =>
    Effect.gen(function* () {
      const opened = yield* secrets.unseal(sealingContext(group, user, "secret"), secret)
      if (mutual === undefined) return { group, user, secret: opened }
      const msecret = yield* secrets.unseal(sealingContext(group, user, "msecret"), mutual.secret)
      return { group, user, secret: opened, muser: mutual.user, msecret }
    })
  )

/** Of what a record says; none of a record that cannot be decoded. */
export const secretsInRecord = (secrets: Secrets["Service"], record: ControlRecord) => {
  const event = decodeRecord(record)
  return open(secrets, Result.isSuccess(event) ? inEvent(event.success) : [])
}

/** Of what a state holds. */
export const secretsInState = (secrets: Secrets["Service"], state: State) =>
  open(
    secrets,
    authGroupsOf(state).flatMap((group) => group.secrets.map((secret) => ({ group: group.tag, secret })))
  )
