/** How connections end, as the node's listener is told. */

/**
 * Why, in one word. `connectionLost`: the peer or the network, without a logout. `logoutTimeout`: it was asked to log
 * out and did not.
 */
export type Ending =
  | "logout"
  | "connectionLost"
  | "kicked"
  | "targetDeleted"
  | "reinstated"
  | "pingTimeout"
  | "idle"
  | "protocolError"
  | "internalError"
  | "loginRefused"
  | "loginTimeout"
  | "serverEnd"

/** Why an initiator was asked to log out. */
export interface LogoutCause {
  readonly ending: Ending
  /** Seq of the record that led to it, if there is one. */
  readonly correlationId?: number
}

/** The end of a connection, with what its session had done until then. */
export interface ConnectionEnd {
  readonly ending: Ending
  readonly reason: string
  /** It had been asked to log out. */
  readonly asked: LogoutCause | undefined
  /** Commands without an answer. */
  readonly inFlight: number
  /** Since the login, or since the connection where there was none; in milliseconds. */
  readonly durationMillis: number
}
