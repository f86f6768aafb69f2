/** Pages of what there is now, by the first part of their addresses. */
import "./live.css"
import type { ComponentChildren } from "preact"
import type { Route } from "../route.ts"
import { DiskPage } from "./DiskPage.tsx"
import { DisksPage } from "./DisksPage.tsx"
import { InitiatorGroupPage, PortalGroupPage } from "./GroupPages.tsx"
import { LunPage } from "./LunPage.tsx"
import { LunsPage } from "./LunsPage.tsx"
import { OverviewPage } from "./OverviewPage.tsx"
import { SessionPage } from "./SessionPage.tsx"
import { SessionsPage } from "./SessionsPage.tsx"
import { TargetPage } from "./TargetPage.tsx"
import { TopologyPage } from "./TopologyPage.tsx"

type LiveView = readonly [name: string, view: (route: Route) => ComponentChildren]

const targetView = ({ segments }: Route): ComponentChildren => {
  const [, name, kind, lun] = segments
  if (name === undefined) return undefined
  if (kind === undefined) return <TargetPage key={name} name={name} />
  if (kind !== "luns" || lun === undefined || !/^\d+$/u.test(lun)) return undefined
  return <LunPage key={`${name}/${lun}`} target={name} lun={Number(lun)} />
}

/** Of an address that ends in a number. */
const byNumber =
  (view: (number: number) => ComponentChildren) =>
  ({ segments }: Route): ComponentChildren =>
    /^\d+$/u.test(segments[1] ?? "") ? view(Number(segments[1])) : undefined

const oneSession = byNumber((id) => <SessionPage key={id} id={id} />)

/** Undefined stands for an address that nothing is at. */
export const liveViews: ReadonlyArray<LiveView> = [
  ["", () => <OverviewPage />],
  ["topology", (route) => <TopologyPage route={route} />],
  ["luns", (route) => <LunsPage route={route} />],
  ["targets", targetView],
  ["sessions", (route) => (route.segments.length === 1 ? <SessionsPage /> : oneSession(route))],
  ["disks", ({ segments: [, name] }) => (name === undefined ? <DisksPage /> : <DiskPage key={name} name={name} />)],
  ["portals", byNumber((tag) => <PortalGroupPage key={tag} tag={tag} />)],
  ["initiators", byNumber((tag) => <InitiatorGroupPage key={tag} tag={tag} />)]
]
