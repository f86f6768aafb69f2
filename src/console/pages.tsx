/** The pages by the first part of their address, and which of them are in the navigation. */
import type { ComponentChildren } from "preact"
import { DisksIcon, LogIcon, LunsIcon, OverviewIcon, SessionsIcon, TopologyIcon } from "./icons.tsx"
import { liveViews } from "./live/live-views.tsx"
import { Empty } from "./parts/Empty.tsx"
import { Page } from "./parts/Page.tsx"
import { linkTo, type Route } from "./route.ts"
import { timeViews } from "./time/time-views.tsx"

/** Draws what is at an address. */
export type View = (route: Route) => ComponentChildren

/** In the navigation. */
export interface NavigationItem {
  readonly title: string
  readonly href: string
  readonly icon: () => ComponentChildren
  /** First parts of addresses that belong to it. */
  readonly names: ReadonlyArray<string>
}

/** From left to right on a phone, from top to bottom else. */
export const navigation: ReadonlyArray<NavigationItem> = [
  { title: "Overview", href: linkTo.overview(), icon: OverviewIcon, names: [""] },
  { title: "Topology", href: linkTo.topology(), icon: TopologyIcon, names: ["topology", "initiators", "portals"] },
  { title: "LUNs", href: linkTo.luns(), icon: LunsIcon, names: ["luns", "targets"] },
  { title: "Sessions", href: linkTo.sessions(), icon: SessionsIcon, names: ["sessions"] },
  { title: "Disks", href: linkTo.disks(), icon: DisksIcon, names: ["disks"] },
  { title: "Log", href: linkTo.log(), icon: LogIcon, names: ["log"] }
]

const NoSuchPage = () => (
  <Page title="No such page">
    <Empty>
      Nothing is at this address. <a href={linkTo.overview()}>Back to the overview</a>
    </Empty>
  </Page>
)

const views: ReadonlyMap<string, View> = new Map<string, View>([...liveViews, ...timeViews])

/** The page of an address. */
export const pageOf = (route: Route): ComponentChildren => views.get(route.segments[0] ?? "")?.(route) ?? <NoSuchPage />
