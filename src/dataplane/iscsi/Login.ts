/**
 * The login of one connection (RFC 7143 section 6.3): a state machine from login requests to login responses. It knows
 * nothing of sockets; what it finds out decides whether, and as what, the connection enters full feature phase.
 */
import type { Budget } from "../Budget.ts"
import { loginExchangesMax, textExchangeBytesMax } from "../limits.ts"
import { Authentication, type SecurityRefusal, securityKeys } from "./auth/Authentication.ts"
import type { AuthPolicy } from "./auth/AuthPolicy.ts"
import type { IscsiNode } from "./IscsiNode.ts"
import { Negotiation } from "./negotiation.ts"
import { type LoginRequest, LoginStage, LoginStatus } from "./pdu/login.ts"
import type { Session } from "./Session.ts"
import type { Target, TargetPort } from "./Target.ts"
import { formatTextPairs, parseTextPairs, type TextPairs } from "./text-keys.ts"

/** Where the connection came from. */
export interface LoginPeer {
  readonly portalGroupTag: number
  readonly initiatorAddress: string
}

/** A refusal, for the wire and for people. */
export interface LoginRefusal {
  readonly _tag: "Refused"
  readonly status: LoginStatus
  readonly reason: string
  /** Text of the response. */
  readonly text?: Buffer
}

/** The next response; the last one of a login has `transit` and the stage FullFeature. */
export interface LoginReply {
  readonly _tag: "Reply"
  readonly transit: boolean
  readonly nextStage: number
  readonly text: Buffer
}

/** The target that it asks for is another reactor's. */
export interface LoginElsewhere {
  readonly _tag: "Elsewhere"
  readonly target: Target
}

/** What a login is for. */
export type LoginPurpose =
  | { readonly _tag: "Discovery"; readonly initiatorName: string }
  | {
      readonly _tag: "Normal"
      readonly initiatorName: string
      readonly target: Target
      readonly port: TargetPort
      /** The session that the connection joins, or is reinstated in, if TSIH named one. */
      readonly session: Session | undefined
    }

const initiatorNameBytesMax = 223
/** Characters; what is longer is cut. */
const initiatorAliasMax = 255

/** Keys that say who wants what, in the first request. */
const identityKeys: ReadonlySet<string> = new Set(["InitiatorName", "TargetName", "SessionType"])

const refuse = (status: LoginStatus, reason: string): LoginRefusal => ({ _tag: "Refused", status, reason })

type Redirect = NonNullable<TargetPort["redirect"]>

/** RFC 7143 section 11.13.5: the address comes without a portal group tag. */
const redirected = (name: string, { address, permanent }: Redirect): LoginRefusal => {
  const status = permanent ? LoginStatus.TargetMovedPermanently : LoginStatus.TargetMovedTemporarily
  return {
    ...refuse(status, `${name} is redirected to ${address}${permanent ? " for good" : ""}`),
    text: formatTextPairs([["TargetAddress", address]])
  }
}

const claimedName = (name: string | undefined): string => (name ?? "").slice(0, initiatorNameBytesMax).toLowerCase()

const isRefusal = (value: { readonly _tag: string }): value is LoginRefusal => value._tag === "Refused"

const isElsewhere = (value: { readonly _tag: string }): value is LoginElsewhere => value._tag === "Elsewhere"

const refusedSecurity = ({ _tag, reason }: SecurityRefusal): LoginRefusal =>
  refuse(_tag === "NotProven" ? LoginStatus.AuthenticationFailed : LoginStatus.InitiatorError, reason)

/** One per connection. */
export class Login {
  readonly #node: IscsiNode
  readonly #peer: LoginPeer
  #stage: number | undefined
  #text: Buffer = Buffer.alloc(0)
  /** Of all requests. */
  #textBytes = 0
  #exchanges = 0
  #purpose: LoginPurpose | undefined
  #negotiation: Negotiation | undefined
  #identity: ReadonlyMap<string, string> = new Map()
  readonly #authentication: Authentication
  /** As the initiator declares it (RFC 7143 section 13.8), if it does in its first request. */
  initiatorAlias: string | undefined
  /** Who wants what, as the first request says it, also if that is refused; cut to the length of iSCSI names. */
  claimed = { initiatorName: "", targetName: "" }

