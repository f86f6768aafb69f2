/**
 * Reconciles auth groups: opens their secrets, which nothing above this can, and hands them to the reactor. What is
 * wrong with a secret is kept as a sentence; the secret itself is not.
 */
import { Effect } from "effect"
import { type AuthGroup, type AuthSecret, authGroupObject, sealingContext } from "../domain/auth/AuthGroup.ts"
import { equalSecretsHint, isShortSecret, shortSecretHint } from "../domain/auth/auth-group-decide.ts"
import { quote } from "../domain/decision.ts"
import type { Event } from "../domain/Event.ts"
import type { Secrets } from "../domain/Secrets.ts"
import { authGroupsOf, findAuthGroup, type State } from "../domain/State.ts"
import type { AuthUserView } from "./iscsi/auth/AuthGroupView.ts"
import type { ReactorClient } from "./ReactorClient.ts"

/** Users that one sentence names. */
const namesMax = 10

/** A user with its secrets in clear, or why they cannot be opened. */
interface Opened {
  readonly view: AuthUserView
  readonly unreadable?: string
}

const listed = (users: ReadonlyArray<string>): string => {
  const names = users.slice(0, namesMax).map(quote).join(", ")
  const more = users.length > namesMax ? ` and ${users.length - namesMax} more` : ""
  return `${users.length === 1 ? "user" : "users"} ${names}${more}`
}

const isShort = (secret: string | undefined): boolean => secret !== undefined && isShortSecret(secret)

const sharedSecrets = (views: ReadonlyArray<AuthUserView>): ReadonlyArray<string> => {
  const users = new Map<string, Array<string>>()
  for (const { secret, user } of views) {
    if (secret === undefined) continue
    const known = users.get(secret)
    if (known === undefined) users.set(secret, [user])
    else known.push(user)
  }
  return [...users.values()].filter(({ length }) => length > 1).map((names) => `${listed(names)} have one secret`)
}

const warningsOf = ({ name, tag }: AuthGroup, users: ReadonlyArray<Opened>): ReadonlyArray<string> => {
  const views = users.map(({ view }) => view)
  const named = (wanted: (user: Opened) => boolean) => users.filter(wanted).map(({ view }) => view.user)
  const unreadable = named((user) => user.unreadable !== undefined)
  const why = users.find((user) => user.unreadable !== undefined)?.unreadable
  const short = named(({ view }) => isShort(view.secret) || isShort(view.mutual?.secret))
  const equal = named(({ view }) => view.mutual !== undefined && view.mutual.secret === view.secret)
  const lines = [
    ...(unreadable.length === 0
      ? []
      : [`${listed(unreadable)} cannot log in: ${why}; put the secret-key of this log back, or set the secrets anew`]),
    ...(equal.length === 0 ? [] : [`${listed(equal)} ${equalSecretsHint}`]),
    ...(short.length === 0 ? [] : [`a secret of ${listed(short)} ${shortSecretHint}`]),
    ...sharedSecrets(views).map((line) => `${line}: each can pass for the others; give each its own`)
  ]
  const object = name === undefined ? authGroupObject(tag) : `${authGroupObject(tag)} (${name})`
  return lines.map((line) => `${object}: ${line}`)
}

/** All auth groups. */
export class AuthGroups {
  readonly #client: ReactorClient
  readonly #secrets: Secrets["Service"]
  readonly #warnings = new Map<number, ReadonlyArray<string>>()

  constructor(client: ReactorClient, secrets: Secrets["Service"]) {
    this.#client = client
    this.#secrets = secrets
  }

  /** Hands over all groups of a state, in place of those that were there. */
  putAll(state: State): Effect.Effect<void> {
    return Effect.suspend(() => {
      for (const tag of [...this.#warnings.keys()]) this.#delete(tag)
      return Effect.forEach(authGroupsOf(state), (group) => this.#put(group), { discard: true })
    })
  }

  /** Follows an event; undefined if it is about something else. Sessions that are there stay. */
  apply(event: Event, state: State): Effect.Effect<void> | undefined {
    switch (event._tag) {
      case "AuthGroupCreated":
      case "AuthGroupSecretAdded":
      case "AuthGroupSecretRemoved": {
        const group = findAuthGroup(state, event.tag)
        return group === undefined ? Effect.void : this.#change(group)
      }
      case "AuthGroupDeleted":
        return Effect.sync(() => this.#delete(event.tag))
      default:
        return undefined
    }
  }

  /** What is wrong with secrets, as sentences that have none in them. */
  warnings(): ReadonlyArray<string> {
    return [...this.#warnings.entries()].sort(([a], [b]) => a - b).flatMap(([, lines]) => lines)
  }

  /** What is wrong with a secret is said where it is set, also to who watches the process. */
  #change(group: AuthGroup): Effect.Effect<void> {
    const before = this.#warnings.get(group.tag) ?? []
    return Effect.gen({ self: this }, function* () {
      yield* this.#put(group)
      const now = this.#warnings.get(group.tag) ?? []
      for (const warning of now) if (!before.includes(warning)) yield* Effect.logWarning(warning)
    })
  }

  #put(group: AuthGroup): Effect.Effect<void> {
    return Effect.map(
      Effect.forEach(group.secrets, (secret) => this.#open(group.tag, secret)),
      (users) => {
        this.#warnings.set(group.tag, warningsOf(group, users))
        this.#client.send({ _tag: "PutAuthGroup", group: { tag: group.tag, users: users.map(({ view }) => view) } })
      }
    )
  }

  #delete(tag: number): void {
    this.#warnings.delete(tag)
    this.#client.send({ _tag: "DeleteAuthGroup", tag })
  }

  #open(tag: number, { mutual, secret, user }: AuthSecret): Effect.Effect<Opened> {
    const { unseal } = this.#secrets
    const opened = Effect.gen(function* () {
      const own = { user, secret: yield* unseal(sealingContext(tag, user, "secret"), secret) }
      if (mutual === undefined) return { view: own }
      const answer = yield* unseal(sealingContext(tag, user, "msecret"), mutual.secret)
      return { view: { ...own, mutual: { user: mutual.user, secret: answer } } }
    })
    return Effect.catch(opened, (error) => {
      const unreadable = error._tag === "SecretUnreadable" ? error.detail : error.message
      return Effect.succeed({ view: { user, secret: undefined }, unreadable })
    })
  }
}
