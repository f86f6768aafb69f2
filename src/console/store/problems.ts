/** What is wrong now, the worst first: from the status, in one place for the overview and for the navigation. */
import { countText, percentText, sizeText } from "../format.ts"
import { linkTo } from "../route.ts"
import type { Status } from "../rpc/methods.ts"

/** One of them. */
export interface TargetProblem {
  readonly tone: "bad" | "warn"
  readonly title: string
  readonly detail: string | undefined
  readonly href: string | undefined
}

/** Of so many bdevs each is a problem of its own; what is more is one. */
const bdevsShown = 20
/** Memory from this part of its limit on. */
const memoryHigh = 0.9
/** Records that wait for the disk, beyond what one fsync has. */
const waitingRecordsHigh = 1000

const bdevProblems = ({ bdevs }: Status): ReadonlyArray<TargetProblem> => {
  const bad = bdevs.filter(({ state }) => state !== "up")
  const shown = bad.slice(0, bdevsShown).map(
    ({ detail, name, state }): TargetProblem => ({
      tone: state === "degraded" ? "warn" : "bad",
      title: `Disk ${name} is ${state}`,
      detail,
      href: linkTo.disk(name)
    })
  )
  if (bad.length <= bdevsShown) return shown
  const title = `${countText(bad.length - bdevsShown)} more disks are not up`
  return [...shown, { tone: "bad", title, detail: undefined, href: linkTo.disks() }]
}

const portalProblems = ({ portals }: Status): ReadonlyArray<TargetProblem> =>
  portals
    .filter(({ state }) => state !== "listening")
    .map(({ code, group_name, host, port, state, tag }) => ({
      tone: state === "failed" ? "bad" : "warn",
      title: `Portal ${host}:${port} is ${state}`,
      detail: `${code === undefined ? "" : `${code}; `}portal group ${group_name ?? tag}`,
      href: linkTo.portalGroup(tag)
    }))

const reactorProblems = ({ reactors }: Status): ReadonlyArray<TargetProblem> =>
  reactors
    .filter(({ state }) => state !== "up")
    .map(({ failures, index, state, targets }) => ({
      tone: "bad",
      title: `Reactor ${index} is ${state}`,
      detail: `It has failed ${countText(failures)} times; it does the IO of ${countText(targets.length)} targets`,
      href: undefined
    }))

const memoryProblems = ({ memory }: Status): ReadonlyArray<TargetProblem> => {
  if (memory === undefined || memory.used < memoryHigh * memory.limit) return []
  const title = `Memory is ${percentText(memory.used, memory.limit)} used`
  const used = `${sizeText(memory.used)} of ${sizeText(memory.limit)}`
  const detail = `${used}; at the limit new disks and sessions are refused`
  return [{ tone: "warn", title, detail, href: undefined }]
}

const logProblems = ({ drift, drift_count, log, state, suppressed_observations }: Status) => {
  const found: Array<TargetProblem> = []
  const add = (title: string, detail: string | undefined, href?: string) =>
    found.push({ tone: "warn", title, detail, href })
  const waiting = log.tip_seq - log.durable_seq
  if (state !== "RUNTIME") add(`The target is in state ${state}`, "framework_start_init ends it")
  if (waiting > waitingRecordsHigh) add(`${countText(waiting)} records wait for the disk`, undefined)
  if (log.dropped_observations > 0) {
    add(`${countText(log.dropped_observations)} observations were dropped`, "They came faster than the disk takes them")
  }
  if (suppressed_observations > 0) {
    add(`${countText(suppressed_observations)} observations were left out`, "Too many of a kind came at once")
  }
  if (drift_count > 0) {
    add(`${countText(drift_count)} differences from the configuration`, drift[0]?.message, undefined)
  }
  return found
}

/** All of them. Drains are no problem, and are shown beside. */
export const problemsOf = (status: Status): ReadonlyArray<TargetProblem> => {
  const all = [
    ...status.warnings.map((title): TargetProblem => ({ tone: "warn", title, detail: undefined, href: undefined })),
    ...portalProblems(status),
    ...reactorProblems(status),
    ...bdevProblems(status),
    ...memoryProblems(status),
    ...logProblems(status)
  ]
  return [...all.filter(({ tone }) => tone === "bad"), ...all.filter(({ tone }) => tone === "warn")]
}
