/** The options of a state, as the data path runs by them. */
import type { State } from "../domain/State.ts"
import type { NodeOptions } from "./iscsi/IscsiNode.ts"

/** What the reactor is told. */
export const nodeOptions = ({ options }: State): NodeOptions => ({
  maxSessions: options.maxSessions,
  maxConnectionsPerSession: options.maxConnectionsPerSession,
  firstBurstLength: options.firstBurstLength,
  immediateData: options.immediateData,
  defaultTime2Wait: options.defaultTime2Wait,
  defaultTime2Retain: options.defaultTime2Retain,
  nopTimeout: options.nopTimeout,
  nopInInterval: options.nopInInterval,
  allowDuplicateIsid: options.allowDuplicatedIsid,
  discoveryAuth: options.auth
})