  constructor(node: IscsiNode, peer: LoginPeer) {
    this.#node = node
    this.#peer = peer
    this.#authentication = new Authentication({
      authGroup: (tag) => node.authGroups.get(tag),
      isReflected: (challenge) => node.hasSentChallenge(challenge)
    })
  }

  /** Known after the first request. */
  get purpose(): LoginPurpose | undefined {
    return this.#purpose
  }

  /** Known after the first request. */
  get negotiation(): Negotiation | undefined {
    return this.#negotiation
  }

  /** Whom the initiator has proven to be by CHAP; undefined without. */
  get chapUser(): string | undefined {
    return this.#authentication.user
  }

  /** What the initiator was to prove itself by; undefined without CHAP. */
  get challenge(): Buffer | undefined {
    return this.#authentication.challenge
  }

  /** The stage that the login is in, for people. */
  get stage(): number | undefined {
    return this.#stage
  }

  /** Answers a login request with its whole data segment. */
  step(request: LoginRequest, data: Buffer): LoginReply | LoginRefusal | LoginElsewhere {
    const wrong = this.#wrongHeader(request)
    if (wrong !== undefined) return wrong
    this.#stage = request.currentStage
    this.#textBytes += data.length
    if (this.#textBytes > textExchangeBytesMax) {
      return refuse(LoginStatus.InitiatorError, `more than ${textExchangeBytesMax} bytes of login text`)
    }
    this.#text = this.#text.length === 0 ? Buffer.from(data) : Buffer.concat([this.#text, data])
    if (request.continues) return { _tag: "Reply", transit: false, nextStage: 0, text: Buffer.alloc(0) }
    const pairs = parseTextPairs(this.#text)
    this.#text = Buffer.alloc(0)
    if ("problem" in pairs) return refuse(LoginStatus.InitiatorError, `login text with ${pairs.problem}`)
    return this.#answer(request, pairs)
  }

  #wrongHeader(request: LoginRequest): LoginRefusal | undefined {
    const { currentStage, nextStage } = request
    if (++this.#exchanges > loginExchangesMax) return refuse(LoginStatus.InitiatorError, "a login that does not end")
    if (request.versionMin > 0) {
      return refuse(LoginStatus.UnsupportedVersion, `protocol version ${request.versionMin}; only 0 is offered`)
    }
    if (request.transit && request.continues) return refuse(LoginStatus.InitiatorError, "a request with both T and C")
    if (currentStage !== LoginStage.Security && currentStage !== LoginStage.Operational) {
      return refuse(LoginStatus.InitiatorError, `a current stage of ${currentStage}`)
    }
    if (request.transit && (nextStage === 2 || nextStage <= currentStage)) {
      return refuse(LoginStatus.InitiatorError, `a transition from stage ${currentStage} to ${nextStage}`)
    }
    if (this.#stage !== undefined && currentStage !== this.#stage) {
      return refuse(LoginStatus.InvalidDuringLogin, `stage ${currentStage} while the login is in stage ${this.#stage}`)
    }
    return undefined
  }

  #answer(request: LoginRequest, pairs: TextPairs): LoginReply | LoginRefusal | LoginElsewhere {
    const answers: Array<readonly [string, string]> = []
    const changed = this.#changedIdentity(pairs)
    if (changed !== undefined) return refuse(LoginStatus.InitiatorError, `another ${changed} than the login began with`)
    if (this.#purpose === undefined) {
      this.#identity = new Map(pairs.filter(([key]) => identityKeys.has(key)))
      const purpose = this.#begin(request, new Map(pairs))
      if (isRefusal(purpose) || isElsewhere(purpose)) return purpose
      this.#purpose = purpose
      if (purpose._tag === "Normal") {
        const { alias } = purpose.target.spec
        if (alias !== "") answers.push(["TargetAlias", alias])
        answers.push(["TargetPortalGroupTag", String(purpose.port.portalGroupTag)])
      }
    }
    const negotiation = this.#negotiation
    if (negotiation === undefined) return refuse(LoginStatus.TargetError, "a login without negotiation")
    const security = this.#authenticate(request, pairs)
    if (isRefusal(security)) return security
    answers.push(...security.keys)
    const operational = pairs.filter(([key]) => !identityKeys.has(key) && !securityKeys.has(key))
    const answered = negotiation.answer(operational)
    if ("refused" in answered) return refuse(LoginStatus.InitiatorError, answered.refused)
    answers.push(...answered)
    if (request.currentStage === LoginStage.Operational) answers.push(...negotiation.declarations())
    // The target keeps the login in a stage that is not over for it (RFC 7143 section 6.3).
    if (!request.transit || !security.isOver) {
      return { _tag: "Reply", transit: false, nextStage: 0, text: formatTextPairs(answers) }
    }
    if (request.nextStage === LoginStage.FullFeature) {
      const unmet = negotiation.unmet()
      if (unmet !== undefined) return refuse(LoginStatus.InitiatorError, unmet)
    }
    this.#stage = request.nextStage
    return { _tag: "Reply", transit: true, nextStage: request.nextStage, text: formatTextPairs(answers) }
  }

  /** Saying again who it is does no harm; to be somebody else does. */
  #changedIdentity(pairs: TextPairs): string | undefined {
    if (this.#purpose === undefined) return undefined
    return pairs.find(([key, value]) => identityKeys.has(key) && this.#identity.get(key) !== value)?.[0]
  }

  /** The first request says who wants what: decides whether it may. */
  #begin(request: LoginRequest, keys: ReadonlyMap<string, string>): LoginPurpose | LoginRefusal | LoginElsewhere {
    const initiatorName = keys.get("InitiatorName")
    this.claimed = { initiatorName: claimedName(initiatorName), targetName: claimedName(keys.get("TargetName")) }
    if (initiatorName === undefined || initiatorName === "") {
      return refuse(LoginStatus.MissingParameter, "no InitiatorName")
    }
    if (Buffer.byteLength(initiatorName) > initiatorNameBytesMax) {
      return refuse(LoginStatus.InitiatorError, `an InitiatorName of more than ${initiatorNameBytesMax} bytes`)
    }
    this.initiatorAlias = keys.get("InitiatorAlias")?.slice(0, initiatorAliasMax)
    const sessionType = keys.get("SessionType") ?? "Normal"
    if (sessionType === "Discovery") {
      if (request.tsih !== 0) return refuse(LoginStatus.SessionDoesNotExist, "a discovery session has one connection")
      this.#negotiation = this.#negotiate(undefined)
      return { _tag: "Discovery", initiatorName: initiatorName.toLowerCase() }
    }
    if (sessionType !== "Normal") {
      return refuse(LoginStatus.SessionTypeNotSupported, `SessionType=${sessionType}; use Normal or Discovery`)
    }
    return this.#beginNormal(request, initiatorName.toLowerCase(), keys.get("TargetName"))
  }

  #beginNormal(
    request: LoginRequest,
    initiatorName: string,
    targetName: string | undefined
  ): LoginPurpose | LoginRefusal | LoginElsewhere {
    const { initiatorAddress, portalGroupTag } = this.#peer
    if (targetName === undefined) return refuse(LoginStatus.MissingParameter, "no TargetName in a normal session")
    const target = this.#node.findTarget(targetName)
    if (target === undefined) return refuse(LoginStatus.NotFound, `no target ${targetName}`)
    if (this.#node.front !== undefined) return { _tag: "Elsewhere", target }
    if (target.spec.deleting) return refuse(LoginStatus.TargetRemoved, `${target.spec.name} is being deleted`)
    const port = target.port(portalGroupTag)
    if (port === undefined) {
      return refuse(LoginStatus.Forbidden, `${target.spec.name} has no map for portal group ${portalGroupTag}`)
    }
    // Before access is decided, as in SPDK: where the login is sent to decides that.
    if (port.redirect !== undefined) return redirected(target.spec.name, port.redirect)
    if (this.#node.admittingMap(target, portalGroupTag, initiatorName, initiatorAddress) === undefined) {
      return refuse(
        LoginStatus.Forbidden,
        `no group of ${target.spec.name} for portal group ${portalGroupTag} admits it from ${initiatorAddress}`
      )
    }
    const session = request.tsih === 0 ? undefined : this.#node.sessions.get(request.tsih)
    if (request.tsih !== 0) {
      if (session === undefined) return refuse(LoginStatus.SessionDoesNotExist, `no session ${request.tsih}`)
      const { identity } = session
      if (identity.target !== target || identity.initiatorName !== initiatorName || identity.isid !== request.isid) {
        return refuse(LoginStatus.CannotInclude, `session ${request.tsih} belongs to another I_T nexus`)
      }
      if (identity.port.portalGroupTag !== portalGroupTag) {
        const tag = identity.port.portalGroupTag
        return refuse(LoginStatus.CannotInclude, `session ${request.tsih} belongs to portal group ${tag}`)
      }
      if (!session.hasRoomFor(request.cid)) {
        const { maxConnections } = session.parameters
        return refuse(LoginStatus.TooManyConnections, `session ${request.tsih} has ${maxConnections} connections`)
      }
    }
    this.#negotiation = this.#negotiate(target, session !== undefined)
    return { _tag: "Normal", initiatorName, target, port, session }
  }

  #negotiate(target: Target | undefined, joins = false): Negotiation {
    const { options } = this.#node
    return new Negotiation({
      discovery: target === undefined,
      joins,
      maxConnections: options.maxConnectionsPerSession,
      immediateData: options.immediateData,
      firstBurstLength: options.firstBurstLength,
      defaultTime2Wait: options.defaultTime2Wait,
      defaultTime2Retain: options.defaultTime2Retain,
      requireHeaderDigest: target?.spec.headerDigest ?? false,
      requireDataDigest: target?.spec.dataDigest ?? false
    })
  }

  /** What must be proven, as it is set now: that may change during a login. */
  #policy(): AuthPolicy {
    const purpose = this.#purpose
    if (purpose?._tag === "Normal") return purpose.target.spec.auth
    return this.#node.discoveryAuth(this.#peer.portalGroupTag)
  }

  /** What attempts of this address that go wrong are taken from. */
  #guesses(): Budget | "exhausted" {
    const { failures } = this.#node.peers.of(this.#peer.initiatorAddress)
    return failures.allows(this.#node.now()) ? failures : "exhausted"
  }

  #tooManyGuesses(): string {
    return `${this.#peer.initiatorAddress} has sent too many wrong CHAP responses; one more is looked at each second`
  }

  /** Answers the keys of security, and decides whether the login may be where it is, and go where it wants. */
  #authenticate(
    { currentStage, transit }: LoginRequest,
    pairs: TextPairs
  ): { readonly _tag: "Answered"; readonly keys: TextPairs; readonly isOver: boolean } | LoginRefusal {
    const policy = this.#policy()
    const security = pairs.filter(([key]) => securityKeys.has(key))
    const [misplaced] = currentStage === LoginStage.Security ? [] : security
    if (misplaced !== undefined)
      return refuse(LoginStatus.InitiatorError, `${misplaced[0]} outside security negotiation`)
    const guesses = security.some(([key]) => key === "CHAP_R") ? this.#guesses() : undefined
    if (guesses === "exhausted") return refuse(LoginStatus.OutOfResources, this.#tooManyGuesses())
    const answer =
      currentStage === LoginStage.Security
        ? this.#authentication.step(policy, security)
        : ({ _tag: "Answered", keys: [], isOver: true } as const)
    if (answer._tag !== "Answered") {
      guesses?.take()
      return refusedSecurity(answer)
    }
    const leaves = currentStage !== LoginStage.Security || (transit && answer.isOver)
    const unmet = leaves ? this.#authentication.unmet(policy) : undefined
    return unmet === undefined ? answer : refusedSecurity(unmet)
  }
}
